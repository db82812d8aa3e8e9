"""Retrieval, reranking and pair classification: are relevant texts near?, as mteb 2.26 and trec_eval have it.

Similarities in, one value a query (or one observation a pair) out; knows no model and no text. Ranking follows
trec_eval: similarities as float32, equal ones by *descending* document id. Candidates are held fixed when uncertainty
is computed: resampling draws queries.
References: Järvelin and Kekäläinen 2002 (nDCG, here with linear gain); pytrec_eval; mteb ``AbsTaskRetrieval``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics.base import DEFINITIONS, FloatArray, MeanMetric, MetricError, MetricInfo, PooledMetric, VectorArray
from metrics.vectors import check_pairs, row_blocks, unit_vectors

DEPTH = 1000
"""Documents of a query's ranking that are looked at, as in mteb."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """One query's documents, best first.

    Attributes:
        gains: ``[r]`` relevance of the ranked documents, 0 where none is known. ideal: Every relevance above 0 that the
            query has, in descending order.
    """

    gains: FloatArray
    ideal: FloatArray


def rank_descending(similarity: NDArray[np.float32], order: NDArray[np.int64], depth: int = DEPTH) -> NDArray[np.int64]:
    """Positions of the best documents, best first.

    Args:
        similarity: ``[c]``. order: ``[c]`` rank of each document's id among all ids, ascending.
    """
    if len(similarity) > depth:
        edge = np.partition(similarity, len(similarity) - depth)[len(similarity) - depth]
        candidates = np.flatnonzero(similarity >= edge)
    else:
        candidates = np.arange(len(similarity))
    found: NDArray[np.int64] = candidates[np.lexsort((-order[candidates], -similarity[candidates]))]
    return found[:depth]


def cosine_rows(queries: VectorArray, documents: VectorArray) -> Iterator[NDArray[np.float32]]:
    """Cosines ``[c]`` of every query ``[q, d]`` with all documents ``[c, d]``, float32, in blocks of queries."""
    documents = unit_vectors(documents.astype(np.float32))
    queries = unit_vectors(queries.astype(np.float32))
    for block in row_blocks(len(queries), len(documents)):
        yield from queries[block] @ documents.T


def ndcg(ranking: Ranking, k: int) -> float:
    """Normalised discounted cumulative gain of the first ``k``, linear gain, discount ``log2(rank + 1)``, 0-1."""
    best = _dcg(ranking.ideal[:k])
    return _dcg(ranking.gains[:k]) / best if best > 0 else 0.0


def average_precision(ranking: Ranking, k: int) -> float:
    """Mean over *all* relevant documents of the precision at their rank, 0 beyond rank ``k`` (trec_eval's map_cut)."""
    relevant = ranking.gains[:k] > 0
    if not len(ranking.ideal):
        return 0.0
    precision = np.cumsum(relevant) / np.arange(1, len(relevant) + 1)
    return float(precision[relevant].sum() / len(ranking.ideal))


def recall(ranking: Ranking, k: int) -> float:
    """Share of the relevant documents among the first ``k``."""
    return float((ranking.gains[:k] > 0).sum() / len(ranking.ideal)) if len(ranking.ideal) else 0.0


def reciprocal_rank(ranking: Ranking, k: int) -> float:
    """1 / rank of the first relevant document among the first ``k``, else 0."""
    found = np.flatnonzero(ranking.gains[:k] > 0)
    return 1.0 / (int(found[0]) + 1) if len(found) else 0.0


def _dcg(gains: FloatArray) -> float:
    return float((gains / np.log2(np.arange(2, len(gains) + 2))).sum())


class RankingMetric(MeanMetric):
    """Mean over queries of a value of their ranking; statistics ``(value, 1)``."""

    def __init__(self, info: MetricInfo, value: Callable[[Ranking, int], float], k: int) -> None:
        super().__init__(info, f"{info.name}|k:{k}|sim:cosine-float32|ties:id-descending|pool:fixed|v:{DEFINITIONS}")
        self._value = value
        self._k = k

    def ranking_stats(self, rankings: Sequence[Ranking]) -> FloatArray:
        """Statistics ``[n, 2]`` of ``n`` queries."""
        return MeanMetric.stats(np.array([self._value(ranking, self._k) for ranking in rankings]))


def ndcg_at(*, k: int = 10) -> RankingMetric:
    """mteb's main score of retrieval (k = 10), 0-1."""
    return _ranking("ndcg", f"nDCG@{k}", "How far up the relevant texts stand among all texts.", ndcg, k)


def map_at(*, k: int = 1000) -> RankingMetric:
    """Mean average precision, mteb's main score of reranking, 0-1."""
    return _ranking("map", f"MAP@{k}", "Mean precision at the ranks of the relevant texts.", average_precision, k)


def recall_at(*, k: int = 100) -> RankingMetric:
    """Share of the relevant texts among the first k, 0-1."""
    return _ranking("recall", f"recall@{k}", f"Share of the relevant texts among the first {k}.", recall, k)


def mrr_at(*, k: int = 10) -> RankingMetric:
    """Mean reciprocal rank of the first relevant text, 0-1."""
    return _ranking("mrr", f"MRR@{k}", "One over the rank of the first relevant text.", reciprocal_rank, k)


def _ranking(name: str, title: str, description: str, value: Callable[[Ranking, int], float], k: int) -> RankingMetric:
    if not 1 <= k <= DEPTH:
        raise MetricError(f"{name}: k must be between 1 and {DEPTH}, found {k}")
    info = MetricInfo(
        name=name,
        title=title,
        description=description,
        unit="fraction",
        bounds=(0.0, 1.0),
        decimals=3,
        kinds=("retrieval", "reranking"),
    )
    return RankingMetric(info, value, k)


def pair_similarities(first: VectorArray, second: VectorArray) -> FloatArray:
    """``[n, 4]``: cosine, negative Manhattan and Euclidean distance, and dot product of pairs ``[n, d]``.

    Raises:
        MetricError: Shapes that differ, or numbers that are not finite.
    """
    check_pairs("pair classification", first, second, axes="n d")
    first, second = first.astype(np.float32), second.astype(np.float32)
    units = unit_vectors(first) - unit_vectors(second)
    difference = first - second
    return np.column_stack(
        [
            1 - 0.5 * np.einsum("nd,nd->n", units, units),
            -np.abs(difference).sum(axis=1),
            -np.sqrt(np.einsum("nd,nd->n", difference, difference)),
            np.einsum("nd,nd->n", first, second),
        ]
    ).astype(np.float64)


class PairAveragePrecision(PooledMetric):
    """Best average precision of "these belong together" over four similarities; rows ``(label, similarities)``."""

    def __init__(self, info: MetricInfo) -> None:
        self.info = info

    def signature(self) -> str:
        return f"{self.info.name}|max-of:cosine+manhattan+euclidean+dot|v:{DEFINITIONS}"

    @staticmethod
    def pair_stats(first: VectorArray, second: VectorArray, labels: FloatArray) -> FloatArray:
        """Observations ``[n, 5]`` of pairs with labels ``[n]`` of 0 and 1."""
        return np.column_stack([labels.astype(np.float64), pair_similarities(first, second)])

    def pooled(self, rows: FloatArray) -> float:
        return float(self.aggregate(rows)[0])

    def aggregate(self, stats: FloatArray, counts: FloatArray | None = None) -> FloatArray:
        weights = np.ones((1, len(stats))) if counts is None else counts
        best = np.full(len(weights), np.nan)
        for column in range(1, stats.shape[1]):
            order = np.argsort(-stats[:, column], kind="stable")
            ends = np.append(np.flatnonzero(np.diff(stats[order, column])), len(order) - 1) if len(order) else order
            for block in row_blocks(len(weights), len(stats)):
                found = _weighted_precision(weights[block][:, order], stats[order, 0], ends)
                best[block] = np.fmax(best[block], found)
        return best


def _weighted_precision(weights: FloatArray, labels: FloatArray, ends: NDArray[np.int64]) -> FloatArray:
    """Average precision ``[B]`` of observations in descending order; ``ends`` are the last ones of equal scores."""
    hits = np.cumsum(weights * labels, axis=1)[:, ends]
    seen = np.cumsum(weights, axis=1)[:, ends]
    gained = np.diff(hits, axis=1, prepend=0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(seen > 0, hits / seen, 0.0)
        average: FloatArray = (gained * precision).sum(axis=1) / hits[:, -1]
    return average


def pair_ap() -> PairAveragePrecision:
    """mteb's main score of pair classification (``max_ap``), 0-1."""
    info = MetricInfo(
        name="pair_ap",
        title="average precision (pairs)",
        description="How well the nearness of two texts tells pairs that belong together from those that do not.",
        unit="fraction",
        bounds=(0.0, 1.0),
        decimals=3,
        kinds=("pair_classification",),
    )
    return PairAveragePrecision(info)
