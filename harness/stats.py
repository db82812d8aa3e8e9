"""Intervals, paired tests, corrections for many tests, and ranks: arrays in, numbers out.

Everything rests on the one decomposition of ``metrics.base``: statistics ``[n, k]`` are summed by cluster, and a matrix
of resampling weights times those sums gives every resample at once. One sentence in 200 languages is *one* item:
samples that share cluster labels are resampled together, so macro means over languages have honest errors.

Means get closed formulas (clustered sandwich errors, Miller 2024, arXiv 2411.00640), corpus and pooled metrics the
bootstrap. Two systems are always compared paired: approximate randomisation (Noreen 1989; Riezler & Maxwell 2005),
for unclustered binary scores its exact form, McNemar's test. Every random function takes a numpy Generator.

Knows no file, run, model or language; ``compare``, ``gate``, ``scoring`` and the leaderboard build on it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from harness.resampling import IntArray, Layout, Sample, bootstrap_scores, swapped_deltas
from metrics.base import AdditiveMetric, FloatArray, MeanMetric, Metric

DRAWS = 10_000
"""Swaps of a randomisation test. The smallest p-value is 1/(DRAWS+1): 200 languages under Holm need .05/200 or less."""

POOLED_DRAWS = 1_000
"""The same where every swap costs a rank correlation."""

RESAMPLES = 1_000
"""Bootstrap resamples of an interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Uncertainty of one score, in the unit of the score.

    Attributes:
        stderr, low, high: ``None`` where they cannot be known (nothing scored, or a single cluster).
        method: ``wilson``, ``clt``, ``cluster``, ``bootstrap``, ``cluster bootstrap``, or empty when there is none.
    """

    stderr: float | None
    low: float | None
    high: float | None
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """Difference of two systems on the same segments, first minus second, in the unit of the metric.

    Attributes:
        value_a, value_b: Scores on the common segments (for a macro mean: mean over the samples); ``nan`` if undefined.
        delta: ``value_a - value_b``.
        stderr, low, high: Standard error and two-sided interval; ``None`` with fewer than two clusters.
        p: Two-sided test of no difference.
        p_worse: One-sided test of ``delta >= -margin``: small when the first system is surely worse by more.
        n: Segments (for a macro mean: of all samples). clusters: Independent items among them.
        discordant: Items on which the two differ, where the tests are McNemar's exact ones.
    """

    value_a: float
    value_b: float
    delta: float
    stderr: float | None
    low: float | None
    high: float | None
    p: float
    p_worse: float
    n: int
    clusters: int
    discordant: int | None = None


# ---------------------------------------------------------------------------------------------- one system


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

    Binary means without clusters: Wilson, at every n (the CLT interval of 0 of 20 is ``[0, 0]``). Other means: sandwich
    error, Student quantile with G-1 degrees of freedom. Corpus and pooled metrics: percentile bootstrap of clusters.
    A clustered binary score without any variation, and a share that is 0 or 1 in every resample (MEXA of a language the
    model does not know), get Wilson's interval for as many items as there are clusters: 0 of 50 is not surely 0.

    Args:
        stats: ``[n, k]``. clusters: ``n`` labels of what belongs together, or ``None``.
    """
    value = metric.value(stats) if len(stats) else math.nan
    if math.isnan(value):
        return _NO_INTERVAL
    layout = Layout([Sample(metric=metric, systems=(stats,), clusters=clusters)])
    clustered = layout.groups < len(stats)
    if is_mean(metric) and metric.info.binary and not clustered:
        return _wilson_interval(value, float(stats[:, 1].sum()), confidence)
    if layout.groups < 2:
        return _NO_INTERVAL
    if not is_mean(metric):
        return _bootstrap_interval(
            metric, layout, value, clustered, rng=rng, resamples=resamples, confidence=confidence
        )
    stderr = _sandwich(layout.total([_influence(stats)]))
    if metric.info.binary and stderr <= _NOISE:
        return _wilson_interval(value, layout.groups, confidence)
    return _student(value, stderr, layout.groups, metric.info.bounds, confidence, "cluster" if clustered else "clt")


