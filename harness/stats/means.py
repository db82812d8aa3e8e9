"""Closed forms for plain means: how much each row moves a mean, and the clustered standard error made of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.resampling import Layout
from metrics.base import FloatArray, MeanMetric, Metric

NOISE = 1e-12
"""What rounding leaves of a zero."""


def is_mean(metric: Metric) -> bool:
    """Whether the score is the plain mean of statistics ``(value, count)``, so that closed formulas hold."""
    return isinstance(metric, MeanMetric) and type(metric).score is MeanMetric.score


def influence(stats: FloatArray) -> FloatArray:
    """``[n]`` how much each row moves the mean: residual over the total count."""
    total = stats[:, 1].sum()
    if total == 0:
        return np.full(len(stats), np.nan)
    return np.asarray((stats[:, 0] - stats[:, 0].sum() / total * stats[:, 1]) / total)


def sandwich(by_cluster: FloatArray, shares: FloatArray) -> float:
    """Clustered standard error from influences summed by cluster ``[G]``; ``nan`` for one cluster.

    With equally large clusters Miller's (2024, arXiv 2411.00640) times ``sqrt(G / (G - 1))``. A large cluster pulls the
    mean towards itself, and its residual is too small by the square root of one less its share: so each is divided by
    that (CR2 of Bell and McCaffrey 2002, for a mean).

    Args:
        shares: ``[G]`` how much of all rows each cluster holds; they sum to 1.
    """
    if len(by_cluster) < 2:
        return math.nan
    left = 1 - shares
    if left.min() <= NOISE:  # all that counts is in one cluster
        return math.nan
    return math.sqrt(float((by_cluster**2 / left).sum()))


def row_shares(layout: Layout, parts: Sequence[float] | None = None) -> FloatArray:
    """How much of all rows each cluster holds ``[G]``, every sample counting the same (or its part of ``parts``)."""
    weights = np.full(len(layout.samples), 1.0) if parts is None else np.asarray(parts, dtype=np.float64)
    weights = weights / weights.sum()
    return layout.total(
        [
            np.full(len(sample.systems[0]), weight / len(sample.systems[0]))
            for weight, sample in zip(weights, layout.samples, strict=True)
        ]
    )


def effective_clusters(shares: FloatArray) -> float:
    """``1 / sum(share ** 2)``: as many equally large clusters as these are worth (Carter, Schnepel, Steigerwald 2017).

    The number of clusters where they are equally large, at least 2 (so that there is a degree of freedom).
    """
    return max(1 / float(shares @ shares), 2.0)


def student_quantile(probability: float, degrees: float) -> float:
    """Quantile of Student's t distribution; ``degrees`` need not be whole."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))
