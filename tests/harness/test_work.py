"""What a model did is counted right: tokens, padding, what sharing saves, operations; and it is in the record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.engine.models import load_model, parse_model
from harness.engine.windows import Encoder, Windows
from harness.engine.work import Counts, work_of
from harness.toy import byte_tokenizer
from harness.types import Embed, Failed, Generate, LogLikelihood, Preference, Request, RollingLogLikelihood

CONTEXT = "ሰላም ለዓለም။ မင်္ဂလာပါ สวัสดี こんにちは "
TEXTS = ["ሰላም", "ߊߟߎ߫ ߣߌ߫ ߖߏ߬", "hi 🦁", "مرحبا بالعالم"]


def bytes_of(text: str) -> int:
    """Tokens of the tiny models, which have one a byte."""
    return len(text.encode("utf-8"))


def worked(engine: Any, requests: list[Request]) -> Counts:
    work = work_of(engine)
    assert work is not None
    before = work.counts()
    for batch in engine.plan(requests):
        engine.answer([requests[position] for position in batch])
    return work.counts() - before


@pytest.mark.parametrize("sharing", ["auto", "none"])
def test_tokens_asked_for_do_not_depend_on_what_is_shared(tiny_causal_model: Path, sharing: str) -> None:
    engine = load_model(parse_model(f"hf:{tiny_causal_model},device=cpu,dtype=float32,sharing={sharing}"))
    requests: list[Request] = [
        LogLikelihood(context=CONTEXT + question, continuation=f" {answer}")
        for question in ("አንድ?", "สอง?", "三?")
        for answer in TEXTS
    ]
    found = worked(engine, requests)
    asked = sum(bytes_of(one.context + one.continuation) - 1 for one in requests)  # type: ignore[union-attr]
    assert found.tokens == asked
    contexts = 3 * bytes_of("አንድ?") + bytes_of(CONTEXT)
    if sharing == "none":
        assert (found.saved, found.positions - found.padded) == (0, asked)
        assert found.padded > 0
    else:
        assert contexts < found.positions - found.padded < contexts + 3 * sum(map(bytes_of, TEXTS)) + 3 * len(TEXTS)
    assert found.seconds > 0


def test_one_pass_counts_its_padding_and_its_operations(tiny_causal_model: Path) -> None:
    engine = load_model(parse_model(f"hf:{tiny_causal_model},device=cpu,dtype=float32"))
    long, short = "こんにちは世界", "x🦁"
    found = worked(engine, [Embed(text=long), Embed(text=short)])
    width = bytes_of(long)
    assert (found.positions, found.padded, found.predicted) == (2 * width, width - bytes_of(short), 0)
    block = 4 * 64 * 64 + 3 * 64 * 128 + 2 * 64  # attention, feed-forward, two norms
    attention = 4 * 2 * 64 * width / 2
    assert found.flops == (width + bytes_of(short)) * (2 * (2 * block + 64) + attention)


def test_written_tokens_are_those_that_reach_the_output_layer(tiny_causal_model: Path) -> None:
    engine = load_model(parse_model(f"hf:{tiny_causal_model},device=cpu,dtype=float32"))
    found = worked(engine, [Generate(prompt="ሰላም", max_tokens=5), Generate(prompt="สวัส", max_tokens=5)])
    assert 2 <= found.predicted <= 10


def test_half_of_an_encoder_decoder_is_not_counted_for_the_other(tmp_path: Path) -> None:
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    from harness.engine.work import Work

    config = T5Config(
        vocab_size=40, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, decoder_start_token_id=0, pad_token_id=0
    )
    model = T5ForConditionalGeneration(config).eval()
    work = Work("cpu", "float32")
    work.watch(model, model.get_encoder())
    ids = torch.tensor([[5, 6, 7, 1], [5, 1, 0, 0]])
    with torch.inference_mode():
        states = model.get_encoder()(input_ids=ids, attention_mask=(ids > 0).long())
    encoded = work.counts()
    assert (encoded.positions, encoded.padded, encoded.predicted) == (8, 2, 0)
    with torch.inference_mode():
        model(encoder_outputs=states, attention_mask=(ids > 0).long(), decoder_input_ids=torch.zeros((2, 1)).long())
    decoded = work.counts() - encoded
    assert (decoded.positions, decoded.padded, decoded.predicted) == (2, 0, 2)


def test_a_pass_that_fails_leaves_the_counts_in_order(tiny_causal_model: Path) -> None:
    import torch

    engine = load_model(parse_model(f"hf:{tiny_causal_model},device=cpu,dtype=float32"))
    with pytest.raises(IndexError):
        engine._model(torch.tensor([[10**6]]))  # type: ignore[attr-defined]
    assert worked(engine, [Embed(text="ab")]).positions == 2


def test_what_wraps_an_engine_says_what_it_did(tiny_causal_model: Path) -> None:
    spoiled = load_model(parse_model(f"hf:{tiny_causal_model},device=cpu,dtype=float32,degrade=am"))
    assert worked(spoiled, [Embed(text="ab", language="amh_Ethi")]).positions == 2
    assert work_of(load_model(parse_model("echo:x,degrade=am"))) is None


def test_the_device_is_measured_and_not_looked_up(tiny_causal_model: Path) -> None:
    work = work_of(load_model(parse_model(f"hf:{tiny_causal_model},device=cpu,dtype=float32")))
    assert work is not None
    assert 1e8 < work.peak < 1e14
    assert work.peak == work.peak


def test_rows_of_a_plan_are_kept_until_they_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[Request] = [
        LogLikelihood(context="ሰላም", continuation=" ለዓለም"),
        RollingLogLikelihood(text="ߊߟߎ߫ ߣߌ߫ ߖߏ߬" * 9),
        Preference(prompt="", completion="မင်္ဂလာပါ" * 9, context="?"),
        LogLikelihood(context="", continuation="🦁"),
    ]
    calls: list[int] = []

    class Counting(Encoder):
        def windows(self, requests: Sequence[Request]) -> list[Windows | Failed]:
            calls.append(len(requests))
            return super().windows(requests)

    encoder = Counting("m", byte_tokenizer(), 64)
    expected = Encoder("m", byte_tokenizer(), 64).windows(requests)
    assert isinstance(expected[2], Failed)
    assert encoder.planned(requests) == expected
    assert encoder.taken(requests[::-1]) == expected[::-1]
    assert encoder.taken(requests) == expected
    assert calls == [4, 1, 4]  # what failed is looked at again, and what was taken is forgotten
    calls.clear()
    encoder.prepare(requests)
    assert encoder.planned(requests) == expected
    assert encoder.taken(requests) == expected
    assert calls == [4, 1, 1]  # tokens made beforehand are not made again
    calls[:] = [0, 0, 0]
    monkeypatch.setattr("harness.engine.windows._REMEMBERED", 64 + 2 * len("ሰላም ለዓለም".encode()))
    assert encoder.planned(requests) == expected
    assert encoder.taken(requests) == expected
    assert calls[3:] == [4, 3]
