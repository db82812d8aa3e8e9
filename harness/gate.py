"""A candidate run, a baseline run and a policy -> a verdict per rule and language.

Delta = candidate - baseline, oriented so that negative is worse, in the metric's own unit: a margin of 0.5 is half a
point of a metric that runs from 0 to 100; for a fraction (0 to 1) the same loss is written 0.005. Numbers that cannot
fit a metric's scale are refused as mistakes, because a margin as wide as the scale would pass everything.

*Non-inferior* (passed): the one-sided lower confidence bound is at or above ``-margin``. *Regressed*: the corrected
test rejects ``delta >= -margin``, or the loss exceeds ``hard_drop``. *Inconclusive*: neither. Tests are corrected over
all that one rule selects. Equal statistics pass whatever n is: a deterministic re-run never fires.

Tables for people and machines are ``harness.reports``; the baseline's place is ``harness.baseline``.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.errors import RecordError, SpecError
from harness.matching import Family, MatchedRuns, covers
from harness.pairing import (
    MACRO,
    CreateMetric,
    PairedScores,
    ScoreSource,
    SegmentDrop,
    incomparable,
    untestable,
    with_texts,
)
from harness.records import ScoreRecord
from harness.spec import GatePolicy, GateRule, Waiver
from harness.stats import DRAWS, Delta, corrected, minimum_detectable_effect
from harness.store import RunFolder

Verdict = Literal["passed", "regressed", "inconclusive", "not comparable", "missing", "waived"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one rule says about one language (or the macro mean).

    Attributes:
        rule: Number and words of the rule; ``coverage`` for the coverage section.
        value, baseline: The two scores, on the common segments where they were compared.
        delta, low, high: Oriented: negative is worse. Each bound is one-sided at the rule's ``alpha``.
        p, p_corrected: Of the test that the loss is no larger than the margin.
        minimum_detectable_effect: Smallest true loss this rule would find four times in five (margin included, before
            correction); ``None`` if unknown.
        n: Paired segments.
        reason: Why this verdict, in words.
        fails: Whether the gate fails by it. fails_strict: Whether it does under ``--strict``.
        excused: The verdict that a waiver replaced.
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
    worst: tuple[SegmentDrop, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """All findings in the order of the rules, and what the reader should know besides."""

    candidate: str
    baseline: str
    candidate_path: str
    baseline_path: str
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


def judge(
    candidate: RunFolder,
    baseline: RunFolder,
    policy: GatePolicy,
    *,
    seed: int = 0,
    today: datetime.date,
    draws: int = DRAWS,
    create: CreateMetric | None = None,
) -> GateReport:
    """Apply every rule of the policy, then its coverage section and its waivers.

    Models are matched by name; two runs of one model each are matched whatever the names. The language of a selector or
    a waiver matches a direction by the whole or by either side; metrics match by name or title, in any case. A rule
    with a ``floor`` and neither ``margin`` nor ``hard_drop`` looks at the candidate alone.

    Args:
        today: For the waivers, which hold up to and including the day they expire.
        create: How a metric is made; by default from the registry.

    Raises:
        SpecError: Numbers of a rule do not fit the scale of a metric it selects.
        RecordError: A run is damaged.
    """
    for folder in (candidate, baseline):
        if problems := list(folder.problems()):
            raise RecordError("\n".join(problems))
    matched = MatchedRuns(candidate, baseline, policy, seed=seed, draws=draws, create=create, today=today)
    if mistakes := [text for number, rule in enumerate(policy.rules) for text in _mistakes(matched, rule, number)]:
        raise SpecError(mistakes)
    findings: list[Finding] = []
    for number, rule in enumerate(policy.rules, start=1):
        findings.extend(_rule_findings(matched, rule, _rule_name(rule, number)))
    findings.extend(_coverage_findings(matched))
    findings = [_waived(finding, matched.waivers(finding.task, finding.language)) for finding in findings]
    return GateReport(
        candidate=candidate.record.run_id,
        baseline=baseline.record.run_id,
        candidate_path=str(candidate.path),
        baseline_path=str(baseline.path),
        seed=seed,
        date=today,
        findings=tuple(_with_texts(matched, findings)),
        notes=tuple(dict.fromkeys(_notes(matched, findings))),
    )


# ---------------------------------------------------------------------------------------------- one rule


def _rule_name(rule: GateRule, number: int) -> str:
    chosen = [str(value) for value in rule.select.model_dump(exclude_none=True).values()]
    return f"rule {number}: {' '.join(chosen) or 'everything'}, {rule.scope.replace('_', ' ')}"


def _rule_findings(matched: MatchedRuns, rule: GateRule, name: str) -> list[Finding]:
    families = matched.families(rule.select)
    findings: list[Finding] = []
    if rule.floor is not None:
        for family, languages in families.items():
            findings.extend(_floor_findings(matched, rule, f"{name}, floor", family, languages))
    if _is_comparison(rule):
        findings.extend(_comparison_findings(matched, rule, name, families))
    if not findings:
        what = "both runs have" if families else "either run has"
        reason = f"nothing to judge: the rule selects no score that {what}"
        return [Finding(rule=name, verdict="not comparable", reason=reason, fails=True)]
    return findings


def _is_comparison(rule: GateRule) -> bool:
    return rule.floor is None or rule.hard_drop is not None or "margin" in rule.model_fields_set


def _base(matched: MatchedRuns, name: str, family: Family, language: str) -> Finding:
    """A finding without a verdict yet: what it is about, and the scores as recorded."""
    model, task, variant, prompt, metric = family
    new, old = matched.scores(family, language)
    known = new or old
    return Finding(
        rule=name,
        model=model,
        task=task,
        variant=variant,
        prompt=prompt,
        language=language,
        metric=metric,
        verdict="passed",
        reason="",
        value=new.value if new else None,
        baseline=old.value if old else None,
        decimals=known.decimals if known else 1,
    )


def _floor_findings(
    matched: MatchedRuns, rule: GateRule, name: str, family: Family, languages: Sequence[str]
) -> Iterator[Finding]:
    """Candidate's scores (or their macro mean) against the smallest acceptable one; no test, the score as it is."""
    found = [(language, matched.scores(family, language)[0]) for language in languages]
    scored = [(language, score, score.value) for language, score in found if score and score.value is not None]
    if not scored:
        return
    sign = 1 if scored[0][1].higher_is_better else -1
    if rule.scope == "macro":
        mean = sum(value for _, _, value in scored) / len(scored)
        scored = [(MACRO, scored[0][1], mean)]
    for language, score, value in scored:
        floor = _floor(rule, score)
        finding = _base(matched, name, family, language)
        reason = f"{_show(value, score.decimals)}, floor {floor:g}"
        finding = replace(finding, reason=reason, value=value, decimals=score.decimals, n=score.n)
        if sign * value < sign * floor:
            finding = replace(finding, verdict="regressed", reason=f"{reason}: below it", fails=True, fails_strict=True)
        yield finding


