"""Statistics of one system, or of two on the same items, on one sample or several -> the interval that fits.

Which method is whose, and how well each covers, is in ``docs/statistics.md``. Several samples (languages) have one
interval of their mean, in which the same item is drawn, or counted, in all of them together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.resampling import Layout, Sample, bootstrap_scores
from harness.stats.means import NOISE, effective_clusters, influence, is_mean, row_shares, sandwich, student_quantile
from harness.stats.proportions import modified_wilson, wilson
from harness.stats.resampled import Scale, bounded_ends, jackknife_error, resampled_interval
from harness.stats.results import NO_INTERVAL, RESAMPLES, Interval
from metrics.base import FloatArray, Metric


def interval(
    metric: Metric,
    stats: FloatArray,
    clusters: Sequence[str] | None,
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
) -> Interval:
    """Interval of one score, by the method that fits the metric.

    Binary means without clusters: Wilson (the CLT interval of 0 of 20 is ``[0, 0]``). Other means between two ends: the
    score interval for their effective number of items. Means without ends: sandwich error and Student's quantile.
    Everything else: the bootstrap of clusters, see :func:`harness.stats.resampled.resampled_interval`.

    Args:
        stats: ``[n, k]``. clusters: ``n`` labels of what belongs together, or ``None``.
    """
    value = metric.value(stats) if len(stats) else math.nan
    if math.isnan(value):
        return NO_INTERVAL
    sample = Sample(metric=metric, systems=(stats,), clusters=clusters)
    layout = Layout([sample])
    clustered = layout.groups < len(stats)
    if is_mean(metric) and not clustered and _two_valued(metric, stats):
        return _proportion(metric, stats, value, confidence)
    if layout.groups < 2:
        return NO_INTERVAL
    found = _of_samples([sample], layout, value, None, rng=rng, resamples=resamples, confidence=confidence)
    return replace(found, method=f"cluster {found.method}") if clustered and found.method else found


def macro_interval(
    samples: Sequence[Sample],
    *,
    rng: np.random.Generator,
    weights: Sequence[float] | None = None,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
) -> Interval:
    """Interval of the plain mean over samples (languages) of the first system's score, items resampled jointly.

    One sample has :func:`interval`'s, times its weight.

    Args:
        weights: ``[L]`` positive; what each score counts in their sum, instead of 1/L.
    """
    shares = np.full(len(samples), 1 / len(samples)) if weights is None else np.asarray(weights, dtype=np.float64)
    if len(samples) == 1:
        only = samples[0]
        found = interval(
            only.metric, only.systems[0], only.clusters, rng=rng, resamples=resamples, confidence=confidence
        )
        return _times(found, float(shares[0]))
    layout = Layout(samples)
    values = np.array([sample.metric.value(sample.systems[0]) for sample in samples])
    if layout.groups < 2 or np.isnan(values).any():
        return NO_INTERVAL
    found = _of_samples(
        samples, layout, float(shares @ values), shares, rng=rng, resamples=resamples, confidence=confidence
    )
    return replace(found, method=f"cluster {found.method}") if found.method else found


def macro_difference(
    samples: Sequence[Sample],
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
) -> Interval:
    """Interval of the mean over samples of the first system's score minus the second's, on the same items.

    Clusters are resampled jointly for both systems and all samples. Only an interval: tests are
    :func:`harness.stats.paired_evidence`'s. Two binary systems that never differ, or always by the same, may still
    differ on as many items as Wilson's interval of none allows.

    Args:
        samples: Two systems each.
    """
    layout = Layout(samples)
    values = np.array([[sample.metric.value(stats) for stats in sample.systems] for sample in samples])
    if layout.groups < 2 or np.isnan(values).any():
        return NO_INTERVAL
    delta = float((values[:, 0] - values[:, 1]).mean())
    span = max(sample.metric.info.bounds[1] - sample.metric.info.bounds[0] for sample in samples)
    scale = Scale(low=-span, high=span, unit="difference")
    shares = row_shares(layout)
    if all(is_mean(sample.metric) for sample in samples):
        influences = [influence(a) - influence(b) for a, b in (sample.systems for sample in samples)]
        stderr = sandwich(layout.total(influences) / len(samples), shares)
        if stderr <= NOISE and all(sample.metric.info.binary for sample in samples):
            reach = wilson(0, layout.groups, confidence)[1]
            return Interval(
                stderr=stderr, low=max(delta - reach, -span), high=min(delta + reach, span), method="cluster wilson"
            )
        return student(delta, stderr, scale, effective_clusters(shares), confidence, "cluster clt")
    both = bootstrap_scores(layout, rng=rng, resamples=resamples)
    found = resampled_interval(
        (both[:, :, 0] - both[:, :, 1]).mean(axis=1),
        delta,
        scale,
        clusters=layout.groups,
        effective=effective_clusters(shares),
        jackknife=jackknife_error(layout, np.array([[1.0, -1.0]] * len(samples)) / len(samples)),
        confidence=confidence,
        recentre=samples[0].metric.resampling_shifts,
    )
    return replace(found, method=f"cluster {found.method}") if found.method else found


def bootstrap(samples: Sequence[Sample], *, rng: np.random.Generator, resamples: int = RESAMPLES) -> FloatArray:
    """Scores ``[B, L, m]`` of ``m`` systems on ``L`` samples, clusters drawn jointly for all of them.

    The mean over axis 1 is what :func:`harness.stats.rank_intervals` takes. ``nan`` where a resample leaves a score
    undefined.
    """
    return bootstrap_scores(Layout(samples), rng=rng, resamples=resamples)


def resampled_mean(
    samples: Sequence[Sample], scores: FloatArray, value: float, weights: FloatArray, *, confidence: float = 0.95
) -> Interval:
    """:func:`macro_interval` of samples that were resampled already (:func:`bootstrap`), together with others.

    Args:
        scores: ``[B]`` weighted sums of the resampled scores. value: That of the scores. weights: ``[L]``.
    """
    layout = Layout(samples)
    return resampled_interval(
        scores,
        value,
        Scale.of(samples[0].metric.info, float(weights.sum())),
        clusters=layout.groups,
        effective=effective_clusters(row_shares(layout, weights.tolist())),
        jackknife=jackknife_error(layout, weights[:, None]),
        confidence=confidence,
        recentre=samples[0].metric.resampling_shifts,
    )


def student(value: float, stderr: float, scale: Scale, effective: float, confidence: float, method: str) -> Interval:
    """Student's interval for an effective number of clusters, cut off where the scale ends."""
    if math.isnan(stderr):
        return NO_INTERVAL
    reach = student_quantile((1 + confidence) / 2, effective - 1) * stderr
    return Interval(
        stderr=stderr, low=max(value - reach, scale.low), high=min(value + reach, scale.high), method=method
    )


