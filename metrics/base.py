"""The metric contract: segments -> statistics ``[n, k]`` -> score.

One decomposition serves the corpus score, the segment score, the bootstrap (a counts matrix ``[B, n]`` times the
statistics ``[n, k]``), the paired tests and the merging of shards. A metric that is not a function of *summed*
statistics (a rank correlation) implements :class:`PooledMetric` instead and is re-evaluated per resample. What a metric
reads is a second, independent choice: texts (:class:`TextMetric`), vectors (:class:`VectorMetric`), or values that
somebody else has computed (:class:`MeanMetric`).

Knows no file, model or language-specific rule; everything else in ``metrics`` builds on it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
VectorArray = NDArray[np.float32]

DEFINITIONS = "glotbench-0.1.0"
"""The release in which a number made by our own code last changed; part of our signatures. Raise it when, and only
when, a metric gives another value for the same input: then old and new scores are no longer comparable."""

Unit = Literal["points", "fraction", "correlation", "bits", "perplexity", "tokens", "ratio"]


class MetricError(Exception):
    """A metric was asked for something it cannot do; the message says what to do instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One text to be judged.

    Attributes:
        hypothesis: What the system wrote.
        references: One or more accepted answers, most trusted first.
        source: What the system was given, where the metric needs it.
    """

    hypothesis: str
    references: tuple[str, ...]
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricInfo:
    """All facts of one metric, in one place.

    Attributes:
        name: The name people write in a task file, e.g. ``chrf++``.
        title: The name shown on a page, e.g. ``chrF++``.
        description: One plain sentence for someone who has never met the metric.
        unit: ``points`` (0-100), ``fraction`` (0-1), ``correlation`` (-1 to 1); without an upper end ``bits``,
            ``perplexity``, ``tokens`` (a unit of text) and ``ratio``.
        bounds: Smallest and largest possible value; ``inf`` where there is none.
        higher_is_better: Direction of goodness.
        needs_source: Whether segments must carry their source.
        binary: Whether each segment scores exactly 0 or 1 (its interval is then Wilson's).
        decimals: Digits after the point that are worth showing.
        kinds: The task kinds whose answers it can score, e.g. ``translation``; for any other it is a load-time error.
    """

    name: str
    title: str
    description: str
    unit: Unit
    bounds: tuple[float, float]
    higher_is_better: bool = True
    needs_source: bool = False
    binary: bool = False
    decimals: int = 1
    kinds: tuple[str, ...] = ()


class Metric(ABC):
    """What every metric offers, whatever its statistics look like.

    Attributes:
        resampling_shifts: Whether drawing items with replacement moves the score by itself (an item drawn twice agrees
            with itself), so that a bootstrap interval has to be put back around the score.
    """

    info: MetricInfo
    resampling_shifts = False

    @abstractmethod
    def signature(self) -> str:
        """Text that lets someone else reproduce the score: name, settings and version of what computed it."""

    @abstractmethod
    def aggregate(self, stats: FloatArray, counts: FloatArray | None = None) -> FloatArray:
        """Score of a set of segments, or of many resamples of it at once.

        Args:
            stats: ``[n, k]`` statistics, one row a segment.
            counts: ``[B, n]`` how often each segment stands in each resample; ``None`` means once each.

        Returns:
            ``[B]`` scores (``[1]`` without counts) in the unit of ``info``; ``nan`` for a resample without segments.
        """

    def value(self, stats: FloatArray) -> float:
        """Score of all segments of ``stats`` ``[n, k]`` together."""
        return float(self.aggregate(stats)[0])

    def segment_scores(self, stats: FloatArray) -> FloatArray:
        """``[n]`` score of every segment on its own; ``nan`` where a single segment has no score."""
        return np.full(len(stats), np.nan)


class AdditiveMetric(Metric):
    """A metric whose score is a function of summed statistics."""

    @abstractmethod
    def score(self, summed: FloatArray) -> FloatArray:
        """Score from summed statistics: ``[..., k] -> [...]``; ``nan`` where nothing was summed."""

    def aggregate(self, stats: FloatArray, counts: FloatArray | None = None) -> FloatArray:
        if counts is None:
            return np.atleast_1d(self.score(stats.sum(axis=0)))
        return self.score(counts @ stats)

    def segment_scores(self, stats: FloatArray) -> FloatArray:
        return self.score(stats)


class TextMetric(AdditiveMetric):
    """An additive metric that reads segments of text."""

    @abstractmethod
    def segment_stats(self, segments: Sequence[Segment]) -> FloatArray:
        """Statistics ``[n, k]`` float64 of ``n`` segments, in their order.

        Raises:
            MetricError: A segment lacks what the metric needs (a reference, the source).
        """


class VectorMetric(Metric):
    """A metric of paired vectors: row ``i`` of one side belongs to row ``i`` of the other."""

    @abstractmethod
    def vector_stats(self, first: VectorArray, second: VectorArray, gold: FloatArray | None = None) -> FloatArray:
        """Statistics ``[n, k]`` float64 of ``n`` pairs, in their order.

        Args:
            first: ``[n, d]`` one vector a text, or ``[layers + 1, n, d]`` pooled hidden states of every layer.
            second: The other side, in the same shape.
            gold: ``[n]`` what people said about each pair, where the metric needs it.

        Raises:
            MetricError: Shapes that do not match, numbers that are not finite, or no ``gold`` where it is needed.
        """


class PooledMetric(Metric):
    """A metric of the whole sample (a rank correlation): rows are observations, not summands."""

    @abstractmethod
    def pooled(self, rows: FloatArray) -> float:
        """Score of observations ``[n, k]``; ``nan`` where it is undefined (fewer than two, or constant)."""

    def aggregate(self, stats: FloatArray, counts: FloatArray | None = None) -> FloatArray:
        if counts is None:
            return np.array([self.pooled(stats)])
        repeats = counts.astype(np.int64)
        return np.array([self.pooled(np.repeat(stats, row, axis=0)) for row in repeats])


class MeanMetric(AdditiveMetric):
    """Mean of one value a segment; statistics are ``(value, 1)``, so failed segments can be counted in or left out.

    Accuracy, segment-level neural metrics and every other average are this one class with other facts.
    """

    def __init__(self, info: MetricInfo, signature: str) -> None:
        self.info = info
        self._signature = signature

    def signature(self) -> str:
        return self._signature

    def score(self, summed: FloatArray) -> FloatArray:
        total, count = summed[..., 0], summed[..., 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(count > 0, total / count, np.nan)

    @staticmethod
    def stats(values: FloatArray) -> FloatArray:
        """Statistics ``[n, 2]`` of values ``[n]``."""
        return np.column_stack([values, np.ones(len(values))])