def _floor(rule: GateRule, score: ScoreRecord) -> float:
    if not isinstance(rule.floor, str):
        return float(rule.floor or 0)
    return (score.chance or 0.0) + float(rule.floor.removeprefix("chance"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """Something to be tested: a finding to complete, its delta, and the pairs it rests on."""

    finding: Finding
    delta: Delta
    pairs: tuple[PairedScores, ...]
    remark: str = ""


def _comparison_findings(
    matched: MatchedRuns, rule: GateRule, name: str, families: dict[Family, list[str]]
) -> list[Finding]:
    done: list[Finding] = []
    cases: list[_Case] = []
    for family, languages in families.items():
        unusable, pairs = _pairs(matched, rule, name, family, languages)
        done.extend(unusable)
        if rule.scope == "macro":
            cases.extend(_macro_case(matched, rule, name, family, pairs))
        elif pairs:
            evidence = matched.evidence(family, pairs, rule.cluster == "item")
            for index, (language, paired) in enumerate(pairs.items()):
                delta = evidence.sample(index, margin=rule.margin, confidence=1 - 2 * rule.alpha)
                finding = replace(_base(matched, name, family, language), worst=paired.worst)
                cases.append(_Case(finding=finding, delta=delta, pairs=(paired,)))
    tested = [case for case in cases if case.delta.n >= rule.min_n]
    adjusted = corrected([case.delta.p_worse for case in tested], rule.correction)
    p_values = {id(case): float(p) for case, p in zip(tested, adjusted, strict=True)}
    return done + [_judged(case, rule, p_values.get(id(case))) for case in cases]


def _pairs(
    matched: MatchedRuns, rule: GateRule, name: str, family: Family, languages: Sequence[str]
) -> tuple[list[Finding], dict[str, PairedScores]]:
    """What cannot be tested, as findings, and what can; missing scores are left to the coverage section."""
    done, pairs = [], {}
    for language in languages:
        new, old = matched.scores(family, language)
        if new is None or old is None or new.value is None:
            continue
        if rule.scope == "macro" and any(waiver.language for waiver in matched.waivers(family[1], language)):
            continue
        finding = _base(matched, name, family, language)
        if old.value is None:
            done.append(_inconclusive(finding, rule, f"the baseline has no score ({old.note})"))
            continue
        if not incomparable(new, old, matched.policy.baseline.require_same) and (reason := untestable(new, old)):
            done.append(_without_segments(finding, rule, new, old, reason))
            continue
        paired = matched.pair(family, language, rule.cluster == "item")
        if isinstance(paired, PairedScores):
            pairs[language] = paired
        else:
            done.append(replace(finding, verdict="not comparable", reason=paired, fails=True, fails_strict=True))
    return done, pairs


def _without_segments(finding: Finding, rule: GateRule, new: ScoreRecord, old: ScoreRecord, reason: str) -> Finding:
    """Two values that no test can tell apart: only a loss beyond the hard limit is sure."""
    assert new.value is not None
    assert old.value is not None
    loss = old.value - new.value if new.higher_is_better else new.value - old.value
    finding = replace(finding, value=new.value, baseline=old.value, delta=-loss)
    if rule.hard_drop is None or loss <= rule.hard_drop:
        return _inconclusive(finding, rule, reason)
    told = f"loss {_show(loss, finding.decimals + 1)} exceeds the hard limit {rule.hard_drop:g}"
    return replace(finding, verdict="regressed", reason=told, fails=True, fails_strict=True)


def _macro_case(
    matched: MatchedRuns, rule: GateRule, name: str, family: Family, pairs: dict[str, PairedScores]
) -> list[_Case]:
    if not pairs:
        return []
    known = [matched.scores(family, language) for language in matched.families(rule.select)[family]]
    expected = sum(old is not None for _, old in known)
    delta = matched.evidence(family, pairs, rule.cluster == "item").macro(
        margin=rule.margin, confidence=1 - 2 * rule.alpha
    )
    remark = f"mean over {len(pairs)} languages" + (f" of {expected}" if expected != len(pairs) else "")
    decimals = next(new.decimals for new, _ in known if new is not None)
    finding = replace(_base(matched, name, family, MACRO), decimals=decimals)
    return [_Case(finding=finding, delta=delta, pairs=tuple(pairs.values()), remark=remark)]


def _judged(case: _Case, rule: GateRule, p_corrected: float | None) -> Finding:
    """Verdict and numbers; see the module's docstring for what the verdicts mean."""
    delta = case.delta
    higher_is_better = case.pairs[0].sample.metric.info.higher_is_better
    values = (delta.value_a, delta.value_b) if higher_is_better else (delta.value_b, delta.value_a)
    undetected = minimum_detectable_effect(delta.stderr, alpha=rule.alpha)
    finding = replace(
        case.finding,
        value=_finite(values[0]),
        baseline=_finite(values[1]),
        delta=_finite(delta.delta),
        low=delta.low,
        high=delta.high,
        p=delta.p_worse,
        p_corrected=p_corrected,
        minimum_detectable_effect=None if undetected is None else rule.margin + undetected,
        n=delta.n,
    )
    verdict, reason = _verdict(case, rule, p_corrected)
    reason += f"; {case.remark}" if case.remark else ""
    if verdict == "inconclusive":
        return _inconclusive(finding, rule, reason)
    fails = verdict != "passed"
    return replace(finding, verdict=verdict, reason=reason, fails=fails, fails_strict=fails)


def _verdict(case: _Case, rule: GateRule, p_corrected: float | None) -> tuple[Verdict, str]:
    delta, decimals = case.delta, case.finding.decimals + 1
    verdict: Verdict = "inconclusive"
    if all(paired.equal for paired in case.pairs):
        verdict, reason = "passed", "identical to the baseline"
    elif rule.hard_drop is not None and delta.delta < -rule.hard_drop:
        verdict = "regressed"
        reason = f"loss {_show(-delta.delta, decimals)} exceeds the hard limit {rule.hard_drop:g}"
    elif p_corrected is None:
        reason = f"{delta.n} paired segments, the rule wants {rule.min_n}"
    elif math.isnan(delta.delta) or delta.low is None:
        reason = f"the uncertainty cannot be known (independent items: {delta.clusters})"
    elif p_corrected <= rule.alpha:
        verdict = "regressed"
        reason = f"loss {_show(-delta.delta, decimals)}, margin {rule.margin:g}, corrected p {p_corrected:.2g}"
    elif delta.low >= -rule.margin:
        verdict = "passed"
        reason = f"loss is at most {_show(max(-delta.low, 0.0), decimals)}, margin {rule.margin:g}"
    else:
        loss = f"loss may be up to {_show(-delta.low, decimals)}"
        reason = f"{loss}, margin {rule.margin:g}, corrected p {p_corrected:.2g}"
    return verdict, reason


def _inconclusive(finding: Finding, rule: GateRule, reason: str) -> Finding:
    return replace(
        finding,
        verdict="inconclusive",
        reason=reason,
        fails=rule.on_inconclusive == "fail",
        fails_strict=rule.on_inconclusive != "pass",
    )


# ---------------------------------------------------------------------------------------------- coverage, waivers


def _coverage_findings(matched: MatchedRuns) -> Iterator[Finding]:
    """Scores the baseline has and the candidate has not, and candidates' scores from too few answers."""
    coverage = matched.policy.coverage
    selected = {
        (family, language): None
        for rule in matched.policy.rules
        for family, languages in matched.families(rule.select).items()
        for language in languages
    }
    for family, language in selected:
        new, old = matched.scores(family, language)
        finding = replace(_base(matched, "coverage", family, language), verdict="missing")
        if new is None or (new.value is None and old is not None and old.value is not None):
            if coverage.missing_language != "ignore":
                fails = coverage.missing_language == "fail"
                reason = "the candidate has no such score" if new is None else f"no score: {new.note}"
                yield replace(finding, reason=reason, fails=fails, fails_strict=fails)
        elif new.n_failed and new.n_failed / (new.n + new.n_failed) > coverage.max_error_rate:
            rate = f"{new.n_failed} of {new.n + new.n_failed} segments failed"
            reason = f"{rate}; at most {coverage.max_error_rate:.2%} may"
            yield replace(finding, reason=reason, n=new.n, fails=True, fails_strict=True)


def _waived(finding: Finding, waivers: Sequence[Waiver]) -> Finding:
    if finding.verdict == "passed" or not waivers or not finding.task:
        return finding
    reason = f"{finding.reason}; waived until {waivers[0].expires}: {waivers[0].reason}"
    return replace(finding, verdict="waived", excused=finding.verdict, reason=reason, fails=False, fails_strict=False)


def _notes(matched: MatchedRuns, findings: Sequence[Finding]) -> Iterator[str]:
    for old, new in matched.names.items():
        if old != new:
            yield f"{new} is compared with the baseline's {old}, as each run holds one model"
    for model in matched.candidate.record.models:
        if model.name not in matched.names.values():
            yield f"{model.name} is not in the baseline and is not judged"
    if not matched.candidate.record.complete:
        yield "the candidate run is not complete"
    for side, record in (("candidate", matched.candidate.record), ("baseline", matched.baseline.record)):
        if record.imported is not None:
            yield f"the {side}'s scores are {record.imported.words}"
    fresh = sum(key not in matched.old for key in matched.new if key[0] in matched.names.values())
    if fresh:
        yield f"{fresh} scores are new: the baseline has nothing to compare them with"
    for waiver in matched.policy.waivers:
        left_out = waiver.language or waiver.task or "everything"
        if waiver.expires >= matched.today:
            macro = "; left out of macro means" if waiver.language else ""
            yield f"waived until {waiver.expires}: {left_out} ({waiver.reason}){macro}"
        elif any(
            finding.verdict != "passed" and covers(waiver, finding.task, finding.language) for finding in findings
        ):
            yield f"the waiver of {left_out} expired on {waiver.expires} and no longer counts ({waiver.reason})"


def _with_texts(matched: MatchedRuns, findings: Sequence[Finding]) -> list[Finding]:
    """Texts of the worst segments of every regression, waived or not; elsewhere they stay ids and scores."""
    shown = [
        index
        for index, finding in enumerate(findings)
        if finding.worst and "regressed" in (finding.verdict, finding.excused)
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


# ---------------------------------------------------------------------------------------------- numbers and units


def _mistakes(matched: MatchedRuns, rule: GateRule, number: int) -> Iterator[str]:
    """Numbers of a rule that cannot be meant for a metric it selects, one line for each metric and field."""
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
        if low is None or high is None:
            continue
        scale = f"{score.metric}, which runs from {low:g} to {high:g}"
        if rule.margin >= (high - low) / 2:
            yield (
                f"policy: rules[{number}].margin: {rule.margin:g} is half the scale or more of {scale}; margins are in "
                f"the metric's own unit, write for example {(high - low) / 100:g}"
            )
        if rule.hard_drop is not None and rule.hard_drop >= high - low:
            yield (
                f"policy: rules[{number}].hard_drop: {rule.hard_drop:g} can never happen to {scale}; write for example "
                f"{(high - low) / 10:g}"
            )
        if rule.floor is not None and not low <= _floor(rule, score) <= high:
            yield (
                f"policy: rules[{number}].floor: {rule.floor} is {_floor(rule, score):g} for {scale}; floors are in "
                f"the metric's own unit, write for example {'chance+' if isinstance(rule.floor, str) else ''}"
                f"{(high - low) / 20:g}"
            )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _show(value: float, decimals: int) -> str:
    return f"{value + 0.0:.{decimals}f}"
