"""A candidate run, a baseline run and a policy -> a report with a verdict per rule and language.

Wires what does the work: ``harness.matching`` brings scores together, ``harness.quality_rules`` and
``harness.performance_rules`` judge them, ``harness.coverage`` adds what is missing and what is excused. Tables for
people and machines are ``harness.reports``; the baseline's place is ``harness.baseline``.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace

from harness.coverage import coverage_findings, notes, waived
from harness.errors import RecordError, SpecError
from harness.matching import MatchedRuns
from harness.pairing import CreateMetric, ScoreSource, with_texts
from harness.performance_rules import performance_findings
from harness.policy import GatePolicy
from harness.policy_checks import mistakes
from harness.quality_rules import quality_findings
from harness.reruns import check_reruns
from harness.stats import DRAWS
from harness.store import RunFolder
from harness.verdicts import Finding, GateReport, rule_name


def judge(
    candidate: RunFolder,
    baseline: RunFolder,
    policy: GatePolicy,
    *,
    reruns: Sequence[RunFolder] = (),
    seed: int = 0,
    today: datetime.date,
    draws: int = DRAWS,
    create: CreateMetric | None = None,
) -> GateReport:
    """Apply every rule of the policy, then its coverage section and its waivers.

    Models are matched by name; two runs of one model each are matched whatever the names. The language of a selector or
    a waiver matches a direction by the whole or by either side; metrics match by name or title, in any case.

    Args:
        reruns: Further runs of the candidate with other random numbers, for scores of sampled text.
        today: For the waivers, which hold up to and including the day they expire.
        create: How a metric is made; by default from the registry.

    Raises:
        SpecError: Numbers of a rule do not fit the scale of a metric it selects.
        RecordError: A run is damaged.
        NotComparableError: A rerun is none of the candidate.
    """
    for folder in (candidate, baseline, *reruns):
        if problems := list(folder.problems()):
            raise RecordError("\n".join(problems))
    check_reruns(candidate, reruns)
    matched = MatchedRuns(
        candidate, baseline, policy, reruns=reruns, seed=seed, draws=draws, create=create, today=today
    )
    if wrong := [text for number, rule in enumerate(policy.rules) for text in mistakes(matched, rule, number)]:
        raise SpecError(wrong)
    findings: list[Finding] = []
    for number, rule in enumerate(policy.rules, start=1):
        judged = quality_findings if rule.performance is None else performance_findings
        findings.extend(judged(matched, rule, rule_name(rule, number)))
    findings.extend(coverage_findings(matched))
    findings = [waived(finding, matched.waivers(finding.task, finding.language)) for finding in findings]
    return GateReport(
        candidate=candidate.record.run_id,
        baseline=baseline.record.run_id,
        candidate_path=str(candidate.path),
        baseline_path=str(baseline.path),
        reruns=tuple(str(rerun.path) for rerun in reruns),
        seed=seed,
        date=today,
        findings=tuple(_with_texts(matched, findings)),
        notes=tuple(dict.fromkeys(notes(matched, findings))),
    )


def _with_texts(matched: MatchedRuns, findings: Sequence[Finding]) -> list[Finding]:
    """Texts of the worst segments of every regression, excused and unconfirmed ones too; others stay ids and scores."""
    shown = [
        index
        for index, finding in enumerate(findings)
        if finding.worst and ("regressed" in (finding.verdict, finding.excused) or finding.unconfirmed)
    ]
    drops = []
    for index in shown:
        finding = findings[index]
        family = (finding.model, finding.task, finding.variant, finding.prompt, finding.metric)
        new, old = matched.scores(family, finding.language)
        assert new is not None
        assert old is not None
        first = ScoreSource(folder=matched.candidate, score=new)
        drops.append((first, ScoreSource(folder=matched.baseline, score=old), finding.worst))
    filled = list(findings)
    for index, worst in zip(shown, with_texts(drops), strict=True):
        filled[index] = replace(filled[index], worst=worst)
    return filled
