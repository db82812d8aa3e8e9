"""Laws of the engine: an answer depends on its request alone, and not on budget, order, company or sharing.

Requests are drawn at random: common beginnings, duplicates, several answers to a context, empty strings, texts longer
than the model, every script. One at a time and without sharing is what everything else is compared with:
log-probabilities within 1e-5 (float32; a hundred-thousandth of their size where it is more than one), flags and texts
exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.engine.models import load_model, parse_model
from harness.toy import byte_tokenizer
from harness.types import (
    Failed,
    Generate,
    GenerateResponse,
    LogLikelihood,
    LogLikelihoodResponse,
    Request,
    RollingLogLikelihood,
)
from tests.harness.architectures import ARCHITECTURES, small_model

SETTINGS = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
LENGTH = 128
NAMES = ("Llama", "Mistral", "Mamba")  # what rows share is masked, aligned, nothing
ALONE = "batch_size=1,batch_tokens=1,sharing=none"
TOGETHER = ("batch_size=3,batch_tokens=70", "batch_size=64,batch_tokens=2000")

WORDS = ("ውሃ", "ماء", "ရေ", "น้ำ", "水", "ߖߌ", "🌊", "👩🏽‍🚀", "mi", "e̩", "\n", " ", "  ", "")
TEXT = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
SHOTS = st.sampled_from(["", "", "ጥያቄ፡ ውሃ\nመልስ፡ ߖߌ\n" * 2, "問い：水 答え：ماء\n", "🌊 " * 40])
ANSWERS = st.lists(TEXT, min_size=1, max_size=4)
SCORED = st.one_of(
    st.builds(
        lambda shots, question, answers: [
            LogLikelihood(context=shots + question, continuation=answer) for answer in answers
        ],
        SHOTS,
        TEXT,
        ANSWERS,
    ),
    st.builds(lambda shots, text: [RollingLogLikelihood(text=shots + text)], SHOTS, TEXT),
)
WRITTEN = st.builds(
    lambda shots, text, until, limit, warmth, samples: [
        Generate(prompt=shots + text, until=until, max_tokens=limit, sample=sample, **warmth)
        for sample in range(samples if warmth else 1)
    ],
    SHOTS,
    TEXT,
    st.sampled_from([(), ("\n", "a"), tuple("etaoin"), ("ሀ",)]),
    st.integers(1, 8),
    st.sampled_from([{}, {"temperature": 1.0}, {"temperature": 0.7, "top_p": 0.9}, {"temperature": 1.3, "top_k": 9}]),
    st.integers(1, 3),
)


def requests(groups: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Request]]:
    """Some groups of requests, of which the first may come twice."""
    return st.lists(groups, min_size=1, max_size=4).map(
        lambda found: [one for group in [*found, found[0]] for one in group]
    )


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Any]:
    """Engines of small models by architecture and options, each loaded once."""
    root = tmp_path_factory.mktemp("models")

    def saved(name: str) -> Path:
        folder = root / name
        if not folder.exists():
            tokenizer = byte_tokenizer()
            tokenizer.model_max_length = LENGTH
            tokenizer.save_pretrained(folder)
            small_model(name, len(tokenizer)).save_pretrained(folder)
        return folder

    @cache
    def engine(name: str, options: str) -> Any:
        return load_model(parse_model(f"hf:{saved(name)},device=cpu,dtype=float32,{options}"))

    return engine


def answers(engine: Any, asked: Sequence[Request]) -> list[Any]:
    found: dict[int, Any] = {}
    planned = engine.plan(asked)
    assert sorted(index for batch in planned for index in batch) == list(range(len(asked)))
    for batch in planned:
        found.update(zip(batch, engine.answer([asked[index] for index in batch]), strict=True))
    return [found[index] for index in range(len(asked))]


def one_by_one(engine: Any, asked: Sequence[Request]) -> Mapping[Request, Any]:
    return {request: answers(engine, [request])[0] for request in dict.fromkeys(asked)}


def agree(found: Any, expected: Any) -> bool:
    if isinstance(expected, Failed):  # an empty answer
        return bool(found == expected)
    if isinstance(expected, LogLikelihoodResponse):
        assert isinstance(found, LogLikelihoodResponse)
        close = found.logprob == pytest.approx(expected.logprob, abs=1e-5, rel=1e-5)
        return close and (found.is_greedy, found.tokens) == (expected.is_greedy, expected.tokens)
    assert isinstance(expected, GenerateResponse)
    return bool(found == expected)


@pytest.mark.parametrize("name", NAMES)
@SETTINGS
@given(asked=requests(SCORED), random=st.randoms(use_true_random=False))
def test_scores_depend_on_the_request_alone(
    engines: Callable[[str, str], Any], name: str, asked: list[Request], random: Any
) -> None:
    assert engines(name, TOGETHER[0]).identity["sharing"] == ARCHITECTURES[name][1]
    expected = one_by_one(engines(name, ALONE), asked)
    for options in TOGETHER:
        shuffled = random.sample(asked, len(asked))
        for request, found in zip(shuffled, answers(engines(name, options), shuffled), strict=True):
            assert agree(found, expected[request]), (options, request, found, expected[request])


@pytest.mark.parametrize("name", NAMES)
@SETTINGS
@given(asked=requests(WRITTEN), random=st.randoms(use_true_random=False))
def test_texts_depend_on_the_request_alone(
    engines: Callable[[str, str], Any], name: str, asked: list[Request], random: Any
) -> None:
    expected = one_by_one(engines(name, ALONE), asked)
    for options in TOGETHER:
        shuffled = random.sample(asked, len(asked))
        for request, found in zip(shuffled, answers(engines(name, options), shuffled), strict=True):
            assert agree(found, expected[request]), (options, request, found, expected[request])


@SETTINGS
@given(asked=requests(st.one_of(SCORED, WRITTEN)), more=requests(st.one_of(SCORED, WRITTEN)))
def test_what_else_is_asked_changes_no_answer(
    engines: Callable[[str, str], Any], asked: list[Request], more: list[Request]
) -> None:
    engine = engines("Llama", TOGETHER[1])
    alone = answers(engine, asked)
    among = answers(engine, [*more, *asked])[len(more) :]
    assert all(agree(found, expected) for found, expected in zip(among, alone, strict=True))
