"""Comparisons and gate reports as JSON, CSV rows, Markdown, JUnit XML and lines for a terminal.

Model output is hostile here: it may hold markup, mentions, terminal escapes or characters that XML forbids. Texts are
made harmless for each format; the JSON keeps them as they are. Knows no statistics and computes nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from harness.compare import Comparison, Contrast
from harness.comparison_words import (
    grouped_reasons,
    reading_words,
    shown_losses,
    table_notes,
    tables,
    verdict_words,
)
from harness.gate import Finding, GateReport, exit_code
from harness.markup import code_span, fixed, is_unsafe, json_text, plain_line, signed, table_cell
from harness.pairing import MACRO, SegmentDrop

COMPARE_COLUMNS = (
    "system",
    "against",
    "task",
    "variant",
    "prompt",
    "language",
    "metric",
    "value",
    "value_against",
    "delta",
    "stderr",
    "ci_low",
    "ci_high",
    "p",
    "p_corrected",
    "verdict",
    "n",
    "minimum_detectable_effect",
    "left_out",
    "clusters",
    "correction",
    "reason",
)

WORST_SHOWN = 20
_LONGEST_TEXT = 200
_OUTCOMES = {0: "passed", 1: "failed", 3: "inconclusive", 4: "not comparable"}
_ORDER = ("regressed", "not comparable", "missing", "inconclusive", "waived", "passed")


# ---------------------------------------------------------------------------------------------- comparison


def comparison_json(comparison: Comparison) -> str:
    """The whole comparison, every contrast also ``in_words``; undefined numbers are null."""
    body = dataclasses.asdict(comparison)
    for row, contrast in zip(body["contrasts"], comparison.contrasts, strict=True):
        row["in_words"] = verdict_words(contrast)
    return json_text(body)


def comparison_rows(comparison: Comparison) -> Iterator[tuple[object, ...]]:
    """Cells for a CSV writer, header first; numbers unrounded, ``None`` if unknown. Last, what was not compared."""
    yield COMPARE_COLUMNS
    for row in comparison.contrasts:
        names = (row.system, row.against, row.task, row.variant, row.prompt, row.language, row.metric)
        numbers = (row.value, row.value_against, row.delta, row.stderr, row.low, row.high, row.p, row.p_corrected)
        correction = "none" if row.language == MACRO else comparison.correction
        more = (row.minimum_detectable_effect, row.left_out, row.clusters, correction, "")
        yield (*names, *numbers, row.verdict, row.n, *more)
    for left in comparison.not_compared:
        names = (left.system, left.against, left.task, left.variant, left.prompt, left.language, left.metric)
        yield (*names, *[None] * 8, "not compared", *[None] * 5, left.reason)


def comparison_markdown(comparison: Comparison, *, worst: int | None = None) -> str:
    """A table for each pair of systems and task with what it says in words, worst segments, and what was not compared.

    Args:
        worst: Segments to show of each language that has losses, 0 for none; without it three, of the languages that
            lost most.
    """
    lines = [
        "# Comparison",
        "",
        f"Systems: {', '.join(code_span(name) for name in comparison.systems)}. Paired on common segments; "
        f"95 % intervals; level {comparison.alpha:g}; seed {comparison.seed}.",
        "",
        *(f"- {sentence}" for sentence in reading_words(comparison)),
    ]
    pair: tuple[str, str] | None = None
    for table in tables(comparison):
        if pair != (table.system, table.against):
            pair = table.system, table.against
            lines += ["", f"## {code_span(table.system)} against {code_span(table.against)}"]
        lines += ["", "| task | metric | language | score | against | difference | 95 % interval | p | could find "]
        lines[-1] += "| verdict | n |"
        lines += ["|---|---|---|--:|--:|--:|---|--:|--:|---|--:|"]
        lines += [_contrast_line(row) for row in table.rows]
        lines += ["", *(f"- {table_cell(note)}" for note in table_notes(table))]
        rows, more = shown_losses(table, worst)
        for row in rows:
            place = f"{row.task} {row.language} {row.title}"
            lines += ["", f"Largest losses, {table_cell(place)}:", "", *_segment_lines(row.worst)]
        lines += ["", more] if more else []
    if not comparison.contrasts:
        lines += ["", "Nothing could be compared."]
    if comparison.not_compared:
        lines += ["", "## Not compared", ""]
    for place, reason in grouped_reasons(comparison.not_compared):
        lines.append(f"- {table_cell(place)}: {table_cell(reason)}")
    return "\n".join(lines) + "\n"


def _contrast_line(row: Contrast) -> str:
    digits = row.decimals
    setting = " / ".join(part for part in (row.task, row.variant, row.prompt) if part)
    language = f"**macro** ({row.languages})" if row.language == MACRO else table_cell(row.language)
    interval = f"{signed(row.low, digits + 1)} to {signed(row.high, digits + 1)}" if row.low is not None else "unknown"
    cells = [
        table_cell(setting),
        table_cell(row.title),
        language,
        fixed(row.value, digits),
        fixed(row.value_against, digits),
        signed(row.delta, digits + 1),
        interval,
        f"{row.p_corrected:.3g}",
        fixed(row.minimum_detectable_effect, digits + 1) or "–",
        row.verdict,
        str(row.n),
    ]
    return f"| {' | '.join(cells)} |"


# ---------------------------------------------------------------------------------------------- gate


def gate_json(report: GateReport, *, strict: bool = False) -> str:
    """The whole report with its exit code; undefined numbers are null."""
    body = dataclasses.asdict(report)
    body["date"] = report.date.isoformat()
    code = exit_code(report, strict=strict)
    return json_text({"outcome": _OUTCOMES[code], "exit_code": code, "strict": strict, **body})


def gate_lines(report: GateReport, *, strict: bool = False) -> list[str]:
    """Plain lines for a terminal: what did not pass, the counts, the outcome."""
    lines = [f"candidate {report.candidate} against baseline {report.baseline}"]
    for finding in _sorted(report.findings):
        if finding.verdict != "passed":
            lines.append(
                f"{finding.verdict.upper():<15}{_place(finding)}: {plain_line(finding.reason)}  [{finding.rule}]"
            )
    lines += [f"note: {plain_line(note)}" for note in report.notes]
    lines.append(f"{_counts(report.findings)}; gate {_OUTCOMES[exit_code(report, strict=strict)]}")
    return [plain_line(line) for line in lines]


def gate_markdown(report: GateReport, *, command: str = "", strict: bool = False) -> str:
    """Summary for a pull request: outcome, the worst 20 findings with what each could detect, the worst segments.

    Args:
        command: What repeats the gate; shown as it is.
    """
    outcome = _OUTCOMES[exit_code(report, strict=strict)]
    lines = [
        f"# Quality gate: {outcome}",
        "",
        f"Candidate {code_span(report.candidate)} against baseline {code_span(report.baseline)}: "
        f"{_counts(report.findings)}.",
        "",
    ]
    shown = _sorted(report.findings)[:WORST_SHOWN]
    lines += ["| verdict | task | language | metric | baseline | candidate | difference | could detect | n | why |"]
    lines += ["|---|---|---|---|--:|--:|--:|--:|--:|---|"]
    lines += [_finding_line(finding) for finding in shown]
    if len(report.findings) > len(shown):
        lines += ["", f"{len(report.findings) - len(shown)} more findings are not shown; the worst come first."]
    lines += [
        "",
        "*Difference*: candidate minus baseline, negative is worse. *Could detect*: the smallest true loss that the "
        "rule would find four times in five.",
    ]
    for finding in shown:
        if finding.worst and finding.verdict == "regressed":
            lines += ["", f"Largest losses, {table_cell(_place(finding))}:", "", *_segment_lines(finding.worst[:3])]
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


def _junit_case(suite: ElementTree.Element, finding: Finding, *, strict: bool) -> str:
    """Add one case; returns the tag that says how it ended, empty if it passed."""
    case = ElementTree.SubElement(
        suite, "testcase", classname=_xml(f"{finding.task or 'gate'}.{finding.metric}"), name=_xml(_place(finding))
    )
    if finding.verdict == "passed":
        return ""
    tag = "skipped"
    if finding.fails or (strict and finding.fails_strict):
        tag = "error" if finding.verdict == "not comparable" else "failure"
    outcome = ElementTree.SubElement(case, tag, message=_xml(f"{finding.verdict}: {finding.reason}"))
    if tag != "skipped":
        outcome.set("type", finding.verdict)
        outcome.text = _xml("\n".join(_plain_segment(drop) for drop in finding.worst)) or None
    return tag


def _finding_line(finding: Finding) -> str:
    digits = finding.decimals
    setting = " / ".join(part for part in (finding.task, finding.variant, finding.prompt) if part)
    cells = [
        f"**{finding.verdict}**" if finding.fails else finding.verdict,
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


def _sorted(findings: Sequence[Finding]) -> list[Finding]:
    """Worst verdict first, then the largest loss relative to its error."""

    def badness(finding: Finding) -> tuple[int, float, float]:
        p = 1.0 if finding.p_corrected is None else finding.p_corrected
        return _ORDER.index(finding.verdict), p, finding.delta if finding.delta is not None else 0.0

    return sorted(findings, key=badness)


def _counts(findings: Sequence[Finding]) -> str:
    verdicts = [finding.verdict for finding in findings]
    return ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in _ORDER if verdict in verdicts)


def _place(finding: Finding) -> str:
    parts = (finding.model, finding.task, finding.variant, finding.prompt, finding.language, finding.metric)
    return " / ".join(part for part in parts if part) or "the rule"


# ---------------------------------------------------------------------------------------------- texts and numbers


def _segment_lines(drops: Sequence[SegmentDrop]) -> Iterator[str]:
    """Markdown list of segments; texts stand in code spans, where markup and mentions mean nothing."""
    for drop in drops:
        yield f"- segment {code_span(drop.segment)}: {drop.score_against:.4g} before, {drop.score:.4g} now"
        texts = (
            ("source", drop.source),
            ("reference", drop.reference),
            ("before", drop.hypothesis_against),
            ("now", drop.hypothesis),
        )
        for name, text in texts:
            if text is not None:
                yield f"  - {name}: {code_span(_short(text))}"


def _plain_segment(drop: SegmentDrop) -> str:
    parts = [f"segment {drop.segment}: {drop.score_against:.4g} -> {drop.score:.4g}"]
    texts = (("reference", drop.reference), ("before", drop.hypothesis_against), ("now", drop.hypothesis))
    parts += [f"{name}: {_short(text)}" for name, text in texts if text is not None]
    return plain_line(" | ".join(parts))


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST_TEXT else flat[: _LONGEST_TEXT - 1] + "…"


def _xml(text: str) -> str:
    """Text that XML 1.0 can hold; newlines stay."""
    return "".join(
        character if character in "\n\t" or not (is_unsafe(character) or character in "\ufffe\uffff") else "\ufffd"
        for character in text
    )
