"""Our intervals, tests and corrections against scipy's, where it has the same quantity."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
import scipy.stats

from harness import stats
from harness.resampling import Layout, Sample, left_out_scores
from harness.stats.means import effective_clusters, influence, row_shares, sandwich
from metrics import registry
from metrics.base import MeanMetric

RNG = np.random.default_rng


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize(("right", "n"), [(0, 1), (1, 2), (0, 20), (10, 20), (7, 204), (1000, 1012), (1, 1_000_000)])
def test_wilson(right: int, n: int, confidence: float) -> None:
    expected = scipy.stats.binomtest(right, n).proportion_ci(confidence, method="wilson")
    assert stats.wilson(right, n, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("n", [20, 50, 51, 204])
def test_the_modified_interval_is_wilsons_but_for_rare_events(n: int) -> None:
    few = 2 if n <= 50 else 3
    for right in range(n + 1):
        plain, found = stats.wilson(right, n), stats.modified_wilson(right, n)
        if 0 < right <= few:
            # Brown, Cai and DasGupta 2001: a chi-squared quantile with twice as many degrees of freedom.
            assert found == pytest.approx((scipy.stats.chi2.ppf(0.05, 2 * right) / 2 / n, plain[1]))
        elif 0 < n - right <= few:
            assert found == pytest.approx((plain[0], 1 - scipy.stats.chi2.ppf(0.05, 2 * (n - right)) / 2 / n))
        else:
            assert found == plain


@pytest.mark.parametrize(("wins", "losses"), [(0, 3), (12, 3), (40, 41), (1, 0)])
def test_mcnemar_is_the_binomial_test(wins: int, losses: int) -> None:
    assert stats.mcnemar(wins, losses) == pytest.approx(scipy.stats.binomtest(wins, wins + losses).pvalue)


@pytest.mark.parametrize(("wins", "losses", "n"), [(12, 2, 44), (0, 0, 204), (5, 5, 100), (0, 7, 60), (30, 90, 1012)])
def test_tangos_interval_is_where_the_score_test_rejects(wins: int, losses: int, n: int) -> None:
    """At both ends the score statistic is 1.96, its variance by maximising the likelihood numerically."""
    low, high = stats.paired_difference(wins, losses, n)
    for end in (low, high):

        def negative(q: float, end: float = end) -> float:
            """Of the chance ``q`` of a loss, that of a win being ``q + end``."""
            cells = ((wins, q + end), (losses, q), (n - wins - losses, 1 - 2 * q - end))
            return -sum(count * np.log(max(chance, 1e-300)) for count, chance in cells if count)

        found = scipy.optimize.minimize_scalar(
            negative, bounds=(max(0.0, -end), (1 - end) / 2), method="bounded", options={"xatol": 1e-12}
        )
        variance = (2 * found.x + end - end**2) / n
        assert abs((wins - losses) / n - end) / np.sqrt(variance) == pytest.approx(1.959964, abs=2e-3)
    turned = stats.paired_difference(losses, wins, n)
    assert turned == pytest.approx((-high, -low), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_randomisation_of_a_mean_is_scipys_exact_permutation_test(seed: int) -> None:
    """All 2^10 swaps there, 20,000 random ones here."""
    rng = RNG(seed)
    one, other = rng.normal(0.5, 0.2, 10), rng.normal(0.6, 0.2, 10)
    expected = scipy.stats.permutation_test(
        (one, other), lambda x, y, axis: (x - y).mean(axis=axis), permutation_type="samples", vectorized=True
    ).pvalue
    rows = MeanMetric.stats(one), MeanMetric.stats(other)
    metric = registry.create("token_f1")
    found = stats.approximate_randomisation(metric, *rows, None, rng=rng, draws=20_000)
    assert found == pytest.approx(expected, abs=0.012)


def test_randomisation_of_a_ratio_is_scipys() -> None:
    """The statistic of a corpus metric: bits per byte, both sides' sums taken anew in every swap."""
    rng = RNG(5)
    size = rng.integers(20, 200, 11).astype(float)
    bits = [size * rng.normal(level, 0.15, 11) for level in (1.0, 1.1)]
    metric = registry.create("bits_per_byte")

    def ratio(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        return np.asarray((x.sum(axis=axis) - y.sum(axis=axis)) / size.sum())

    expected = scipy.stats.permutation_test(bits, ratio, permutation_type="samples", vectorized=True).pvalue
    rows = [np.column_stack([-one * np.log(2), size]) for one in bits]
    found = stats.approximate_randomisation(metric, *rows, None, rng=rng, draws=20_000)
    assert found == pytest.approx(expected, abs=0.012)


def test_standard_errors_of_the_bootstrap_are_scipys() -> None:
    rng = RNG(6)
    x = rng.normal(size=150)
    y = 0.7 * x + rng.normal(size=150)
    expected = scipy.stats.bootstrap(
        (x, y),
        lambda a, b: scipy.stats.spearmanr(a, b).statistic,
        paired=True,
        vectorized=False,
        n_resamples=2000,
        rng=RNG(1),
        method="percentile",
    )
    found = stats.interval(
        registry.create("cosine_spearman"), np.column_stack([x, y]), None, rng=RNG(2), resamples=4000
    )
    assert found.stderr == pytest.approx(expected.standard_error, rel=0.06)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval), abs=0.02)


