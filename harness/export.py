"""Run records -> tables for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

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

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def scores_csv(record: RunRecord) -> str:
    """One line a score at full precision, with the columns ``CSV_COLUMNS``; a missing value is an empty cell."""
    rows = [[getattr(score, column) for column in CSV_COLUMNS] for score in record.scores]
    return csv_text(CSV_COLUMNS, rows)


def csv_text(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """CSV of rows. A text that a spreadsheet would run as a formula gets a leading apostrophe."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([[_cell(value) for value in row] for row in rows])
    return buffer.getvalue()


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value
