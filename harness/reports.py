"""Comparisons as JSON, CSV rows and Markdown; gate reports are ``harness.gate_reports``.

Model output is hostile here: it may hold markup, mentions or terminal escapes. Texts are made harmless for each format;
the JSON keeps them as they are. Knows no statistics and computes nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from harness.compare import Comparison, Contrast
from harness.drop_lines import segment_lines
from harness.markup import code_span, fixed, json_text, signed, table_cell
from harness.pairing import MACRO

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
)


# ---------------------------------------------------------------------------------------------- comparison


def comparison_json(comparison: Comparison) -> str:
    """The whole comparison; undefined numbers are null."""
    return json_text(dataclasses.asdict(comparison))


def comparison_rows(comparison: Comparison) -> Iterator[tuple[str, ...]]:
    """Cells for a CSV writer, header first; numbers unrounded, unknown ones empty."""
    yield COMPARE_COLUMNS
    for row in comparison.contrasts:
        numbers = (row.value, row.value_against, row.delta, row.stderr, row.low, row.high, row.p, row.p_corrected)
        cells = ["" if number is None else repr(float(number)) for number in numbers]
        names = (row.system, row.against, row.task, row.variant, row.prompt, row.language, row.metric)
        yield (*names, *cells, row.verdict, str(row.n))


def comparison_markdown(comparison: Comparison) -> str:
    """A table for each pair of systems, the worst segments where something got worse, and what was not compared."""
    correction = {"bh": "Benjamini-Hochberg", "holm": "Holm", "none": "not corrected"}[comparison.correction]
    lines = [
        "# Comparison",
        "",
        f"Systems: {', '.join(code_span(name) for name in comparison.systems)}. Paired on common segments; "
        f"95 % intervals; p over languages: {correction}; level {comparison.alpha:g}; seed {comparison.seed}.",
    ]
    pairs = dict.fromkeys((row.system, row.against) for row in comparison.contrasts)
    for system, against in pairs:
        rows = [row for row in comparison.contrasts if (row.system, row.against) == (system, against)]
        lines += ["", f"## {code_span(system)} against {code_span(against)}", ""]
        lines += ["| task | metric | language | score | against | difference | 95 % interval | p | verdict | n |"]
        lines += ["|---|---|---|--:|--:|--:|---|--:|---|--:|"]
        lines += [_contrast_line(row) for row in rows]
        for row in rows:
            if row.worst and row.verdict == "worse":
                place = f"{row.task} {row.language} {row.title}"
                lines += ["", f"Largest losses, {table_cell(place)}:", "", *segment_lines(row.worst[:3])]
    if comparison.not_compared:
        lines += ["", "## Not compared", ""]
    for left in comparison.not_compared:
        place = " / ".join(part for part in (left.task, left.variant, left.prompt, left.language, left.metric) if part)
        pair = f"{code_span(left.system)} against {code_span(left.against)}"
        lines.append(f"- {pair}, {table_cell(place)}: {table_cell(left.reason)}")
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
        row.verdict,
        str(row.n),
    ]
    return f"| {' | '.join(cells)} |"
