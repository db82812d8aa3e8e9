"""Numbers of a policy that cannot be meant for the metrics they meet.

A margin as wide as a metric's scale would pass everything, so that a number in points for a metric in fractions is a
mistake and no policy.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.floors import floor_of
from harness.matching import MatchedRuns
from harness.policy import GateRule
from harness.records import ScoreRecord


def mistakes(matched: MatchedRuns, rule: GateRule, number: int) -> Iterator[str]:
    """Numbers of a rule that do not fit a metric it selects, one line for each metric and field.

    Args:
        number: Place of the rule in the policy, from 0.
    """
    scores = {
        score.metric: score
        for family, languages in matched.families(rule.select).items()
        for language in languages
        for score in matched.scores(family, language)
        if score is not None
    }
    for score in scores.values():
        if isinstance(rule.floor, str) and score.chance is None:
            yield (
                f"policy: rules[{number}].floor: {rule.floor}: task {score.task} names no score of guessing; "
                "give the floor as a number"
            )
            continue
        low, high = score.bounds
        if low is not None and high is not None:
            yield from _off_scale(rule, f"policy: rules[{number}]", score, low, high)


def _off_scale(rule: GateRule, where: str, score: ScoreRecord, low: float, high: float) -> Iterator[str]:
    scale = f"{score.metric}, which runs from {low:g} to {high:g}"
    if rule.margin.of((low, high), 0.0) >= (high - low) / 2:
        yield (
            f"{where}.margin: {rule.margin} is half the scale or more of {scale}; margins are in the metric's own "
            f"unit, write for example {(high - low) / 100:g} or 1%"
        )
    if rule.hard_drop is not None and rule.hard_drop.of((low, high), 0.0) >= high - low:
        yield (
            f"{where}.hard_drop: {rule.hard_drop} can never happen to {scale}; write for example "
            f"{(high - low) / 10:g} or 10%"
        )
    if rule.floor is not None and not low <= floor_of(rule, score) <= high:
        yield (
            f"{where}.floor: {rule.floor} is {floor_of(rule, score):g} for {scale}; floors are in the metric's own "
            f"unit, write for example {'chance+' if isinstance(rule.floor, str) else ''}{(high - low) / 20:g}"
        )
