"""Text from the decode loop is that of one row at a time, whatever shares its batch, on architectures of all kinds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from harness.engine import cache_rows
from harness.engine.generation import TextGenerator
from harness.engine.live_rows import Forward
from harness.engine.sampling import drawn
from harness.engine.stops import StopStrings, cut
from harness.errors import BackendError
from harness.store import content_hash, request_key
from harness.toy import byte_tokenizer
from harness.types import Generate, GenerateResponse
from tests.harness.architectures import ARCHITECTURES, VOCABULARY, small_model

CHARACTERS = (
    "ሀለሐመሠረሰሸቀበကခဂဃငစဆဇညတกขคงจฉชซญดابتثجحخدذرあいうえおかきくけこ"
    "ߊߋߌߍߎߏߐߑߒߓ🦁🐘🦒🦓🦏🐆🐒🦜🌍🌾?!.,:;-+*/abcdefghijklmnopqrstuvwxyz"
)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """One token a character of ten scripts."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "<s>", "</s>", *CHARACTERS][:VOCABULARY]
    made = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<pad>"))
    made.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    made.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", bos_token="<s>", eos_token="</s>")


def requests(count: int = 14) -> list[Generate]:
    """Prompts of 3 to 30 characters; stop strings of one and two, limits of 1 to 24."""
    rng = np.random.default_rng(5)
    stops = ((), ("ሀ", "ก", "a"), ("🦁", "つ", "ab", "ก", "m"), tuple("eiouあいうߊߋߌ"))
    return [
        Generate(
            prompt="".join(rng.choice(list(CHARACTERS[:100]), size=int(rng.integers(3, 31)))),
            until=stops[index % 4],
            max_tokens=int(rng.integers(1, 25)),
        )
        for index in range(count)
    ]


def writer(
    model: Any, tokenizer: Any, *, size: int = 4, budget: int = 48, max_length: int = 128, shares: bool = False
) -> TextGenerator:
    return TextGenerator(
        model, tokenizer, "cpu", name="m", size=size, budget=budget, max_length=max_length, shares=shares
    )


def texts(writer: TextGenerator, asked: Sequence[Generate]) -> list[str]:
    import torch

    found: dict[int, str] = {}
    with torch.inference_mode():
        for batch in writer.plan(asked):
            for position, response in zip(batch, writer.answer([asked[index] for index in batch]), strict=True):
                assert isinstance(response, GenerateResponse)
                found[position] = response.text
    return [found[index] for index in range(len(asked))]


def one_by_one(model: Any, tokenizer: Any, asked: Sequence[Generate]) -> list[str]:
    """transformers' own loop on one row at a time, cut afterwards."""
    found = []
    for request in asked:
        ids = tokenizer(request.prompt, return_tensors="pt")["input_ids"]
        out = model.generate(ids, max_new_tokens=request.max_tokens, do_sample=False, pad_token_id=0)
        text = tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
        found.append(cut(text, request.until))
    return found


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_text_is_that_of_one_row_at_a_time(name: str, tokenizer: Any) -> None:
    made = writer(small_model(name), tokenizer)
    assert made.decoding == "rolling"
    asked = requests()
    expected = one_by_one(small_model(name), tokenizer, asked)
    assert texts(made, asked) == expected
    assert len({len(text) for text in expected}) > 5, "rows must end at different steps, or nothing is tested"


