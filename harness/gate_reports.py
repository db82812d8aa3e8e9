"""Gate reports as JSON, Markdown, JUnit XML and lines for a terminal.

Model output is hostile here: it may hold markup, mentions, terminal escapes or characters that XML forbids. Texts are
made harmless for each format; the JSON keeps them as they are. Knows no statistics and computes nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from xml.etree import ElementTree

from harness.drop_lines import plain_segment, segment_lines
from harness.markup import code_span, fixed, is_unsafe, json_text, plain_line, signed, table_cell
from harness.verdicts import Finding, GateReport, exit_code

WORST_SHOWN = 20
"""Findings of a Markdown summary, and findings of a terminal that fail nothing."""

_OUTCOMES = {0: "passed", 1: "failed", 3: "inconclusive", 4: "not comparable"}
_ORDER = ("regressed", "not comparable", "missing", "inconclusive", "waived", "passed")

Link = Callable[[Finding], str]
"""Address of the page with all segments of a finding's score; empty where there is none."""


def gate_json(report: GateReport, *, strict: bool = False) -> str:
    """The whole report with its exit code; undefined numbers are null."""
    body = dataclasses.asdict(report)
    body["date"] = report.date.isoformat()
    code = exit_code(report, strict=strict)
    return json_text({"outcome": _OUTCOMES[code], "exit_code": code, "strict": strict, **body})


def gate_lines(report: GateReport, *, strict: bool = False) -> list[str]:
    """Plain lines for a terminal: what fails, the worst of what did not pass, the counts, the outcome."""
    lines = [f"candidate {report.candidate} against baseline {report.baseline}"]
    open_questions = [finding for finding in worst_first(report.findings) if finding.verdict != "passed"]
    failing = [finding for finding in open_questions if _fails(finding, strict)]
    others = [finding for finding in open_questions if not _fails(finding, strict)]
    lines += [_terminal_line(finding) for finding in [*failing, *others[:WORST_SHOWN]]]
    if len(others) > WORST_SHOWN:
        lines.append(f"... and {len(others) - WORST_SHOWN} more that fail nothing (--json FILE has all)")
    lines += [f"note: {plain_line(note)}" for note in report.notes]
    lines.append(f"{_counts(report.findings)}; gate {_OUTCOMES[exit_code(report, strict=strict)]}")
    return [plain_line(line) for line in lines]


def gate_markdown(report: GateReport, *, command: str = "", link: Link | None = None, strict: bool = False) -> str:
    """Summary for a pull request: outcome, the worst 20 findings with what each could detect, the worst segments.

    Args:
        command: What repeats the gate; shown as it is.
        link: Where all segments of a finding can be read.
    """
    outcome = _OUTCOMES[exit_code(report, strict=strict)]
    lines = [
        f"# Quality gate: {outcome}",
        "",
        f"Candidate {code_span(report.candidate)} against baseline {code_span(report.baseline)}: "
        f"{_counts(report.findings)}.",
        "",
    ]
    shown = worst_first(report.findings)[:WORST_SHOWN]
    read = {finding: number for number, finding in enumerate(filter(_has_segments, shown), start=1)}
    lines += ["| verdict | task | language | metric | baseline | candidate | difference | could detect | n | why |"]
    lines += ["|---|---|---|---|--:|--:|--:|--:|--:|---|"]
    lines += [_finding_line(finding, read.get(finding)) for finding in shown]
    if len(report.findings) > len(shown):
        lines += ["", f"{len(report.findings) - len(shown)} more findings are not shown; the worst come first."]
    lines += [
        "",
        "*Difference*: candidate minus baseline, negative is worse. *Could detect*: the smallest true loss that the "
        "rule would find four times in five.",
    ]
    for finding, number in read.items():
        lines += _worst_segments(finding, number, link(finding) if link else "")
    if report.notes:
        lines += ["", *(f"- {table_cell(note)}" for note in report.notes)]
    if command:
        lines += ["", "To reproduce:", "", f"    {plain_line(command)}"]
    return "\n".join(lines) + "\n"


