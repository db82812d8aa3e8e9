"""MEXA and Language Ranker: how close a language's hidden states are to a pivot language's, layer by layer.

Pooled hidden states of parallel sentences in, statistics per sentence and layer out. Running the model and pooling its
token states is the engine's; here, ``weighted`` is the mean of token states with weights 1..T over all tokens that are
not padding, special tokens included, and ``lasttoken`` the state of the last one. Layer 0 is the embeddings' output,
the last layer is taken after the final norm, as in transformers' ``hidden_states``.

MEXA compares a sentence with all others, and its statistics hold that pool fixed: resampling draws sentences, it does
not shrink the pool.
References: Kargaran et al. 2024, https://arxiv.org/abs/2410.05873, https://github.com/cisnlp/MEXA;
Li et al. 2024, https://arxiv.org/abs/2404.11553, https://github.com/lizh9885/Language-Ranker.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from metrics.base import (
    DEFINITIONS,
    AdditiveMetric,
    FloatArray,
    MetricError,
    MetricInfo,
    VectorArray,
    VectorMetric,
)
from metrics.spelling import did_you_mean
from metrics.vectors import check_pairs, row_blocks, unit_vectors

POOLINGS = ("weighted", "lasttoken")

_MARGIN = 1e-9  # far above the rounding error of a float64 product of unit vectors


def mexa_stats(pivot: VectorArray, language: VectorArray) -> FloatArray:
    """Which sentences are aligned, in every layer.

    A sentence is aligned when the cosine with its translation is strictly greater than every other cosine in its row
    and its column. Cosines are float64; a matrix product decides where the margin is above 1e-9, and the original's
    own cosine of single pairs where it is not, so that ties fall as they do there.

    Args:
        pivot, language: ``[layers + 1, n, d]`` pooled hidden states; row ``i`` of both is the same sentence.

    Returns:
        ``[n, layers + 2]``: 0 or 1 per layer, layer 0 first; then 1. One layer is held in float64 at a time.

    Raises:
        MetricError: Fewer than two sentences, shapes that differ, or numbers that are not finite.
    """
    check_pairs("mexa", pivot, language, axes="layers n d", least=2)
    layers, sentences, _ = pivot.shape
    stats = np.ones((sentences, layers + 1))
    for layer in range(layers):
        stats[:, layer] = _aligned(pivot[layer].astype(np.float64), language[layer].astype(np.float64))
    return stats


def language_ranker_stats(pivot: VectorArray, language: VectorArray) -> FloatArray:
    """Cosine of every sentence with its translation, in layers 1..N (the embeddings' output is left out).

    Args:
        pivot, language: ``[layers + 1, n, d]`` pooled hidden states; row ``i`` of both is the same sentence.

    Returns:
        ``[n, layers + 1]``: a cosine per layer, then 1. float32 states, products in float64 (the original multiplies
        in the precision of the states: 1e-7 away, more from its float16 model). A vector of zeros has cosine 0.

    Raises:
        MetricError: Shapes that differ, or numbers that are not finite.
    """
    check_pairs("language_ranker", pivot, language, axes="layers n d")
    layers, sentences, _ = pivot.shape
    if layers < 2:
        raise MetricError("language_ranker: needs layers above the embeddings' output, found none; pass every layer")
    stats = np.ones((sentences, layers))
    for layer in range(1, layers):
        first = unit_vectors(pivot[layer].astype(np.float64))
        second = unit_vectors(language[layer].astype(np.float64))
        stats[:, layer - 1] = np.einsum("nd,nd->n", first, second)
    return stats


class LayerMetric(AdditiveMetric, VectorMetric):
    """A number per sentence and layer, averaged over sentences, then reduced over layers; statistics ``[n, L + 1]``.

    ``mexa`` and ``mexa_max`` have the same ``statistics`` function: computed once, they serve both.
    """

    def __init__(
        self,
        info: MetricInfo,
        signature: str,
        stats: Callable[[VectorArray, VectorArray], FloatArray],
        over_layers: Literal["mean", "max"],
    ) -> None:
        self.info = info
        self._signature = signature
        self.statistics = stats
        self._over_layers = over_layers

    def signature(self) -> str:
        return self._signature

    def vector_stats(self, first: VectorArray, second: VectorArray, gold: FloatArray | None = None) -> FloatArray:  # noqa: ARG002
        """Statistics of the pivot's states (``first``) and the language's (``second``), ``[layers + 1, n, d]`` each."""
        return self.statistics(first, second)

    def layers(self, summed: FloatArray) -> FloatArray:
        """The layer curve: ``[..., L + 1] -> [..., L]``, lowest layer first; ``nan`` where nothing was summed."""
        count = summed[..., -1:]
        with np.errstate(invalid="ignore", divide="ignore"):
            curve: FloatArray = np.where(count > 0, summed[..., :-1] / count, np.nan)
        return curve

    def score(self, summed: FloatArray) -> FloatArray:
        curve = self.layers(summed)
        scores: FloatArray = curve.max(axis=-1) if self._over_layers == "max" else curve.mean(axis=-1)
        return scores


def mexa(*, pooling: str = "weighted", pivot: str = "eng_Latn") -> LayerMetric:
    """MEXA with the mean over layers, the paper's default, 0-1.

    Args:
        pooling: How the caller pooled token states, ``weighted`` or ``lasttoken``; part of the signature.
        pivot: The pivot language; part of the signature.
    """
    info = MetricInfo(
        name="mexa",
        title="MEXA",
        description="Share of sentences closer to their pivot-language translation than to anything else, "
        "averaged over the model's layers.",
        unit="fraction",
        bounds=(0.0, 1.0),
        decimals=3,
        kinds=("alignment",),
    )
    return LayerMetric(info, _mexa_signature(info.name, "mean", pooling, pivot), mexa_stats, "mean")


def mexa_max(*, pooling: str = "weighted", pivot: str = "eng_Latn") -> LayerMetric:
    """MEXA of the best layer, 0-1; options as in :func:`mexa`. In a resample the best layer may be another one."""
    info = MetricInfo(
        name="mexa_max",
        title="MEXA (best layer)",
        description="Share of sentences closer to their pivot-language translation than to anything else, "
        "in the model's best layer.",
        unit="fraction",
        bounds=(0.0, 1.0),
        decimals=3,
        kinds=("alignment",),
    )
    return LayerMetric(info, _mexa_signature(info.name, "max", pooling, pivot), mexa_stats, "max")


def language_ranker(*, pooling: str = "lasttoken", pivot: str = "eng_Latn") -> LayerMetric:
    """Language Ranker's similarity: mean over layers 1..N of the mean cosine of pairs, -1 to 1; options as in mexa."""
    check_pooling("language_ranker", pooling)
    info = MetricInfo(
        name="language_ranker",
        title="Language Ranker",
        description="Mean cosine between a sentence's hidden states and its pivot-language translation's.",
        unit="correlation",
        bounds=(-1.0, 1.0),
        decimals=3,
        kinds=("alignment",),
    )
    signature = f"language_ranker|pivot:{pivot}|pooling:{pooling}|layers:1-last|over-layers:mean|v:{DEFINITIONS}"
    return LayerMetric(info, signature, language_ranker_stats, "mean")


def _mexa_signature(name: str, over_layers: str, pooling: str, pivot: str) -> str:
    check_pooling(name, pooling)
    return (
        f"{name}|pivot:{pivot}|pooling:{pooling}|layers:0-last|over-layers:{over_layers}"
        f"|sim:cosine-float64|ties:lose|pool:fixed|v:{DEFINITIONS}"
    )


def check_pooling(name: str, pooling: str) -> None:
    """Raise :class:`MetricError` for a pooling that is not known, with a did-you-mean."""
    if pooling not in POOLINGS:
        raise MetricError(
            f"{name}: pooling: unknown value '{pooling}'{did_you_mean(pooling, POOLINGS)}; known: {', '.join(POOLINGS)}"
        )


def _aligned(pivot: FloatArray, language: FloatArray) -> NDArray[np.bool_]:
    """Which rows of one layer ``[n, d]`` are each other's strictly nearest: ``[n]``."""
    pivot_units, language_units = unit_vectors(pivot), unit_vectors(language)
    own = np.einsum("nd,nd->n", pivot_units, language_units)
    rival = np.full(len(own), -np.inf)
    for block in row_blocks(len(own), len(own)):
        cosines = pivot_units[block] @ language_units.T
        rows = np.arange(len(cosines))
        cosines[rows, block.start + rows] = -np.inf
        rival[block] = np.maximum(rival[block], cosines.max(axis=1))
        rival = np.maximum(rival, cosines.max(axis=0))
    margin = own - rival
    aligned: NDArray[np.bool_] = margin > _MARGIN
    for index in np.flatnonzero(np.abs(margin) <= _MARGIN):
        in_row = language_units @ pivot_units[index] >= own[index] - 2 * _MARGIN
        in_column = pivot_units @ language_units[index] >= own[index] - 2 * _MARGIN
        in_row[index] = in_column[index] = False
        cosine = _pair_cosine(pivot[index], language[index])
        aligned[index] = all(
            cosine > _pair_cosine(pivot[index], language[other]) for other in np.flatnonzero(in_row)
        ) and all(cosine > _pair_cosine(pivot[other], language[index]) for other in np.flatnonzero(in_column))
    return aligned


def _pair_cosine(first: FloatArray, second: FloatArray) -> float:
    """Cosine of two vectors ``[d]``, rounded as the original does: ``1 - scipy.spatial.distance.cosine``, which clips.

    0 where a vector is all zeros (undefined in the original).
    """
    squares = float(np.dot(first, first)) * float(np.dot(second, second))
    if squares == 0:
        return 0.0
    distance = 1.0 - float(np.dot(first, second)) / math.sqrt(squares)
    return 1.0 - min(max(distance, 0.0), 2.0)
