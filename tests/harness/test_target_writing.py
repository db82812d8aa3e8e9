"""Encoder-decoder models in our own loop: rows stop each on their own and leave, and no text changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from harness.engine import target_writing
from harness.engine.source_rows import SourceForward
from harness.engine.stops import cut
from harness.engine.target_writing import TargetWriter
from harness.errors import BackendError
from harness.toy import byte_tokenizer
from harness.types import Generate

TEXTS = ("ሰላም ለዓለም 🦁", "مرحبا", "မင်္ဂလာပါ ကမ္ဘာ", "สวัสดี", "こんにちは、世界。", "ߊߟߎ߫ ߣߌ߫ ߖߏ߬", "Ẹ kú àárọ̀, ayé o", "a")
SEEDS = {"T5": 1, "MT5": 0, "M2M100": 1, "MBart": 0, "Pegasus": 1}  # whose texts end at many different steps
ENDS = ((), ("a", "e", "o", "ሀ"), tuple("bcdfgst"))


def made(name: str) -> Any:
    """A small random model of one token a byte; greedy texts end at different steps."""
    import torch
    import transformers

    size = {"vocab_size": len(byte_tokenizer()), "pad_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 1}
    if name in ("T5", "MT5"):
        factor = 3.0 if name == "T5" else 1.7  # MT5 does not scale down what its output layer reads
        own = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2, "initializer_factor": factor}
    else:
        own = {
            **{"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64},
            **{"encoder_attention_heads": 2, "decoder_attention_heads": 2, "init_std": 0.4, "bos_token_id": 1},
            **{"max_position_embeddings": 128, "forced_eos_token_id": None},
        }
    config = getattr(transformers, f"{name}Config")(**size, **own)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEEDS[name])
        return getattr(transformers, f"{name}ForConditionalGeneration")(config).eval()


def writer(model: Any) -> TargetWriter:
    return TargetWriter(model, byte_tokenizer(), "cpu", name="m", budget=4096)


def requests() -> list[Generate]:
    return [
        Generate(prompt=text, until=ENDS[index % 3], max_tokens=3 + 5 * (index % 4))
        for index, text in enumerate(TEXTS * 2)
    ]


def written(by: TargetWriter, asked: Sequence[Generate], forced: Sequence[int] = (), most: int = 100) -> list[str]:
    import torch

    tokenizer = byte_tokenizer()
    sources = tokenizer([one.prompt for one in asked])["input_ids"]
    with torch.inference_mode():
        answers = by.write(asked, sources, forced=forced, most=most)
    texts = tokenizer.batch_decode(answers, skip_special_tokens=True)
    return [cut(text, one.until) for text, one in zip(texts, asked, strict=True)]


def one_by_one(model: Any, asked: Sequence[Generate], forced: Sequence[int] = ()) -> list[str]:
    """transformers' own loop on one row at a time, cut afterwards."""
    tokenizer = byte_tokenizer()
    found = []
    for one in asked:
        ids = tokenizer(one.prompt, return_tensors="pt")["input_ids"]
        limit = one.max_tokens + len(forced)
        begin = {"forced_bos_token_id": forced[0]} if forced else {}
        answer = model.generate(input_ids=ids, max_new_tokens=limit, num_beams=1, do_sample=False, **begin)
        text = tokenizer.decode(answer[0, 1 + len(forced) :], skip_special_tokens=True)
        found.append(cut(text, one.until))
    return found


@pytest.mark.parametrize("name", SEEDS)
@pytest.mark.parametrize("forced", [(), (77,)])
def test_texts_are_those_of_generate_one_row_at_a_time(name: str, forced: tuple[int, ...]) -> None:
    model = made(name)
    by = writer(model)
    assert by.decoding == "leaving"
    expected = one_by_one(model, requests(), forced)
    assert written(by, requests(), forced) == expected
    assert written(by, requests()[::-1], forced)[::-1] == expected
    assert len({len(text) for text in expected}) > 3


def test_rows_that_are_done_leave_and_a_source_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = made("T5")
    by = writer(model)
    rows: list[int] = []
    original = SourceForward.step

    def counted(self: SourceForward, state: Any, tokens: Sequence[int], going: Sequence[bool]) -> None:
        rows.append(len(tokens))
        original(self, state, tokens, going)

    read: list[int] = []
    model.get_encoder().register_forward_pre_hook(
        lambda module, given, named: read.append(len(named["input_ids"])), with_kwargs=True
    )
    monkeypatch.setattr(SourceForward, "step", counted)
    asked = requests()
    written(by, asked)
    assert read == [len(TEXTS)]
    assert rows[0] == len(asked)
    assert rows == sorted(rows, reverse=True)
    assert sum(rows) < 0.6 * len(asked) * max(one.max_tokens for one in asked)


def test_memory_that_runs_out_halves_the_rows_which_go_on_where_they_were(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import torch

    by = writer(made("M2M100"))
    expected = written(by, requests(), (77,))
    original = SourceForward.step
    calls = []

    def small(self: SourceForward, state: Any, tokens: Sequence[int], going: Sequence[bool]) -> None:
        calls.append(len(tokens))
        if len(tokens) > 4 and len(calls) > 1:
            raise torch.OutOfMemoryError
        original(self, state, tokens, going)

    monkeypatch.setattr(SourceForward, "step", small)
    assert written(by, requests(), (77,)) == expected
    assert "out of memory with" in caplog.text
    monkeypatch.setattr(SourceForward, "step", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError()))
    with pytest.raises(BackendError, match="does not fit into the device's memory"):
        written(by, requests())


def test_an_answer_has_no_more_tokens_than_positions() -> None:
    by = writer(made("MBart"))
    asked = [Generate(prompt=text, max_tokens=1000) for text in TEXTS]
    short = written(by, asked, most=7)
    assert short == written(by, [Generate(prompt=text, max_tokens=7) for text in TEXTS])


@pytest.mark.parametrize(
    "setting", [{"no_repeat_ngram_size": 2}, {"repetition_penalty": 1.5}, {"forced_eos_token_id": 2}]
)
def test_settings_that_ask_for_more_are_left_to_generate(setting: dict[str, Any]) -> None:
    model = made("T5")
    model.generation_config.update(**setting)
    assert writer(model).decoding == "plain"
    model.generation_config.update(**dict.fromkeys(setting), num_beams=5, forced_bos_token_id=7)
    assert writer(model).decoding == "leaving"


def test_a_row_that_sees_the_padding_of_others_is_found_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = made("T5")
    forward = type(model).forward

    def blind(self: Any, attention_mask: Any = None, **rest: Any) -> Any:
        return forward(self, **rest)

    monkeypatch.setattr(type(model), "forward", blind)
    assert writer(model).decoding == "plain"
    assert "rows that leave a batch change the logits" in caplog.text
    monkeypatch.setattr(target_writing, "tolerance_of", lambda _: float("inf"))
    assert writer(model).decoding == "leaving"
