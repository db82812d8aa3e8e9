"""Do vectors fall into groups as people sorted the texts? V-measure of k-means, as mteb 2.26 has it.

Several *experiments* draw items with replacement and cluster them. The clusters are held fixed when uncertainty is
computed: resampling draws items, it does not cluster again.
Reference: Rosenberg and Hirschberg 2007, https://aclanthology.org/D07-1043/; mteb ``AbsTaskClustering``.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from metrics.base import DEFINITIONS, FloatArray, MetricError, MetricInfo, PooledMetric, VectorArray
from metrics.vectors import row_blocks

_BATCH = 512
_MTEB_SEED = 42


class VMeasure(PooledMetric):
    """Mean V-measure over experiments.

    Statistics ``[n, 1 + 2 * experiments]``: the item's class, then of each experiment its cluster and how often the
    experiment drew it.
    """

    resampling_shifts = True

    def __init__(
        self,
        info: MetricInfo,
        *,
        experiments: int,
        sample: int,
        fraction: float = 0.0,
        documents: int = 0,
        mteb_compat: bool = False,
    ) -> None:
        self.info = info
        self._fraction = fraction
        self._documents = documents
        self._experiments = experiments
        self._sample = sample
        self._mteb_compat = mteb_compat

    def signature(self) -> str:
        draws = "mteb" if self._mteb_compat else "per-subset"
        of = f"|fraction:{self._fraction:g}" if self._fraction else ""
        of += f"|documents:{self._documents}" if self._documents else ""
        return (
            f"{self.info.name}|minibatch-k-means:{_BATCH}|experiments:{self._experiments}|sample:{self._sample}{of}"
            f"|draws:{draws}|clusters-fixed|v:{DEFINITIONS}"
        )

    def chosen(self, total: int, seed: Sequence[int]) -> list[int] | None:
        """Positions of the items, of ``total``, that are looked at; ``None`` where all are, in their order."""
        return self._chosen(self._generator(seed), total)

    def cluster_stats(
        self, vectors: VectorArray, gold: NDArray[np.int64], seed: Sequence[int], total: int | None = None
    ) -> FloatArray:
        """Cluster and say where each item fell.

        Args:
            vectors: ``[n, d]``. gold: ``[n]`` class numbers from 0.
            seed: Of the subset; with ``mteb_compat`` mteb's own generator is used, as it stands at a task's first
                subset.
            total: Items from which :meth:`chosen` chose these; the same generator goes on after it.
        """
        from sklearn.cluster import MiniBatchKMeans

        draw = self._generator(seed)
        if total is not None:
            self._chosen(draw, total)
        columns = [gold.astype(np.float64)]
        model = MiniBatchKMeans(
            n_clusters=len(np.unique(gold)), batch_size=_BATCH, init="k-means++", n_init=1, random_state=_MTEB_SEED
        )
        for _ in range(self._experiments):
            drawn = np.array(draw.choices(range(len(vectors)), k=self._sample))
            found = model.fit_predict(vectors[drawn])
            cluster = np.zeros(len(vectors))
            cluster[drawn] = found
            columns += [cluster, np.bincount(drawn, minlength=len(vectors)).astype(np.float64)]
        return np.column_stack(columns)

    def _generator(self, seed: Sequence[int]) -> random.Random:
        return random.Random(_MTEB_SEED if self._mteb_compat else repr(tuple(seed)))

    def _chosen(self, draw: random.Random, total: int) -> list[int] | None:
        if not (self._fraction or self._documents):
            return None
        most = int(self._fraction * total) if self._fraction else self._documents
        return draw.sample(range(total), k=min(total, most))

    def pooled(self, rows: FloatArray) -> float:
        return float(self.aggregate(rows)[0])

    def aggregate(self, stats: FloatArray, counts: FloatArray | None = None) -> FloatArray:
        from scipy import sparse

        weights = np.ones((1, len(stats))) if counts is None else counts
        if not len(stats):
            return np.full(len(weights), np.nan)
        gold = stats[:, 0].astype(np.int64)
        classes = int(gold.max()) + 1
        total = np.zeros(len(weights))
        for experiment in range(self._experiments):
            cluster = stats[:, 1 + 2 * experiment].astype(np.int64)
            drawn = stats[:, 2 + 2 * experiment]
            clusters = int(cluster.max()) + 1
            cells = sparse.csr_matrix(
                (drawn, (np.arange(len(stats)), gold * clusters + cluster)), shape=(len(stats), classes * clusters)
            )
            for block in row_blocks(len(weights), classes * clusters):
                tables = np.asarray(sparse.csr_matrix(weights[block]) @ cells.toarray()).reshape(-1, classes, clusters)
                total[block] += v_measures(tables)
        mean: FloatArray = total / self._experiments
        return mean


def v_measures(tables: FloatArray) -> FloatArray:
    """V-measure of contingency tables ``[B, classes, clusters]``; ``nan`` for an empty one.

    As sklearn: homogeneity is 1 where there is one class, completeness 1 where there is one cluster, and the measure is
    0 where both are 0.
    """
    count = tables.sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        joint = tables / count[:, None, None]
    class_share, cluster_share = joint.sum(axis=2), joint.sum(axis=1)
    class_entropy, cluster_entropy = _entropy(class_share), _entropy(cluster_share)
    mutual = class_entropy + cluster_entropy - _entropy(joint.reshape(len(joint), -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        homogeneity = np.where(class_entropy > 0, mutual / class_entropy, 1.0)
        completeness = np.where(cluster_entropy > 0, mutual / cluster_entropy, 1.0)
        both = homogeneity + completeness
        measure = np.where(both > 0, 2 * homogeneity * completeness / both, 0.0)
    return np.where(count > 0, np.clip(measure, 0.0, 1.0), np.nan)


def _entropy(shares: FloatArray) -> FloatArray:
    """``[B]`` entropies in nats of rows ``[B, k]`` that sum to 1."""
    with np.errstate(invalid="ignore", divide="ignore"):
        terms = np.where(shares > 0, shares * np.log(shares), 0.0)
    entropy: FloatArray = -terms.sum(axis=1)
    return entropy


def v_measure(
    *,
    experiments: int = 10,
    sample: int = 16384,
    fraction: float = 0.0,
    documents: int = 0,
    mteb_compat: bool = False,
) -> VMeasure:
    """mteb's main score of clustering, 0-1.

    Args:
        experiments: How often items are drawn and clustered. sample: Items drawn each time, with replacement.
        fraction, documents: Look only at this share of the items, or at most at so many, drawn once; 0 for all.

    Raises:
        MetricError: A size is out of range, or both ways to choose items are given.
    """
    if experiments < 1 or sample < 1:
        raise MetricError(f"v_measure: experiments and sample must be at least 1, found {experiments} and {sample}")
    if not 0 <= fraction <= 1 or documents < 0 or (fraction and documents):
        raise MetricError(
            f"v_measure: give a fraction between 0 and 1 or a number of documents, found {fraction} and {documents}"
        )
    info = MetricInfo(
        name="v_measure",
        title="V-measure",
        description="How well groups found from the vectors alone agree with the groups people made.",
        unit="fraction",
        bounds=(0.0, 1.0),
        decimals=3,
        kinds=("clustering",),
    )
    return VMeasure(
        info,
        experiments=experiments,
        sample=sample,
        fraction=fraction,
        documents=documents,
        mteb_compat=mteb_compat,
    )