def test_fishers_interval_of_spearman_is_bonett_and_wrights() -> None:
    """Their error on Fisher's scale for ranks of normal values: ``sqrt((1 + rho^2 / 2) / (n - 3))``."""
    rng = RNG(7)
    x = rng.normal(size=400)
    y = 0.8 * x + 0.6 * rng.normal(size=400)
    rho = scipy.stats.spearmanr(x, y).statistic
    reach = 1.96 * np.sqrt((1 + rho**2 / 2) / 397)
    expected = np.tanh([np.arctanh(rho) - reach, np.arctanh(rho) + reach])
    found = stats.interval(registry.create("cosine_spearman"), np.column_stack([x, y]), None, rng=RNG(2))
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.006)


def test_clustered_error_is_the_regressions() -> None:
    """The sandwich of an intercept with CR2's correction, written out in matrices as a regression package does."""
    rng = RNG(8)
    labels = np.repeat(np.arange(12), rng.integers(1, 9, 12))
    values = rng.random(len(labels)) + rng.normal(size=12)[labels]
    design = np.ones((len(values), 1))
    bread = np.linalg.inv(design.T @ design)
    residual = values - values.mean()
    meat = 0.0
    for cluster in range(12):
        own = design[labels == cluster]
        leverage = own @ bread @ own.T
        eigenvalues, vectors = np.linalg.eigh(np.eye(len(own)) - leverage)
        adjusted = vectors @ np.diag(eigenvalues**-0.5) @ vectors.T @ residual[labels == cluster]
        meat += float((own.T @ adjusted)[0] ** 2)
    expected = np.sqrt(bread[0, 0] * meat * bread[0, 0])
    rows = MeanMetric.stats(values)
    metric = registry.create("mean")
    found = stats.interval(metric, rows, [str(label) for label in labels], rng=rng)
    assert found.stderr == pytest.approx(expected)
    layout = Layout([Sample(metric=metric, systems=(rows,), clusters=[str(label) for label in labels])])
    assert sandwich(layout.total([influence(rows)]), row_shares(layout)) == pytest.approx(expected)


def test_effective_clusters() -> None:
    assert effective_clusters(np.full(20, 1 / 20)) == pytest.approx(20)
    assert effective_clusters(np.array([0.97, 0.01, 0.01, 0.01])) == 2.0


def test_jackknife_leaves_out_one_cluster_after_the_other() -> None:
    rng = RNG(9)
    rows = [np.column_stack([rng.random(9), rng.integers(1, 5, 9)]).astype(float) for _ in range(2)]
    labels = list("aabbbccca")
    metric = registry.create("bits_per_byte")
    layout = Layout([Sample(metric=metric, systems=tuple(rows), clusters=labels)])  # type: ignore[arg-type]
    found = left_out_scores(layout)
    assert found.shape == (3, 1, 2)
    for place, cluster in enumerate("abc"):
        kept = [label != cluster for label in labels]
        assert found[place, 0] == pytest.approx([metric.value(one[kept]) for one in rows])
    spearman = registry.create("cosine_spearman")
    layout = Layout([Sample(metric=spearman, systems=(rows[0],), clusters=labels)])
    for place, cluster in enumerate("abc"):
        kept = [label != cluster for label in labels]
        assert left_out_scores(layout)[place, 0, 0] == pytest.approx(spearman.value(rows[0][kept]))


@pytest.mark.parametrize("seed", range(5))
def test_corrections(seed: int) -> None:
    p = RNG(seed).random(40) ** 3
    assert stats.benjamini_hochberg(p) == pytest.approx(scipy.stats.false_discovery_control(p))
    order = np.argsort(p)  # Holm 1979, as statsmodels' multipletests writes it
    expected = np.empty(40)
    expected[order] = np.minimum(np.maximum.accumulate((40 - np.arange(40)) * p[order]), 1)
    assert stats.holm(p) == pytest.approx(expected)


@pytest.mark.parametrize(("degrees", "probability"), [(1, 0.975), (7.3, 0.9), (203, 0.975), (1e6, 0.975)])
def test_students_quantile(degrees: float, probability: float) -> None:
    assert stats.student_quantile(probability, degrees) == pytest.approx(scipy.stats.t.ppf(probability, degrees))
