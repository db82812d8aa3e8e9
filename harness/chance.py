"""Scores with guessing taken out: 0 is guessing, the top of the scale stays the top.

``top * (s - c) / (top - c)``: the usual ``(s - c) / (1 - c)`` in the unit of the metric. It is never clipped: below 0
is worse than guessing, and that says something. Only what a record states as the score of guessing is used.
"""

from __future__ import annotations

import math

from harness.records import ScoreRecord


def chance_factor(score: ScoreRecord) -> float | None:
    """How much a point above guessing counts, ``top / (top - c)``; ``None`` where guessing is not defined.

    It is not where the record states no chance level, where lower is better, and where the scale has no top above it.
    """
    top = score.bounds[1]
    if score.chance is None or not score.higher_is_better or top is None or not math.isfinite(top):
        return None
    return top / (top - score.chance) if score.chance < top else None


def above_chance(score: ScoreRecord, value: float | None) -> float | None:
    """A value on the scale of ``score``, say its own or an end of its interval, chance-normalised."""
    factor = chance_factor(score)
    if factor is None or value is None or score.chance is None:
        return None
    return factor * (value - score.chance)
