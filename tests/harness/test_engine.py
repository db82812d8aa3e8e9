"""Backends: what they answer, how they batch, and how they say no."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engine.base import Engine, batches_by_length
from harness.engine.models import load_model, parse_model
from harness.errors import BackendError, UserError
from harness.types import (
    Embed,
    EmbedResponse,
    Failed,
    Generate,
    GenerateResponse,
    LogLikelihood,
    Request,
    Response,
)

SCRIPTS = ["ሰላም ለዓለም", "مرحبا بالعالم", "မင်္ဂလာပါ", "สวัสดีชาวโลก", "こんにちは世界", "ߊߟߎ߫ ߣߌ߫ ߖߏ߬", "hi 🦁👩🏽‍🚀", "x"]


def answers(engine: Engine, requests: list[Request]) -> list[Response]:
    """Responses in the order of the requests, batch by planned batch."""
    found: dict[int, Response] = {}
    for batch in engine.plan(requests):
        found.update(zip(batch, engine.answer([requests[index] for index in batch]), strict=True))
    return [found[index] for index in range(len(requests))]


def translate(source: str, line: int = 0, lines: int = 1, target: str = "hau_Latn") -> Generate:
    locator = (("source", "en"), ("target", target[:3]), ("other", target[:3]))
    return Generate(
        prompt=source,
        source=source,
        source_language="eng_Latn",
        target_language=target,
        locator=locator,
        line=line,
        lines=lines,
    )


@given(st.lists(st.integers(1, 500), max_size=60), st.integers(1, 9), st.integers(1, 2000))
def test_batches_hold_every_position_once_and_keep_the_budget(lengths: list[int], size: int, budget: int) -> None:
    batches = batches_by_length(lengths, size=size, budget=budget)
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) <= size
        assert len(batch) == 1 or len(batch) * max(lengths[position] for position in batch) <= budget


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hff:x", "did you mean 'hf'?"),
        ("nothing", "BACKEND:NAME"),
        ("hf:", "no name after"),
    ],
)
def test_mistyped_models_are_explained(text: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        parse_model(text)
    assert message in str(error.value)


def test_commas_begin_options_only_before_a_key() -> None:
    spec = parse_model("command:tr 'a,b' 'c,d',name=swap, x,batch_size=3")
    assert (spec.target, spec.name, spec.options["batch_size"]) == ("tr 'a,b' 'c,d'", "swap, x", "3")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("echo:x,batchsize=3", "did you mean 'batch_size'?"),
        ("echo:x,batch_size=no", "positive whole number"),
        ("hf:/no/such/folder", "cannot be loaded"),
        ("hf:x,dtype=float8", "unknown dtype"),
        ("command:no-such-program-here", "no program"),
        ("outputs:/no/such/{target}.txt", "no file matches"),
        ("outputs:{tarrget}.txt", "unknown placeholder {tarrget}"),
    ],
)
def test_models_that_cannot_be_loaded_are_explained(text: str, message: str) -> None:
    with pytest.raises(BackendError) as error:
        load_model(parse_model(text))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_broken_model_folder_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{broken", encoding="utf-8")
    with pytest.raises(BackendError, match="cannot be loaded"):
        load_model(parse_model(f"hf:{tmp_path}"))


def test_embeddings_do_not_depend_on_the_batch(tiny_causal_model: Path) -> None:
    requests: list[Request] = [Embed(text=text, pooling=("weighted", "lasttoken", "mean")) for text in SCRIPTS]
    together = answers(load_model(parse_model(f"hf:{tiny_causal_model},dtype=float32,device=cpu")), requests)
    alone = answers(load_model(parse_model(f"hf:{tiny_causal_model},dtype=float32,device=cpu,batch_size=1")), requests)
    for one, many in zip(alone, together, strict=True):
        assert isinstance(one, EmbedResponse)
        assert isinstance(many, EmbedResponse)
        assert one.vectors.shape == (3, 3, 64)
        np.testing.assert_allclose(one.vectors, many.vectors, atol=2e-5)


def test_poolings_follow_their_definitions(tiny_causal_model: Path) -> None:
    """Against every token state of an unpadded forward pass, the layer order of transformers included."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_causal_model)
    model = AutoModelForCausalLM.from_pretrained(tiny_causal_model)
    engine = load_model(parse_model(f"hf:{tiny_causal_model},dtype=float32,device=cpu"))
    requests: list[Request] = [Embed(text=text, pooling=("weighted", "lasttoken", "mean")) for text in SCRIPTS]
    for text, found in zip(SCRIPTS, answers(engine, requests), strict=True):
        with torch.inference_mode():
            states = model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True).hidden_states
        for layer, state in enumerate(states):
            tokens = state[0].double().numpy()
            weights = np.arange(1, len(tokens) + 1)
            assert isinstance(found, EmbedResponse)
            np.testing.assert_allclose(found.vectors[0, layer], weights @ tokens / weights.sum(), atol=1e-4)
            np.testing.assert_allclose(found.vectors[1, layer], tokens[-1], atol=1e-4)
            np.testing.assert_allclose(found.vectors[2, layer], tokens.mean(axis=0), atol=1e-4)


