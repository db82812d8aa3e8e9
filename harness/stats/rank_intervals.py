"""Resampled scores of many models -> which ranks each may have, all judged at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from harness.stats.means import NOISE, student_quantile
from metrics.base import FloatArray


def rank_intervals(
    scores: FloatArray, *, values: FloatArray | None = None, clusters: int | None = None, confidence: float = 0.95
) -> list[tuple[int, int]]:
    """Simultaneous rank intervals of ``m`` models: ``[1 + #surely better, m - #surely worse]``.

    All ``m (m - 1) / 2`` differences are judged at once against the bootstrap distribution of the largest absolute
    studentised difference (max-|t|; Mogstad, Romano, Shaikh & Wilhelm 2024).

    Args:
        scores: ``[B, m]`` jointly bootstrapped scores, higher is better (negate otherwise).
        values: ``[m]`` the scores themselves; by default the means of ``scores``.
        clusters: Items that were drawn; with few of them the resamples' tails are too short, and are widened as those
            of a single score are.
    """
    models = scores.shape[1]
    centre = scores.mean(axis=0) if values is None else np.asarray(values, dtype=np.float64)
    largest = np.zeros(len(scores))
    gap = centre[:, None] - centre[None, :]
    spread = np.zeros((models, models))
    for first in range(models - 1):
        others = slice(first + 1, models)
        deltas = scores[:, [first]] - scores[:, others]
        spread[first, others] = spread[others, first] = deltas.std(axis=0, ddof=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            studentised = np.abs(deltas - gap[first, others]) / spread[first, others]
        moving = spread[first, others] > NOISE
        if moving.any():
            np.maximum(largest, studentised[:, moving].max(axis=1), out=largest)
    critical = float(np.quantile(largest, confidence))
    if clusters is not None and clusters > 1:
        critical = _widened(critical, clusters)
    surely_better = gap > np.maximum(critical * spread, NOISE)
    beaten_by, beats = surely_better.sum(axis=0), surely_better.sum(axis=1)
    return [(1 + int(lost), models - int(won)) for lost, won in zip(beaten_by, beats, strict=True)]


def tie_groups(intervals: Sequence[tuple[int, int]]) -> list[int]:
    """Number (from 1, best first) of each model's tie group: models linked by overlapping rank intervals share one."""
    groups = [0] * len(intervals)
    group, reach = 0, 0
    for index in sorted(range(len(intervals)), key=lambda position: intervals[position]):
        low, high = intervals[index]
        if low > reach:
            group += 1
        reach = max(reach, high)
        groups[index] = group
    return groups


def _widened(critical: float, clusters: int) -> float:
    """A normal's critical value as Student's, for resamples that vary by ``sqrt((G - 1) / G)`` of what they should."""
    tail = NormalDist().cdf(-critical)
    quantile = student_quantile(tail, clusters - 1) if tail > 0 else -critical
    return math.sqrt(clusters / (clusters - 1)) * -quantile
