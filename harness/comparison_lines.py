"""A comparison as lines for a terminal of 100 columns: a table a pair of systems and task, verdicts, worst segments.

Columns are as wide as their texts are shown, so that wide and combining characters line up. Computes no statistic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.compare import Comparison, Contrast
from harness.comparison_words import Table, grouped_reasons, reading_words, shown_losses, table_notes, tables
from harness.markup import fixed, plain_line, signed
from harness.pairing import MACRO, SegmentDrop

WIDTH = 100

_HEADER = ("language", "score", "against", "difference (95 % interval)", "p", "could find", "verdict", "n")
_RIGHT = (1, 2, 3, 4, 5, 7)
_LONGEST_NAME = 20
_TEXT_ROWS = 2
_SHORT_VERDICTS = {"no difference shown": "none shown"}


def comparison_lines(comparison: Comparison, *, worst: int | None = None) -> Iterator[str]:
    """Lines of a comparison.

    Args:
        worst: Segments to show of each language that has losses, 0 for none; without it three, of the languages that
            lost most.
    """
    for table in tables(comparison):
        yield plain_line(f"{table.system} against {table.against}, {table.title}")
        if not table.identical:
            yield from _rows(table)
        for note in table_notes(table):
            yield from wrapped(plain_line(note), indent="  ")
        rows, more = shown_losses(table, worst)
        for row in rows:
            yield from _worst_lines(row)
        if more:
            yield f"  {more}"
        yield ""
    for name, words in comparison.imported:
        yield from wrapped(plain_line(f"{name} is {words}."), later="  ")
    if comparison.contrasts:
        for sentence in reading_words(comparison):
            yield from wrapped(sentence, later="  ")
    else:
        yield "Nothing could be compared."
    for place, reason in grouped_reasons(comparison.not_compared):
        yield from wrapped(plain_line(f"Not compared: {place}: {reason}"), later="  ")


def wrapped(text: str, *, indent: str = "", later: str | None = None, width: int = WIDTH) -> Iterator[str]:
    """Lines of at most ``width`` columns, broken at spaces, and within a word only where it alone is too long.

    Args:
        later: What later lines begin with; by default ``indent``.
    """
    later = indent if later is None else later
    line, empty = indent, True
    for word in text.split():
        for piece in _pieces(word, width - max(_cells(indent), _cells(later))):
            if not empty and _cells(line) + 1 + _cells(piece) > width:
                yield line
                line, empty = later, True
            line += piece if empty else f" {piece}"
            empty = False
    if not empty:
        yield line


def cut(text: str, cells: int) -> str:
    """A text that takes at most so many columns, its end an ellipsis where it is longer."""
    if _cells(text) <= cells:
        return text
    return next(_pieces(text, cells - 1)) + "…"


def _rows(table: Table) -> Iterator[str]:
    rows = [list(_HEADER), *(_cells_of(row) for row in table.rows)]
    widths = [max(_cells(row[column]) for row in rows) for column in range(len(_HEADER))]
    for row in rows:
        shown = []
        for column, (text, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - _cells(text))
            shown.append(space + text if column in _RIGHT else text + space)
        yield ("  " + "  ".join(shown)).rstrip()


def _cells_of(row: Contrast) -> list[str]:
    digits = row.decimals
    ends = "unknown" if row.low is None else f"{signed(row.low, digits + 1)} to {signed(row.high, digits + 1)}"
    found = row.minimum_detectable_effect
    return [
        f"macro ({row.languages})" if row.language == MACRO else cut(plain_line(row.language), _LONGEST_NAME),
        fixed(row.value, digits),
        fixed(row.value_against, digits),
        f"{signed(row.delta, digits + 1)} ({ends})",
        "<0.001" if row.p_corrected < 0.001 else f"{row.p_corrected:.3f}",
        "–" if found is None else fixed(found, digits + 1),
        _SHORT_VERDICTS.get(row.verdict, row.verdict),
        str(row.n),
    ]


def _worst_lines(row: Contrast) -> Iterator[str]:
    yield plain_line(f"  largest losses, {row.language}:")
    for drop in row.worst:
        yield plain_line(f"    {drop.segment}: {drop.score:.4g}, against {drop.score_against:.4g}")
        for name, text in _texts(drop, row):
            lines = list(wrapped(plain_line(f"{name}: {text}"), indent=" " * 6, later=" " * 8))
            yield from lines if len(lines) <= _TEXT_ROWS else _shortened(lines)


def _shortened(lines: Sequence[str]) -> list[str]:
    """The first lines, the last of them ending in an ellipsis."""
    *kept, last = lines[:_TEXT_ROWS]
    return [*kept, next(_pieces(last, WIDTH - 2)) + " …"]


def _texts(drop: SegmentDrop, row: Contrast) -> Iterator[tuple[str, str]]:
    texts = (
        ("source", drop.source),
        ("reference", None if drop.reference == drop.source else drop.reference),
        (row.against, drop.hypothesis_against),
        (row.system, drop.hypothesis),
    )
    for name, text in texts:
        if text is not None:
            yield plain_line(name), text or "(nothing)"


def _pieces(text: str, cells: int) -> Iterator[str]:
    """Parts of a text of at most so many columns each; no mark is parted from what it stands on."""
    part, used = "", 0
    for character in text:
        size = _cells(character)
        if part and size and used + size > cells:
            yield part
            part, used = "", 0
        part += character
        used += size
    if part:
        yield part


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)
