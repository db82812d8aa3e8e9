"""Two scores of the same thing in two runs -> what changed, from the records alone.

The two intervals decide, taken as independent (``stats.unpaired_difference``), which on common items is rather too
wide. Where both runs keep segments ``harness.steps`` tests these instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, NamedTuple

from harness.pairing import MACRO
from harness.records import ScoreRecord
from harness.stats import corrected, unpaired_difference
from harness.systems import Family

ALPHA = 0.05

ChangeVerdict = Literal["better", "worse", "no difference shown", "not known"]
Basis = Literal["segments", "intervals", ""]

_NORMAL = NormalDist()
_Z = _NORMAL.inv_cdf(1 - ALPHA / 2)


class Change(NamedTuple):
    """One language (or ``macro``, the mean over ``languages`` of them) of a later run against an earlier one.

    ``delta`` is the later value minus the earlier one, in the unit of the metric, on the common segments where these
    are known; ``p`` is two-sided and corrected; ``basis`` says what decided.
    """

    language: str
    before: float | None
    after: float | None
    delta: float | None
    low: float | None
    high: float | None
    p: float | None
    verdict: ChangeVerdict
    basis: Basis
    n: int
    languages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackChanges:
    """All changes of one model in one family; the macro row, where there is one, comes first."""

    model: str
    family: Family
    changes: tuple[Change, ...]


def interval_changes(model: str, family: Family, before: Mapping[str, ScoreRecord], after: Mapping[str, ScoreRecord],
                     languages: Sequence[str]) -> TrackChanges:  # fmt: skip
    """Changes in ``languages``, by the intervals of the two records alone."""
    found = [_by_intervals(language, before[language], after[language]) for language in languages]
    adjusted = iter(corrected([change.p for change in found if change.p is not None], "bh").tolist())
    better = [after[language].higher_is_better for language in languages]
    rows = [
        _decided(change, None if change.p is None else next(adjusted), higher)
        for change, higher in zip(found, better, strict=True)
    ]
    if len(rows) > 1 and len({facts.higher_is_better for facts in after.values()}) == 1:
        rows.insert(0, _macro_by_intervals([before[one] for one in languages], [after[one] for one in languages]))
    return TrackChanges(model=model, family=family, changes=tuple(rows))


def _by_intervals(language: str, before: ScoreRecord, after: ScoreRecord) -> Change:
    ends = (before.ci_low, before.ci_high, after.ci_low, after.ci_high)
    return _difference(language, before.value, after.value, ends, n=after.n)


def _macro_by_intervals(before: Sequence[ScoreRecord], after: Sequence[ScoreRecord]) -> Change:
    """The mean's change; the ends of the languages' intervals averaged, as if all of them erred together."""
    means = [math.fsum(score.value or 0.0 for score in side) / len(side) for side in (before, after)]
    change = _difference(
        MACRO,
        means[0],
        means[1],
        (*averaged_ends(before), *averaged_ends(after)),
        n=sum(score.n for score in after),
        languages=len(after),
    )
    return _decided(change, change.p, after[0].higher_is_better)


def averaged_ends(scores: Sequence[ScoreRecord]) -> tuple[float | None, float | None]:
    """The mean low and the mean high end of the intervals; ``None`` where one is missing."""
    lows = [score.ci_low for score in scores if score.ci_low is not None]
    highs = [score.ci_high for score in scores if score.ci_high is not None]
    if not scores or min(len(lows), len(highs)) < len(scores):
        return None, None
    return math.fsum(lows) / len(lows), math.fsum(highs) / len(highs)


def _difference(
    language: str,
    before: float | None,
    after: float | None,
    ends: tuple[float | None, float | None, float | None, float | None],
    *,
    n: int,
    languages: int = 1,
) -> Change:
    assert before is not None
    assert after is not None
    delta = after - before
    low = high = p = None
    old_low, old_high, new_low, new_high = ends
    if old_low is not None and old_high is not None and new_low is not None and new_high is not None:
        _, low, high = unpaired_difference((after, new_low, new_high), (before, old_low, old_high))
        towards_zero = delta - low if delta > 0 else high - delta
        z = math.inf if towards_zero == 0 and delta else abs(delta) / (towards_zero or 1.0) * _Z
        p = 2 * (1 - _NORMAL.cdf(z))
    basis: Basis = "" if p is None else "intervals"
    return Change(language, before, after, delta, low, high, p, "not known", basis, n, languages)


def _decided(change: Change, p: float | None, higher_is_better: bool) -> Change:
    """The change with its corrected p and the verdict that follows."""
    if p is None or change.delta is None:
        return change
    if p > ALPHA or change.delta == 0:
        return change._replace(p=p, verdict="no difference shown")
    return change._replace(p=p, verdict="better" if (change.delta > 0) == higher_is_better else "worse")
