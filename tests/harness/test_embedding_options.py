"""Prompts, shortened, normalised and quantised vectors: sentence-transformers' own, and part of the identity."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.util import quantize_embeddings

from harness.engine.base import Engine, ModelSpec
from harness.engine.embedding import EmbeddingOptions, OwnPrompts
from harness.engine.models import load_model, parse_model
from harness.errors import BackendError, SpecError
from harness.loader import load_task, load_tasks
from harness.tasks import units
from harness.tasks.base import Selection
from harness.types import Embed, EmbedResponse, Request, Side
from tests.harness.test_data_checks import write

TEXTS = ["ውሃ እና ዳቦ", "ماء وخبز", "ရေ နှင့် မုန့်", "น้ำและขนมปัง", "水とパン", "ߖߌ ߣߌ߫ ߓߎ߬ߙߎ", "🌊🍞", "water and bread"]


def load(kind: str, folder: Path, **options: object) -> Engine:
    text = "".join(f",{name}={value}" for name, value in {"device": "cpu", **options}.items())
    return load_model(parse_model(f"{kind}:{folder}{text}"))


def vectors(engine: Engine, side: Side = "", instruction: str = "") -> NDArray[np.float32]:
    requests: list[Request] = [Embed(text=text, side=side, instruction=instruction) for text in TEXTS]
    found: dict[int, NDArray[np.float32]] = {}
    for batch in engine.plan(requests):
        for position, response in zip(batch, engine.answer([requests[index] for index in batch]), strict=True):
            assert isinstance(response, EmbedResponse)
            found[position] = response.vectors
    return np.stack([found[index] for index in range(len(TEXTS))])


@pytest.fixture(scope="module")
def original(tiny_sentence_model: Path) -> SentenceTransformer:
    return SentenceTransformer(str(tiny_sentence_model), device="cpu")


@pytest.mark.parametrize(
    ("options", "side", "theirs"),
    [
        ({}, "", {}),
        ({}, "query", {"prompt_name": "query"}),
        ({}, "passage", {"prompt_name": "passage"}),
        ({"prompt": ""}, "query", {}),
        ({"prompt": "ጥያቄ: "}, "", {"prompt": "ጥያቄ: "}),
        ({"prompt_name": "passage"}, "", {"prompt_name": "passage"}),
        ({"query_prompt": "سؤال: ", "passage_prompt": "نص, نص: "}, "passage", {"prompt": "نص, نص: "}),
        ({"instruct": "Instruct: {instruction}\\nQuery: "}, "", {"prompt": "Instruct: 探す\nQuery: "}),
        ({"truncate_dim": 12}, "", {"truncate_dim": 12, "normalize_embeddings": True}),
        ({"normalize": "true"}, "", {"normalize_embeddings": True}),
        ({"truncate_dim": 7, "prompt": "ߊ "}, "", {"truncate_dim": 7, "prompt": "ߊ ", "normalize_embeddings": True}),
    ],
)
def test_vectors_are_those_of_sentence_transformers(
    tiny_sentence_model: Path,
    original: SentenceTransformer,
    options: Mapping[str, object],
    side: Side,
    theirs: Mapping[str, Any],
) -> None:
    ours = vectors(load("st", tiny_sentence_model, **options), side, "探す")
    np.testing.assert_allclose(ours, original.encode(TEXTS, **theirs), atol=2e-6)


def test_vectors_that_are_not_to_be_normalised_are_the_pooled_ones(
    tiny_sentence_model: Path, original: SentenceTransformer
) -> None:
    pooled = SentenceTransformer(modules=list(original)[:-1], device="cpu")
    for width in (32, 9):
        ours = vectors(load("st", tiny_sentence_model, normalize="false", truncate_dim=width))
        np.testing.assert_allclose(ours, pooled.encode(TEXTS, truncate_dim=width), atol=2e-5)
    assert not np.allclose(np.linalg.norm(ours, axis=1), 1)


def test_prompts_that_are_not_pooled_stay_out_of_the_mean(original: SentenceTransformer, tmp_path: Path) -> None:
    changed = SentenceTransformer(modules=list(original), device="cpu")
    changed.set_pooling_include_prompt(False)
    changed.save_pretrained(str(tmp_path))
    ours = vectors(load("st", tmp_path, prompt="ጥያቄ: "))
    try:
        np.testing.assert_allclose(ours, changed.encode(TEXTS, prompt="ጥያቄ: "), atol=2e-6)
    finally:
        changed.set_pooling_include_prompt(True)
    assert np.abs(ours - original.encode(TEXTS, prompt="ጥያቄ: ")).max() > 1e-3


def test_binary_vectors_are_the_bits_of_sentence_transformers(
    tiny_sentence_model: Path, original: SentenceTransformer
) -> None:
    ours = vectors(load("st", tiny_sentence_model, quantize="binary"))
    bits = np.unpackbits(quantize_embeddings(original.encode(TEXTS), precision="ubinary"), axis=1)
    np.testing.assert_array_equal(ours, bits.astype(np.float32) * 2 - 1)
    hamming = (bits[:, None] != bits[None]).sum(axis=-1)
    np.testing.assert_allclose(32 * (1 - ours @ ours.T / 32) / 2, hamming, atol=1e-4)


def test_int8_vectors_lie_within_half_a_step_of_their_own(
    tiny_sentence_model: Path, original: SentenceTransformer
) -> None:
    ours, whole = vectors(load("st", tiny_sentence_model, quantize="int8")), original.encode(TEXTS)
    step = np.abs(whole).max(axis=1, keepdims=True) / 127
    assert (np.abs(ours - whole) <= step * 0.5001).all()
    np.testing.assert_allclose(ours / step, np.rint(ours / step), atol=1e-3)
    assert np.abs(ours / step).max() == pytest.approx(127, rel=1e-4)
    options = EmbeddingOptions(ModelSpec(backend="st", target="x", options={"quantize": "int8"}), OwnPrompts(texts={}))
    zero = np.zeros(4, dtype=np.float32)
    np.testing.assert_array_equal(options.finish(zero), zero)


def test_poolings_of_a_plain_model(tiny_causal_model: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(tiny_causal_model), AutoModel.from_pretrained(tiny_causal_model)
    found = {
        name: vectors(load("hf", tiny_causal_model, pooling=name, prompt="ጥያቄ: "))
        for name in ("mean", "cls", "lasttoken", "weighted")
    }
    for index, text in enumerate(TEXTS):
        with torch.inference_mode():
            states = model(**tokenizer("ጥያቄ: " + text, return_tensors="pt")).last_hidden_state[0].numpy()
        weights = np.arange(1, len(states) + 1)[:, None]
        for name, wanted in {
            "mean": states.mean(axis=0),
            "cls": states[0],
            "lasttoken": states[-1],
            "weighted": (weights * states).sum(axis=0) / weights.sum(),
        }.items():
            np.testing.assert_allclose(found[name][index], wanted, atol=1e-4)
    short = vectors(load("hf", tiny_causal_model, truncate_dim=5, normalize="true"))
    assert short.shape == (len(TEXTS), 5)
    np.testing.assert_allclose(np.linalg.norm(short, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_vectors_are_float32_whatever_the_model_computes_in(
    tiny_sentence_model: Path, tiny_causal_model: Path, dtype: str, original: SentenceTransformer
) -> None:
    ours = vectors(load("st", tiny_sentence_model, dtype=dtype))
    assert ours.dtype == vectors(load("hf", tiny_causal_model, dtype=dtype)).dtype == np.float32
    np.testing.assert_allclose(ours, original.encode(TEXTS), atol=0.05)


def test_every_option_is_part_of_the_identity(tiny_sentence_model: Path, tiny_causal_model: Path) -> None:
    options: list[dict[str, object]] = [
        {},
        {"truncate_dim": 8},
        {"truncate_dim": 9},
        {"normalize": "true"},
        {"normalize": "false"},
        {"quantize": "int8"},
        {"quantize": "binary"},
        {"prompt": "query: "},
        {"query_prompt": "query: "},
        {"passage_prompt": "query: "},
        {"prompt_name": "query"},
        {"instruct": "{instruction}: "},
    ]
    identities = [str(sorted(load("st", tiny_sentence_model, **one).identity.items())) for one in options]
    assert len(set(identities)) == len(options)
    plain = [
        str(load("hf", tiny_causal_model, **one).identity)
        for one in ({}, {"pooling": "cls"}, {"prompt": "x"}, {"truncate_dim": 3})
    ]
    assert len(set(plain)) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("truncate_dim=33", "truncate_dim=33, but the model's vectors have 32 numbers"),
        ("truncate_dim=0", "truncate_dim must be a positive whole number, found '0'"),
        ("normalize=yes", "normalize must be true or false, found 'yes'"),
        ("quantize=int4", "unknown quantize 'int4' (did you mean 'int8'?); use one of int8, binary"),
        ("prompt_name=qury", "the model has no prompt 'qury' (did you mean 'query'?); it has query, "),
        ("prompt=a,prompt_name=query", "'prompt' and 'prompt_name' say the same thing"),
        ("instruct=Find: ", "instruct must hold {instruction}, where the task's goes, found 'Find: '"),
        ("truncate=3", "unknown option 'truncate'"),
    ],
)
def test_wrong_options_are_explained(tiny_sentence_model: Path, options: str, message: str) -> None:
    with pytest.raises(BackendError) as error:
        load_model(parse_model(f"st:{tiny_sentence_model},device=cpu,{options}"))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_pooling_is_explained(tiny_causal_model: Path) -> None:
    with pytest.raises(BackendError, match=r"unknown pooling 'clss' \(did you mean 'cls'\?\)"):
        load("hf", tiny_causal_model, pooling="clss")


@pytest.mark.parametrize(
    ("given", "side", "instruction", "prompt"),
    [
        ({}, "query", "", "q: "),
        ({}, "passage", "", "p: "),
        ({}, "", "", "d: "),
        ({}, "query", "Find", "q: "),
        ({"prompt": "all: "}, "query", "", "all: "),
        ({"prompt_name": "d"}, "query", "", "d: "),
        ({"prompt": "all: ", "passage_prompt": ""}, "passage", "", ""),
        ({"prompt": "all: ", "passage_prompt": "P: "}, "query", "", "all: "),
        ({"instruct": "I: {instruction}\\n"}, "query", "ፈልግ", "I: ፈልግ\n"),
        ({"instruct": "I: {instruction}\\n"}, "passage", "", "p: "),
        ({"instruct": "I: {instruction}", "query_prompt": "Q: "}, "query", "Find", "Q: "),
    ],
)
def test_the_nearest_prompt_counts(given: Mapping[str, str], side: Side, instruction: str, prompt: str) -> None:
    own = OwnPrompts(texts={"query": "q: ", "document": "", "passage": "p: ", "d": "d: "}, default="d")
    options = EmbeddingOptions(ModelSpec(backend="st", target="x", options=given), own)
    assert options.prompt(Embed(text="ውሃ", side=side, instruction=instruction)) == prompt


TASK = """\
    task: search
    kind: {kind}
    dataset: {{files: "{{lang}}.jsonl", key: id, parts: {parts}}}
    languages: [amh_Ethi]
    instruction: {instruction}
    metrics: [{metric}]