def macro_interval(
    samples: Sequence[Sample],
    *,
    rng: np.random.Generator,
    weights: Sequence[float] | None = None,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
) -> Interval:
    """Interval of the plain mean over samples (languages) of the first system's score, items resampled jointly.

    One sample has :func:`interval`'s, times its weight. Binary scores without any variation get Wilson's, as there.

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
        return _NO_INTERVAL
    value, total = float(shares @ values), float(shares.sum())
    low, high = samples[0].metric.info.bounds
    bounds = (total * low, total * high)
    if all(is_mean(sample.metric) for sample in samples):
        moved = [share * _influence(sample.systems[0]) for share, sample in zip(shares, samples, strict=True)]
        stderr = _sandwich(layout.total(moved))
        if stderr <= _NOISE and all(sample.metric.info.binary for sample in samples):
            return _times(_wilson_interval(value / total, layout.groups, confidence), total)
        return _student(value, stderr, layout.groups, bounds, confidence, "cluster")
    scores: FloatArray = bootstrap_scores(layout, rng=rng, resamples=resamples)[:, :, 0] @ shares
    if samples[0].metric.resampling_shifts:
        scores = _recentred(scores, value)
    return _percentile(scores, bounds, confidence, "cluster bootstrap")


def macro_difference(
    samples: Sequence[Sample],
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
) -> Interval:
    """Interval of the mean over samples of the first system's score minus the second's, on the same items.

    Clusters are resampled jointly for both systems and all samples. Only an interval: tests are
    :func:`paired_evidence`'s. Two binary systems that never differ, or always by the same, may still differ on as many
    items as Wilson's interval of none allows.

    Args:
        samples: Two systems each.
    """
    layout = Layout(samples)
    values = np.array([[sample.metric.value(stats) for stats in sample.systems] for sample in samples])
    if layout.groups < 2 or np.isnan(values).any():
        return _NO_INTERVAL
    delta = float((values[:, 0] - values[:, 1]).mean())
    span = max(sample.metric.info.bounds[1] - sample.metric.info.bounds[0] for sample in samples)
    if all(is_mean(sample.metric) for sample in samples):
        influences = [_influence(a) - _influence(b) for a, b in (sample.systems for sample in samples)]
        stderr = _sandwich(layout.total(influences) / len(samples))
        if stderr <= _NOISE and all(sample.metric.info.binary for sample in samples):
            reach = wilson(0, layout.groups, confidence)[1]
            return Interval(
                stderr=stderr, low=max(delta - reach, -span), high=min(delta + reach, span), method="wilson"
            )
        return _student(delta, stderr, layout.groups, (-span, span), confidence, "cluster")
    both = bootstrap_scores(layout, rng=rng, resamples=resamples)
    scores: FloatArray = (both[:, :, 0] - both[:, :, 1]).mean(axis=1)
    if samples[0].metric.resampling_shifts:
        scores = _recentred(scores, delta)
    return _percentile(scores, (-span, span), confidence, "cluster bootstrap")


def bootstrap(samples: Sequence[Sample], *, rng: np.random.Generator, resamples: int = RESAMPLES) -> FloatArray:
    """Scores ``[B, L, m]`` of ``m`` systems on ``L`` samples, clusters drawn jointly for all of them.

    The mean over axis 1 is what :func:`rank_intervals` takes. ``nan`` where a resample leaves a score undefined.
    """
    return bootstrap_scores(Layout(samples), rng=rng, resamples=resamples)


def wilson(successes: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927), in 0-1; ``n`` must be positive."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(max(share * (1 - share) / n, 0) + z * z / (4 * n * n))
    return max(min(centre - reach, share), 0.0), min(max(centre + reach, share), 1.0)


# ---------------------------------------------------------------------------------------------- two systems


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedEvidence:
    """What the data say about ``L`` paired samples; margins and levels are asked afterwards, without resampling again.

    Attributes:
        values: ``[L, 2]`` scores of the two systems. n, clusters: ``[L]``. null: ``[B, L]`` deltas under random swaps.
        boot: ``[B', L]`` bootstrapped deltas, or ``None`` for means. stderr: ``[L]``; ``nan`` if unknown.
        macro_stderr, macro_clusters: The same for the mean over samples.
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
        stderr, low, high = _delta_interval(delta, float(self.stderr[index]), boot, groups, span, confidence)
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
            value_a - value_b, self.macro_stderr, boot, self.macro_clusters, span, confidence
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
    if boot is None:
        influences = [_influence(a) - _influence(b) for a, b in (sample.systems for sample in samples)]
        by_cluster = [layout.sums(index, row[:, None]) for index, row in enumerate(influences)]
        stderr = np.array([_sandwich(sums[:, 0]) for sums in by_cluster])
        macro_stderr = _sandwich(layout.total(influences) / len(samples))
    else:
        stderr = np.array([_spread(column) for column in boot.T])
        macro_stderr = _spread(boot.mean(axis=1))
    return PairedEvidence(
        values=np.array([[sample.metric.value(stats) for stats in sample.systems] for sample in samples]),
        n=np.array([len(sample.systems[0]) for sample in samples]),
        clusters=np.array([layout.group_count(index) for index in range(len(samples))]),
        null=null,
        boot=boot,
        stderr=stderr,
        macro_stderr=macro_stderr,
        macro_clusters=layout.groups,
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


def mcnemar(wins: int, losses: int) -> float:
    """Exact two-sided McNemar test: p of a fair coin splitting the discordant items so unevenly."""
    return min(1.0, 2 * _binomial_below(min(wins, losses), wins + losses))


def mcnemar_worse(wins: int, losses: int, *, n: int, margin: float = 0.0) -> float:
    """Exact one-sided p of ``(wins - losses) / n >= -margin``; the null is shifted to ``-margin``."""
    shifted = wins - losses + margin * n
    return _binomial_below(math.floor((shifted + wins + losses) / 2 + 1e-9), wins + losses)


def minimum_detectable_effect(
    stderr: float | None, *, alpha: float = 0.05, power: float = 0.8, sides: int = 1
) -> float | None:
    """Smallest true difference found with probability ``power``: ``(z_alpha + z_power) * stderr``.

    For binary paired scores the error of the delta is ``sqrt(psi / n)``, psi the share of discordant items. ``None``
    where the error is unknown or zero (two systems that never differed say nothing about power).
    """
    if stderr is None or not stderr > 0:
        return None
    normal = NormalDist()
    return (normal.inv_cdf(1 - alpha / sides) + normal.inv_cdf(power)) * stderr


# ---------------------------------------------------------------------------------------------- many tests, ranks


def holm(p: Sequence[float]) -> FloatArray:
    """Adjusted p-values ``[m]`` that control the chance of any false alarm (Holm 1979)."""
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def benjamini_hochberg(p: Sequence[float]) -> FloatArray:
    """Adjusted p-values ``[m]`` that control the share of false alarms among alarms (Benjamini & Hochberg 1995)."""
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")[::-1]
    count = len(values)
    stepped = np.minimum.accumulate(values[order] * count / np.arange(count, 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def corrected(p: Sequence[float], correction: str) -> FloatArray:
    """Adjusted p-values by ``bh``, ``holm`` or ``none``."""
    if correction == "bh":
        return benjamini_hochberg(p)
    if correction == "holm":
        return holm(p)
    return np.asarray(p, dtype=np.float64)


def rank_intervals(
    scores: FloatArray, *, values: FloatArray | None = None, confidence: float = 0.95
) -> list[tuple[int, int]]:
    """Simultaneous rank intervals of ``m`` models: ``[1 + #surely better, m - #surely worse]``.

    All ``m (m - 1) / 2`` differences are judged at once against the bootstrap distribution of the largest absolute
    studentised difference (max-|t|; Mogstad, Romano, Shaikh & Wilhelm 2024).

    Args:
        scores: ``[B, m]`` jointly bootstrapped scores, higher is better (negate otherwise).
        values: ``[m]`` the scores themselves; by default the means of ``scores``.
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
        moving = spread[first, others] > _NOISE
        if moving.any():
            np.maximum(largest, studentised[:, moving].max(axis=1), out=largest)
    critical = float(np.quantile(largest, confidence))
    surely_better = gap > np.maximum(critical * spread, _NOISE)
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


# ---------------------------------------------------------------------------------------------- the machinery

_NO_INTERVAL = Interval(stderr=None, low=None, high=None, method="")
_NOISE = 1e-12
"""What rounding leaves of a zero."""


def is_mean(metric: Metric) -> bool:
    """Whether the score is the plain mean of statistics ``(value, count)``, so that closed formulas hold."""
    return isinstance(metric, MeanMetric) and type(metric).score is MeanMetric.score


def student_quantile(probability: float, degrees: int) -> float:
    """Quantile of Student's t distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))


def _influence(stats: FloatArray) -> FloatArray:
    """``[n]`` how much each row moves the mean: residual over the total count."""
    total = stats[:, 1].sum()
    if total == 0:
        return np.full(len(stats), np.nan)
    return np.asarray((stats[:, 0] - stats[:, 0].sum() / total * stats[:, 1]) / total)


def _sandwich(by_cluster: FloatArray) -> float:
    """Clustered standard error from influences summed by cluster ``[G]``, with G/(G-1); ``nan`` for one cluster."""
    groups = len(by_cluster)
    return math.sqrt(groups / (groups - 1) * float(by_cluster @ by_cluster)) if groups > 1 else math.nan


def _bootstrap_interval(
    metric: Metric,
    layout: Layout,
    value: float,
    clustered: bool,
    *,
    rng: np.random.Generator,
    resamples: int,
    confidence: float,
) -> Interval:
    scores = bootstrap_scores(layout, rng=rng, resamples=resamples)[:, 0, 0]
    if metric.info.unit == "fraction" and value in metric.info.bounds and _spread(scores) <= _NOISE:
        return _wilson_interval(value, layout.groups, confidence)
    method = "cluster bootstrap" if clustered else "bootstrap"
    if metric.resampling_shifts:
        scores, method = _recentred(scores, value), f"{method}, re-centred"
    return _percentile(scores, metric.info.bounds, confidence, method)


def _recentred(scores: FloatArray, value: float) -> FloatArray:
    """Resampled scores moved so that their mean is the score."""
    moved: FloatArray = scores + (value - float(np.nanmean(scores)))
    return moved


def _times(found: Interval, factor: float) -> Interval:
    """An interval in another unit."""

    def scaled(end: float | None) -> float | None:
        return None if end is None else factor * end

    return Interval(stderr=scaled(found.stderr), low=scaled(found.low), high=scaled(found.high), method=found.method)


def _wilson_interval(value: float, n: float, confidence: float) -> Interval:
    low, high = wilson(value * n, n, confidence)
    stderr = math.sqrt(max(value * (1 - value), 0.0) / (n - 1)) if n > 1 else None
    return Interval(stderr=stderr, low=low, high=high, method="wilson")


def _student(
    value: float, stderr: float, clusters: int, bounds: tuple[float, float], confidence: float, method: str
) -> Interval:
    reach = student_quantile((1 + confidence) / 2, clusters - 1) * stderr
    return Interval(stderr=stderr, low=max(value - reach, bounds[0]), high=min(value + reach, bounds[1]), method=method)


def _spread(scores: FloatArray) -> float:
    finite = scores[np.isfinite(scores)]
    return float(finite.std(ddof=1)) if len(finite) > len(scores) / 2 and len(finite) > 1 else math.nan


def _percentile(scores: FloatArray, bounds: tuple[float, float], confidence: float, method: str) -> Interval:
    stderr = _spread(scores)
    if math.isnan(stderr):
        return _NO_INTERVAL
    tail = (1 - confidence) / 2
    low, high = (float(bound) for bound in np.nanquantile(scores, [tail, 1 - tail]))
    return Interval(stderr=stderr, low=max(low, bounds[0]), high=min(high, bounds[1]), method=method)


def _delta_interval(
    delta: float, stderr: float, boot: FloatArray | None, clusters: int, span: float, confidence: float
) -> tuple[float | None, float | None, float | None]:
    if clusters < 2 or math.isnan(stderr) or math.isnan(delta):
        return None, None, None
    if boot is not None:
        found = _percentile(boot, (-span, span), confidence, "bootstrap")
    else:
        found = _student(delta, stderr, clusters, (-span, span), confidence, "clt")
    return found.stderr, found.low, found.high


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


def _binomial_below(most: int, n: int) -> float:
    """P(X <= most) of n fair coins."""
    from scipy.special import bdtr

    return 1.0 if most >= n else float(bdtr(most, n, 0.5)) if most >= 0 else 0.0
