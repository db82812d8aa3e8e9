"""The difference of two scores of which only their own intervals are known."""

from __future__ import annotations

from typing import TypeVar

from metrics.base import FloatArray

_Number = TypeVar("_Number", float, FloatArray)


def unpaired_difference(
    first: tuple[_Number, _Number, _Number], second: tuple[_Number, _Number, _Number]
) -> tuple[_Number, _Number, _Number]:
    """The first score minus the second as of independent samples, by the variances recovered from their limits (MOVER).

    Two systems on the same items mostly fail on the same ones; then this interval is wider than a paired one.

    References: Zou and Donner 2008, "Construction of confidence limits about effect measures", equation 3; Newcombe
    1998, method 10, for proportions.

    Args:
        first, second: Value, low and high end of a score, in the unit of the metric: numbers, or ``[n]`` each.

    Returns:
        The difference and the ends of its interval, at the level of the two; ``nan`` where an end is.
    """
    value, low, high = first
    other, other_low, other_high = second
    delta = value - other
    return (
        delta,
        delta - ((value - low) ** 2 + (other_high - other) ** 2) ** 0.5,
        delta + ((high - value) ** 2 + (other - other_low) ** 2) ** 0.5,
    )
