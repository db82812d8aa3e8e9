"""Bitext, STS and alignment metrics: checks, tie rules and edge cases; numbers are compared in ``tests/parity``."""

from __future__ import annotations

import numpy as np
import pytest

from metrics import registry
from metrics.alignment import language_ranker_stats, mexa_stats
from metrics.base import MetricError, VectorArray, VectorMetric
from metrics.embedding import bitext_f1, f1_contributions, nearest_neighbours, precision_contributions, sts_stats


def random_vectors(*shape: int, seed: int = 0) -> VectorArray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_bitext_ties_take_the_first() -> None:
    source = random_vectors(40, 19)
    target = np.repeat(source[:20], 2, axis=0)  # rows 2i and 2i + 1 are the same vector
    target[1::2] *= 2  # the same direction, exactly
    assert nearest_neighbours(source[:20].repeat(2, axis=0), target).tolist() == [i - i % 2 for i in range(40)]


def test_bitext_result_does_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    source = random_vectors(90, 16)
    target = np.concatenate([source[:45], source[:45]]) + np.float32(1e-8) * random_vectors(90, 16, seed=1)
    whole = nearest_neighbours(source, target)
    monkeypatch.setattr("metrics.vectors._BLOCK_ELEMENTS", 90 * 7)
    assert (nearest_neighbours(source, target) == whole).all()


def test_bitext_contributions() -> None:
    nearest = np.array([0, 0, 2, 1])
    assert f1_contributions(nearest).tolist() == [2 / 3, 0, 1, 0]
    assert precision_contributions(nearest).tolist() == [0.5, 0, 1, 0]
    vectors = random_vectors(6, 8)
    assert bitext_f1().vector_stats(vectors, vectors).tolist() == [[1, 1]] * 6


def test_zero_vectors_are_allowed() -> None:
    zeros = np.zeros((3, 4), dtype=np.float32)
    assert nearest_neighbours(zeros, zeros).tolist() == [0, 0, 0]
    assert mexa_stats(zeros[None], zeros[None]).tolist() == [[0, 1]] * 3
    layers = np.stack([zeros, zeros])
    assert language_ranker_stats(layers, layers).tolist() == [[0, 1]] * 3
    assert sts_stats(zeros, zeros, np.arange(3.0))[:, 0].tolist() == [1, 1, 1]


@pytest.mark.parametrize("name", ["bitext_f1", "bitext_accuracy", "cosine_spearman", "mexa", "language_ranker"])
def test_wrong_vectors(name: str) -> None:
    metric = registry.create(name)
    assert isinstance(metric, VectorMetric)
    layers = (3,) if "alignment" in metric.info.kinds else ()
    good = random_vectors(*layers, 5, 4)
    gold = np.arange(5.0)
    assert len(metric.vector_stats(good, good, gold)) == 5
    with pytest.raises(MetricError, match=r"needs two arrays .* of one shape, found .*; keep only items"):
        metric.vector_stats(good, good[..., :4, :], gold)
    with pytest.raises(MetricError, match="needs two arrays"):
        metric.vector_stats(good[0], good[0], gold)
    broken = good.copy()
    broken[..., 3, 1] = np.nan
    with pytest.raises(MetricError, match="second side, item 3: vector with nan or infinity"):
        metric.vector_stats(good, broken, gold)
    with pytest.raises(MetricError, match=r"needs at least . items, found 0"):
        metric.vector_stats(good[..., :0, :], good[..., :0, :], gold[:0])


def test_too_little_to_compare() -> None:
    one = random_vectors(3, 1, 4)
    with pytest.raises(MetricError, match="mexa: needs at least 2 items, found 1"):
        mexa_stats(one, one)
    with pytest.raises(MetricError, match="language_ranker: needs layers above"):
        language_ranker_stats(one[:1], one[:1])


def test_sts_needs_gold() -> None:
    vectors = random_vectors(4, 3)
    metric = registry.create("cosine_spearman")
    assert isinstance(metric, VectorMetric)
    with pytest.raises(MetricError, match="cosine_spearman: gold scores are missing"):
        metric.vector_stats(vectors, vectors)
    with pytest.raises(MetricError, match="sts: gold scores: needs 4 finite numbers"):
        metric.vector_stats(vectors, vectors, np.array([1.0, 2, 3, np.nan]))
    with pytest.raises(MetricError, match="sts: gold scores: needs 4 finite numbers"):
        metric.vector_stats(vectors, vectors, np.arange(3.0))


def test_spearman_edge_cases() -> None:
    metric = registry.create("cosine_spearman")
    rows = np.array([[0.1, 1.0], [0.2, 2.0], [0.3, 3.0]])
    assert metric.value(rows) == 1
    assert metric.value(rows * [1, -1]) == -1
    assert np.isnan(metric.value(rows[:1]))
    assert np.isnan(metric.value(rows[:0]))
    assert np.isnan(metric.aggregate(rows, np.array([[0.0, 0, 0], [3, 0, 0]]))).all()
    assert np.isnan(metric.segment_scores(rows)).all()


def test_mexa_signature_says_pooling_and_pivot() -> None:
    signature = registry.create("mexa", {"pooling": "lasttoken", "pivot": "fra_Latn"}).signature()
    assert signature.startswith("mexa|pivot:fra_Latn|pooling:lasttoken|layers:0-last|over-layers:mean|")
    assert "|pool:fixed|" in signature
    assert "|over-layers:max|" in registry.create("mexa_max").signature()
    assert "|layers:1-last|" in registry.create("language_ranker").signature()