def _of_samples(
    samples: Sequence[Sample],
    layout: Layout,
    value: float,
    weights: FloatArray | None,
    *,
    rng: np.random.Generator,
    resamples: int,
    confidence: float,
) -> Interval:
    """Interval of a weighted sum of the first systems' scores, of one sample or several; at least two clusters."""
    parts = np.ones(1) if weights is None else weights
    scale = Scale.of(samples[0].metric.info, float(parts.sum()))
    shares = row_shares(layout, parts.tolist())
    effective = effective_clusters(shares)
    if not all(is_mean(sample.metric) for sample in samples):
        return resampled_interval(
            bootstrap_scores(layout, rng=rng, resamples=resamples)[:, :, 0] @ parts,
            value,
            scale,
            clusters=layout.groups,
            effective=effective,
            jackknife=jackknife_error(layout, parts[:, None]),
            confidence=confidence,
            recentre=samples[0].metric.resampling_shifts,
        )
    moved = [part * influence(sample.systems[0]) for part, sample in zip(parts, samples, strict=True)]
    stderr = sandwich(layout.total(moved), shares)
    if math.isnan(stderr) or not scale.bounded or not scale.low <= value <= scale.high:
        return student(value, stderr, scale, effective, confidence, "clt")
    binary = all(sample.metric.info.binary for sample in samples)
    if binary and stderr <= NOISE:
        total = float(parts.sum())
        low, high = wilson(value / total * layout.groups, layout.groups, confidence)
        return Interval(stderr=stderr, low=total * low, high=total * high, method="wilson")
    low, high = bounded_ends(
        value,
        stderr,
        scale,
        items=layout.groups,
        quantile=student_quantile((1 + confidence) / 2, effective - 1),
        # Of one sample; languages are strata, and a mean over them may well be surer than as many coins.
        most=len(samples[0].systems[0]) if binary and len(samples) == 1 else math.inf,
        confidence=confidence,
    )
    return Interval(stderr=stderr, low=low, high=high, method="bounded")


def _two_valued(metric: Metric, stats: FloatArray) -> bool:
    """Whether every item counts once and lies at one end of the scale or the other, as a binary score does."""
    low, high = metric.info.bounds
    ends = (stats[:, 0] == low) | (stats[:, 0] == high)
    return metric.info.binary or (math.isfinite(high - low) and bool(np.all((stats[:, 1] == 1) & ends)))


def _proportion(metric: Metric, stats: FloatArray, value: float, confidence: float) -> Interval:
    """Wilson's interval, on the scale of the metric."""
    n = float(stats[:, 1].sum())
    bottom, top = metric.info.bounds
    span = top - bottom
    share = (value - bottom) / span
    low, high = modified_wilson(share * n, n, confidence)
    stderr = span * math.sqrt(max(share * (1 - share), 0.0) / (n - 1)) if n > 1 else None
    return Interval(stderr=stderr, low=bottom + span * low, high=bottom + span * high, method="wilson")


def _times(found: Interval, factor: float) -> Interval:
    """An interval in another unit."""

    def scaled(end: float | None) -> float | None:
        return None if end is None else factor * end

    return Interval(stderr=scaled(found.stderr), low=scaled(found.low), high=scaled(found.high), method=found.method)
