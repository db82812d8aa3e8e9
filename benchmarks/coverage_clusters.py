"""Worlds for coverage.py and the tests in which items are not independent: clusters, languages, pairs, ranks.

Passages of a few questions and documents of unequal length (lognormal sizes) share a difficulty; one sentence is one
item in every language; two systems answer the same items and mostly alike.
"""

from __future__ import annotations

import numpy as np

from benchmarks.coverage_models import LARGE, Case, Ends, Generator, chrf_rows, metric_of, paired_sample
from harness import stats
from harness.resampling import Sample
from metrics.base import FloatArray, MeanMetric

_SPREAD = 0.8
"""Of the logarithm of cluster sizes: the largest of 20 documents is some ten times as long as the smallest."""


def clustered_right(clusters: int, share: float, correlation: float, *, unequal: bool = False, size: float = 4) -> Case:
    """Right and wrong items of passages or documents, with an intraclass correlation."""
    metric = metric_of("acc")

    def trial(rng: Generator, resamples: int) -> Ends:
        labels = _labels(rng, clusters, unequal=unequal, size=size)
        chance = _shares(rng, share, correlation, clusters)[labels]
        right = (rng.random(len(labels)) < chance).astype(np.float64)
        names = [str(label) for label in labels]
        found = stats.interval(metric, MeanMetric.stats(right), names, rng=rng, resamples=resamples)
        return found.low, found.high

    kind = f"accuracy {share:g}, correlation {correlation:g}"
    how = "unequal" if unequal else "equal"
    return Case(method="cluster bounded", kind=kind, size=f"{clusters} {how} clusters", truth=share, trial=trial)


def clustered_graded(clusters: int, correlation: float, *, unequal: bool = False) -> Case:
    """COMET-like values of documents."""
    metric = metric_of("graded")

    def trial(rng: Generator, resamples: int) -> Ends:
        labels = _labels(rng, clusters, unequal=unequal, size=12)
        shared = rng.normal(0, np.sqrt(correlation), clusters)[labels]
        values = 0.8 + 0.1 * (shared + rng.normal(0, np.sqrt(1 - correlation), len(labels)))
        names = [str(label) for label in labels]
        found = stats.interval(metric, MeanMetric.stats(values), names, rng=rng, resamples=resamples)
        return found.low, found.high

    how = "unequal" if unequal else "equal"
    return Case(
        method="cluster clt",
        kind=f"graded, correlation {correlation:g}",
        size=f"{clusters} {how} clusters",
        truth=0.8,
        trial=trial,
    )


def clustered_chrf(clusters: int, size: float = 10) -> Case:
    """chrF of documents of unequal length, good or bad as a whole."""
    metric = metric_of("chrf")

    def rows(rng: Generator, labels: np.ndarray, count: int) -> FloatArray:
        document = rng.beta(12, 8, count)[labels]
        return chrf_rows(rng, len(labels), np.clip(document + rng.normal(0, 0.1, len(labels)), 0.01, 0.99))

    def trial(rng: Generator, resamples: int) -> Ends:
        labels = _labels(rng, clusters, unequal=True, size=size)
        names = [str(label) for label in labels]
        found = stats.interval(metric, rows(rng, labels, clusters), names, rng=rng, resamples=resamples)
        return found.low, found.high

    rng = np.random.default_rng(98)
    many = np.arange(LARGE)
    truth = metric.value(rows(rng, many, LARGE))
    return Case(method="cluster bootstrap", kind="chrF", size=f"{clusters} documents", truth=truth, trial=trial)


# ---------------------------------------------------------------------------------------------- languages


def macro_right(items: int, languages: int = 12, share: float = 0.7, correlation: float = 0.2) -> Case:
    """Mean accuracy over languages on the same questions."""
    metric = metric_of("acc")
    labels = [str(item) for item in range(items)]

    def trial(rng: Generator, resamples: int) -> Ends:
        chance = _shares(rng, share, correlation, items)
        samples = [
            Sample(metric=metric, systems=(MeanMetric.stats((rng.random(items) < chance) * 1.0),), clusters=labels)
            for _ in range(languages)
        ]
        found = stats.macro_interval(samples, rng=rng, resamples=resamples)
        return found.low, found.high

    kind = f"macro accuracy {share:g}, {languages} languages"
    return Case(method="cluster bounded", kind=kind, size=f"{items} shared items", truth=share, trial=trial)


def macro_chrf(items: int, languages: int = 5) -> Case:
    """Mean chrF over languages of the same sentences, which are easy or hard in all of them."""
    metric = metric_of("chrf")
    labels = [str(item) for item in range(items)]

    def rows(rng: Generator, easy: FloatArray) -> FloatArray:
        return chrf_rows(rng, len(easy), np.clip(easy + rng.normal(0, 0.1, len(easy)), 0.01, 0.99))

    def trial(rng: Generator, resamples: int) -> Ends:
        easy = rng.beta(6, 4, items)
        samples = [Sample(metric=metric, systems=(rows(rng, easy),), clusters=labels) for _ in range(languages)]
        found = stats.macro_interval(samples, rng=rng, resamples=resamples)
        return found.low, found.high

    rng = np.random.default_rng(97)
    truth = metric.value(rows(rng, rng.beta(6, 4, LARGE)))
    kind = f"macro chrF, {languages} languages"
    return Case(method="cluster bootstrap", kind=kind, size=f"{items} shared items", truth=truth, trial=trial)


