"""A gate's report -> what it says about one model: an outcome, how many findings of each kind, the worst of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.errors import GlotbenchError
from harness.gate import judge
from harness.gate_reports import worst_first
from harness.markup import plain_line
from harness.policy import GatePolicy
from harness.series import moment
from harness.store import RunFolder
from harness.verdicts import Finding, GateReport, Verdict, exit_code

FINDINGS_KEPT = 20
"""Most findings of one verdict that are kept; those that fail the gate come first."""

Outcome = Literal[
    "passed", "regressed", "missing scores", "inconclusive", "not comparable", "nothing judged", "not judged"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFinding:
    """What one rule of the policy says about one language; ``delta`` is oriented: negative is worse."""

    rule: str
    task: str
    variant: str
    prompt: str
    language: str
    metric: str
    verdict: Verdict
    fails: bool
    reason: str
    baseline: float | None
    value: float | None
    delta: float | None
    low: float | None
    high: float | None
    decimals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """What the gate says about one model of a run.

    Attributes:
        exit_code: Of the gate, were this the run's only model; ``None`` where it could not judge.
        counts: How many findings have each verdict.
        findings: The worst ones that did not pass, at most ``FINDINGS_KEPT``. left_out: How many more there are.
        reason: Why it could not judge.
    """

    model: str
    outcome: Outcome
    exit_code: int | None = None
    counts: tuple[tuple[Verdict, int], ...] = ()
    findings: tuple[GateFinding, ...] = ()
    left_out: int = 0
    reason: str = ""


def gate_verdicts(
    later: RunFolder, earlier: RunFolder, policy: GatePolicy, models: Sequence[str]
) -> tuple[GateVerdict, ...]:
    """Judge a run against an earlier one on the day it was made; one verdict a model.

    A run that cannot be judged is no error: its verdicts say why.
    """
    today = moment(later.record.created).date()
    try:
        report = judge(later, earlier, policy, today=today)
    except GlotbenchError as error:
        reason = plain_line(str(error).split("\n", 1)[0])
        return tuple(GateVerdict(model=model, outcome="not judged", reason=reason) for model in models)
    return tuple(_verdict(report, model) for model in models)


def _verdict(report: GateReport, model: str) -> GateVerdict:
    """The part of a report about one model, and about no model in particular."""
    own = replace(report, findings=tuple(found for found in report.findings if found.model in (model, "")))
    counts = Counter(finding.verdict for finding in own.findings)
    failed = [finding for finding in worst_first(own.findings) if finding.verdict != "passed"]
    failed.sort(key=lambda finding: not finding.fails)
    return GateVerdict(
        model=model,
        outcome=_outcome(own),
        exit_code=exit_code(own),
        counts=tuple(sorted(counts.items())),
        findings=tuple(map(_gate_finding, failed[:FINDINGS_KEPT])),
        left_out=max(0, len(failed) - FINDINGS_KEPT),
    )


def _outcome(report: GateReport) -> Outcome:
    """The gate's outcome, and *inconclusive* also where the gate lets a question stay open."""
    if not report.findings:
        return "nothing judged"
    code = exit_code(report)
    if code == 1:
        sure = any(finding.fails and finding.verdict == "regressed" for finding in report.findings)
        return "regressed" if sure else "missing scores"
    if code == 4:
        return "not comparable"
    return "inconclusive" if code == 3 or exit_code(report, strict=True) == 3 else "passed"


def _gate_finding(finding: Finding) -> GateFinding:
    return GateFinding(
        rule=finding.rule,
        task=finding.task,
        variant=finding.variant,
        prompt=finding.prompt,
        language=finding.language,
        metric=finding.metric,
        verdict=finding.verdict,
        fails=finding.fails,
        reason=finding.reason,
        baseline=finding.baseline,
        value=finding.value,
        delta=finding.delta,
        low=finding.low,
        high=finding.high,
        decimals=finding.decimals,
    )
