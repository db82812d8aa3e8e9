"""Benjamini-Hochberg for exact tests of binary scores, whose p-values can only be some of all numbers.

McNemar's p of a language in which eight items changed is at least 1/256: at the level that a list of 200 languages asks
for, such a language cannot be a false alarm, and yet the usual procedure counts it as one that could. Heyse (2011,
"A false discovery rate procedure for categorical data") counts instead what can happen: the share of false alarms stays
what it was promised to be, and more of the true losses are found (``benchmarks/gate_errors.py`` measures both).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from metrics.base import FloatArray

_SLACK = 1e-9
"""Relative rounding between a p-value and the same number among the attainable ones."""


def discrete_benjamini_hochberg(p: Sequence[float], discordant: Sequence[int | None]) -> FloatArray:
    """Adjusted p-values ``[m]``; those of Benjamini & Hochberg (1995) where every p-value can be any number.

    With p-values in order, the k-th becomes the sum over all tests of the chance of a p-value so small, divided by k,
    and no larger than the next. The chance is the p-value itself for a continuous test; for an exact test it is the
    largest p-value not above it that the test can give.

    Args:
        p: One-sided p-values ``[m]`` in 0-1.
        discordant: ``[m]`` items on which the two systems differ, where the test is McNemar's exact one; else ``None``.
    """
    values = np.asarray(p, dtype=np.float64)
    if not len(values):
        return values
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    chances = np.zeros(len(values))
    for count, tests in Counter(discordant).items():
        chances += tests * (ordered if count is None else _largest_attainable(ordered, count))
    stepped = np.minimum.accumulate((chances / np.arange(1, len(values) + 1))[::-1])[::-1]
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def _largest_attainable(p: FloatArray, discordant: int) -> FloatArray:
    """Of each p-value ``[m]``, the largest that so many fair coins can give and that is not above it; else 0."""
    from scipy.special import bdtr

    attainable = np.concatenate([[0.0], bdtr(np.arange(discordant), discordant, 0.5), [1.0]])
    found = np.searchsorted(attainable, p * (1 + _SLACK), side="right") - 1
    return np.asarray(attainable[found])
