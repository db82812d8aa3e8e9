"""What the functions of ``harness.stats`` give back, and how often they draw."""

from __future__ import annotations

from dataclasses import dataclass

DRAWS = 10_000
"""Swaps of a randomisation test. The smallest p-value is 1/(DRAWS+1): 200 languages under Holm need .05/200 or less."""

POOLED_DRAWS = 1_000
"""The same where every swap costs a rank correlation."""

RESAMPLES = 1_000
"""Bootstrap resamples of an interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Uncertainty of one score, in the unit of the score.

    Attributes:
        stderr, low, high: ``None`` where they cannot be known (nothing scored, or a single cluster).
        method: What made it, in words (``METHODS``); empty when there is none.
    """

    stderr: float | None
    low: float | None
    high: float | None
    method: str


NO_INTERVAL = Interval(stderr=None, low=None, high=None, method="")

METHODS = {
    "wilson": "score interval of a proportion (Wilson 1927), its ends near 0 and 1 by Brown, Cai and DasGupta 2001",
    "clt": "mean and Student's quantile",
    "bounded": "score interval of a mean with two ends, by its effective number of items (Korn and Graubard 1998)",
    "bootstrap": "percentiles of the bootstrap, widened as Student's quantile is (Hesterberg 2015)",
    "bounded bootstrap": "as bounded, by the bootstrap's standard error",
    "fisher bootstrap": "Student's quantile on Fisher's z scale, by the bootstrap's standard error there",
}
"""Names in ``Interval.method`` and what they mean; ``cluster `` before one: items that belong together were kept so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """Difference of two systems on the same segments, first minus second, in the unit of the metric.

    Attributes:
        value_a, value_b: Scores on the common segments (for a macro mean: mean over the samples); ``nan`` if undefined.
        delta: ``value_a - value_b``.
        stderr, low, high: Standard error and two-sided interval; ``None`` with fewer than two clusters.
        p: Two-sided test of no difference.
        p_worse: One-sided test of ``delta >= -margin``: small when the first system is surely worse by more.
        n: Segments (for a macro mean: of all samples). clusters: Independent items among them.
        discordant: Items on which the two differ, where the tests are McNemar's exact ones.
    """

    value_a: float
    value_b: float
    delta: float
    stderr: float | None
    low: float | None
    high: float | None
    p: float
    p_worse: float
    n: int
    clusters: int
    discordant: int | None = None
