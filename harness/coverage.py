"""Scores that are missing or made from too few answers, waivers, and what a gate's reader should know besides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.matching import MatchedRuns, covers
from harness.policy import Waiver
from harness.reruns import gate_command, rerun_commands
from harness.rule_parts import finding_about
from harness.verdicts import Finding


def coverage_findings(matched: MatchedRuns) -> Iterator[Finding]:
    """Scores the baseline has and the candidate has not, and candidates' scores from too few answers."""
    coverage = matched.policy.coverage
    selected = {
        (family, language): None
        for rule in matched.policy.rules
        if rule.performance is None
        for family, languages in matched.families(rule.select).items()
        for language in languages
    }
    for family, language in selected:
        new, old = matched.scores(family, language)
        finding = replace(finding_about(matched, "coverage", family, language), verdict="missing")
        if new is None or (new.value is None and old is not None and old.value is not None):
            if coverage.missing_language != "ignore":
                fails = coverage.missing_language == "fail"
                reason = "the candidate has no such score" if new is None else f"no score: {new.note}"
                yield replace(finding, reason=reason, fails=fails, fails_strict=fails)
        elif new.n_failed and new.n_failed / (new.n + new.n_failed) > coverage.max_error_rate:
            rate = f"{new.n_failed} of {new.n + new.n_failed} segments failed"
            reason = f"{rate}; at most {coverage.max_error_rate:.2%} may"
            yield replace(finding, reason=reason, n=new.n, fails=True, fails_strict=True)


def waived(finding: Finding, waivers: Sequence[Waiver]) -> Finding:
    """The finding, excused where it needs it and a waiver in force covers it."""
    if finding.verdict == "passed" or not waivers or not finding.task:
        return finding
    reason = f"{finding.reason}; waived until {waivers[0].expires}: {waivers[0].reason}"
    return replace(
        finding,
        verdict="waived",
        excused=finding.verdict,
        reason=reason,
        fails=False,
        fails_strict=False,
        unconfirmed=False,
    )


def _imported(matched: MatchedRuns) -> Iterator[str]:
    """Whose scores they are, where another program made them."""
    for side, record in (("candidate", matched.candidate.record), ("baseline", matched.baseline.record)):
        if record.imported is not None:
            yield f"the {side}'s scores are {record.imported.words}"


def notes(matched: MatchedRuns, findings: Sequence[Finding]) -> Iterator[str]:
    """How models were matched, what is new or waived, and how an open question is closed."""
    for old, new in matched.names.items():
        if old != new:
            yield f"{new} is compared with the baseline's {old}, as each run holds one model"
    for model in matched.candidate.record.models:
        if model.name not in matched.names.values():
            yield f"{model.name} is not in the baseline and is not judged"
    if not matched.candidate.record.complete:
        yield "the candidate run is not complete"
    yield from _imported(matched)
    fresh = sum(key not in matched.old for key in matched.new if key[0] in matched.names.values())
    if fresh:
        yield f"{fresh} scores are new: the baseline has nothing to compare them with"
    if matched.reruns:
        yield f"scores of sampled text are means over {len(matched.reruns) + 1} runs of the candidate"
    if any(finding.unconfirmed for finding in findings) and matched.policy.confirm is not None:
        yield from _how_to_confirm(matched, matched.policy.confirm.reruns)
    for waiver in matched.policy.waivers:
        left_out = waiver.language or waiver.task or "everything"
        if waiver.expires >= matched.today:
            macro = "; left out of means over languages" if waiver.language else ""
            yield f"waived until {waiver.expires}: {left_out} ({waiver.reason}){macro}"
        elif any(
            finding.verdict != "passed" and covers(waiver, finding.task, finding.language) for finding in findings
        ):
            yield f"the waiver of {left_out} expired on {waiver.expires} and no longer counts ({waiver.reason})"


def _how_to_confirm(matched: MatchedRuns, wanted: int) -> Iterator[str]:
    commands = rerun_commands(matched.candidate, matched.reruns, wanted)
    if not commands:
        yield (
            "to confirm: run the candidate's command again with --sampling-seed 1, 2 and so on (where nothing is "
            "sampled, with another --out: stored answers are not computed again), and give each run with --rerun"
        )
        return
    for command in commands:
        yield f"to confirm, run: {command}"
    again = gate_command(matched.candidate, matched.baseline, wanted)
    yield f"then: {again} (with the folders that these print, and those given already)"