def pivot_gap(items: int, languages: int = 5) -> Case:
    """Mean over languages of accuracy less the pivot's, on the same questions (``macro_difference``)."""
    metric = metric_of("acc")
    labels = [str(item) for item in range(items)]

    def trial(rng: Generator, resamples: int) -> Ends:
        chance = _shares(rng, 0.8, 0.3, items)
        pivot = MeanMetric.stats((rng.random(items) < chance) * 1.0)
        others = [(rng.random(items) < 0.8 * chance) * 1.0 for _ in range(languages)]
        samples = [paired_sample(metric, MeanMetric.stats(other), pivot, labels) for other in others]
        found = stats.macro_difference(samples, rng=rng, resamples=resamples)
        return found.low, found.high

    kind = f"gap to the pivot, {languages} languages"
    return Case(method="cluster clt", kind=kind, size=f"{items} shared items", truth=0.64 - 0.8, trial=trial)


# ---------------------------------------------------------------------------------------------- two systems


def binary_pair(rng: Generator, items: int, churn: float, loss: float) -> tuple[FloatArray, FloatArray]:
    """Two systems of which a share ``churn`` of the answers differs; the first is worse by ``loss``."""
    before = (rng.random(items) < 0.6).astype(np.float64)
    kind = rng.random(items)
    broken, mended = (churn + loss) / 2 / 0.6, (churn - loss) / 2 / 0.4
    after = np.where(before == 1, kind >= broken, kind < mended).astype(np.float64)
    return MeanMetric.stats(after), MeanMetric.stats(before)


def binary_delta(items: int, churn: float, loss: float) -> Case:
    """Difference of two systems' accuracies on the same items."""
    metric = metric_of("acc")

    def trial(rng: Generator, resamples: int) -> Ends:  # noqa: ARG001 - nothing is resampled
        sample = paired_sample(metric, *binary_pair(rng, items, churn, loss), None)
        found = stats.paired_evidence([sample], rng=rng, draws=1).sample(0)
        return found.low, found.high

    kind = f"difference of accuracies, {churn:.0%} differ, loss {loss:.1%}"
    return Case(method="paired score (Tango)", kind=kind, size=f"{items} items", truth=-loss, trial=trial)


def chrf_pair(rng: Generator, items: int, loss: float = 0.0) -> tuple[FloatArray, FloatArray]:
    """Two systems that find the same sentences easy; every sentence of the first is worse by ``loss`` in quality."""
    easy = rng.beta(6, 4, items)
    first, second = (np.clip(easy + rng.normal(0, 0.06, items), 0.01, 0.99) for _ in range(2))
    return chrf_rows(rng, items, np.clip(first - loss, 0.005, 1)), chrf_rows(rng, items, second)


def chrf_delta(items: int) -> Case:
    """Difference of two systems' chrF on the same sentences."""
    metric = metric_of("chrf")

    def trial(rng: Generator, resamples: int) -> Ends:
        sample = paired_sample(metric, *chrf_pair(rng, items, 0.03), None)
        found = stats.paired_evidence([sample], rng=rng, draws=1, resamples=resamples).sample(0)
        return found.low, found.high

    one, other = chrf_pair(np.random.default_rng(96), LARGE, 0.03)
    truth = metric.value(one) - metric.value(other)
    return Case(method="bootstrap", kind="difference of chrF", size=f"{items} items", truth=truth, trial=trial)


# ---------------------------------------------------------------------------------------------- ranks


def rank_coverage(items: int, truths: FloatArray, *, trials: int, resamples: int, seed: int = 1) -> float:
    """Share of trials in which *all* models' true ranks lie in their rank intervals (ties: any order is true)."""
    rng = np.random.default_rng([seed, items, len(truths)])
    metric = metric_of("graded")
    best = 1 + (truths[None, :] > truths[:, None]).sum(axis=1)
    last = len(truths) - (truths[None, :] < truths[:, None]).sum(axis=1)
    held = 0
    for _ in range(trials):
        easy = rng.normal(0, 0.15, (items, 1))
        values = truths + easy + rng.normal(0, 0.1, (items, len(truths)))
        sample = Sample(metric=metric, systems=tuple(MeanMetric.stats(column) for column in values.T))
        scores = stats.bootstrap([sample], rng=rng, resamples=resamples)[:, 0]
        found = stats.rank_intervals(scores, values=values.mean(axis=0), clusters=items)
        held += all(low <= first and high >= end for (low, high), first, end in zip(found, best, last, strict=True))
    return held / trials


def _labels(rng: Generator, clusters: int, *, unequal: bool, size: float) -> np.ndarray:
    """Cluster of every item."""
    sizes = np.full(clusters, round(size))
    if unequal:
        sizes = np.maximum(1, np.round(rng.lognormal(np.log(size) - _SPREAD**2 / 2, _SPREAD, clusters))).astype(int)
    return np.repeat(np.arange(clusters), sizes)


def _shares(rng: Generator, share: float, correlation: float, count: int) -> FloatArray:
    """Chances of being right, beta distributed so that items of one cluster have the correlation."""
    if not correlation:
        return np.full(count, share)
    strength = (1 - correlation) / correlation
    return rng.beta(share * strength, (1 - share) * strength, count)
