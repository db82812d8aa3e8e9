"""One rule about speed, memory or cost -> its findings, one for each model and task.

A run says one number for a task, so that nothing is tested: a limit must leave room for what a machine differs by from
day to day. Reruns help, of which the median counts. Two speeds are compared on equal hardware alone, and only where
both runs computed their answers: a run that found them in its store says nothing about speed.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.matching import MatchedRuns
from harness.policy import GateRule, PerformanceSpec
from harness.records import StageRecord
from harness.store import RunFolder
from harness.verdicts import Finding, inconclusive, regressed

_SHOWN = {
    "tokens_per_second": ("{:,.0f} tokens a second", 1.0),
    "seconds_per_request": ("{:.4g} s a request", 1.0),
    "cost_per_request": ("{:.3g} a request", 1.0),
    "peak_memory": ("{:,.2f} GB of memory", 1e9),
    "peak_device_memory": ("{:,.2f} GB of GPU memory", 1e9),
}
_BUSY = ("preparing", "model")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """What some runs say of one measure: the median, from so many computed requests, or why they say nothing."""

    value: float | None
    computed: int = 0
    why: str = ""


def performance_findings(matched: MatchedRuns, rule: GateRule, name: str) -> list[Finding]:
    """Findings of one rule; a rule that selects nothing is not comparable, and no pass."""
    spec = rule.performance
    assert spec is not None
    stages = _stages(matched.candidate)
    chosen = [key for key in stages if rule.select.model in (None, key[0]) and rule.select.task in (None, key[1])]
    if not chosen:
        reason = "nothing to judge: the candidate's record says nothing of the speed of such a model and task"
        return [Finding(rule=name, verdict="not comparable", reason=reason, fails=True)]
    return [finding for key in chosen for finding in _of_stage(matched, rule, spec, name, key)]


def _of_stage(
    matched: MatchedRuns, rule: GateRule, spec: PerformanceSpec, name: str, key: tuple[str, str]
) -> Iterator[Finding]:
    model, task = key
    candidates = [matched.candidate, *matched.reruns]
    new = _measured(spec, [(run, key) for run in candidates])
    finding = Finding(
        rule=name,
        model=model,
        task=task,
        metric=spec.measure,
        verdict="passed",
        reason="",
        value=new.value,
        decimals=3,
        n=new.computed,
    )
    if new.value is None:
        yield inconclusive(finding, rule, f"the candidate {new.why}")
        return
    if spec.limit is not None:
        yield _against_limit(finding, spec, new.value, spec.limit)
    if spec.max_slowdown is not None:
        yield _against_baseline(matched, rule, spec, finding, new.value)


def _against_limit(finding: Finding, spec: PerformanceSpec, value: float, limit: float) -> Finding:
    told = f"{_show(spec, value)}, limit {_show(spec, limit)}"
    beyond = value < limit if _more_is_better(spec) else value > limit
    return regressed(finding, f"{told}: beyond it") if beyond else replace(finding, reason=told)


def _against_baseline(
    matched: MatchedRuns, rule: GateRule, spec: PerformanceSpec, finding: Finding, value: float
) -> Finding:
    assert spec.max_slowdown is not None
    if differing := _hardware_differs([matched.candidate, *matched.reruns, matched.baseline]):
        reason = f"measured on different hardware ({differing}); nothing follows from it"
        return replace(inconclusive(finding, rule, reason), verdict="not comparable")
    old_name = next((old for old, new in matched.names.items() if new == finding.model), finding.model)
    old = _measured(spec, [(matched.baseline, (old_name, finding.task))])
    if old.value is None or not old.value > 0 or not value > 0:
        return inconclusive(finding, rule, f"the baseline {old.why or 'says nothing above 0'}")
    worse = old.value / value - 1 if _more_is_better(spec) else value / old.value - 1
    delta = value - old.value if _more_is_better(spec) else old.value - value
    finding = replace(finding, baseline=old.value, delta=delta)
    told = f"{_show(spec, value)}, before {_show(spec, old.value)}: {_change(worse)}, {spec.max_slowdown:.0%} may be"
    return regressed(finding, told) if worse > spec.max_slowdown else replace(finding, reason=told)


def _measured(spec: PerformanceSpec, runs: Sequence[tuple[RunFolder, tuple[str, str]]]) -> _Measured:
    """The median over those of some runs that say it."""
    found, computed, why = [], 0, "has no such stage"
    for run, key in runs:
        stage = _stages(run).get(key)
        if stage is None:
            continue
        if stage.computed < spec.min_computed:
            why = (
                f"computed {stage.computed:,} of {stage.requests:,} requests (the others were known), the rule wants "
                f"{spec.min_computed:,}"
            )
            continue
        value = _value(spec, stage)
        if value is None:
            why = f"does not say {spec.measure.replace('_', ' ')}"
            continue
        found.append(value)
        computed += stage.computed
    return _Measured(value=statistics.median(found) if found else None, computed=computed, why=why)


def _value(spec: PerformanceSpec, stage: StageRecord) -> float | None:
    if spec.measure == "tokens_per_second":
        return stage.tokens_per_second
    if spec.measure in ("peak_memory", "peak_device_memory"):
        held = stage.peak_memory if spec.measure == "peak_memory" else stage.peak_device_memory
        return None if held is None else float(held)
    if not all(part in stage.seconds_by_part for part in _BUSY):
        return None
    seconds = sum(stage.seconds_by_part[part] for part in _BUSY) / stage.computed
    return seconds if spec.price_per_hour is None else seconds / 3600 * spec.price_per_hour


def _stages(run: RunFolder) -> dict[tuple[str, str], StageRecord]:
    return {(stage.model, stage.task): stage for stage in run.record.stages}


def _hardware_differs(runs: Sequence[RunFolder]) -> str:
    """In what the machines of some runs differ, in words; empty where they are alike."""
    first, *others = (run.record.hardware for run in runs)
    for other in others:
        for name in dict.fromkeys((*first, *other)):
            if first.get(name) != other.get(name):
                return f"{name}: {first.get(name, 'none')} and {other.get(name, 'none')}"
    return ""


def _more_is_better(spec: PerformanceSpec) -> bool:
    return spec.measure == "tokens_per_second"


def _show(spec: PerformanceSpec, value: float) -> str:
    text, unit = _SHOWN[spec.measure]
    return text.format(value / unit)


def _change(worse: float) -> str:
    return f"{worse:.1%} worse" if worse > 0 else f"{-worse:.1%} better" if worse < 0 else "the same"
