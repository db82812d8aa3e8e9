"""MEXA and Language Ranker against the papers' definitions, written out pair by pair.

MEXA's zeros and ones are compared exactly, with planted ties; Language Ranker's cosines within 1e-12 of float64 loops
and 1e-6 of float32 ones.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cosine

from metrics import alignment, registry
from metrics.alignment import LayerMetric, language_ranker_stats, mexa_stats
from metrics.base import FloatArray, VectorArray


def naive_mexa(pivot: VectorArray, language: VectorArray) -> list[list[int]]:
    """``[layers][n]``: 1 where the own cosine is strictly above every other in its row and in its column."""
    flags = []
    for first, second in zip(pivot.astype(np.float64), language.astype(np.float64), strict=True):
        cosines = [[1 - cosine(p, q) for q in second] for p in first]
        others = list(range(len(cosines)))
        flags.append(
            [
                int(
                    all(cosines[i][i] > cosines[i][j] for j in others if j != i)
                    and all(cosines[i][i] > cosines[j][i] for j in others if j != i)
                )
                for i in others
            ]
        )
    return flags


def states(layers: int, items: int, width: int, seed: int, noise: float = 0.8) -> tuple[VectorArray, VectorArray]:
    rng = np.random.default_rng(seed)
    pivot = rng.normal(size=(layers, items, width)).astype(np.float32)
    language = pivot + noise * rng.normal(size=pivot.shape).astype(np.float32)
    return pivot, language.astype(np.float32)


def plant_ties(pivot: VectorArray, language: VectorArray) -> None:
    language[0] = language[0, 0]  # every sentence ends in the same token
    pivot[0] = pivot[0, 0]
    pivot[1, 3], language[1, 3] = pivot[1, 2], language[1, 2]  # a duplicate sentence, on both sides
    language[2, 5] = 4 * language[2, 4]  # the same direction, another length
    pivot[2, 7] = pivot[2, 6]  # a duplicate on one side
    language[3] = pivot[3]  # perfect cosines, clipped at 1
    language[3, 1] = 3 * pivot[3, 0]
    language[3, 8] = pivot[3, 8] * np.float32(1 + 1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_mexa_equals_the_definition(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pivot, language = states(5, 17, 12, seed, noise=1.5)
    plant_ties(pivot, language)
    expected = np.array(naive_mexa(pivot, language))
    stats = mexa_stats(pivot, language)
    assert stats[:, :-1].T.tolist() == expected.tolist()
    assert stats[:, -1].tolist() == [1.0] * 17
    assert expected[0].sum() == 0
    assert expected[1, [2, 3]].sum() == 0
    assert 0 < expected[4].sum() < 17

    mean, best = registry.create("mexa"), registry.create("mexa_max")
    assert mean.value(stats) == pytest.approx(np.mean([sum(row) / 17 for row in expected]), abs=1e-15)
    assert best.value(stats) == max(sum(row) / 17 for row in expected)
    assert isinstance(mean, LayerMetric)
    assert mean.layers(stats.sum(axis=0)).tolist() == [sum(row) / 17 for row in expected]

    monkeypatch.setattr("metrics.vectors._BLOCK_ELEMENTS", 40)
    assert (mexa_stats(pivot, language) == stats).all()


def test_ties_that_a_matrix_product_may_break() -> None:
    """Small integers give many exactly equal cosines; the answer must be that of the pairwise cosines."""
    rng = np.random.default_rng(11)
    pivot = rng.integers(-2, 3, size=(6, 20, 5)).astype(np.float32)
    language = rng.integers(-2, 3, size=(6, 20, 5)).astype(np.float32)
    language[:, ::2] = pivot[:, ::2]
    pivot[(pivot == 0).all(axis=-1)] = 1
    language[(language == 0).all(axis=-1)] = 1
    assert mexa_stats(pivot, language)[:, :-1].T.tolist() == naive_mexa(pivot, language)


def test_large_common_direction() -> None:
    """Real states share a large component, so that all cosines are close to one."""
    pivot, language = states(2, 15, 64, seed=2)
    shared = np.float32(3000) * np.ones(64, dtype=np.float32)
    assert mexa_stats(pivot + shared, language + shared)[:, :-1].T.tolist() == naive_mexa(
        pivot + shared, language + shared
    )


def test_only_near_margins_are_rechecked(monkeypatch: pytest.MonkeyPatch) -> None:
    pivot, language = states(3, 30, 16, seed=4)

    def refuse(first: FloatArray, second: FloatArray) -> float:
        raise AssertionError("a clear margin was rechecked")

    monkeypatch.setattr(alignment, "_pair_cosine", refuse)
    assert (mexa_stats(pivot, language)[:, -1] == 1).all()


def test_language_ranker_equals_the_definition() -> None:
    pivot, language = states(5, 9, 31, seed=8)
    stats = language_ranker_stats(pivot, language)
    per_layer = []
    for layer in range(1, 5):
        total32, total64 = 0.0, 0.0
        for p, q in zip(pivot[layer], language[layer], strict=True):
            total32 += float(np.dot(p / np.linalg.norm(p), q / np.linalg.norm(q)))
            total64 += 1 - cosine(p.astype(np.float64), q.astype(np.float64))
        per_layer.append((total32 / 9, total64 / 9))
    metric = registry.create("language_ranker")
    assert isinstance(metric, LayerMetric)
    assert metric.layers(stats.sum(axis=0)) == pytest.approx([b for _, b in per_layer], abs=1e-12)
    assert metric.value(stats) == pytest.approx(np.mean([b for _, b in per_layer]), abs=1e-12)
    assert metric.value(stats) == pytest.approx(np.mean([a for a, _ in per_layer]), abs=1e-6)
