"""Two systems on the same items: differences, their intervals, and tests that swap the systems at random.

Means get closed formulas, corpus and pooled metrics the bootstrap, unclustered binary scores the exact test of McNemar
and Tango's interval. Everything else is tested by approximate randomisation (Noreen 1989; Riezler & Maxwell 2005),
cluster by cluster.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.resampling import IntArray, Layout, Sample, bootstrap_scores, swapped_deltas
from harness.stats.exact import mcnemar, mcnemar_worse
from harness.stats.intervals import student
from harness.stats.means import effective_clusters, influence, is_mean, row_shares, sandwich
from harness.stats.proportions import paired_difference
from harness.stats.resampled import Scale, jackknife_error, resampled_interval, spread, wants_jackknife
from harness.stats.results import DRAWS, POOLED_DRAWS, RESAMPLES, Delta
from metrics.base import AdditiveMetric, FloatArray, Metric

_DIFFERENCE = np.array([[1.0, -1.0]])


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedEvidence:
    """What the data say about ``L`` paired samples; margins and levels are asked afterwards, without resampling again.

    Attributes:
        values: ``[L, 2]`` scores of the two systems. n, clusters: ``[L]``. null: ``[B, L]`` deltas under random swaps.
        boot: ``[B', L]`` bootstrapped deltas, or ``None`` for means. stderr: ``[L]``; ``nan`` if unknown.
        macro_stderr, macro_clusters: The same for the mean over samples.
        effective, macro_effective: As many equally large clusters as those are worth, ``[L]`` and of all.
        discordant: Per sample ``(wins, losses)`` where McNemar's exact test applies, else ``None``.
        spans: ``[L]`` largest possible absolute delta.
    """

    values: FloatArray
    n: IntArray
    clusters: IntArray
    null: FloatArray
    boot: FloatArray | None
    stderr: FloatArray
    macro_stderr: float
    macro_clusters: int
    effective: FloatArray
    macro_effective: float
    discordant: tuple[tuple[int, int] | None, ...]
    spans: FloatArray

    def sample(self, index: int, *, margin: float = 0.0, confidence: float = 0.95) -> Delta:
        """Difference on one sample."""
        pair = self.discordant[index]
        delta = float(self.values[index, 0] - self.values[index, 1])
        if pair is None:
            p, p_worse = _randomisation_p(self.null[:, index], delta, margin)
        else:
            p, p_worse = mcnemar(*pair), mcnemar_worse(*pair, n=int(self.n[index]), margin=margin)
        boot = None if self.boot is None else self.boot[:, index]
        groups, span = int(self.clusters[index]), float(self.spans[index])
        stderr, low, high = _delta_interval(
            delta, float(self.stderr[index]), boot, groups, float(self.effective[index]), span, confidence
        )
        if pair is not None and any(pair) and low is not None:
            low, high = paired_difference(*pair, int(self.n[index]), confidence)
        return Delta(
            value_a=float(self.values[index, 0]),
            value_b=float(self.values[index, 1]),
            delta=delta,
            stderr=stderr,
            low=low,
            high=high,
            p=p,
            p_worse=p_worse,
            n=int(self.n[index]),
            clusters=groups,
            discordant=None if pair is None else sum(pair),
        )

    def macro(self, *, margin: float = 0.0, confidence: float = 0.95) -> Delta:
        """Difference of the plain means over samples, clusters swapped and resampled jointly."""
        if len(self.n) == 1:
            return self.sample(0, margin=margin, confidence=confidence)
        value_a, value_b = (float(value) for value in self.values.mean(axis=0))
        p, p_worse = _randomisation_p(self.null.mean(axis=1), value_a - value_b, margin)
        boot = None if self.boot is None else self.boot.mean(axis=1)
        span = float(self.spans.max())
        stderr, low, high = _delta_interval(
            value_a - value_b, self.macro_stderr, boot, self.macro_clusters, self.macro_effective, span, confidence
        )
        return Delta(
            value_a=value_a,
            value_b=value_b,
            delta=value_a - value_b,
            stderr=stderr,
            low=low,
            high=high,
            p=p,
            p_worse=p_worse,
            n=int(self.n.sum()),
            clusters=self.macro_clusters,
        )


def paired_evidence(
    samples: Sequence[Sample],
    *,
    rng: np.random.Generator,
    draws: int = DRAWS,
    resamples: int = RESAMPLES,
) -> PairedEvidence:
    """Swap and resample the two systems of every sample, jointly over samples.

    Sharing the swaps keeps each sample's own test valid and gives the macro test the dependence between languages.
    With a margin the test shifts the null distribution to ``-margin``: exact for margin 0, else it takes the spread of
    the difference not to depend on its size (type-I error at the boundary is simulated in ``tests``).

    Args:
        samples: Two systems each; the delta is the first minus the second.
    """
    return paired_evidences([samples], rng=rng, draws=draws, resamples=resamples)[0]


def paired_evidences(
    comparisons: Sequence[Sequence[Sample]],
    *,
    rng: np.random.Generator,
    draws: int = DRAWS,
    resamples: int = RESAMPLES,
) -> list[PairedEvidence]:
    """:func:`paired_evidence` of several comparisons (pairs of systems) with the same draws for all of them.

    Costs little more than one comparison where the same arrays stand in many: the products are shared. Holds
    ``draws * samples`` floats; compare in portions what is larger than memory.
    """
    # Language by language, so that what is remembered of one system is still there when its next pair comes.
    order = sorted(((place, number) for number, samples in enumerate(comparisons) for place in range(len(samples))))
    position = {key: index for index, key in enumerate(order)}
    layout = Layout([comparisons[number][place] for place, number in order])
    additive = all(isinstance(sample.metric, AdditiveMetric) for sample in layout.samples)
    boot = null = None
    if not all(is_mean(sample.metric) for sample in layout.samples):
        scores = bootstrap_scores(layout, rng=rng, resamples=resamples)
        boot = scores[:, :, 0] - scores[:, :, 1]
    discordant = [_discordant(sample, layout.group_count(index)) for index, sample in enumerate(layout.samples)]
    if None in discordant or any(len(samples) > 1 for samples in comparisons):
        null = swapped_deltas(layout, rng=rng, draws=draws if additive else min(draws, POOLED_DRAWS))
    found = []
    for number, samples in enumerate(comparisons):
        mine = [position[place, number] for place in range(len(samples))]
        found.append(
            _evidence(
                samples,
                discordant=tuple(discordant[index] for index in mine),
                null=np.empty((0, len(mine))) if null is None else null[:, mine],
                boot=None if boot is None else boot[:, mine],
            )
        )
    return found


def _evidence(
    samples: Sequence[Sample],
    *,
    discordant: tuple[tuple[int, int] | None, ...],
    null: FloatArray,
    boot: FloatArray | None,
) -> PairedEvidence:
    layout = Layout(samples)
    groups = [layout.group_count(index) for index in range(len(samples))]
    parts = [_own_shares(layout, index) for index in range(len(samples))]
    shares = row_shares(layout)
    if boot is None:
        influences = [influence(a) - influence(b) for a, b in (sample.systems for sample in samples)]
        by_cluster = [layout.sums(index, row[:, None])[:, 0] for index, row in enumerate(influences)]
        stderr = np.array([sandwich(sums, part) for sums, part in zip(by_cluster, parts, strict=True)])
        macro_stderr = sandwich(layout.total(influences) / len(samples), shares)
    else:
        stderr = np.array(
            [
                max(spread(column, count), _jackknife(sample, count))
                for sample, column, count in zip(samples, boot.T, groups, strict=True)
            ]
        )
        macro_stderr = max(
            spread(boot.mean(axis=1), layout.groups),
            jackknife_error(layout, np.repeat(_DIFFERENCE, len(samples), axis=0) / len(samples)),
        )
    return PairedEvidence(
        values=np.array([[sample.metric.value(stats) for stats in sample.systems] for sample in samples]),
        n=np.array([len(sample.systems[0]) for sample in samples]),
        clusters=np.array(groups),
        null=null,
        boot=boot,
        stderr=stderr,
        macro_stderr=macro_stderr,
        macro_clusters=layout.groups,
        effective=np.array([effective_clusters(part) for part in parts]),
        macro_effective=effective_clusters(shares),
        discordant=discordant,
        spans=np.array([sample.metric.info.bounds[1] - sample.metric.info.bounds[0] for sample in samples]),
    )


def paired_delta(
    metric: Metric,
    stats_a: FloatArray,
    stats_b: FloatArray,
    clusters: Sequence[str] | None,
    *,
    rng: np.random.Generator,
    draws: int = DRAWS,
    margin: float = 0.0,
) -> Delta:
    """Difference of two systems, ``[n, k]`` statistics each, row by row on the same segments."""
    sample = Sample(metric=metric, systems=(stats_a, stats_b), clusters=clusters)
    return paired_evidence([sample], rng=rng, draws=draws).sample(0, margin=margin)


def approximate_randomisation(
    metric: Metric,
    stats_a: FloatArray,
    stats_b: FloatArray,
    clusters: Sequence[str] | None,
    *,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> float:
    """Two-sided p-value (c+1)/(B+1) of swapping the two systems' outputs cluster by cluster, without closed forms."""
    layout = Layout([Sample(metric=metric, systems=(stats_a, stats_b), clusters=clusters)])
    null = swapped_deltas(layout, rng=rng, draws=draws)[:, 0]
    return _randomisation_p(null, metric.value(stats_a) - metric.value(stats_b), 0.0)[0]


def macro_delta(
    samples: Sequence[Sample],
    *,
    rng: np.random.Generator,
    draws: int = DRAWS,
    margin: float = 0.0,
) -> Delta:
    """Difference of the means over samples (languages) of two systems, clustered by item."""
    return paired_evidence(samples, rng=rng, draws=draws).macro(margin=margin)


def _randomisation_p(null: FloatArray, delta: float, margin: float) -> tuple[float, float]:
    """Two-sided p and p of ``delta >= -margin``; undefined scores and ties within rounding count as no evidence."""
    slack = 1e-9 * (1 + abs(delta))
    as_far = len(null) - int((np.abs(null) < abs(delta) - slack).sum())
    as_low = len(null) - int((null > delta + margin + slack).sum())
    return (as_far + 1) / (len(null) + 1), (as_low + 1) / (len(null) + 1)


def _discordant(sample: Sample, clusters: int) -> tuple[int, int] | None:
    """(wins, losses) of the first system when scores are single 0/1 values of independent items."""
    first, second = sample.systems
    if not (is_mean(sample.metric) and sample.metric.info.binary and clusters == len(first)):
        return None
    if not (np.all(first[:, 1] == 1) and np.all(second[:, 1] == 1) and np.isin(sample.systems, (0, 1)).all()):
        return None
    return int((first[:, 0] > second[:, 0]).sum()), int((first[:, 0] < second[:, 0]).sum())


def _jackknife(sample: Sample, clusters: int) -> float:
    """The jackknife's standard error of one sample's difference; 0 where it is not asked for."""
    return jackknife_error(Layout([sample]), _DIFFERENCE) if wants_jackknife([sample], clusters) else 0.0


def _own_shares(layout: Layout, index: int) -> FloatArray:
    """How much of its rows each cluster of one sample holds, ``[clusters]``."""
    rows = layout.rows[index]
    return np.bincount(rows, minlength=layout.group_count(index)) / len(rows)


def _delta_interval(
    delta: float,
    stderr: float,
    boot: FloatArray | None,
    clusters: int,
    effective: float,
    span: float,
    confidence: float,
) -> tuple[float | None, float | None, float | None]:
    if clusters < 2 or math.isnan(stderr) or math.isnan(delta):
        return None, None, None
    scale = Scale(low=-span, high=span, unit="difference")
    if boot is None:
        found = student(delta, stderr, scale, effective, confidence, "clt")
    else:
        found = resampled_interval(boot, delta, scale, clusters=clusters, effective=effective, confidence=confidence)
    return found.stderr, found.low, found.high
