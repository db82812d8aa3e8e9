"""The tables as data: CSV and JSON text at full precision, for whoever wants to compute with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from harness.boards import Board
from harness.export import CSV_COLUMNS, csv_text
from harness.groups import ALL
from harness.ranks import Estimate, Ranking
from harness.summary_rows import Cells
from leaderboard.metric_view import MetricView
from leaderboard.views import BoardView

SCORE_COLUMNS = CSV_COLUMNS
"""Columns of a task's CSV: those of ``glotbench export csv``."""

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


def standings(board: Board, metric: str, group: str, languages: int, ranking: Ranking) -> list[Row]:
    """A ranking over the ``languages`` languages of a group as rows of ``STANDING_COLUMNS``; missing is ``None``."""
    rows: list[Row] = []
    for row in ranking.rows:
        values = (
            *(*board.key, metric, group, row.model.name, row.model.tag, row.model.label),
            *(*row.ranks, row.mean, row.low, row.high, row.worst, row.micro),
            *_estimate(row.normalised)[:3],
            *_estimate(row.gap),
            *(row.scored, len(ranking.common), languages, row.n, row.n_failed),
        )
        rows.append(dict(zip(STANDING_COLUMNS, values, strict=True)))
    return rows


def all_standings(view: BoardView, metric: MetricView) -> list[Row]:
    """The ranking by a metric over all languages, and over every group that it was made for."""
    board, name = view.board, metric.facts.metric
    rows = standings(board, name, ALL, len(board.languages), metric.ranking)
    for group in view.groups:
        if (own := metric.by_group.get(group.id)) is not None:
            rows += standings(board, name, group.title, len(group.rows), own.ranking)
    return rows


def _estimate(found: Estimate | None) -> tuple[float | None, float | None, float | None, int | None]:
    return (None,) * 4 if found is None else (found.value, found.low, found.high, found.languages)


def score_rows(boards: Sequence[Board]) -> list[Row]:
    """Every score of the boards as rows of ``SCORE_COLUMNS``, the model as the pages call it."""
    return [
        {"model": model.title} | {name: getattr(cell.score, name) for name in SCORE_COLUMNS[1:]}
        for board in boards
        for table in board.metrics
        for (model, _), cell in sorted(table.cells.items(), key=lambda item: item[0])
    ]


def scores_json(boards: Sequence[Board]) -> str:
    """Every score of the boards with everything its record holds."""
    return as_json(
        [
            asdict(cell.score) | {"model": model.title, "comparable": cell.comparable}
            for board in boards
            for table in board.metrics
            for (model, _), cell in sorted(table.cells.items(), key=lambda item: item[0])
        ]
    )


def as_csv(columns: Sequence[str], rows: Sequence[Row]) -> str:
    """Rows as CSV, safe to open in a spreadsheet; a missing value is an empty field."""
    return csv_text(columns, [[row[column] for column in columns] for row in rows])


def as_json(value: object) -> str:
    """Readable JSON, non-ASCII as it is."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
