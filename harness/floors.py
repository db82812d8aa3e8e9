"""Floors: the candidate's own scores against the smallest acceptable one, whatever the baseline has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.matching import Family, MatchedRuns
from harness.policy import GateRule
from harness.records import ScoreRecord
from harness.rule_parts import confirmed, finding_about, language_sets, show
from harness.verdicts import Finding, regressed


def floor_of(rule: GateRule, score: ScoreRecord) -> float:
    """The smallest acceptable score of a metric."""
    if not isinstance(rule.floor, str):
        return float(rule.floor or 0)
    return (score.chance or 0.0) + float(rule.floor.removeprefix("chance"))


def floor_findings(
    matched: MatchedRuns, rule: GateRule, name: str, family: Family, languages: Sequence[str]
) -> Iterator[Finding]:
    """Candidate's scores (or means of them) against the smallest acceptable one; no test, the score as it is."""
    scored = {}
    for language in languages:
        score = matched.scores(family, language)[0]
        value = None if score is None else matched.value(score)
        if score is not None and value is not None:
            scored[language] = (score, value)
    for label, members in language_sets(matched, rule, family, list(scored)):
        score = scored[members[0]][0]
        value = sum(scored[language][1] for language in members) / len(members)
        floor = floor_of(rule, score)
        finding = finding_about(matched, name, family, label)
        reason = f"{show(value, score.decimals)}, floor {floor:g}"
        finding = replace(finding, reason=reason, value=value, decimals=score.decimals, n=score.n)
        sign = 1 if score.higher_is_better else -1
        if sign * value < sign * floor:
            finding = confirmed(regressed(finding, f"{reason}: below it"), matched, family, members)
        yield finding
