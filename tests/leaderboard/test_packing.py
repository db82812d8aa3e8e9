"""Comparisons as small texts: nothing is lost, and nothing long stands there row by row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.compare import Comparison, Contrast, NotCompared
from harness.pairing import MACRO, SegmentDrop
from leaderboard.compare.packing import by_pair, pack, unpack

MODELS = ("ሞዴል", "نموذج", "မော်ဒယ် 👩🏽‍🔬")
LANGUAGES = ("amh_Ethi", "arb_Arab", "mya_Mymr", "tha_Thai", "jpn_Jpan", "nqo_Nkoo")
REASON = "no segments are known, so that 41.20 and none cannot be tested"


def contrast(system: str, against: str, place: int) -> Contrast:
    drop = SegmentDrop(segment=f"ክፍል-{place}", score=0.1 + place / 3, score_against=1e-17)
    return Contrast(
        system=system,
        against=against,
        task="mt",
        variant="",
        prompt="ߒߞߏ",
        language=LANGUAGES[place] if place else MACRO,
        metric="chrf++",
        title="chrF++",
        decimals=2,
        higher_is_better=True,
        value=None if place == 2 else 1 / 3,
        value_against=0.1 + 0.2,
        delta=None if place == 2 else -0.0,
        stderr=None,
        low=-1e300,
        high=5e-324,
        p=0.04999999999999999,
        p_corrected=1.0,
        verdict="no difference shown",
        n=place,
        languages=1 if place else 5,
        worst=(drop, drop)[: place % 3],
        best=(drop,)[: place % 2],
        clusters=None if place else 3,
    )


def refused(system: str, against: str, language: str, reason: str = REASON) -> NotCompared:
    return NotCompared(
        system=system, against=against, task="mt", variant="", prompt="", language=language, metric="m", reason=reason
    )


@pytest.fixture
def found() -> Comparison:
    pairs = [(MODELS[1], MODELS[0]), (MODELS[2], MODELS[0])]
    return Comparison(
        systems=MODELS,
        correction="bh",
        alpha=0.05,
        seed=0,
        contrasts=tuple(contrast(*pair, place) for pair in pairs for place in range(len(LANGUAGES))),
        not_compared=tuple(refused(MODELS[2], MODELS[1], language) for language in LANGUAGES),
        imported=((MODELS[1], "another program"), (MODELS[2], "አንድ ፕሮግራም")),
    )


def test_a_packed_comparison_comes_back_as_it_was(found: Comparison) -> None:
    for own in (found, *by_pair(found).values(), replace(found, contrasts=(), not_compared=(), imported=())):
        again = unpack(pack(own))
        assert again == own
        assert [repr(row.delta) for row in again.contrasts] == [repr(row.delta) for row in own.contrasts]


def test_a_pair_has_what_is_about_it(found: Comparison) -> None:
    apart = by_pair(found)
    assert list(apart) == [(MODELS[1], MODELS[0]), (MODELS[2], MODELS[0]), (MODELS[2], MODELS[1])]
    assert sum(len(own.contrasts) for own in apart.values()) == len(found.contrasts)
    last = apart[MODELS[2], MODELS[1]]
    assert last.systems == (MODELS[1], MODELS[2])
    assert (last.contrasts, last.not_compared) == ((), found.not_compared)
    assert apart[MODELS[1], MODELS[0]].imported == ((MODELS[1], "another program"),)


def test_a_reason_that_many_rows_share_stands_once(found: Comparison) -> None:
    text = pack(found)
    assert text.count(REASON) == 1
    rows = tuple(refused("b", "a", f"l{number:04d}_Latn") for number in range(1000))
    assert len(pack(replace(found, not_compared=rows))) - len(text) < 25 * len(rows)
    reasons = {id(row.reason) for row in unpack(pack(replace(found, not_compared=rows))).not_compared}
    assert len(reasons) == 1
