"""What the metrics on paired vectors share: checks, unit length, blocks that bound memory. numpy only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from metrics.base import FloatArray, MetricError, VectorArray

_Array = TypeVar("_Array", VectorArray, FloatArray)

_BLOCK_ELEMENTS = 2**22  # similarities held at once: 32 MiB in float64


def check_pairs(metric: str, first: VectorArray, second: VectorArray, *, axes: str, least: int = 1) -> None:
    """Check that two sides hold vectors of the same items.

    Args:
        metric: Name for the message.
        first, second: Arrays with the named axes.
        axes: Names of the axes, e.g. ``"n d"``.
        least: Fewest items (size of axis ``n``) the metric is defined for.

    Raises:
        MetricError: Another number of axes, shapes that differ, too few items, numbers that are not finite.
    """
    names = axes.split()
    wanted = f"[{', '.join(names)}]"
    if first.ndim != len(names) or first.shape != second.shape:
        raise MetricError(
            f"{metric}: needs two arrays {wanted} of one shape, found {list(first.shape)} and {list(second.shape)}; "
            "keep only items that both sides have"
        )
    items = first.shape[names.index("n")]
    if items < least:
        raise MetricError(f"{metric}: needs at least {least} items, found {items}; raise the limit of items")
    for side, vectors in (("first", first), ("second", second)):
        if not np.isfinite(vectors).all():
            axis = names.index("n")
            broken = ~np.isfinite(vectors).all(axis=tuple(index for index in range(vectors.ndim) if index != axis))
            raise MetricError(
                f"{metric}: {side} side, item {int(np.argmax(broken))}: vector with nan or infinity; "
                "compute the vectors in float32 or bfloat16, or count the item as failed"
            )


def unit_vectors(vectors: _Array) -> _Array:
    """Rows of ``[n, d]`` at length 1, in their own dtype; rows of zeros stay zeros."""
    norms = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    norms[norms == 0] = 1
    units: _Array = vectors / norms[:, None]
    return units


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of ``rows`` so that a block times ``columns`` has a bounded number of elements."""
    step = max(1, _BLOCK_ELEMENTS // max(1, columns))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def pair_products(vector: NDArray[np.float64], others: NDArray[np.float64]) -> FloatArray:
    """Dot products ``[m]`` of ``[d]`` with each row of ``[m, d]``, every row rounded alike.

    A matrix product may round equal rows differently, depending on where in the matrix they stand.
    """
    products: FloatArray = (others * vector).sum(axis=1)
    return products
