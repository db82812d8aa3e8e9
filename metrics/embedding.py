"""Bitext mining and sentence similarity from sentence embeddings, as mteb 2.26 defines them.

Vectors in, statistics out; knows no model and no text. Bitext statistics hold the pool of candidates fixed: resampling
draws sentences, it does not mine again among fewer candidates.
Reference: Muennighoff et al. 2023, https://aclanthology.org/2023.eacl-main.148/.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from metrics.base import (
    DEFINITIONS,
    FloatArray,
    MeanMetric,
    MetricError,
    MetricInfo,
    PooledMetric,
    VectorArray,
    VectorMetric,
)
from metrics.vectors import check_pairs, pair_products, row_blocks, unit_vectors

IndexArray = NDArray[np.int64]

_NEAR_TIE = 1e-5  # above the rounding error of a float32 product of unit vectors


def nearest_neighbours(source: VectorArray, target: VectorArray) -> IndexArray:
    """For every source sentence the target with the highest cosine.

    Args:
        source, target: ``[n, d]``; row ``i`` of one is the translation of row ``i`` of the other.

    Returns:
        ``[n]`` row numbers of ``target``. Unit vectors are float32, as in mteb. Candidates within 1e-5 of the best
        are compared again in float64, and of equal ones the *first* is taken: the result depends neither on block
        size nor on threads (mteb's ``torch.topk`` takes any of them).

    Raises:
        MetricError: Shapes that differ, or numbers that are not finite.
    """
    check_pairs("bitext", source, target, axes="n d")
    source_units = unit_vectors(source.astype(np.float32))
    target_units = unit_vectors(target.astype(np.float32))
    nearest = np.empty(len(source), dtype=np.int64)
    for block in row_blocks(len(source), len(target)):
        similarity = source_units[block] @ target_units.T
        close = similarity >= similarity.max(axis=1, keepdims=True) - _NEAR_TIE
        best = close.argmax(axis=1).astype(np.int64)
        for row in np.flatnonzero(close.sum(axis=1) > 1):
            candidates = np.flatnonzero(close[row])
            vector = source_units[block.start + row].astype(np.float64)
            best[row] = candidates[pair_products(vector, target_units[candidates].astype(np.float64)).argmax()]
        nearest[block] = best
    return nearest


def f1_contributions(nearest: IndexArray) -> FloatArray:
    """``[n]``: 2 / (1 + c) where the translation was found, c being how often it was predicted at all; else 0.

    Their mean is sklearn's ``f1_score(average="weighted")`` of the predictions, mteb's main score.
    """
    predicted = np.bincount(nearest, minlength=len(nearest)).astype(np.float64)
    return accuracies(nearest) * 2.0 / (1.0 + predicted)


def precision_contributions(nearest: IndexArray) -> FloatArray:
    """``[n]``: 1 / c where the translation was found, else 0; their mean is the weighted precision."""
    predicted = np.bincount(nearest, minlength=len(nearest)).astype(np.float64)
    shares: FloatArray = accuracies(nearest) / np.maximum(predicted, 1.0)
    return shares


def accuracies(nearest: IndexArray) -> FloatArray:
    """``[n]``: 1 where the translation was found, else 0; their mean is accuracy, and the weighted recall."""
    found: FloatArray = (nearest == np.arange(len(nearest))).astype(np.float64)
    return found


class BitextMetric(MeanMetric, VectorMetric):
    """Mean contribution of the source sentences to a bitext-mining score; statistics ``(contribution, 1)``."""

    def __init__(self, info: MetricInfo, contributions: Callable[[IndexArray], FloatArray]) -> None:
        super().__init__(info, f"{info.name}|sim:cosine-float32|top:1|ties:first|pool:fixed|v:{DEFINITIONS}")
        self._contributions = contributions

    def vector_stats(self, first: VectorArray, second: VectorArray, gold: FloatArray | None = None) -> FloatArray:  # noqa: ARG002
        return self.neighbour_stats(nearest_neighbours(first, second))

    def neighbour_stats(self, nearest: IndexArray) -> FloatArray:
        """Statistics ``[n, 2]`` from the :func:`nearest_neighbours` ``[n]``, for metrics that share them."""
        return self.stats(self._contributions(nearest))


def bitext_f1() -> BitextMetric:
    """mteb's main score of bitext mining: F1 weighted by class, 0-1."""
    info = MetricInfo(
        name="bitext_f1",
        title="bitext F1",
        description="How well sentences find their translation as nearest neighbour, counting wrong claims against it.",
        unit="fraction",
        bounds=(0.0, 1.0),
        decimals=3,
        kinds=("bitext_mining",),
    )
    return BitextMetric(info, f1_contributions)


def bitext_accuracy() -> BitextMetric:
    """Share of source sentences whose nearest neighbour is their translation, 0-1."""
    info = MetricInfo(
        name="bitext_accuracy",
        title="bitext accuracy",
        description="Share of sentences whose nearest neighbour in the other language is their translation.",
        unit="fraction",
        bounds=(0.0, 1.0),
        binary=True,
        decimals=3,
        kinds=("bitext_mining",),
    )
    return BitextMetric(info, accuracies)


def sts_stats(u: VectorArray, v: VectorArray, gold: FloatArray) -> FloatArray:
    """Observations ``[n, 2]`` of sentence pairs: (cosine similarity, gold score).

    Args:
        u, v: ``[n, d]`` vectors of the first and second sentences.
        gold: ``[n]`` what people said, on any scale.

    Returns:
        The similarity is ``1 - 0.5 * ||u - v||^2`` of unit vectors, in float32 as mteb and sklearn compute it (so that
        ties are theirs).

    Raises:
        MetricError: Shapes that differ, or numbers that are not finite.
    """
    check_pairs("sts", u, v, axes="n d")
    if gold.shape != (len(u),) or not np.isfinite(gold).all():
        raise MetricError(
            f"sts: gold scores: needs {len(u)} finite numbers, one a pair, found shape {list(gold.shape)}; "
            "leave out pairs without a gold score"
        )
    difference = unit_vectors(u.astype(np.float32)) - unit_vectors(v.astype(np.float32))
    similarity = 1 - 0.5 * np.einsum("nd,nd->n", difference, difference)
    return np.column_stack([similarity.astype(np.float64), gold.astype(np.float64)])


class SpearmanMetric(PooledMetric, VectorMetric):
    """Spearman's rank correlation of observations ``[n, 2]``, ties at their mean rank, as in ``scipy.stats``."""

    def __init__(self, info: MetricInfo, signature: str) -> None:
        self.info = info
        self._signature = signature

    def signature(self) -> str:
        return self._signature

    def vector_stats(self, first: VectorArray, second: VectorArray, gold: FloatArray | None = None) -> FloatArray:
        if gold is None:
            raise MetricError(f"{self.info.name}: gold scores are missing; name the column that holds them")
        return sts_stats(first, second, gold)

    def pooled(self, rows: FloatArray) -> float:
        return float(spearman(rows, np.ones((1, len(rows))))[0])

    def aggregate(self, stats: FloatArray, counts: FloatArray | None = None) -> FloatArray:
        if counts is None:
            return np.array([self.pooled(stats)])
        parts = [spearman(stats, counts[block]) for block in row_blocks(len(counts), len(stats))]
        return np.concatenate([np.empty(0), *parts])


def cosine_spearman() -> SpearmanMetric:
    """mteb's main score of sentence similarity, -1 to 1."""
    info = MetricInfo(
        name="cosine_spearman",
        title="Spearman (cosine)",
        description="How well the similarity of two sentences' vectors ranks pairs as people rank them.",
        unit="correlation",
        bounds=(-1.0, 1.0),
        decimals=3,
        kinds=("sts",),
    )
    return SpearmanMetric(info, f"cosine_spearman|sim:cosine-float32|ties:midrank|v:{DEFINITIONS}")


def spearman(rows: FloatArray, counts: FloatArray) -> FloatArray:
    """Spearman's rank correlation of many resamples at once.

    Args:
        rows: ``[n, 2]`` observations.
        counts: ``[B, n]`` how often each observation stands in each resample.

    Returns:
        ``[B]``; ``nan`` for fewer than two observations and where either side is constant.
    """
    total = counts.sum(axis=1)
    first, second = (_centred_midranks(column, counts) for column in rows.T)
    covariance = (counts * first * second).sum(axis=1)
    spread = np.sqrt((counts * first**2).sum(axis=1) * (counts * second**2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((total > 1) & (spread > 0), np.clip(covariance / spread, -1.0, 1.0), np.nan)


def _centred_midranks(values: FloatArray, counts: FloatArray) -> FloatArray:
    """Mean ranks ``[B, n]`` of ``values`` ``[n]`` in each resample of ``counts`` ``[B, n]``, less their mean."""
    if len(values) == 0:
        return np.zeros(counts.shape)
    order = np.argsort(values, kind="stable")
    _, starts, groups = np.unique(values[order], return_index=True, return_inverse=True)
    sizes = np.add.reduceat(counts[:, order], starts, axis=1)
    last = np.cumsum(sizes, axis=1)
    centred = last - (sizes - 1) / 2 - (last[:, -1:] + 1) / 2
    ranks = np.empty(counts.shape)
    ranks[:, order] = centred[:, groups]
    return ranks
