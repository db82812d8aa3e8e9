"""One rule about quality -> its findings: floors, and losses of single languages, of groups and of the macro mean.

Delta = candidate - baseline, oriented so that negative is worse, in the metric's own unit: a margin of 0.5 is half a
point of a metric that runs from 0 to 100; for a fraction (0 to 1) the same loss is written 0.005, for either ``0.5%``.

*Non-inferior* (passed): the one-sided lower confidence bound is at or above ``-margin``. *Regressed*: the corrected
test rejects ``delta >= -margin``, or the loss exceeds ``hard_drop``. *Inconclusive*: neither. Tests are corrected over
all that one rule selects. Equal statistics pass whatever n is: a deterministic re-run never fires.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.discrete_tests import discrete_benjamini_hochberg
from harness.floors import floor_findings
from harness.matching import Family, MatchedRuns
from harness.pairing import PairedScores, incomparable, untestable
from harness.policy import GateRule
from harness.records import ScoreRecord
from harness.rule_parts import confirmed, finding_about, language_sets, show
from harness.stats import Delta, corrected, minimum_detectable_effect
from harness.verdicts import Finding, Verdict, inconclusive, regressed
from metrics.base import FloatArray


def quality_findings(matched: MatchedRuns, rule: GateRule, name: str) -> list[Finding]:
    """Findings of one rule; a rule that selects nothing is not comparable, and no pass.

    A rule with a ``floor`` and neither ``margin`` nor ``hard_drop`` looks at the candidate alone.
    """
    families = matched.families(rule.select)
    findings: list[Finding] = []
    if rule.floor is not None:
        for family, languages in families.items():
            findings.extend(floor_findings(matched, rule, f"{name}, floor", family, languages))
    if rule.floor is None or rule.hard_drop is not None or "margin" in rule.model_fields_set:
        findings.extend(_comparison_findings(matched, rule, name, families))
    if not findings:
        what = "both runs have" if families else "either run has"
        reason = f"nothing to judge: the rule selects no score that {what}"
        return [Finding(rule=name, verdict="not comparable", reason=reason, fails=True)]
    return findings


# ---------------------------------------------------------------------------------------------- comparisons


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """Something to be tested: a finding to complete, its delta at the margin, and the pairs it rests on."""

    finding: Finding
    family: Family
    delta: Delta
    margin: float
    hard_drop: float | None
    pairs: Mapping[str, PairedScores]
    remark: str = ""


def _comparison_findings(
    matched: MatchedRuns, rule: GateRule, name: str, families: dict[Family, list[str]]
) -> list[Finding]:
    done: list[Finding] = []
    cases: list[_Case] = []
    for family, languages in families.items():
        unusable, pairs = _pairs(matched, rule, name, family, languages)
        done.extend(unusable)
        for place, (label, members) in enumerate(language_sets(matched, rule, family, list(pairs))):
            if rule.scope == "per_language":
                cases.append(_language_case(matched, rule, name, family, pairs, place))
            else:
                usual = [language for language in languages if matched.scores(family, language)[1] is not None]
                expected = dict(language_sets(matched, rule, family, usual)).get(label, members)
                chosen = {language: pairs[language] for language in members}
                cases.append(_mean_case(matched, rule, name, family, chosen, label, len(expected)))
    tested = [case for case in cases if case.delta.n >= rule.min_n]
    adjusted = _corrected([case.delta for case in tested], rule.correction)
    p_values = {id(case): float(p) for case, p in zip(tested, adjusted, strict=True)}
    return done + [_judged(case, matched, rule, p_values.get(id(case))) for case in cases]


def _corrected(deltas: Sequence[Delta], correction: str) -> FloatArray:
    """P-values of all tests of a rule, corrected together."""
    p = [delta.p_worse for delta in deltas]
    if correction == "bh":
        return discrete_benjamini_hochberg(p, [delta.discordant for delta in deltas])
    return corrected(p, correction)


def _pairs(
    matched: MatchedRuns, rule: GateRule, name: str, family: Family, languages: Sequence[str]
) -> tuple[list[Finding], dict[str, PairedScores]]:
    """What cannot be tested, as findings, and what can; missing scores are left to the coverage section."""
    done, pairs = [], {}
    for language in languages:
        new, old = matched.scores(family, language)
        if new is None or old is None or new.value is None:
            continue
        waived = any(waiver.language for waiver in matched.waivers(family[1], language))
        if waived and rule.scope != "per_language":
            continue
        finding = finding_about(matched, name, family, language)
        if old.value is None:
            done.append(inconclusive(finding, rule, f"the baseline has no score ({old.note})"))
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
    limit = None if rule.hard_drop is None else rule.hard_drop.of(new.bounds, old.value)
    if limit is None or loss <= limit:
        return inconclusive(finding, rule, reason)
    return regressed(finding, f"loss {show(loss, finding.decimals + 1)} exceeds the hard limit {limit:g}")


def _language_case(
    matched: MatchedRuns, rule: GateRule, name: str, family: Family, pairs: Mapping[str, PairedScores], place: int
) -> _Case:
    """One language, by its place among the pairs."""
    language = list(pairs)[place]
    margin, hard_drop = _limits(matched, rule, family, [language])
    evidence = matched.evidence(family, pairs, rule.cluster == "item")
    return _Case(
        finding=replace(finding_about(matched, name, family, language), worst=pairs[language].worst),
        family=family,
        delta=evidence.sample(place, margin=margin, confidence=1 - 2 * rule.alpha),
        margin=margin,
        hard_drop=hard_drop,
        pairs={language: pairs[language]},
    )


def _mean_case(
    matched: MatchedRuns,
    rule: GateRule,
    name: str,
    family: Family,
    pairs: Mapping[str, PairedScores],
    label: str,
    expected: int,
) -> _Case:
    """The plain mean over languages, tested with the items of all of them together.

    Args:
        expected: Over how many languages the mean would be if the candidate had all of the baseline's.
    """
    margin, hard_drop = _limits(matched, rule, family, list(pairs))
    evidence = matched.evidence(family, pairs, rule.cluster == "item")
    known = matched.scores(family, next(iter(pairs)))[0]
    assert known is not None
    return _Case(
        finding=replace(finding_about(matched, name, family, label), decimals=known.decimals),
        family=family,
        delta=evidence.macro(margin=margin, confidence=1 - 2 * rule.alpha),
        margin=margin,
        hard_drop=hard_drop,
        pairs=pairs,
        remark=f"mean over {len(pairs)} languages" + (f" of {expected}" if expected != len(pairs) else ""),
    )


def _limits(
    matched: MatchedRuns, rule: GateRule, family: Family, languages: Sequence[str]
) -> tuple[float, float | None]:
    """Margin and hard limit in the unit of the metric, for some languages together."""
    scores = [matched.scores(family, language) for language in languages]
    known = [old.value for _, old in scores if old is not None and old.value is not None]
    level, new = sum(known) / len(known), scores[0][0]
    assert new is not None
    hard_drop = None if rule.hard_drop is None else rule.hard_drop.of(new.bounds, level)
    return rule.margin.of(new.bounds, level), hard_drop


# ---------------------------------------------------------------------------------------------- verdicts


def _judged(case: _Case, matched: MatchedRuns, rule: GateRule, p_corrected: float | None) -> Finding:
    """Verdict and numbers; see the module's docstring for what the verdicts mean."""
    delta = case.delta
    higher_is_better = next(iter(case.pairs.values())).sample.metric.info.higher_is_better
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
        minimum_detectable_effect=None if undetected is None else case.margin + undetected,
        n=delta.n,
    )
    verdict, reason = _verdict(case, rule, p_corrected)
    reason += f"; {case.remark}" if case.remark else ""
    if verdict == "inconclusive":
        return inconclusive(finding, rule, reason)
    if verdict == "regressed":
        return confirmed(regressed(finding, reason), matched, case.family, list(case.pairs))
    return replace(finding, verdict=verdict, reason=reason)


