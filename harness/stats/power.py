"""How small a difference a comparison could have found: what a test that finds nothing says."""

from __future__ import annotations

import math
from statistics import NormalDist

from harness.stats.means import student_quantile


def minimum_detectable_effect(
    stderr: float | None, *, alpha: float = 0.05, power: float = 0.8, sides: int = 1, clusters: float = math.inf
) -> float | None:
    """Smallest true difference found with probability ``power``: ``(z_alpha + z_power) * stderr``.

    For binary paired scores the error of the delta is ``sqrt(psi / n)``, psi the share of discordant items. ``None``
    where the error is unknown or zero (two systems that never differed say nothing about power).

    Args:
        alpha: Level of the test; where it is one of ``m`` under a correction, ``alpha / m`` is what a language needs
            that is the only one to differ.
        clusters: Independent items; with few of them Student's quantiles take the normal's place.
    """
    if stderr is None or not stderr > 0:
        return None
    return (_quantile(1 - alpha / sides, clusters) + _quantile(power, clusters)) * stderr


def unpaired_detectable_effect(low: float | None, high: float | None, *, confidence: float = 0.95) -> float | None:
    """The same for two systems of which each has an interval like this one, compared without their items.

    What one run alone can say: two systems on the *same* items are compared paired, which finds smaller differences the
    more alike they are.
    """
    if low is None or high is None:
        return None
    stderr = (high - low) / 2 / NormalDist().inv_cdf((1 + confidence) / 2)
    return minimum_detectable_effect(math.sqrt(2) * stderr, sides=2)


def _quantile(probability: float, clusters: float) -> float:
    if math.isinf(clusters):
        return NormalDist().inv_cdf(probability)
    return student_quantile(probability, max(clusters - 1, 1))
