"""A model's series as data: rows a run and language, and what the gate said, at full precision."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from harness.changes import Change
from harness.pairing import MACRO
from harness.summary_rows import Cells
from leaderboard.data.site_data import JudgedBy
from leaderboard.trend.trend_runs import Judged, RunView
from leaderboard.trend.trend_view import TrackView

TREND_COLUMNS = (
    *("model", "task", "variant", "prompt", "metric", "language", "run", "created"),
    *("value", "ci_low", "ci_high", "n", "languages", "era", "in_mean", "line_broken"),
    *("change", "change_low", "change_high", "p_corrected", "verdict", "decided_by"),
)
"""``language`` is ``macro`` for the mean; ``change`` is from the run before, within an ``era`` only."""

_Value = str | int | float | None


def trend_rows(views: Sequence[TrackView], *, means_only: bool = False) -> list[Cells]:
    """Every value of every run, the mean before its languages; or the means alone."""
    rows = (dict(zip(TREND_COLUMNS, values, strict=True)) for view in views for values in _track(view))
    return [row for row in rows if not means_only or row["language"] == MACRO]


def _track(view: TrackView) -> list[tuple[_Value, ...]]:
    found: list[tuple[_Value, ...]] = []
    for row in view.rows:
        era = view.track.eras.index(row.era) + 1
        n = sum(row.point.scores[language].n for language in row.era.common) if row.mean is not None else 0
        head = (view.model, *view.track.family)
        found.append(
            (
                *(*head, MACRO, row.run.id, row.run.created, row.mean, row.low, row.high, n),
                *(len(row.era.common), era, None, row.broken or None),
                *_change(row.change),
            )
        )
        for language, score in sorted(row.point.scores.items()):
            found.append(
                (
                    *(*head, language, row.run.id, row.run.created, score.value, score.ci_low, score.ci_high, score.n),
                    *(1, era, int(language in row.era.common and row.mean is not None), row.broken or None),
                    *_change(row.changes.get(language)),
                )
            )
    return found


def _change(change: Change | None) -> tuple[_Value, ...]:
    if change is None:
        return (None,) * 6
    return change.delta, change.low, change.high, change.p, change.verdict, change.basis or None


def gate_rows(
    policy: JudgedBy, runs: Mapping[int, RunView], judged: Mapping[int, Sequence[Judged]]
) -> list[dict[str, object]]:
    """What the gate said about every step that was judged."""
    return [
        {
            "run": runs[run].id,
            "created": runs[run].created,
            "against": one.against.id,
            "policy": policy.name or "default",
            "policy_sha256": policy.sha256,
            **dataclasses.asdict(one.verdict),
        }
        for run, own in judged.items()
        for one in own
    ]
