"""Score intervals of proportions, of means between two ends, and of the difference of two paired proportions."""

from __future__ import annotations

import math
from statistics import NormalDist

_BISECTIONS = 50
_FEW, _MORE, _LARGE = 2, 3, 50


def wilson(successes: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927), in 0-1; ``n`` must be positive."""
    return score_interval(successes / n, n, NormalDist().inv_cdf((1 + confidence) / 2))


def modified_wilson(successes: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval, but with one to three successes (or failures) the end next to 0 (or 1) is Poisson's.

    Wilson's covers as little as 84 % where about one success in six test sets of this size is expected; this one covers
    at least 92 % (Brown, Cai and DasGupta 2001, section 4.1.1). For anything else it *is* Wilson's.
    """
    low, high = wilson(successes, n, confidence)
    few = _FEW if n <= _LARGE else _MORE
    failures = n - successes
    if 1 <= successes <= few and successes < failures:
        low = min(low, _poisson_end(successes, n, confidence))
    if 1 <= failures <= few and failures < successes:
        high = max(high, 1 - _poisson_end(failures, n, confidence))
    return low, high


def score_interval(share: float, n: float, quantile: float) -> tuple[float, float]:
    """The score interval of a share, 0-1, for an effective number ``n`` of items and a quantile of its spread.

    With the normal quantile it is Wilson's. With Student's and ``n = share (1 - share) / stderr ** 2`` it is the
    interval of a mean of dependent or graded values: it stays between the ends and leans to the middle.
    """
    squared = quantile * quantile
    centre = (share + squared / (2 * n)) / (1 + squared / n)
    reach = quantile / (1 + squared / n) * math.sqrt(max(share * (1 - share) / n, 0) + squared / (4 * n * n))
    return max(min(centre - reach, share), 0.0), min(max(centre + reach, share), 1.0)


def paired_difference(wins: int, losses: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Score interval of ``(wins - losses) / n`` for two systems on the same ``n`` 0/1 items (Tango 1998), -1 to 1.

    Where few items differ, the interval from the standard error is too narrow; this one stays right, and with no item
    that differs it still has a width.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    estimate = (wins - losses) / n

    def end(edge: float) -> float:
        """Where the score statistic reaches ``z``, between the estimate and ``edge``."""
        inside, outside = estimate, edge
        for _ in range(_BISECTIONS):
            middle = (inside + outside) / 2
            if abs(_tango(middle, wins, losses, n)) <= z:
                inside = middle
            else:
                outside = middle
        return inside

    return end(-1.0), end(1.0)


def _tango(delta: float, wins: int, losses: int, n: int) -> float:
    """Tango's score statistic of a true difference ``delta``."""
    b = -wins - losses + (2 * n - wins + losses) * delta
    root = max(b * b + 8 * n * losses * delta * (1 - delta), 0.0)
    share = (math.sqrt(root) - b) / (4 * n)
    variance = n * (2 * share + delta * (1 - delta))
    return math.inf if variance <= 0 else (wins - losses - n * delta) / math.sqrt(variance)


def _poisson_end(count: float, n: float, confidence: float) -> float:
    """Lower end of a proportion of ``count`` in ``n`` by a Poisson's mean; one-sided, as in the paper."""
    from scipy.special import gammaincinv

    return float(gammaincinv(count, 1 - confidence)) / n
