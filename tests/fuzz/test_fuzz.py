"""The same fuzzing as ``python -m tests.fuzz``, with fewer inputs; and inputs that Hypothesis finds."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.campaign import OURS, Outcome, campaign, one_input
from tests.fuzz.hostile import Marker, running_code
from tests.fuzz.target import Target
from tests.fuzz.targets import targets

EXAMPLES = 3000
_SLOW = ("record, on pages", "record, reported")
_REFUSED = {"lm-eval file": 3}
"""Real inputs that name code, and so are refused without a flag."""


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory, lm_eval_cache: Path) -> list[Target]:
    folder = tmp_path_factory.mktemp("fuzz")
    shutil.copytree(lm_eval_cache, folder / "cache")
    return targets(folder)


def test_real_inputs_are_read(every: Sequence[Target]) -> None:
    for target in every:
        refused = [content for content in target.inputs if not _is_read(target, content)]
        assert len(refused) == _REFUSED.get(target.name, 0), target.name


def _is_read(target: Target, content: bytes) -> bool:
    try:
        target.use(content)
    except OURS:
        return False
    return True


def test_wrong_inputs_end_in_success_or_in_an_error_of_ours(every: Sequence[Target]) -> None:
    quick = [target for target in every if target.name not in _SLOW]
    total = sum(target.share for target in quick)
    read = refused = 0
    for target in quick:
        outcome = campaign(target, range(max(2, round(EXAMPLES * target.share / total))), seed=20)
        assert not outcome.findings, f"{target.name}: {outcome.findings}"
        read, refused = read + outcome.read, refused + outcome.refused
    assert read > EXAMPLES / 10, "what is read is not all refused"
    assert refused > EXAMPLES / 10, "nor all right"
    assert read + refused > 0.98 * EXAMPLES


def test_strange_records_are_shown(every: Sequence[Target]) -> None:
    for target in every:
        if target.name in _SLOW:
            assert not campaign(target, range(1), seed=20).findings


def test_inputs_are_the_same_every_time(every: Sequence[Target]) -> None:
    from random import Random

    for target in every:
        assert target.made(Random("1/x:1")) == target.made(Random("1/x:1"))


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode()) | _VALUES.map(
    lambda value: repr(value).replace("None", "null").encode("utf-8", "surrogatepass")
))  # fmt: skip
def test_whatever_hypothesis_finds(every: Sequence[Target], content: bytes) -> None:
    outcome = Outcome()
    for target in every:
        if target.name not in (*_SLOW, "lm-eval file"):
            one_input(target, target.name, content, outcome)
    assert not outcome.findings


def test_inputs_that_would_run_code_run_none(every: Sequence[Target], tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    for target in every:
        for content in running_code(ran):
            try:
                target.use(content)
            except OURS:
                continue
    assert not ran.exists()
    pickle.loads(pickle.dumps(Marker(ran))).close()
    assert ran.exists(), "the marker works"


def test_other_exceptions_and_slow_inputs_are_findings() -> None:
    def use(content: bytes) -> None:
        if content == b"bad":
            raise KeyError("no error of ours")

    outcome = Outcome()
    bad = Target(name="t", inputs=[b""], mutate=lambda random, inputs: b"bad", use=use, longest=1.0)
    one_input(bad, "t:1", b"bad", outcome)
    one_input(bad, "t:2", b"good", outcome)
    slow = Target(name="t", inputs=[b""], mutate=bad.mutate, use=lambda content: None, longest=-1.0)
    one_input(slow, "t:3", b"", outcome)
    assert [(one.first, one.count) for one in outcome.findings.values()] == [("t:1", 1), ("t:3", 1)]
    assert outcome.summary()["inputs"] == 3
