"""Bitext scores against sklearn on the same predictions (1e-15), STS against sklearn and scipy (1e-12)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ConstantInputWarning, spearmanr
from sklearn.metrics import accuracy_score, f1_score, precision_score
from sklearn.metrics.pairwise import cosine_similarity, paired_cosine_distances

from metrics import registry
from metrics.base import VectorArray
from metrics.embedding import (
    bitext_accuracy,
    bitext_f1,
    nearest_neighbours,
    precision_contributions,
    spearman,
    sts_stats,
)


def noisy_pairs(items: int, width: int, noise: float, seed: int) -> tuple[VectorArray, VectorArray]:
    rng = np.random.default_rng(seed)
    source = rng.normal(size=(items, width)).astype(np.float32)
    target = source + noise * rng.normal(size=(items, width)).astype(np.float32)
    return source, (3 * target).astype(np.float32)


@pytest.mark.parametrize("noise", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("items", [1, 2, 63, 400])
def test_bitext_scores_equal_sklearn(items: int, noise: float) -> None:
    source, target = noisy_pairs(items, 24, noise, seed=items)
    nearest = nearest_neighbours(source, target)
    gold = np.arange(items)
    assert nearest.tolist() == cosine_similarity(source, target).argmax(axis=1).tolist()
    f1, accuracy = bitext_f1(), bitext_accuracy()
    assert f1.value(f1.vector_stats(source, target)) == pytest.approx(
        f1_score(gold, nearest, average="weighted", zero_division=0), abs=1e-15
    )
    assert precision_contributions(nearest).mean() == pytest.approx(
        precision_score(gold, nearest, average="weighted", zero_division=0), abs=1e-15
    )
    assert accuracy.value(accuracy.vector_stats(source, target)) == pytest.approx(
        accuracy_score(gold, nearest), abs=1e-15
    )


def test_similarity_is_sklearns_float32() -> None:
    u, v = noisy_pairs(500, 33, 1.0, seed=5)
    similarity = sts_stats(u, v, np.arange(500.0))[:, 0]
    assert (similarity.astype(np.float32) == (1 - paired_cosine_distances(u, v))).all()


@pytest.mark.parametrize("items", [3, 10, 1379])
@pytest.mark.parametrize("levels", [2, 6, 10_000])
def test_spearman_equals_scipy(items: int, levels: int) -> None:
    rng = np.random.default_rng(items + levels)
    u, v = noisy_pairs(items, 8, 1.0, seed=levels)
    gold = rng.integers(0, levels, items).astype(np.float64)
    gold[:2] = [0, 1]
    metric = registry.create("cosine_spearman")
    stats = sts_stats(u, v, gold)
    expected = spearmanr(1 - paired_cosine_distances(u, v), gold).statistic
    assert metric.value(stats) == pytest.approx(expected, abs=1e-12)
    counts = rng.multinomial(items, np.full(items, 1 / items), size=20).astype(np.float64)
    for value, row in zip(metric.aggregate(stats, counts), counts.astype(int), strict=True):
        drawn = np.repeat(stats, row, axis=0)
        if (drawn == drawn[0]).all(axis=0).any():
            assert np.isnan(value)
        else:
            assert value == pytest.approx(spearmanr(drawn[:, 0], drawn[:, 1]).statistic, abs=1e-12)


def test_constant_is_nan_as_in_scipy() -> None:
    rows = np.column_stack([np.ones(5), np.arange(5.0)])
    with pytest.warns(ConstantInputWarning):
        assert np.isnan(spearmanr(rows[:, 0], rows[:, 1]).statistic)
    assert np.isnan(spearman(rows, np.ones((1, 5)))).all()
