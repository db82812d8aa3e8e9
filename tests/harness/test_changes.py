from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.changes import Change, interval_changes
from harness.pairing import MACRO
from harness.records import ScoreRecord
from tests.leaderboard_runs import score

FAMILY = ("t", "", "", "m")


def changes(before: dict[str, ScoreRecord], after: dict[str, ScoreRecord]) -> dict[str, Change]:
    return {one.language: one for one in interval_changes("m", FAMILY, before, after, list(after)).changes}


def scores(values: dict[str, float], half: float = 1.0, **facts: object) -> dict[str, ScoreRecord]:
    return {
        language: score("m", language, value, ci_low=value - half, ci_high=value + half, **facts)
        for language, value in values.items()
    }


def test_the_interval_of_a_difference_is_that_of_zou_and_donner() -> None:
    before = {"amh_Ethi": score("m", "amh_Ethi", 50.0, ci_low=47.0, ci_high=54.0)}
    after = {"amh_Ethi": score("m", "amh_Ethi", 60.0, ci_low=58.0, ci_high=61.0)}
    found = changes(before, after)["amh_Ethi"]
    assert found.delta == 10.0
    assert found.low == pytest.approx(10 - math.hypot(60 - 58, 54 - 50))
    assert found.high == pytest.approx(10 + math.hypot(61 - 60, 50 - 47))
    assert (found.verdict, found.basis) == ("better", "intervals")


def test_languages_are_corrected_together_and_the_mean_stands_first() -> None:
    before = scores({f"l{index}_Latn": 50.0 for index in range(10)})
    after = scores({f"l{index}_Latn": 50.0 - (1.5 if index == 0 else 0.0) for index in range(10)})
    alone = changes({"l0_Latn": before["l0_Latn"]}, {"l0_Latn": after["l0_Latn"]})
    together = interval_changes("m", FAMILY, before, after, list(after)).changes
    assert alone["l0_Latn"].verdict == "worse"
    assert together[0].language == MACRO
    assert together[0].languages == 10
    assert together[0].delta == pytest.approx(-0.15)
    assert together[1].verdict == "no difference shown"
    assert together[1].p == pytest.approx(10 * alone["l0_Latn"].p)


def test_lower_may_be_better() -> None:
    facts = {"higher_is_better": False}
    found = changes(scores({"tha_Thai": 50.0}, **facts), scores({"tha_Thai": 40.0}, **facts))
    assert found["tha_Thai"].verdict == "better"


def test_without_intervals_nothing_is_known() -> None:
    bare = {"ci_low": None, "ci_high": None}
    before, after = ({"nqo_Nkoo": score("m", "nqo_Nkoo", value, **bare)} for value in (10.0, 90.0))
    found = changes(before, after)["nqo_Nkoo"]
    assert (found.delta, found.p, found.verdict, found.basis) == (80.0, None, "not known", "")


WIDTHS = st.floats(0.01, 20)


@given(st.floats(0, 100), st.floats(0, 100), st.tuples(WIDTHS, WIDTHS, WIDTHS, WIDTHS))
def test_a_single_language_differs_just_where_its_interval_excludes_zero(
    old: float, new: float, widths: tuple[float, float, float, float]
) -> None:
    a, b, c, d = widths
    before = {"jpn_Jpan": score("m", "jpn_Jpan", old, ci_low=old - a, ci_high=old + b)}
    after = {"jpn_Jpan": score("m", "jpn_Jpan", new, ci_low=new - c, ci_high=new + d)}
    (found,) = interval_changes("m", FAMILY, before, after, ["jpn_Jpan"]).changes
    assert found.low is not None
    assert found.high is not None
    if min(abs(found.low), abs(found.high)) > 1e-6:
        assert (found.verdict in ("better", "worse")) == (found.low > 0 or found.high < 0)