def gate_junit(report: GateReport, *, strict: bool = False) -> str:
    """JUnit XML, a case for each rule and language: failing ones are failures (not comparable: errors), waived and
    inconclusive ones that do not fail are skipped."""
    root = ElementTree.Element("testsuites", name="glotbench gate")
    for rule in dict.fromkeys(finding.rule for finding in report.findings):
        findings = [finding for finding in report.findings if finding.rule == rule]
        suite = ElementTree.SubElement(root, "testsuite", name=_xml(rule), tests=str(len(findings)))
        tags = [_junit_case(suite, finding, strict=strict) for finding in findings]
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            suite.set(attribute, str(tags.count(tag)))
    for attribute in ("tests", "failures", "errors", "skipped"):
        root.set(attribute, str(sum(int(suite.get(attribute, "0")) for suite in root)))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _terminal_line(finding: Finding) -> str:
    could = ""
    if finding.verdict == "inconclusive" and finding.minimum_detectable_effect is not None:
        could = f"; could detect {fixed(finding.minimum_detectable_effect, finding.decimals + 1)}"
    place = _place(finding)
    return f"{finding.verdict.upper():<15}{place}: {plain_line(finding.reason)}{could}  [{finding.rule}]"


def _junit_case(suite: ElementTree.Element, finding: Finding, *, strict: bool) -> str:
    """Add one case; returns the tag that says how it ended, empty if it passed."""
    case = ElementTree.SubElement(
        suite, "testcase", classname=_xml(f"{finding.task or 'gate'}.{finding.metric}"), name=_xml(_place(finding))
    )
    if finding.verdict == "passed":
        return ""
    tag = "skipped"
    if _fails(finding, strict):
        tag = "error" if finding.verdict == "not comparable" else "failure"
    outcome = ElementTree.SubElement(case, tag, message=_xml(f"{finding.verdict}: {finding.reason}"))
    if tag != "skipped":
        outcome.set("type", finding.verdict)
        outcome.text = _xml("\n".join(plain_segment(drop) for drop in finding.worst)) or None
    return tag


def _finding_line(finding: Finding, number: int | None) -> str:
    """A row of the summary's table; the verdict leads to the segments, where they are below."""
    digits = finding.decimals
    setting = " / ".join(part for part in (finding.task, finding.variant, finding.prompt) if part)
    verdict = finding.verdict if number is None else f"[{finding.verdict}](#worst-segments-{number})"
    cells = [
        f"**{verdict}**" if finding.fails else verdict,
        table_cell(setting),
        table_cell(finding.language),
        table_cell(finding.metric),
        fixed(finding.baseline, digits),
        fixed(finding.value, digits),
        signed(finding.delta, digits + 1),
        fixed(finding.minimum_detectable_effect, digits + 1),
        str(finding.n or ""),
        table_cell(finding.reason),
    ]
    return f"| {' | '.join(cells)} |"


def _fails(finding: Finding, strict: bool) -> bool:
    return finding.fails or (strict and finding.fails_strict)


def _has_segments(finding: Finding) -> bool:
    return bool(finding.worst) and (finding.verdict == "regressed" or finding.unconfirmed)


def _worst_segments(finding: Finding, number: int, address: str) -> Iterator[str]:
    yield from ("", f"### Worst segments {number}", "", f"Largest losses, {table_cell(_place(finding))}:", "")
    yield from segment_lines(finding.worst[:3])
    if address:
        yield from ("", f"[All of its segments]({address})")


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """Worst verdict first, then the largest loss relative to its error."""

    def badness(finding: Finding) -> tuple[int, bool, float, float]:
        p = 1.0 if finding.p_corrected is None else finding.p_corrected
        delta = finding.delta if finding.delta is not None else 0.0
        return _ORDER.index(finding.verdict), not finding.unconfirmed, p, delta

    return sorted(findings, key=badness)


def _counts(findings: Sequence[Finding]) -> str:
    verdicts = [finding.verdict for finding in findings]
    return ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in _ORDER if verdict in verdicts)


def _place(finding: Finding) -> str:
    parts = (finding.model, finding.task, finding.variant, finding.prompt, finding.language, finding.metric)
    return " / ".join(part for part in parts if part) or "the rule"


def _xml(text: str) -> str:
    """Text that XML 1.0 can hold; newlines stay."""
    return "".join(
        character if character in "\n\t" or not (is_unsafe(character) or character in "\ufffe\uffff") else "\ufffd"
        for character in text
    )
