"""p-values of many tests, adjusted so that a level means what it says for all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metrics.base import FloatArray


def holm(p: Sequence[float]) -> FloatArray:
    """Adjusted p-values ``[m]`` that control the chance of any false alarm (Holm 1979)."""
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def benjamini_hochberg(p: Sequence[float]) -> FloatArray:
    """Adjusted p-values ``[m]`` that control the share of false alarms among alarms (Benjamini & Hochberg 1995)."""
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")[::-1]
    count = len(values)
    stepped = np.minimum.accumulate(values[order] * count / np.arange(count, 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def corrected(p: Sequence[float], correction: str) -> FloatArray:
    """Adjusted p-values by ``bh``, ``holm`` or ``none``."""
    if correction == "bh":
        return benjamini_hochberg(p)
    if correction == "holm":
        return holm(p)
    return np.asarray(p, dtype=np.float64)
