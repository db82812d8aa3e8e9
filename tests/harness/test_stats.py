"""Intervals, paired tests, corrections and ranks: against closed forms, against scipy, and by seeded simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from harness import stats
from harness.resampling import Sample
from metrics.base import AdditiveMetric, FloatArray, MeanMetric, MetricInfo, PooledMetric
from metrics.registry import create


def mean_metric(*, binary: bool = False, bounds: tuple[float, float] = (0.0, 1.0)) -> MeanMetric:
    info = MetricInfo(name="m", title="m", description="A mean.", unit="fraction", bounds=bounds, binary=binary)
    return MeanMetric(info, "m")


class RatioMetric(AdditiveMetric):
    """A stand-in for BLEU and chrF: a ratio of sums, so no plain mean."""

    info = MetricInfo(name="ratio", title="ratio", description="A ratio.", unit="points", bounds=(0.0, 100.0))

    def signature(self) -> str:
        return "ratio"

    def score(self, summed: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(100 * summed[..., 0] / summed[..., 1])


class SpearmanMetric(PooledMetric):
    info = MetricInfo(name="rho", title="rho", description="Ranks.", unit="correlation", bounds=(-1.0, 1.0))

    def signature(self) -> str:
        return "rho"

    def pooled(self, rows: FloatArray) -> float:
        if len(rows) < 2 or np.ptp(rows[:, 0]) == 0 or np.ptp(rows[:, 1]) == 0:
            return math.nan
        ranks = np.argsort(np.argsort(rows, axis=0), axis=0).astype(float)
        return float(np.corrcoef(ranks.T)[0, 1])


def ratio_stats(rng: np.random.Generator, n: int, quality: float = 0.5) -> FloatArray:
    length = rng.integers(5, 40, size=n).astype(float)
    return np.column_stack([rng.binomial(length.astype(int), quality), length])


RNG = np.random.default_rng


class TestInterval:
    @pytest.mark.parametrize(("successes", "n"), [(0, 20), (20, 20), (3, 20), (1, 1), (0, 1), (700, 1012)])
    def test_wilson_is_scipys(self, successes: int, n: int) -> None:
        expected = scipy.stats.binomtest(successes, n).proportion_ci(method="wilson")
        values = np.zeros(n)
        values[:successes] = 1
        found = stats.interval(mean_metric(binary=True), MeanMetric.stats(values), None, rng=RNG(0))
        assert found.method == "wilson"
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
        assert (found.stderr is None) == (n == 1)

    def test_clt_is_the_textbook_error(self) -> None:
        values = RNG(1).normal(0.5, 0.1, size=300)
        found = stats.interval(mean_metric(bounds=(-math.inf, math.inf)), MeanMetric.stats(values), None, rng=RNG(0))
        assert found.stderr == pytest.approx(values.std(ddof=1) / math.sqrt(300))
        reach = scipy.stats.t.ppf(0.975, 299) * values.std(ddof=1) / math.sqrt(300)
        assert found.high == pytest.approx(values.mean() + reach)
        assert found.method == "clt"

    def test_clustered_error_of_equal_clusters_is_millers_formula(self) -> None:
        rng = RNG(2)
        labels = [f"c{number}" for number in rng.permutation(np.arange(108) % 12)][:108]
        values = rng.random(108)
        residual = values - values.mean()
        squares = sum(residual[[label == one for label in labels]].sum() ** 2 for one in set(labels))
        expected = math.sqrt(squares) / 108 * math.sqrt(12 / 11)
        found = stats.interval(mean_metric(), MeanMetric.stats(values), labels, rng=rng)
        assert found.stderr == pytest.approx(expected)
        assert found.method == "cluster bounded"

    def test_copied_items_in_clusters_are_no_new_evidence(self) -> None:
        values = RNG(3).random(50)
        labels = [str(index) for index in range(50)]
        once = stats.interval(mean_metric(), MeanMetric.stats(values), labels, rng=RNG(0))
        thrice = stats.interval(mean_metric(), MeanMetric.stats(np.tile(values, 3)), labels * 3, rng=RNG(0))
        assert thrice.stderr == pytest.approx(once.stderr)

    def test_clustered_binary_without_variation_keeps_a_width(self) -> None:
        labels = [str(index // 5) for index in range(50)]
        found = stats.interval(mean_metric(binary=True), MeanMetric.stats(np.ones(50)), labels, rng=RNG(0))
        assert found.low == pytest.approx(scipy.stats.binomtest(10, 10).proportion_ci(method="wilson").low)
        assert found.high == 1.0

    @pytest.mark.parametrize("metric", [mean_metric(), mean_metric(binary=True), RatioMetric(), SpearmanMetric()])
    def test_nothing_scored_has_no_interval(self, metric: MeanMetric) -> None:
        found = stats.interval(metric, np.empty((0, 2)), [], rng=RNG(0))
        assert (found.stderr, found.low, found.high, found.method) == (None, None, None, "")

    @pytest.mark.parametrize("metric", [mean_metric(), RatioMetric(), SpearmanMetric()])
    def test_one_segment_or_one_cluster_has_no_interval(self, metric: MeanMetric) -> None:
        assert stats.interval(metric, np.array([[0.5, 1.0]]), None, rng=RNG(0)).low is None
        many = np.column_stack([RNG(0).random(9), np.ones(9)])
        if not isinstance(metric, PooledMetric):
            assert stats.interval(metric, many, ["one"] * 9, rng=RNG(0)).stderr is None

    def test_constant_scores(self) -> None:
        for metric in (mean_metric(), RatioMetric()):
            rows = np.tile([[0.25, 1.0]], (30, 1))
            found = stats.interval(metric, rows, None, rng=RNG(0))
            assert found.stderr == pytest.approx(0, abs=1e-12)
            assert found.low == pytest.approx(found.high)
        constant = np.column_stack([np.ones(30), RNG(0).random(30)])
        assert stats.interval(SpearmanMetric(), constant, None, rng=RNG(0)).method == ""

    @given(st.integers(2, 40), st.integers(0, 2**31))
    def test_intervals_stay_inside_the_bounds_and_repeat(self, n: int, seed: int) -> None:
        rng = RNG(seed)
        rows = np.column_stack([rng.choice([0.0, 0.01, 1.0], size=n), np.ones(n)])
        labels = [str(number) for number in rng.integers(max(2, n // 2), size=n)]
        for metric in (mean_metric(), RatioMetric()):
            first, second = (stats.interval(metric, rows, labels, rng=RNG(5), resamples=50) for _ in range(2))
            assert first == second
            if first.low is not None and first.high is not None:
                assert metric.info.bounds[0] <= first.low <= first.high <= metric.info.bounds[1]

    def test_blocks_do_not_change_the_answer_much_and_bound_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rows = ratio_stats(RNG(4), 200)
        whole = stats.interval(RatioMetric(), rows, None, rng=RNG(0))
        monkeypatch.setattr("harness.resampling._BLOCK", 7 * 200)
        assert stats.interval(RatioMetric(), rows, None, rng=RNG(0)) == whole

    def test_macro_interval_knows_that_one_sentence_in_many_languages_is_one_item(self) -> None:
        rng = RNG(6)
        labels = [f"s{index}" for index in range(100)]
        item = rng.normal(0, 0.2, size=100)
        metric = mean_metric(bounds=(-9, 9))
        samples = [
            Sample(metric=metric, systems=(MeanMetric.stats(item + rng.normal(0, 0.1, size=100)),), clusters=labels)
            for _ in range(50)
        ]
        joint = stats.macro_interval(samples, rng=rng)
        means = np.mean([sample.systems[0][:, 0] for sample in samples], axis=0)
        assert joint.stderr == pytest.approx(means.std(ddof=1) / 10)
        apart = [Sample(metric=sample.metric, systems=sample.systems) for sample in samples]
        naive = stats.macro_interval(apart, rng=rng)
        assert naive.stderr is not None
        assert joint.stderr is not None
        assert joint.stderr > 5 * naive.stderr

    def test_macro_interval_of_corpus_metrics_agrees_with_means(self) -> None:
        """With equal lengths the ratio *is* a mean, so bootstrap and sandwich must agree."""
        rng = RNG(7)
        labels = [str(index) for index in range(300)]
        rows = [np.column_stack([rng.binomial(20, 0.5, size=300), np.full(300, 20)]).astype(float) for _ in range(4)]
        corpus = [Sample(metric=RatioMetric(), systems=(one,), clusters=labels) for one in rows]
        mean = [
            Sample(metric=mean_metric(bounds=(0, 100)), systems=(MeanMetric.stats(5 * one[:, 0]),), clusters=labels)
            for one in rows
        ]
        exact = stats.macro_interval(mean, rng=rng).stderr
        assert stats.macro_interval(corpus, rng=rng).stderr == pytest.approx(exact, rel=0.1)

    @pytest.mark.parametrize("binary", [True, False])
    def test_macro_interval_of_one_sample_is_its_own(self, binary: bool) -> None:
        rng = RNG(8)
        rows = MeanMetric.stats(rng.integers(0, 2, size=60).astype(float))
        labels = [str(index) for index in range(60)]
        sample = Sample(metric=mean_metric(binary=binary, bounds=(0, 1)), systems=(rows,), clusters=labels)
        own = stats.interval(sample.metric, rows, labels, rng=RNG(1))
        assert stats.macro_interval([sample], rng=RNG(1)) == own
        doubled = stats.macro_interval([sample], rng=RNG(1), weights=[2.0])
        assert (doubled.low, doubled.high) == (2 * (own.low or 0), 2 * (own.high or 0))

    def test_weights_are_what_each_score_counts_in_the_sum(self) -> None:
        rng = RNG(9)
        labels = [str(index) for index in range(200)]
        item = rng.normal(0, 1, size=200)
        columns = [item + rng.normal(0, 1, size=200) for _ in range(3)]
        metric = mean_metric(bounds=(-math.inf, math.inf))
        samples = [Sample(metric=metric, systems=(MeanMetric.stats(one),), clusters=labels) for one in columns]
        weights = [0.5, 2.0, 0.1]
        summed = sum(weight * column for weight, column in zip(weights, columns, strict=True))
        found = stats.macro_interval(samples, rng=rng, weights=weights)
        assert found.stderr == pytest.approx(np.std(summed, ddof=1) / np.sqrt(200))
        assert ((found.low or 0) + (found.high or 0)) / 2 == pytest.approx(np.mean(summed))

    def test_binary_scores_that_never_vary_are_not_certain(self) -> None:
        labels = [str(index) for index in range(50)]
        metric = mean_metric(binary=True, bounds=(0, 1))
        never = Sample(metric=metric, systems=(MeanMetric.stats(np.zeros(50)),), clusters=labels)
        found = stats.macro_interval([never, never], rng=RNG(1))
        assert (found.low, found.high) == pytest.approx(stats.wilson(0, 50))
        both = Sample(metric=metric, systems=(never.systems[0], never.systems[0].copy()), clusters=labels)
        apart = stats.macro_difference([both, both], rng=RNG(1))
        assert (apart.low, apart.high) == pytest.approx((-stats.wilson(0, 50)[1], stats.wilson(0, 50)[1]))

    @pytest.mark.parametrize("kind", ["mean", "ratio"])
    def test_macro_difference_is_paired_and_joint(self, kind: str) -> None:
        rng = RNG(10)
        labels = [str(index) for index in range(300)]
        item = rng.integers(0, 15, size=300)
        pairs = [(item + rng.integers(0, 6, size=300), item + rng.integers(0, 5, size=300)) for _ in range(3)]
        delta = np.mean([5.0 * (one - other) for one, other in pairs], axis=0)
        if kind == "mean":
            metric: MeanMetric | RatioMetric = mean_metric(bounds=(0, 100))
            systems = [tuple(MeanMetric.stats(5.0 * one) for one in pair) for pair in pairs]
        else:
            metric = RatioMetric()
            systems = [tuple(np.column_stack([one, np.full(300, 20)]).astype(float) for one in pair) for pair in pairs]
        samples = [Sample(metric=metric, systems=pair, clusters=labels) for pair in systems]
        found = stats.macro_difference(samples, rng=rng)
        expected = delta.std(ddof=1) / np.sqrt(300)
        assert found.stderr == pytest.approx(expected, rel=1e-9 if kind == "mean" else 0.1)
        assert ((found.low or 0) + (found.high or 0)) / 2 == pytest.approx(delta.mean(), abs=0.25 * expected)

    def test_one_cluster_says_nothing(self) -> None:
        rows = MeanMetric.stats(np.array([1.0, 0.0, 1.0]))
        sample = Sample(metric=mean_metric(bounds=(0, 1)), systems=(rows, rows[::-1].copy()), clusters=["d"] * 3)
        assert stats.macro_interval([sample, sample], rng=RNG(1)).low is None
        assert stats.macro_difference([sample], rng=RNG(1)).low is None


class TestPaired:
    @pytest.mark.parametrize(("wins", "losses"), [(0, 0), (5, 0), (3, 9), (20, 20), (7, 1)])
    def test_mcnemar_is_the_binomial_test(self, wins: int, losses: int) -> None:
        expected = scipy.stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
        assert stats.mcnemar(wins, losses) == pytest.approx(expected)
        one_sided = scipy.stats.binomtest(wins, wins + losses, alternative="less").pvalue if wins + losses else 1.0
        assert stats.mcnemar_worse(wins, losses, n=100) == pytest.approx(one_sided)

    def test_randomisation_finds_mcnemar(self) -> None:
        rng = RNG(8)
        a, b = rng.binomial(1, 0.6, size=200), rng.binomial(1, 0.7, size=200)
        rows = MeanMetric.stats(a.astype(float)), MeanMetric.stats(b.astype(float))
        metric = mean_metric(binary=True)
        exact = stats.paired_delta(metric, *rows, None, rng=rng)
        assert stats.approximate_randomisation(metric, *rows, None, rng=rng) == pytest.approx(exact.p, abs=0.015)
        assert exact.delta == pytest.approx(a.mean() - b.mean())

    def test_randomisation_is_scipys_permutation_test(self) -> None:
        rng = RNG(9)
        a, b = rng.normal(0.5, 0.2, size=12), rng.normal(0.65, 0.2, size=12)
        expected = scipy.stats.permutation_test(  # all 2^12 swaps
            (a, b), lambda x, y, axis: (x - y).mean(axis=axis), permutation_type="samples", vectorized=True
        ).pvalue
        found = stats.paired_delta(mean_metric(), MeanMetric.stats(a), MeanMetric.stats(b), None, rng=rng)
        assert found.p == pytest.approx(expected, abs=0.01)

    @pytest.mark.parametrize("metric", [mean_metric(), mean_metric(binary=True), RatioMetric(), SpearmanMetric()])
    def test_equal_systems_show_exactly_no_difference(self, metric: MeanMetric) -> None:
        rng = RNG(10)
        rows = np.column_stack([rng.integers(2, size=60), np.ones(60)]).astype(float)
        if isinstance(metric, PooledMetric):
            rows = rng.random((60, 2))
        found = stats.paired_delta(metric, rows, rows, [str(i // 2) for i in range(60)], rng=rng, draws=200)
        assert (found.delta, found.stderr, found.low, found.high) == (0, 0, 0, 0)
        assert (found.p, found.p_worse) == (1.0, 1.0)

    def test_the_sides_are_symmetric(self) -> None:
        rng = RNG(12)
        a, b = ratio_stats(rng, 100, 0.5), ratio_stats(rng, 100, 0.42)
        ahead = stats.paired_delta(RatioMetric(), a, b, None, rng=RNG(1), draws=999)
        behind = stats.paired_delta(RatioMetric(), b, a, None, rng=RNG(1), draws=999)
        assert ahead.delta == -behind.delta
        assert ahead.p == behind.p
        assert behind.p_worse < 0.05 < ahead.p_worse
        assert behind.low is not None
        assert ahead.high == pytest.approx(-behind.low, abs=0.2)

    def test_a_wider_margin_forgives(self) -> None:
        rng = RNG(13)
        a, b = ratio_stats(rng, 200, 0.45), ratio_stats(rng, 200, 0.5)
        evidence = stats.paired_evidence([Sample(metric=RatioMetric(), systems=(a, b))], rng=rng, draws=999)
        worse = [evidence.sample(0, margin=margin).p_worse for margin in (0, 2, 5, 20)]
        assert worse == sorted(worse)
        assert worse[0] < 0.01
        assert worse[-1] == 1.0

    def test_swaps_are_by_cluster(self) -> None:
        """Ten clusters of 30 equal items: at best p = 2/2^10, whatever the number of rows."""
        values = np.repeat(0.1, 300)
        labels = [str(index // 30) for index in range(300)]
        rows = MeanMetric.stats(values), MeanMetric.stats(values + 0.1)
        apart = stats.paired_delta(mean_metric(), *rows, None, rng=RNG(0), draws=4000)
        together = stats.paired_delta(mean_metric(), *rows, labels, rng=RNG(0), draws=4000)
        assert apart.p == pytest.approx(1 / 4001)
        assert together.p == pytest.approx(2 / 1024, abs=0.002)
        assert together.p > apart.p

    def test_one_cluster_decides_nothing(self) -> None:
        rng = RNG(14)
        rows = MeanMetric.stats(rng.random(20)), MeanMetric.stats(rng.random(20) - 0.9)
        found = stats.paired_delta(mean_metric(bounds=(-9, 9)), *rows, ["one"] * 20, rng=rng, draws=500)
        assert found.stderr is None
        assert found.low is None
        assert found.p == 1.0

    def test_undefined_scores_are_no_evidence(self) -> None:
        constant, varied = np.column_stack([np.ones(9), np.arange(9.0)]), RNG(0).random((9, 2))
        found = stats.paired_delta(SpearmanMetric(), constant, varied, None, rng=RNG(0), draws=50)
        assert math.isnan(found.delta)
        assert found.low is None
        assert found.p == 1.0

    def test_empty_or_unequal_samples_are_refused(self) -> None:
        with pytest.raises(ValueError, match="equally long and not empty"):
            Sample(metric=mean_metric(), systems=(np.ones((2, 2)), np.ones((3, 2))))
        with pytest.raises(ValueError, match="equally long and not empty"):
            Sample(metric=mean_metric(), systems=(np.empty((0, 2)),))


class TestMacro:
    def samples(self, rng: np.random.Generator, loss: float, languages: int = 20) -> list[Sample]:
        labels = [f"s{index}" for index in range(100)]
        item = rng.normal(0, 0.2, size=100)
        made = []
        for _ in range(languages):
            base = rng.normal(0.5, 0.1, size=100)
            systems = (MeanMetric.stats(base + item - loss), MeanMetric.stats(base + rng.normal(0, 0.05, size=100)))
            made.append(Sample(metric=mean_metric(bounds=(-9, 9)), systems=systems, clusters=labels))
        return made

    def test_error_of_the_macro_delta_is_clustered_by_item(self) -> None:
        samples = self.samples(RNG(16), 0.0)
        found = stats.macro_delta(samples, rng=RNG(0), draws=500)
        per_item = np.mean([sample.systems[0][:, 0] - sample.systems[1][:, 0] for sample in samples], axis=0)
        assert found.stderr == pytest.approx(per_item.std(ddof=1) / 10)
        assert found.delta == pytest.approx(per_item.mean())
        assert (found.n, found.clusters) == (2000, 100)

    def test_macro_false_alarms(self) -> None:
        alarms = sum(
            stats.macro_delta(self.samples(RNG(seed), 0.0, 5), rng=RNG(seed), draws=300).p < 0.05 for seed in range(300)
        )
        assert alarms / 300 < 0.09
        apart = 0
        for seed in range(100):
            samples = [Sample(metric=one.metric, systems=one.systems) for one in self.samples(RNG(seed), 0.0, 5)]
            apart += stats.macro_delta(samples, rng=RNG(seed), draws=300).p < 0.05
        assert apart / 100 > 0.2, "treating translations of one sentence as independent must look as wrong as it is"

    def test_languages_may_miss_items(self) -> None:
        rng = RNG(17)
        whole = self.samples(rng, 0.1, 2)
        part = Sample(
            metric=whole[0].metric,
            systems=tuple(stats_[:40] for stats_ in whole[0].systems),
            clusters=list(whole[0].clusters or [])[:40],
        )
        found = stats.paired_evidence([part, whole[1]], rng=rng, draws=300)
        assert found.clusters.tolist() == [40, 100]
        assert found.macro_clusters == 100
        assert found.macro().delta == pytest.approx((found.sample(0).delta + found.sample(1).delta) / 2)

    def test_corpus_macro(self) -> None:
        rng = RNG(18)
        labels = [str(index) for index in range(150)]
        samples = [
            Sample(
                metric=RatioMetric(), systems=(ratio_stats(rng, 150, 0.46), ratio_stats(rng, 150, 0.5)), clusters=labels
            )
            for _ in range(8)
        ]
        found = stats.macro_delta(samples, rng=rng, draws=999)
        assert found.p < 0.01
        assert found.p_worse < 0.01
        assert found.high is not None
        assert found.high < 0


class TestManyTests:
    def test_holm_by_hand(self) -> None:
        assert stats.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
        assert stats.holm([]).tolist() == []

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
    def test_benjamini_hochberg_is_scipys(self, p: list[float]) -> None:
        assert stats.benjamini_hochberg(p) == pytest.approx(scipy.stats.false_discovery_control(p))
        assert np.all(stats.holm(p) >= stats.benjamini_hochberg(p) - 1e-15)

    def test_power_of_the_design_document(self) -> None:
        """psi .05, 80 % power, one-sided: 3.9 points at n = 204, 1.75 at n = 1,012."""
        assert stats.minimum_detectable_effect(math.sqrt(0.05 / 204)) == pytest.approx(0.039, abs=1e-4)
        assert stats.minimum_detectable_effect(math.sqrt(0.05 / 1012)) == pytest.approx(0.0175, abs=1e-4)
        assert stats.minimum_detectable_effect(0.0) is None
        assert stats.minimum_detectable_effect(None) is None


class TestRanks:
    def test_clear_order_and_ties(self) -> None:
        rng = RNG(19)
        truth = np.array([3.0, 1.0, 1.0, 2.0])
        scores = truth + rng.normal(0, 0.05, size=(1000, 4))
        assert stats.rank_intervals(scores) == [(1, 1), (3, 4), (3, 4), (2, 2)]
        assert stats.tie_groups([(1, 1), (3, 4), (3, 4), (2, 2)]) == [1, 3, 3, 2]

    def test_equal_models_share_every_rank(self) -> None:
        scores = np.repeat(RNG(20).normal(size=(500, 1)), 3, axis=1)
        assert stats.rank_intervals(scores) == [(1, 3)] * 3
        assert stats.rank_intervals(scores[:, :1]) == [(1, 1)]


def test_a_share_that_is_zero_everywhere_is_not_surely_zero() -> None:
    """MEXA of a language the model does not know: every resample is 0, and the interval still has a width."""
    rows = np.column_stack([np.zeros((50, 4)), np.ones(50)])
    found = stats.interval(create("mexa"), rows, None, rng=np.random.default_rng(0))
    assert (found.low, found.method) == (0.0, "bounded bootstrap")
    assert found.high == pytest.approx(0.0713, abs=1e-3)
