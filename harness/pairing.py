"""Two scores of the same thing brought together, segment by segment; what ``compare`` and ``gate`` share.

Says whether two scores may be compared at all, finds their common segments, and looks up the texts of those that lost
most. Knows no verdict; its samples go to ``harness.stats``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from harness.records import ScoreRecord
from harness.resampling import Sample
from harness.spec import MetricOption
from harness.stats import is_mean
from harness.store import RunFolder, SegmentRow, UnitKey, UnitStatistics
from metrics import registry
from metrics.base import FloatArray, Metric, MetricError

FACETS = ("dataset", "prompt", "metric_signature", "decoding")
"""What two scores must share; the names a gate policy uses under ``require_same``."""

MACRO = "macro"
"""What stands for the language of a mean over languages."""

CreateMetric = Callable[[str, dict[str, MetricOption]], Metric]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentDrop:
    """One segment on which two systems differ: where drops are listed, the first does worse than the second.

    Attributes:
        score, score_against: Segment scores of the two systems, in the unit of the metric.
        source, reference, hypothesis, hypothesis_against: Texts; ``None`` where the run holds none.
    """

    segment: str
    score: float
    score_against: float
    source: str | None = None
    reference: str | None = None
    hypothesis: str | None = None
    hypothesis_against: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedScores:
    """Two systems on their common segments.

    Attributes:
        sample: Statistics of the two, row by row.
        equal: Whether all of it is identical and no segment is missing on either side.
        worst: Largest losses of the first system, worst first, without texts. best: Its largest gains, best first.
        left_out: Segments that only one system has, or that one of them has no score for.
    """

    sample: Sample
    equal: bool
    worst: tuple[SegmentDrop, ...]
    best: tuple[SegmentDrop, ...] = ()
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSource:
    """A score and the run folder its statistics and texts lie in."""

    folder: RunFolder
    score: ScoreRecord

    def statistics(self) -> UnitStatistics:
        return self.folder.statistics(self.score.unit_key, self.score.metric)


def generator(seed: int, *names: str) -> np.random.Generator:
    """A generator that depends on the seed and on what it is for, not on what was computed before."""
    digest = hashlib.sha256("\x1f".join(names).encode("utf-8", "surrogatepass")).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "little")])


def incomparable(first: ScoreRecord, second: ScoreRecord, facets: Collection[str] = FACETS) -> str:
    """Why two scores must not be compared; empty when they may."""
    one, other = first.fingerprint, second.fingerprint
    found = {
        "dataset": (one.dataset, other.dataset),
        "prompt": (one.prompt, other.prompt),
        "metric_signature": (one.metric or first.signature, other.metric or second.signature),
        "decoding": (one.decoding_settings, other.decoding_settings),
    }
    differing = [
        f"{facet.replace('_', ' ')} differs ({found[facet][0][:60] or 'none'} / {found[facet][1][:60] or 'none'})"
        for facet in FACETS
        if facet in facets and found[facet][0] != found[facet][1]
    ]
    return "; ".join(differing)


def untestable(first: ScoreRecord, second: ScoreRecord) -> str:
    """Why no test can tell two scores apart, with their values; empty when both have segments."""
    if first.segments and second.segments:
        return ""
    values = " and ".join("none" if one.value is None else f"{one.value:.{one.decimals}f}" for one in (first, second))
    return f"no segments are known, so that {values} cannot be tested"


def recreate(score: ScoreRecord, create: CreateMetric | None = None) -> Metric | str:
    """The metric of a score, or the reason why it cannot be made here."""
    try:
        return (create or registry.create)(score.metric, score.metric_options)
    except MetricError as error:
        return f"metric {score.metric} cannot be made here: {error}"


def pair_statistics(
    first: UnitStatistics,
    second: UnitStatistics,
    metric: Metric,
    *,
    clustered: bool = True,
    worst: int = 5,
    best: int = 0,
) -> PairedScores | str:
    """The common segments of two systems, or the reason why there is nothing to compare.

    Args:
        clustered: Keep segments of one cluster together; else every segment id is an item of its own (still the same
            item in every language).
        worst: How many of the largest losses to list. best: How many of the largest gains.
    """
    if len(set(first.segments)) < len(first.segments) or len(set(second.segments)) < len(second.segments):
        return "segment ids are not unique"
    if first.stats.shape[1:] != second.stats.shape[1:] and len(first.stats) and len(second.stats):
        return f"statistics of different width ({first.stats.shape[1]} and {second.stats.shape[1]})"
    longest = max(len(first.segments), len(second.segments))
    known = len(first.segments) + len(second.segments)
    rows_first, rows_second = _common_rows(first, second)
    known -= len(rows_first)
    scored = _is_scored(first.stats[rows_first], metric) & _is_scored(second.stats[rows_second], metric)
    first, second = _rows(first, rows_first[scored]), _rows(second, rows_second[scored])
    if not first.segments:
        return "no common scored segment"
    sign = 1 if metric.info.higher_is_better else -1
    losses = sign * (second.scores - first.scores)
    losses = np.where(np.isfinite(losses), losses, 0.0)
    return PairedScores(
        sample=Sample(
            metric=metric,
            systems=(first.stats, second.stats),
            clusters=first.clusters if clustered else first.segments,
        ),
        equal=bool(scored.all()) and len(scored) == longest and np.array_equal(first.stats, second.stats),
        worst=_largest(losses, worst, first, second),
        best=_largest(-losses, best, first, second),
        left_out=known - len(first.segments),
    )


def _largest(losses: FloatArray, most: int, first: UnitStatistics, second: UnitStatistics) -> tuple[SegmentDrop, ...]:
    """The segments with the largest positive ``losses``, largest first."""
    return tuple(
        SegmentDrop(
            segment=first.segments[index], score=float(first.scores[index]), score_against=float(second.scores[index])
        )
        for index in (np.argsort(-losses, kind="stable")[:most] if most else ())
        if losses[index] > 0
    )


def with_texts(
    drops: Sequence[tuple[ScoreSource, ScoreSource, tuple[SegmentDrop, ...]]],
) -> list[tuple[SegmentDrop, ...]]:
    """Fill in the texts of many lists of drops, reading every unit once and keeping only the segments asked for."""
    wanted: dict[tuple[Path, UnitKey], tuple[RunFolder, set[str]]] = {}
    for first, second, listed in drops:
        for side in (first, second):
            _, segments = wanted.setdefault((side.folder.path, side.score.unit_key), (side.folder, set()))
            segments.update(drop.segment for drop in listed)
    texts = {
        key: _pick(folder.segments(key[1]), segments) if segments else {} for key, (folder, segments) in wanted.items()
    }
    return [
        tuple(
            _with_text(
                drop,
                texts[first.folder.path, first.score.unit_key].get(drop.segment),
                texts[second.folder.path, second.score.unit_key].get(drop.segment),
            )
            for drop in listed
        )
        for first, second, listed in drops
    ]


def _common_rows(first: UnitStatistics, second: UnitStatistics) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of the common segments in both tables, in the order of the first."""
    if first.segments == second.segments:
        rows = np.arange(len(first.segments))
        return rows, rows
    positions = {segment: row for row, segment in enumerate(second.segments)}
    pairs = [(row, positions[segment]) for row, segment in enumerate(first.segments) if segment in positions]
    found = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def _rows(unit: UnitStatistics, rows: np.ndarray) -> UnitStatistics:
    """Some rows of a unit; the unit itself when it is all of them in order, so that pairs share its arrays."""
    if np.array_equal(rows, np.arange(len(unit.segments))):
        return unit
    return UnitStatistics(
        segments=tuple(unit.segments[row] for row in rows),
        clusters=tuple(unit.clusters[row] for row in rows),
        stats=unit.stats[rows],
        scores=unit.scores[rows],
    )


def _is_scored(stats: FloatArray, metric: Metric) -> np.ndarray:
    """Rows that say something: finite, and for means counted at all."""
    finite = np.isfinite(stats).all(axis=1)
    return np.asarray(finite & (stats[:, 1] > 0)) if is_mean(metric) else np.asarray(finite)


def _pick(rows: Iterable[SegmentRow], segments: Collection[str]) -> dict[str, SegmentRow]:
    return {row.segment: row for row in rows if row.segment in segments}


def _with_text(drop: SegmentDrop, first: SegmentRow | None, second: SegmentRow | None) -> SegmentDrop:
    shown = first or second
    if shown is None:
        return drop
    return replace(
        drop,
        source=shown.source,
        reference=shown.references[0] if shown.references else None,
        hypothesis=first.hypothesis if first else None,
        hypothesis_against=second.hypothesis if second else None,
    )
