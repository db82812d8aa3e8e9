"""The languages of a model's scores over runs: where each began, where it stands, what the last step did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.changes import Change
from harness.series import Track
from leaderboard.drawing.figures import Axis
from leaderboard.drawing.figures_trend import trend_spark
from leaderboard.markup.labels import LanguageLabel, label
from leaderboard.markup.text import fold


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageTrend:
    """One language of a track: where it began, where it stands, what the last step did."""

    label: LanguageLabel
    spark: Markup
    first: float | None
    last: float | None
    since_first: Change | None
    last_step: Change | None
    remark: str


def language_trends(track: Track, last: Mapping[str, Change], whole: Mapping[str, Change]) -> list[LanguageTrend]:
    """A row a language; those that got worse in the last step come first, the largest loss first.

    Args:
        last: Changes of the last step. whole: Changes since the first run that the last one can be joined with.
    """
    points = track.points
    values = {code: [value for point in points if (value := point.value(code)) is not None] for code in track.languages}
    span = max((max(own) - min(own) for own in values.values() if own), default=0.0) or 1.0
    sign = 1 if track.facts.higher_is_better else -1
    rows = [_row(track, code, _centred(own, span), last.get(code), whole.get(code)) for code, own in values.items()]
    return sorted(rows, key=lambda row: _badness(row, sign))


def _badness(row: LanguageTrend, sign: int) -> tuple[bool, bool, float, str, str]:
    step, whole = row.last_step, row.since_first
    loss = sign * (step.delta or 0.0) if step is not None else 0.0
    worse = (step is not None and step.verdict == "worse", whole is not None and whole.verdict == "worse")
    return not worse[0], not worse[1], loss, fold(row.label.name), row.label.code


def _row(track: Track, code: str, scale: Axis, step: Change | None, whole: Change | None) -> LanguageTrend:
    stretches: list[list[tuple[float, float]]] = []
    place = 0
    for era in track.eras:
        stretches.append([])
        for point in era.points:
            if (value := point.value(code)) is not None:
                stretches[-1].append((place, value))
            place += 1
    drawn = [stretch for stretch in stretches if stretch]
    points = track.eras[-1].points
    return LanguageTrend(
        label=label(code),
        spark=trend_spark(drawn, scale, place - 1) if drawn else Markup(""),
        first=points[0].value(code),
        last=points[-1].value(code),
        since_first=whole,
        last_step=step,
        remark=_remark(track, code),
    )


def _remark(track: Track, code: str) -> str:
    era = track.eras[-1]
    if era.points[-1].value(code) is None:
        return "no score in the last run"
    return "" if code in era.common else "not in the mean: not in all runs on the same data"


def _centred(values: Sequence[float], span: float) -> Axis:
    """An axis of a height of ``span`` round the values, so that equal changes look equal in every language."""
    middle = (min(values) + max(values)) / 2 if values else 0.0
    return Axis(low=middle - span / 2, high=middle + span / 2, step=span)
