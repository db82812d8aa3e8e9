"""Run records -> tables for other programs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from harness.records import RunRecord

CSV_COLUMNS = (
    "model",
    "task",
    "variant",
    "prompt",
    "language",
    "metric",
    "value",
    "stderr",
    "ci_low",
    "ci_high",
    "n",
    "n_failed",
    "signature",
)

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "|", "%")
"""What a spreadsheet may take for the beginning of a formula or of another row; full-width signs count in East Asia."""

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_QUOTED = re.compile(r'[",\r\n]|^\s|\s$')


def scores_csv(record: RunRecord) -> str:
    """One line a score at full precision, with the columns ``CSV_COLUMNS``; a missing value is an empty cell."""
    rows = [[getattr(score, column) for column in CSV_COLUMNS] for score in record.scores]
    return csv_text(CSV_COLUMNS, rows)


def csv_text(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """CSV (RFC 4180, lines end in ``\\n``) of rows; missing values are empty.

    A text that a spreadsheet would run as a formula gets a leading apostrophe, which :func:`csv_value` takes off again;
    numbers do not. Lone surrogates become U+FFFD.
    """
    return "".join(",".join(map(_cell, row)) + "\n" for row in [columns, *rows])


def csv_value(cell: str) -> str:
    """The text that stands in a cell written by :func:`csv_text`."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell.lstrip("'")) else cell


def _cell(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        return float.__repr__(value) if isinstance(value, float) else str(value)
    return text_cell(value)


@lru_cache(4096)  # names and signatures stand in row after row
def text_cell(value: str) -> str:
    """A text as it stands in a cell of :func:`csv_text`."""
    text = value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    if _is_formula(text.lstrip("'")):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def _is_formula(text: str) -> bool:
    return text.lstrip(" ").startswith(_FORMULA_STARTS) and _NUMBER.fullmatch(text) is None
