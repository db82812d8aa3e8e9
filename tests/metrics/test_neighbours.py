"""Top-k, margin and anisotropy against loops over single pairs."""

from __future__ import annotations

import numpy as np
import pytest

from metrics import registry
from metrics.alignment import LayerMetric, mexa_stats
from metrics.base import MetricError
from metrics.neighbours import anisotropy_stats, margin_stats, topk_stats


def states(seed: int, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """``[3, 12, 8]`` states of two languages that agree more or less."""
    rng = np.random.default_rng(seed)
    pivot = rng.normal(size=(3, 12, 8))
    language = pivot + noise * rng.normal(size=pivot.shape)
    return pivot.astype(np.float32), language.astype(np.float32)


def cosine(first: np.ndarray, second: np.ndarray) -> float:
    first, second = first.astype(float), second.astype(float)
    return float(first @ second / np.sqrt((first @ first) * (second @ second)))


@pytest.mark.parametrize("k", [1, 3, 5])
def test_topk_equals_a_search_pair_by_pair(k: int) -> None:
    pivot, language = states(1)
    found = topk_stats(pivot, language, k=k)
    for layer in range(3):
        for sentence in range(12):
            own = cosine(pivot[layer, sentence], language[layer, sentence])
            row = sum(cosine(pivot[layer, sentence], language[layer, other]) > own for other in range(12))
            column = sum(cosine(pivot[layer, other], language[layer, sentence]) > own for other in range(12))
            assert found[sentence, layer] == ((row < k) + (column < k)) / 2
    assert 0.2 < found[:, :3].mean() < 1


def test_margin_equals_csls_pair_by_pair() -> None:
    pivot, language = states(2)
    found = margin_stats(pivot, language, k=4)
    for layer in range(3):
        table = [[cosine(first, second) for second in language[layer]] for first in pivot[layer]]
        near_row = [np.mean(sorted(row)[-4:]) for row in table]
        near_column = [np.mean(sorted(row[column] for row in table)[-4:]) for column in range(12)]
        csls = np.array([[2 * table[i][j] - near_row[i] - near_column[j] for j in range(12)] for i in range(12)])
        for sentence in range(12):
            own = csls[sentence, sentence]
            best = all(
                own > csls[sentence, other] and own > csls[other, sentence] for other in range(12) if other != sentence
            )
            assert found[sentence, layer] == best
    assert 0.2 < found[:, :3].mean() < 1


def test_the_margin_discounts_a_hub() -> None:
    rng = np.random.default_rng(3)
    pivot = rng.normal(size=(1, 40, 6))
    language = pivot + 0.6 * rng.normal(size=pivot.shape)
    language[:, 0] = pivot.mean(axis=1) * 50  # near to everything
    pivot[:, 1:] += 2 * pivot.mean(axis=1)
    assert margin_stats(pivot, language, k=4)[:, 0].mean() >= mexa_stats(pivot, language)[:, 0].mean()


def test_anisotropy_is_the_mean_cosine_of_other_sentences() -> None:
    pivot, language = states(4)
    found = anisotropy_stats(pivot, language)
    for layer in range(3):
        for sentence in range(12):
            others = [
                cosine(language[layer, sentence], language[layer, other]) for other in range(12) if other != sentence
            ]
            assert found[sentence, layer] == pytest.approx(np.mean(others), abs=1e-6)
    same = np.ones((2, 5, 4), dtype=np.float32)
    assert anisotropy_stats(same, same)[:, :2] == pytest.approx(1.0)


def test_equal_vectors_find_nothing() -> None:
    same = np.ones((2, 9, 4), dtype=np.float32)
    assert topk_stats(same, same, k=5)[:, :2].sum() == 0
    assert margin_stats(same, same, k=4)[:, :2].sum() == 0


def test_registered_with_their_options() -> None:
    metric = registry.create("alignment_topk", {"k": 3})
    assert isinstance(metric, LayerMetric)
    assert metric.info.title == "top-3 alignment"
    assert "k:3" in metric.signature()
    assert not registry.info("anisotropy").higher_is_better
    with pytest.raises(MetricError, match="k must be at least 1"):
        registry.create("alignment_margin", {"k": 0})
    with pytest.raises(MetricError, match="needs at least 6 items"):
        topk_stats(np.ones((1, 3, 2)), np.ones((1, 3, 2)), k=5)
