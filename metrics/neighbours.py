"""Other readings of the same hidden states, layer by layer: top-k, margin scores, anisotropy.

Beside MEXA (``metrics.alignment``), which asks for the strictly nearest in both directions. ``alignment_topk`` asks
whether a translation is among the k nearest; ``alignment_margin`` whether it is nearest once hubs (sentences near to
everything) are discounted; ``anisotropy`` how near *unrelated* sentences of one language lie: where that is high, a
high cosine with the pivot (Language Ranker) says little. Pools are held fixed, as in MEXA.
References: Conneau et al. 2018, https://arxiv.org/abs/1710.04087 (CSLS); Artetxe and Schwenk 2019,
https://arxiv.org/abs/1811.01136 (margin); Ethayarajh 2019, https://arxiv.org/abs/1909.00512 (anisotropy).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from metrics.alignment import LayerMetric, check_pooling
from metrics.base import DEFINITIONS, FloatArray, MetricError, MetricInfo, VectorArray
from metrics.vectors import check_pairs, unit_vectors


def topk_stats(pivot: VectorArray, language: VectorArray, *, k: int) -> FloatArray:
    """Whether a translation is among the k nearest, in every layer.

    Args:
        pivot, language: ``[layers + 1, n, d]`` pooled hidden states; row ``i`` of both is the same sentence.

    Returns:
        ``[n, layers + 2]``: 0, 0.5 or 1 per layer (half for each direction of search); then 1. Candidates as near as
        the translation count as nearer, so that equal vectors find nothing.

    Raises:
        MetricError: Not more than ``k`` sentences, shapes that differ, or numbers that are not finite.
    """
    check_pairs("alignment_topk", pivot, language, axes="layers n d", least=k + 1)
    stats = np.ones((pivot.shape[1], pivot.shape[0] + 1))
    for layer, cosines in enumerate(_cosines(pivot, language)):
        own = np.diag(cosines)
        nearer_in_row = (cosines >= own[:, None]).sum(axis=1) - 1
        nearer_in_column = (cosines >= own[None, :]).sum(axis=0) - 1
        stats[:, layer] = ((nearer_in_row < k).astype(np.float64) + (nearer_in_column < k)) / 2
    return stats


def margin_stats(pivot: VectorArray, language: VectorArray, *, k: int) -> FloatArray:
    """Whether a translation has the strictly best CSLS score in both directions, in every layer.

    CSLS of two sentences is twice their cosine, less each one's mean cosine with its k nearest in the other language.

    Args:
        pivot, language: As :func:`topk_stats`.

    Returns:
        ``[n, layers + 2]``: 0 or 1 per layer; then 1.

    Raises:
        MetricError: As :func:`topk_stats`.
    """
    check_pairs("alignment_margin", pivot, language, axes="layers n d", least=k + 1)
    stats = np.ones((pivot.shape[1], pivot.shape[0] + 1))
    for layer, cosines in enumerate(_cosines(pivot, language)):
        near_row = np.partition(cosines, -k, axis=1)[:, -k:].mean(axis=1)
        near_column = np.partition(cosines, -k, axis=0)[-k:].mean(axis=0)
        scores = 2 * cosines - near_row[:, None] - near_column[None, :]
        own = np.diag(scores).copy()
        np.fill_diagonal(scores, -np.inf)
        stats[:, layer] = (own > scores.max(axis=1)) & (own > scores.max(axis=0))
    return stats


def anisotropy_stats(pivot: VectorArray, language: VectorArray) -> FloatArray:
    """Mean cosine of a sentence with every *other* sentence of its own language, in every layer.

    Args:
        pivot: Not looked at. language: ``[layers + 1, n, d]`` pooled hidden states.

    Returns:
        ``[n, layers + 2]``: a cosine per layer; then 1.

    Raises:
        MetricError: Fewer than two sentences, shapes that differ, or numbers that are not finite.
    """
    check_pairs("anisotropy", pivot, language, axes="layers n d", least=2)
    layers, sentences, _ = language.shape
    stats = np.ones((sentences, layers + 1))
    for layer in range(layers):
        units = unit_vectors(language[layer].astype(np.float64))
        own = np.einsum("nd,nd->n", units, units)
        stats[:, layer] = (units @ units.sum(axis=0) - own) / (sentences - 1)
    return stats


def _cosines(pivot: VectorArray, language: VectorArray) -> Iterator[FloatArray]:
    """Cosines ``[n, n]`` of one layer after the other, float64; one layer is held at a time."""
    for first, second in zip(pivot, language, strict=True):
        cosines: FloatArray = unit_vectors(first.astype(np.float64)) @ unit_vectors(second.astype(np.float64)).T
        yield cosines


def alignment_topk(*, k: int = 5, pooling: str = "weighted", pivot: str = "eng_Latn") -> LayerMetric:
    """Share of sentences whose translation is among the k nearest, both directions averaged, mean over layers, 0-1."""
    info = _info(
        "alignment_topk",
        f"top-{k} alignment",
        f"Share of sentences with their pivot-language translation among the {k} nearest, averaged over layers.",
        (0.0, 1.0),
    )
    return LayerMetric(info, _signature(info.name, pooling, pivot, k), partial(topk_stats, k=k), "mean")


def alignment_margin(*, k: int = 4, pooling: str = "weighted", pivot: str = "eng_Latn") -> LayerMetric:
    """Share of sentences whose translation has the best CSLS score in both directions, mean over layers, 0-1."""
    info = _info(
        "alignment_margin",
        "margin alignment",
        "Share of sentences nearest to their pivot-language translation, sentences near to everything discounted.",
        (0.0, 1.0),
    )
    return LayerMetric(info, _signature(info.name, pooling, pivot, k), partial(margin_stats, k=k), "mean")


def anisotropy(*, pooling: str = "weighted", pivot: str = "eng_Latn") -> LayerMetric:
    """Mean cosine between unrelated sentences of the language, mean over layers, -1 to 1; lower is better."""
    info = _info(
        "anisotropy",
        "anisotropy",
        "Mean cosine between unrelated sentences; where it is high, high cosines with the pivot say little.",
        (-1.0, 1.0),
    )
    return LayerMetric(info, _signature(info.name, pooling, pivot), anisotropy_stats, "mean")


def _info(name: str, title: str, description: str, bounds: tuple[float, float]) -> MetricInfo:
    return MetricInfo(
        name=name,
        title=title,
        description=description,
        unit="correlation" if bounds[0] < 0 else "fraction",
        bounds=bounds,
        higher_is_better=bounds[0] == 0,
        decimals=3,
        kinds=("alignment",),
    )


def _signature(name: str, pooling: str, pivot: str, k: int | None = None) -> str:
    check_pooling(name, pooling)
    if k is not None and k < 1:
        raise MetricError(f"{name}: k must be at least 1, found {k}")
    nearest = "" if k is None else f"|k:{k}"
    return (
        f"{name}{nearest}|pivot:{pivot}|pooling:{pooling}|layers:0-last|over-layers:mean"
        f"|sim:cosine-float64|pool:fixed|v:{DEFINITIONS}"
    )
