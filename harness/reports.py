"""Comparisons as JSON, CSV rows and Markdown; gate reports are ``harness.gate_reports``.

Model output is hostile here: it may hold markup, mentions or terminal escapes. Texts are made harmless for each format;
the JSON keeps them as they are. Knows no statistics and computes nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from harness.compare import Comparison, Contrast
from harness.comparison_words import (
    grouped_reasons,
    reading_words,
    shown_losses,
    table_notes,
    tables,
    verdict_words,
)
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
    "minimum_detectable_effect",
    "left_out",
    "clusters",
    "correction",
    "reason",
)

_TEXTS = ("source", "reference", "hypothesis", "hypothesis_against")


# ---------------------------------------------------------------------------------------------- comparison


def comparison_json(comparison: Comparison) -> str:
    """The whole comparison, every contrast also ``in_words``; undefined numbers are null."""
    return json_text(comparison_body(comparison))


def comparison_body(comparison: Comparison, *, texts: bool = True) -> dict[str, object]:
    """The same as an object; undefined numbers are still ``nan``.

    Args:
        texts: Whether segments have their texts.
    """
    body = dataclasses.asdict(comparison)
    for row, contrast in zip(body["contrasts"], comparison.contrasts, strict=True):
        row["in_words"] = verdict_words(contrast)
        for drop in () if texts else (*row["worst"], *row["best"]):
            for name in _TEXTS:
                del drop[name]
    return body


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
    for name, words in comparison.imported:
        lines += ["", f"{code_span(name)} is {table_cell(words)}."]
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
            lines += ["", f"Largest losses, {table_cell(place)}:", "", *segment_lines(row.worst)]
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
