"""Bootstrapped scores -> standard errors and intervals, on the scale that fits the kind of score.

Percentiles alone are too narrow with few items: resamples vary by ``sqrt((G - 1) / G)`` of what they should, their
tails are a normal's where Student's are needed, and of a ratio of sums they vary too little still, which the jackknife
shows. All methods here make up for these.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from harness.resampling import Layout, Sample, left_out_scores
from harness.stats.means import NOISE, student_quantile
from harness.stats.proportions import score_interval, wilson
from harness.stats.results import NO_INTERVAL, Interval
from metrics.base import FloatArray, MetricInfo

_FEWEST = 0.5
"""Share of resamples in which a score must be defined for an interval."""

_ALMOST_ONE = 1 - 1e-9

_MOST_LEFT_OUT = 100
_MOST_LEFT_OUT_ALWAYS = 2000
"""Clusters that are left out one by one: beyond, the jackknife costs more than it tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What kind of number a score (or a weighted sum of scores) is.

    Attributes:
        low, high: Smallest and largest possible value. unit: As in ``MetricInfo``.
    """

    low: float
    high: float
    unit: str

    @classmethod
    def of(cls, info: MetricInfo, total: float = 1.0) -> Scale:
        """The scale of a metric's scores times ``total``."""
        return cls(low=total * info.bounds[0], high=total * info.bounds[1], unit=info.unit)

    @property
    def bounded(self) -> bool:
        return math.isfinite(self.low) and math.isfinite(self.high)


def spread(scores: FloatArray, clusters: float) -> float:
    """Standard error ``[B]`` resampled scores of ``clusters`` items tell; ``nan`` where most are undefined."""
    finite = scores[np.isfinite(scores)]
    if len(finite) <= len(scores) * _FEWEST or len(finite) < 2 or clusters < 2:
        return math.nan
    return math.sqrt(clusters / (clusters - 1)) * float(finite.std(ddof=1))


def jackknife_error(layout: Layout, parts: FloatArray) -> float:
    """Standard error of a weighted sum of the first systems' scores by leaving out clusters; 0 where there are many.

    With more than 100 clusters it is the bootstrap's, unless resampling itself moves the score (a V-measure of items
    drawn twice varies too little: by a sixth at 200 items).

    Args:
        parts: ``[L, m]`` weight of every system's score on every sample.
    """
    if not wants_jackknife(layout.samples, layout.groups):
        return 0.0
    left_out = np.einsum("glm,lm->g", left_out_scores(layout), parts)
    return jackknife_spread(left_out)


def wants_jackknife(samples: Sequence[Sample], clusters: int) -> bool:
    """Whether there are few enough clusters for :func:`jackknife_error` to say something and to be cheap."""
    shifts = any(sample.metric.resampling_shifts for sample in samples)
    return clusters <= (_MOST_LEFT_OUT_ALWAYS if shifts else _MOST_LEFT_OUT)


def jackknife_spread(left_out: FloatArray) -> float:
    """Standard error from scores ``[G]`` without one cluster each; 0 where one is undefined."""
    count = len(left_out)
    if count < 2 or not np.isfinite(left_out).all():
        return 0.0
    return math.sqrt((count - 1) / count * float(((left_out - left_out.mean()) ** 2).sum()))


def resampled_interval(
    scores: FloatArray,
    value: float,
    scale: Scale,
    *,
    clusters: int,
    effective: float,
    jackknife: float = 0.0,
    confidence: float = 0.95,
    recentre: bool = False,
) -> Interval:
    """Interval of a score from resamples of it.

    A fraction gets the score interval for its effective number of items; a correlation Student's quantile on Fisher's z
    scale; anything else the widened percentiles.

    Args:
        scores: ``[B]``; ``nan`` where a resample has no score. value: The score itself.
        clusters: Items that were drawn. effective: As many equally large ones as they are worth.
        jackknife: The jackknife's standard error; the larger of the two counts.
        recentre: Whether resampling by itself moves the score, so that percentiles must be put back around it.
    """
    resampled = spread(scores, clusters)
    if math.isnan(resampled) or math.isnan(value):
        return NO_INTERVAL
    stderr = max(resampled, jackknife)
    widening = stderr / resampled if resampled > NOISE else 1.0
    quantile = student_quantile((1 + confidence) / 2, effective - 1)
    if scale.unit == "fraction" and scale.bounded:
        low, high = bounded_ends(value, stderr, scale, items=clusters, quantile=quantile, confidence=confidence)
        return Interval(stderr=stderr, low=low, high=high, method="bounded bootstrap")
    if scale.unit == "correlation" and scale.bounded:
        low, high = _fisher_ends(scores, value, scale, clusters, widening * quantile)
        return Interval(stderr=stderr, low=low, high=high, method="fisher bootstrap")
    if recentre:
        scores = scores + (value - float(np.nanmean(scores)))
    low, high = widened_percentiles(scores, clusters=clusters, quantile=quantile)
    low, high = value + widening * (low - value), value + widening * (high - value)
    return Interval(stderr=stderr, low=max(low, scale.low), high=min(high, scale.high), method="bootstrap")


def widened_percentiles(scores: FloatArray, *, clusters: int, quantile: float) -> tuple[float, float]:
    """Percentiles further out by as much as Student's quantile is, and as resamples vary too little (Hesterberg 2015).

    Hesterberg, "What teachers should know about the bootstrap", The American Statistician 69(4), section 4.3.
    """
    tail = NormalDist().cdf(-math.sqrt(clusters / (clusters - 1)) * quantile)
    low, high = np.nanquantile(scores, [tail, 1 - tail])
    return float(low), float(high)


def bounded_ends(
    value: float,
    stderr: float,
    scale: Scale,
    *,
    items: float,
    quantile: float,
    most: float = math.inf,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Ends of the score interval of a value between two ends, from its standard error.

    The effective number of items is that of 0/1 values with this mean and this standard error. At an end of the scale,
    where nothing varies, it is ``items`` (and the interval Wilson's): 0 of 50 is not surely 0. Without variation in
    between, nothing is uncertain.

    Args:
        most: The effective number is no more than this.
    """
    span = scale.high - scale.low
    share, error = (value - scale.low) / span, stderr / span
    if min(share, 1 - share) <= NOISE:
        low, high = wilson(round(share) * items, items, confidence)
    elif error <= NOISE:
        return value, value
    else:
        low, high = score_interval(share, min(share * (1 - share) / error**2, most), quantile)
    return scale.low + span * low, scale.low + span * high


def _fisher_ends(scores: FloatArray, value: float, scale: Scale, clusters: int, quantile: float) -> tuple[float, float]:
    half = (scale.high - scale.low) / 2
    centre = (scale.high + scale.low) / 2
    stretched = np.arctanh(np.clip((scores - centre) / half, -_ALMOST_ONE, _ALMOST_ONE))
    middle = math.atanh(min(max((value - centre) / half, -_ALMOST_ONE), _ALMOST_ONE))
    reach = quantile * spread(stretched, clusters)
    return centre + half * math.tanh(middle - reach), centre + half * math.tanh(middle + reach)
