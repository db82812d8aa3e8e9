"""What tables show as data: CSV and JSON text at full precision, for whoever wants to compute with it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache

from pydantic_core import to_json

from harness.boards import Board
from harness.export import csv_text, text_cell
from harness.groups import ALL
from harness.ranks import Estimate, Ranking
from harness.summary_rows import Cells
from leaderboard.building.folder import Writer
from leaderboard.views.metric_view import MetricView
from leaderboard.views.views import BoardView

STANDING_COLUMNS = (
    *(
        "task",
        "variant",
        "prompt",
        "metric",
        "languages_of",
        "model",
        "model_tag",
        "model_label",
        "rank_first",
        "rank_last",
    ),
    *("mean", "ci_low", "ci_high", "worst_decile", "micro"),
    *("above_chance", "above_chance_ci_low", "above_chance_ci_high"),
    *("gap_to_pivot", "gap_ci_low", "gap_ci_high", "gap_languages"),
    *("languages_scored", "languages_common", "languages", "n", "n_failed"),
)
"""Columns of the overview's CSV: one row a task, metric, group of languages and model."""

Row = Cells


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)

Standings = Sequence[tuple[tuple[str, ...], tuple[float | None, ...]]]
"""Rows of ``STANDING_COLUMNS``: the texts, then the numbers; missing is ``None``."""


def standings(board: Board, metric: str, group: str, languages: int, ranking: Ranking) -> Standings:
    """A ranking over the ``languages`` languages of a group."""
    return [
        (
            (*board.key, metric, group, row.model.name, row.model.tag, row.model.label),
            (
                *(*row.ranks, row.mean, row.low, row.high, row.worst, row.micro),
                *_estimate(row.normalised)[:3],
                *_estimate(row.gap),
                *(row.scored, len(ranking.common), languages, row.n, row.n_failed),
            ),
        )
        for row in ranking.rows
    ]


def all_standings(view: BoardView, metric: MetricView) -> Standings:
    """The ranking by a metric over all languages, and over every group that it was made for."""
    board, name = view.board, metric.facts.metric
    rows = [*standings(board, name, ALL, len(board.languages), metric.ranking)]
    for group in view.groups:
        if (own := metric.by_group.get(group.id)) is not None:
            rows += standings(board, name, group.title, len(group.rows), own.ranking)
    return rows


def write_standings(writer: Writer, stem: str, rows: Standings) -> None:
    """Write rankings as ``STEM.csv`` and, with the names of the columns once, ``STEM.json``."""
    heads = [(",".join(map(text_cell, texts)), ",".join(map(json_text, texts))) for texts, _ in rows]
    numbers = number_rows([values for _, values in rows])
    both = list(zip(heads, numbers, strict=True))
    lines = "".join([f"{own},{values}\n" for (own, _), (values, _) in both])
    found = ",\n".join([f"[{own},{values}]" for (_, own), (_, values) in both])
    writer.write(f"{stem}.csv", csv_text(STANDING_COLUMNS, []) + lines)
    writer.write(f"{stem}.json", f'{{"columns": {_ENCODER.encode(STANDING_COLUMNS)}, "rows": [\n{found}\n]}}\n')


def _estimate(found: Estimate | None) -> tuple[float | None, float | None, float | None, int | None]:
    return (None,) * 4 if found is None else (found.value, found.low, found.high, found.languages)


def number_rows(rows: Sequence[tuple[float | None, ...]]) -> list[tuple[str, str]]:
    """Rows of numbers, each as it stands in CSV and in JSON, without brackets. Python's own ``repr`` takes six times as
    long; either reads back as the same number."""
    found = to_json(rows).decode("ascii")[2:-2].split("],[") if rows else []
    return [(text.replace("null", "") if "null" in text else text, text) for text in found]


@lru_cache(4096)  # names stand in row after row
def json_text(value: str) -> str:
    return _ENCODER.encode(value)


def json_line(value: object) -> str:
    return _ENCODER.encode(value)


def write_rows(writer: Writer, stem: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Write rows as ``STEM.csv`` and, each with the names of its values, ``STEM.json``."""
    writer.write(f"{stem}.csv", as_csv(columns, rows))
    writer.write(f"{stem}.json", as_json(rows))


def as_csv(columns: Sequence[str], rows: Sequence[Row]) -> str:
    """Rows as CSV, safe to open in a spreadsheet; a missing value is an empty field."""
    return csv_text(columns, [[row[column] for column in columns] for row in rows])


def as_json(rows: Sequence[object]) -> str:
    """JSON with a row a line, non-ASCII as it is."""
    return "[\n" + ",\n".join(map(json_line, rows)) + "\n]\n"