def test_caches_that_cannot_be_joined_are_left_only(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(cache: Any) -> Any:
        raise cache_rows.UnknownCacheError(type(cache).__name__)

    model = small_model("Gemma3")
    expected = one_by_one(model, tokenizer, requests())
    monkeypatch.setattr(cache_rows, "_layers", unknown)
    made = writer(model, tokenizer)
    assert made.decoding == "leaving"
    assert texts(made, requests()) == expected
    samples = [Generate(prompt="ሰላም", max_tokens=8, temperature=1.0, sample=sample) for sample in range(6)]
    assert texts(made, samples) == texts(writer(model, tokenizer, size=1), samples)


def test_a_mask_that_is_not_applied_is_found_out(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An architecture that looks at padding: its text is left to transformers."""
    model = small_model("Llama")
    forward = type(model).forward

    def blind(self: Any, input_ids: Any, attention_mask: Any = None, position_ids: Any = None, **rest: Any) -> Any:
        return forward(self, input_ids, position_ids=position_ids, **rest)

    monkeypatch.setattr(type(model), "forward", blind)
    assert writer(model, tokenizer).decoding == "plain"
    assert "rows that leave a batch change the logits" in caplog.text


def test_settings_of_the_model_count_as_in_its_own_loop(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = small_model("Qwen3")
    greedy = one_by_one(model, tokenizer, requests())
    monkeypatch.setattr(model.generation_config, "repetition_penalty", 1.7)
    expected = one_by_one(model, tokenizer, requests())
    assert expected != greedy
    made = writer(model, tokenizer)
    assert made.decoding == "rolling"
    assert texts(made, requests()) == expected
    monkeypatch.setattr(model.generation_config, "no_repeat_ngram_size", 1)
    expected = one_by_one(model, tokenizer, requests())
    made = writer(model, tokenizer)
    assert made.decoding == "plain"
    assert "for no_repeat_ngram_size of its settings" in caplog.text
    assert texts(made, requests()) == expected
    with pytest.raises(BackendError, match="ask for greedy text"):
        texts(made, sampled(2))

    generate = type(model).generate

    def small(self: Any, input_ids: Any, **rest: Any) -> Any:
        import torch

        if len(input_ids) > 1:
            raise torch.OutOfMemoryError
        return generate(self, input_ids=input_ids, **rest)

    monkeypatch.setattr(type(model), "generate", small)
    alike = [dataclasses.replace(one, until=(), max_tokens=9) for one in requests()]
    assert texts(made, alike) == one_by_one(model, tokenizer, alike)
    assert "out of memory with" in caplog.text


def sampled(count: int, **changes: Any) -> list[Generate]:
    """Greedy and sampled requests of all kinds."""
    ways: list[dict[str, Any]] = [
        {"temperature": 1.0},
        {"temperature": 0.7, "top_p": 0.9},
        {"temperature": 1.5, "top_k": 20},
        {"temperature": 1.0, "top_k": 40, "top_p": 0.8},
        {},
    ]
    asked = requests(count)
    return [dataclasses.replace(one, **{**ways[index % 5], **changes}) for index, one in enumerate(asked)]


@pytest.mark.parametrize("name", ["Llama", "Gemma3", "FalconH1"])
def test_neither_order_nor_batch_size_changes_a_text(name: str, tokenizer: Any) -> None:
    asked = sampled(15)
    expected = texts(writer(small_model(name), tokenizer, size=1), asked)
    for size, budget in ((3, 20), (8, 500)):
        backwards = texts(writer(small_model(name), tokenizer, size=size, budget=budget), asked[::-1])
        assert backwards[::-1] == expected


def test_samples_differ_by_seed_and_number_and_read_their_prompt_once(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = ("ሰላም", "สวัสดี", "🦁🐘")
    asked = [
        Generate(prompt=prompt, max_tokens=12, temperature=1.0, sample=sample)
        for sample in range(6)
        for prompt in prompts
    ]
    read: list[int] = []
    original = Forward.read

    def counted(self: Forward, lines: Sequence[Sequence[int]], prefix: Any = None) -> Any:
        read.append(len(lines))
        return original(self, lines, prefix)

    made = writer(small_model("Llama"), tokenizer, size=6)
    monkeypatch.setattr(Forward, "read", counted)
    found = texts(made, asked)
    assert sum(read) == len(prompts)
    for start in range(3):
        assert len(set(found[start::3])) > 3
    assert texts(made, asked) == found
    assert texts(made, [dataclasses.replace(one, seed=1) for one in asked]) != found
    longer = texts(made, [dataclasses.replace(one, max_tokens=20) for one in asked])
    assert all(text.startswith(own) for text, own in zip(longer, found, strict=True))


SHARING = [name for name, (_, sharing) in ARCHITECTURES.items() if sharing in ("packed", "masked")]


@pytest.mark.parametrize("name", SHARING)
def test_examples_that_prompts_begin_with_are_read_once(
    name: str, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shots = CHARACTERS[:60]
    asked = [dataclasses.replace(one, prompt=shots + one.prompt) for one in requests()]
    asked += [dataclasses.replace(asked[3], temperature=1.0, sample=sample) for sample in range(3)]
    expected = one_by_one(small_model(name), tokenizer, asked[:14])
    made = writer(small_model(name), tokenizer, size=5, max_length=200, shares=True)
    read: list[tuple[int, int]] = []
    original = Forward.read

    def counted(self: Forward, lines: Sequence[Sequence[int]], prefix: Any = None) -> Any:
        read.append((len(lines), max(map(len, lines))))
        return original(self, lines, prefix)

    monkeypatch.setattr(Forward, "read", counted)
    found = texts(made, asked)
    assert found[:14] == expected
    assert [shape for shape in read if shape[1] >= 60] == [(1, 60)]
    assert found[14:] == texts(writer(small_model(name), tokenizer, size=2, max_length=200), asked[14:])


def test_rows_leave_and_the_waiting_enter(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = requests(40)
    made = writer(small_model("Llama"), tokenizer, size=8, budget=1000)
    assert [len(batch) for batch in made.plan(asked)] == [32, 8]
    rows: list[int] = []
    original = Forward.step

    def counted(self: Forward, state: Any, tokens: Sequence[int], going: Sequence[bool]) -> None:
        rows.append(len(tokens))
        original(self, state, tokens, going)

    monkeypatch.setattr(Forward, "step", counted)
    found = texts(made, asked)
    assert max(rows) == 8
    useful = sum(len(text) for text in found)
    assert sum(rows) < 1.3 * useful
    slowest = sorted((len(text) for text in found), reverse=True)
    assert sum(rows) < 8 * sum(slowest[::8]), "even batches sorted by what nobody can know would take more"


def test_memory_that_runs_out_halves_the_rows(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import torch

    asked = sampled(14)
    made = writer(small_model("Llama"), tokenizer, size=8)
    expected = texts(made, asked)
    original = Forward.step
    allowed = [2]

    def small(self: Forward, state: Any, tokens: Sequence[int], going: Sequence[bool]) -> None:
        if len(tokens) > allowed[0]:
            raise torch.OutOfMemoryError
        original(self, state, tokens, going)

    monkeypatch.setattr(Forward, "step", small)
    assert texts(made, asked) == expected
    assert "out of memory with 8 rows; going on with 4" in caplog.text
    allowed[0] = 0
    with pytest.raises(BackendError, match="does not fit into the device's memory; give max_length=N"):
        texts(made, asked)


@pytest.mark.parametrize("name", ["GPT2", "OPT", "XGLM"])
def test_rows_that_stay_too_long_run_out_of_no_positions(name: str, tokenizer: Any) -> None:
    """Finished rows stay for a while; where positions are learned, one more than there are is an index error."""
    rng = np.random.default_rng(8)
    asked = [
        Generate(prompt="".join(rng.choice(list(CHARACTERS), size=300)), max_tokens=2 + 40 * (index > 2))
        for index in range(32)
    ]
    made = writer(small_model(name), tokenizer, size=32, budget=9000, max_length=256)
    found = texts(made, asked)
    assert found[:3] == one_by_one(
        small_model(name), tokenizer, [dataclasses.replace(one, prompt=one.prompt[-254:]) for one in asked[:3]]
    )
    assert max(map(len, found)) > 30


def test_prompts_are_cut_on_the_left_and_may_be_empty(tokenizer: Any) -> None:
    made = writer(small_model("Llama"), tokenizer, max_length=40)
    long = "ሀለሐመ" * 20
    assert texts(made, [Generate(prompt=long, max_tokens=10)]) == texts(
        made, [Generate(prompt=long[-30:], max_tokens=10)]
    )
    assert texts(made, [Generate(prompt="", max_tokens=5)]) == texts(made, [Generate(prompt="<s>", max_tokens=5)])
    with pytest.raises(BackendError, match="40 new tokens leave no room for a prompt in 40 tokens"):
        texts(made, [Generate(prompt="ሀ", max_tokens=40)])


SCRIPTS = [
    ("ጥያቄ፡ ስም?\nመልስ፡ አበበ\nጥያቄ፡", "\nጥያቄ"),
    ("အဖြေ ကျောင်း။ မေးခွန်း နောက်", "။ မေး"),
    ("คำตอบ ใช่ครับ คำถามต่อไป", "คำถาม"),
    ("答え：はい。問い：次", "。問"),
    ("ߟߊߖߊ߬ߓߌ ߐ߲߬ߤߐ߲߬ ߢߌ߬ߣߌ߲߬ߞߊ", "ߢߌ߬ߣ"),
    ("yes 🦁👩🏽‍🚀 no 🦁", "👩🏽‍🚀"),
    ("the end</s>more", "</s>"),
]


@pytest.mark.parametrize(("text", "stop"), SCRIPTS)
def test_a_stop_string_over_many_bytes_is_found_when_it_is_complete(text: str, stop: str) -> None:
    tokenizer = byte_tokenizer()
    stops = StopStrings(tokenizer)
    ids = tokenizer(text)["input_ids"]
    ends = [stops.reached([(ids[:count], ("ሌላ", stop, ""))])[0] for count in range(1, len(ids) + 1)]
    first = ends.index(True) + 1
    before = len(tokenizer(text[: text.index(stop)])["input_ids"])
    assert first == before + len(tokenizer(stop)["input_ids"])
    assert stops.text(ids[:first], ("ሌላ", stop, "")) == text[: text.index(stop)]
    assert stops.reached([(ids, ()), (ids[:1], (stop,))]) == [False, False]


def test_draws_have_the_probabilities_of_transformers(tokenizer: Any) -> None:
    import torch
    from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    logits = torch.from_numpy(np.random.default_rng(2).normal(0, 2, 60).astype(np.float32))
    numbers = ((np.arange(4000) + 0.5) / 4000).tolist()
    for temperature, top_k, top_p in ((1.0, 0, 1.0), (0.5, 7, 1.0), (1.3, 0, 0.8), (2.0, 30, 0.6), (0.1, 100, 0.01)):
        steps: list[Any] = [TemperatureLogitsWarper(temperature)]
        steps += [TopKLogitsWarper(top_k)] if top_k else []
        steps += [TopPLogitsWarper(top_p)] if top_p < 1 else []
        expected = LogitsProcessorList(steps)(None, logits[None].clone())[0].softmax(0)
        count = len(numbers)
        found = drawn(
            logits.expand(count, -1),
            temperature=[temperature] * count,
            top_k=[top_k] * count,
            top_p=[top_p] * count,
            uniform=numbers,
        )
        shares = np.bincount(found, minlength=60) / count
        assert np.abs(shares - expected.numpy()).max() < 2 / count
        assert all(expected[token] > 0 for token in set(found))


def test_a_greedy_request_is_stored_under_the_key_it_always_had() -> None:
    body = {
        **{"prompt": "ሰላም", "until": ("\n",), "max_tokens": 8, "source": None, "source_language": ""},
        **{"target_language": "amh_Ethi", "locator": (), "line": 0, "lines": 0},
    }
    greedy = Generate(prompt="ሰላም", until=("\n",), max_tokens=8, target_language="amh_Ethi")
    assert request_key("m", greedy) == content_hash(["m", "Generate", body])
    warm = dataclasses.replace(greedy, temperature=1.0)
    others = [greedy, warm, *(dataclasses.replace(warm, **{name: 0.5}) for name in ("top_p", "temperature"))]
    others += [dataclasses.replace(warm, **{name: 2}) for name in ("top_k", "seed", "sample")]
    assert len({request_key("m", one) for one in others}) == len(others)