def _verdict(case: _Case, rule: GateRule, p_corrected: float | None) -> tuple[Verdict, str]:
    delta, decimals = case.delta, case.finding.decimals + 1
    margin = f"margin {case.margin:g}"
    verdict: Verdict = "inconclusive"
    if all(paired.equal for paired in case.pairs.values()):
        verdict, reason = "passed", "identical to the baseline"
    elif case.hard_drop is not None and delta.delta < -case.hard_drop:
        verdict = "regressed"
        reason = f"loss {show(-delta.delta, decimals)} exceeds the hard limit {case.hard_drop:g}"
    elif p_corrected is None:
        reason = f"{delta.n} paired segments, the rule wants {rule.min_n}"
    elif math.isnan(delta.delta) or delta.low is None:
        reason = f"the uncertainty cannot be known (independent items: {delta.clusters})"
    elif p_corrected <= rule.alpha:
        verdict = "regressed"
        reason = f"loss {show(-delta.delta, decimals)}, {margin}, corrected p {p_corrected:.2g}"
    elif delta.low >= -case.margin:
        verdict = "passed"
        reason = f"loss is at most {show(max(-delta.low, 0.0), decimals)}, {margin}"
    else:
        reason = f"loss may be up to {show(-delta.low, decimals)}, {margin}, corrected p {p_corrected:.2g}"
    return verdict, reason


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
