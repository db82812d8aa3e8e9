"""McNemar's exact test of two systems whose items are right or wrong."""

from __future__ import annotations

import math


def mcnemar(wins: int, losses: int) -> float:
    """Exact two-sided McNemar test: p of a fair coin splitting the discordant items so unevenly."""
    return min(1.0, 2 * _binomial_below(min(wins, losses), wins + losses))


def mcnemar_worse(wins: int, losses: int, *, n: int, margin: float = 0.0) -> float:
    """Exact one-sided p of ``(wins - losses) / n >= -margin``; the null is shifted to ``-margin``."""
    shifted = wins - losses + margin * n
    return _binomial_below(math.floor((shifted + wins + losses) / 2 + 1e-9), wins + losses)


def _binomial_below(most: int, n: int) -> float:
    """P(X <= most) of n fair coins."""
    from scipy.special import bdtr

    return 1.0 if most >= n else float(bdtr(most, n, 0.5)) if most >= 0 else 0.0
