"""Random swaps: what is computed in one product is what each sample would give alone."""

from __future__ import annotations

import numpy as np
import pytest

from harness.resampling import Layout, Sample, bootstrap_scores, swapped_deltas
from metrics.base import AdditiveMetric, FloatArray, MeanMetric, MetricInfo

RNG = np.random.default_rng
INFO = MetricInfo(name="m", title="m", description="A mean.", unit="points", bounds=(0.0, 100.0))


class Ratio(AdditiveMetric):
    """The same number as a mean's, by the way that every additive metric takes."""

    info = INFO

    def signature(self) -> str:
        return "ratio"

    def score(self, summed: FloatArray) -> FloatArray:
        return np.asarray(summed[..., 0] / summed[..., 1])


def samples(metric: AdditiveMetric, *, counts: bool = False) -> list[Sample]:
    """Languages with the same items, with documents of items, with items of their own, and with fewer of them."""
    rng, made = RNG(1), []
    labels = [
        *[tuple(f"i{item}" for item in range(40))] * 45,
        tuple(f"d{item // 4}" for item in range(40)),
        None,
        tuple(f"i{item}" for item in range(25)),
    ]
    for clusters in labels:
        n = 40 if clusters is None else len(clusters)
        sizes = rng.integers(1, 9, size=n).astype(float) if counts else np.ones(n)
        first, second = (np.column_stack([rng.normal(50, 9, size=n) * sizes, sizes]) for _ in range(2))
        made.append(Sample(metric=metric, systems=(first, second), clusters=clusters))
    return made


@pytest.mark.parametrize("counts", [False, True])
def test_means_are_swapped_as_ratios_are(counts: bool) -> None:
    means, ratios = samples(MeanMetric(INFO, "m"), counts=counts), samples(Ratio(), counts=counts)
    found = [swapped_deltas(Layout(one), rng=RNG(2), draws=300) for one in (means, ratios)]
    assert found[0].shape == (300, len(means))
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=1e-9)


def test_means_of_unequal_counts_are_not_taken_for_sums_of_differences() -> None:
    rng = RNG(3)
    rows = [np.column_stack([rng.normal(50, 9, 30), rng.integers(0, 2, 30)]) for _ in range(2)]
    clusters = tuple(map(str, range(30)))
    found = [
        swapped_deltas(Layout([Sample(metric=metric, systems=tuple(rows), clusters=clusters)]), rng=RNG(4), draws=50)
        for metric in (MeanMetric(INFO, "m"), Ratio())
    ]
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=1e-9)


def test_a_sample_among_many_is_resampled_as_alone() -> None:
    many = samples(Ratio())[:45]
    together = bootstrap_scores(Layout(many), rng=RNG(5), resamples=100)
    for index in (0, 20, 44):
        alone = bootstrap_scores(Layout([many[index]]), rng=RNG(5), resamples=100)
        np.testing.assert_allclose(together[:, [index]], alone, rtol=0, atol=1e-9)


def test_one_array_in_many_samples_is_one_table() -> None:
    first, *others = samples(Ratio())[:4]
    pairs = [
        Sample(metric=first.metric, systems=(first.systems[0], other.systems[1]), clusters=first.clusters)
        for other in others
    ]
    layout = Layout(pairs)
    assert len(layout.tables) == 4
    assert sum(stack.shape[0] for stack in layout.stacks) == 8