"""
PARTS = '{queries: {files: "q.jsonl"}, corpus: {files: "c.jsonl"}, qrels: {files: "r.jsonl"}}'


@pytest.mark.parametrize(
    ("instruction", "told"),
    [("Find the text", ("Find the text", "")), ("{query: 探す, passage: 表す}", ("探す", "表す")), ('""', ("", ""))],
)
def test_a_search_tells_its_sides_apart(tmp_path: Path, instruction: str, told: tuple[str, str]) -> None:
    task = TASK.format(kind="retrieval", parts=PARTS, instruction=instruction, metric="map")
    path = write(tmp_path, task, {})
    (tmp_path / "q.jsonl").write_text('{"id": "1", "text": "ውሃ"}\n', encoding="utf-8")
    (tmp_path / "c.jsonl").write_text('{"id": "2", "text": "ዳቦ"}\n', encoding="utf-8")
    (tmp_path / "r.jsonl").write_text('{"query-id": "1", "corpus-id": "2", "score": 1}\n', encoding="utf-8")
    (unit,) = units(load_tasks(["search"], [path.parent])[0], Selection(), None)
    query, passage = unit.instructed(unit.requests())
    assert isinstance(query, Embed)
    assert isinstance(passage, Embed)
    assert (query.side, passage.side) == ("query", "passage")
    assert (query.instruction, passage.instruction) == told
    assert bool(unit.prompt_hash()) == any(told)


@pytest.mark.parametrize(
    ("kind", "metric", "instruction", "message"),
    [
        ("sts", "cosine_spearman", "{query: Find}", "kind sts has no queries and passages; write one text"),
        ("perplexity", "bits_per_byte", "Read", "kind perplexity makes no sentence embeddings; remove the line"),
        ("sts", "cosine_spearman", "[Find]", "instruction"),
    ],
)
def test_instructions_that_do_not_fit_are_found(
    tmp_path: Path, kind: str, metric: str, instruction: str, message: str
) -> None:
    path = write(tmp_path, TASK.format(kind=kind, parts="{}", instruction=instruction, metric=metric), {})
    with pytest.raises(SpecError) as error:
        load_task(path)
    assert message in str(error.value)