def test_dtypes_are_part_of_the_identity(tiny_causal_model: Path) -> None:
    engines = [
        load_model(parse_model(f"hf:{tiny_causal_model},device=cpu,dtype={name}")) for name in ("float32", "bfloat16")
    ]
    assert engines[0].identity != engines[1].identity
    request = LogLikelihood(context="ሰላም", continuation=" ለዓለም")
    values = [answers(engine, [request])[0].logprob for engine in engines]  # type: ignore[union-attr]
    assert values[0] == pytest.approx(values[1], rel=0.05)


def test_outputs_are_read_by_line_and_must_fit(tmp_path: Path) -> None:
    (tmp_path / "en-hau.txt").write_text("ɗaya\nbiyu\u2028har yanzu biyu", encoding="utf-8")
    engine = load_model(parse_model(f"outputs:{tmp_path}/{{source}}-{{target}}.txt,name=files"))
    requests: list[Request] = [translate("one", 0, 2), translate("two", 1, 2)]
    assert answers(engine, requests) == [
        GenerateResponse(text="ɗaya"),
        GenerateResponse(text="biyu\u2028har yanzu biyu"),
    ]
    assert engine.covers(requests[0])
    assert not engine.covers(translate("one", target="yor_Latn"))
    with pytest.raises(BackendError, match="2 lines, but the task has 3"):
        answers(engine, [translate("one", 0, 3)])


def test_commands_translate_line_by_line_without_a_shell() -> None:
    program = f"{sys.executable} -c 'import sys; [print(line.strip()[::-1]) for line in sys.stdin]'"
    engine = load_model(parse_model(f"command:{program},name=reverse"))
    found = answers(engine, [translate(text) for text in SCRIPTS])
    assert found == [GenerateResponse(text=text[::-1]) for text in SCRIPTS]


def test_a_command_that_loses_lines_is_asked_line_by_line() -> None:
    program = f"{sys.executable} -c 'import sys; print(sys.stdin.readline().strip().upper())'"
    engine = load_model(parse_model(f"command:{program},name=first"))
    assert answers(engine, [translate("one"), translate("two")]) == [
        GenerateResponse(text="ONE"),
        GenerateResponse(text="TWO"),
    ]


def test_a_failing_command_fails_the_segment_with_its_reason() -> None:
    program = f"""{sys.executable} -c 'import sys; sys.exit("no such pair")'"""
    engine = load_model(parse_model(f"command:{program},name=broken"))
    assert answers(engine, [translate("one")]) == [Failed(reason="exit code 1: no such pair")]


def test_commands_offer_only_their_directions() -> None:
    engine = load_model(parse_model("command:cat,directions=eng_Latn-hau_Latn;eng_Latn-yor_Latn"))
    assert engine.covers(translate("one"))
    assert not engine.covers(translate("one", target="swh_Latn"))


def test_degrading_spoils_one_language_only() -> None:
    plain = load_model(parse_model("echo:x"))
    spoiled = load_model(parse_model("echo:x,degrade=am"))
    amharic, hausa = Embed(text="ሰላም ለዓለም", language="amh_Ethi"), Embed(text="sannu duniya", language="hau_Latn")
    before, after = answers(plain, [amharic, hausa]), answers(spoiled, [amharic, hausa])
    assert not np.array_equal(before[0].vectors, after[0].vectors)  # type: ignore[union-attr]
    np.testing.assert_array_equal(before[1].vectors, after[1].vectors)  # type: ignore[union-attr]
    assert spoiled.identity["degrade"] == "amh_Ethi"
    assert "degraded" in spoiled.label


def test_encoder_decoder_models_that_cannot_be_read_are_an_error_in_words(tmp_path: Path) -> None:
    from transformers import T5Config

    T5Config(d_model=8, d_ff=8, num_layers=1, num_heads=1, vocab_size=16).save_pretrained(tmp_path)
    with pytest.raises(BackendError, match="cannot be loaded: "):
        load_model(parse_model(f"hf:{tmp_path}"))
