"""What a gate says: findings with their verdicts, a report of them, and the exit code that follows.

*Passed* (non-inferior), *regressed*, *inconclusive*: neither. *Not comparable*: the two do not measure the same thing.
*Missing*: the candidate lacks a score. *Waived*: excused by the policy, whatever it was. How a verdict is reached is
``harness.quality_rules`` and ``harness.performance_rules``.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from typing import Literal

from harness.pairing import SegmentDrop
from harness.policy import GateRule

Verdict = Literal["passed", "regressed", "inconclusive", "not comparable", "missing", "waived"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one rule says about one language (or the macro mean).

    Attributes:
        rule: Number and words of the rule; ``coverage`` for the coverage section.
        language: Canonical code or direction; ``macro``; or the group whose mean it is, as ``script Ethiopic (Ethi)``.
        metric: The metric, or the measure of a rule about performance.
        value, baseline: The two scores, on the common segments where they were compared.
        delta, low, high: Oriented: negative is worse. Each bound is one-sided at the rule's ``alpha``.
        p, p_corrected: Of the test that the loss is no larger than the margin.
        minimum_detectable_effect: Smallest true loss this rule would find four times in five (margin included, before
            correction); ``None`` if unknown.
        n: Paired segments; of performance, requests computed.
        reason: Why this verdict, in words.
        fails: Whether the gate fails by it. fails_strict: Whether it does under ``--strict``.
        excused: The verdict that a waiver replaced.
        unconfirmed: Whether it is a regression that waits for further runs of the candidate.
    """

    rule: str
    model: str = ""
    task: str = ""
    variant: str = ""
    prompt: str = ""
    language: str = ""
    metric: str = ""
    verdict: Verdict
    reason: str
    value: float | None = None
    baseline: float | None = None
    delta: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_corrected: float | None = None
    minimum_detectable_effect: float | None = None
    n: int = 0
    decimals: int = 1
    fails: bool = False
    fails_strict: bool = False
    excused: Verdict | None = None
    unconfirmed: bool = False
    worst: tuple[SegmentDrop, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """All findings in the order of the rules, and what the reader should know besides."""

    candidate: str
    baseline: str
    candidate_path: str
    baseline_path: str
    reruns: tuple[str, ...] = ()
    seed: int
    date: datetime.date
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()


def exit_code(report: GateReport, *, strict: bool = False) -> int:
    """0 passed; 1 regressed or missing; 4 not comparable; 3 inconclusive, where the policy or ``strict`` minds."""
    failing = {finding.verdict for finding in report.findings if finding.fails or (strict and finding.fails_strict)}
    if failing & {"regressed", "missing"}:
        return 1
    if "not comparable" in failing:
        return 4
    return 3 if failing else 0


def regressed(finding: Finding, reason: str) -> Finding:
    """The finding as a sure loss."""
    return replace(finding, verdict="regressed", reason=reason, fails=True, fails_strict=True)


def inconclusive(finding: Finding, rule: GateRule, reason: str) -> Finding:
    """The finding as one that the data do not decide; the rule says whether that is minded."""
    return replace(
        finding,
        verdict="inconclusive",
        reason=reason,
        fails=rule.on_inconclusive == "fail",
        fails_strict=rule.on_inconclusive != "pass",
    )


def unconfirmed(finding: Finding, missing: int) -> Finding:
    """A regression of sampled text as one that further runs must bear out: not yet a loss, and never a pass."""
    runs = f"{missing} more run{'s' if missing > 1 else ''}"
    reason = f"{finding.reason}; unconfirmed: the text is drawn at random, give {runs} with --rerun"
    return replace(finding, verdict="inconclusive", reason=reason, unconfirmed=True)


def rule_name(rule: GateRule, number: int) -> str:
    """``rule 2: flores200 chrf, per language``."""
    if rule.performance is not None:
        scope = rule.performance.measure.replace("_", " ")
    elif rule.by is not None:
        scope = f"by {rule.by.replace('_', ' ')}"
    else:
        scope = rule.scope.replace("_", " ")
    return f"rule {number}: {rule.select.words or 'everything'}, {scope}"
