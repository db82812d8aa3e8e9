"""The tables as data: CSV and JSON text at full precision, for whoever wants to compute with them."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, fields
from functools import lru_cache
from operator import attrgetter

from harness.boards import Board, Cell, MetricTable, Model
from harness.export import CSV_COLUMNS, csv_text
from harness.groups import ALL
from harness.ranks import Estimate, Ranking
from harness.records import Fingerprint, ScoreRecord
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

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=asdict)

_OWN = ("model", "language", "value", "stderr", "ci_low", "ci_high", "n", "n_failed", "fingerprint", "details")
_FACTS = tuple(own.name for own in fields(ScoreRecord) if own.name not in _OWN)
"""What most scores of a table have in common."""

_PLACE = {name: place for place, name in enumerate(_FACTS)}
_facts = attrgetter(*_FACTS)
_columns = attrgetter(*SCORE_COLUMNS[1:])
_NO_FINGERPRINT = Fingerprint()


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


def scores_csv(boards: Sequence[Board], *, model: Model | None = None, languages: Collection[str] | None = None) -> str:
    """Every score of the boards with the columns ``SCORE_COLUMNS``, the model as the pages call it.

    Args:
        model: Only its scores.
        languages: Only these rows of the boards.
    """
    rows = [
        (own.title, *_columns(cell.score))
        for board in boards
        for table in board.metrics
        for (own, _), cell in _chosen(table, model, languages)
    ]
    return csv_text(SCORE_COLUMNS, rows)


def scores_json(
    boards: Sequence[Board], *, model: Model | None = None, languages: Collection[str] | None = None
) -> str:
    """Every score of the boards with everything its record holds.

    A list of tables, one a board and metric. What most scores of a table have in common stands in the table, and in a
    score only where it differs; an empty ``fingerprint`` and empty ``details`` are left out.
    """
    found = []
    for board in boards:
        for table in board.metrics:
            chosen = _chosen(table, model, languages)
            if chosen:
                found.append(_table_json(chosen))
    return "[\n" + ",\n".join(found) + "\n]\n"


_Scores = Sequence[tuple[tuple[Model, str], Cell]]


def _chosen(table: MetricTable, model: Model | None, languages: Collection[str] | None) -> _Scores:
    """Cells of a table, by model and language."""
    models = table.models if model is None else (model,)
    rows = [row for row in table.languages if languages is None or row in languages]
    keys = ((own, row) for own in models for row in rows)
    return [(key, table.cells[key]) for key in keys if key in table.cells]


def _table_json(cells: _Scores) -> str:
    usual = _facts(cells[0][1].score)
    lines = []
    for (model, _), cell in cells:
        score = cell.score
        found = _facts(score)
        differing = () if found == usual else [name for name in _FACTS if getattr(score, name) != usual[_PLACE[name]]]
        rest: dict[str, object] = {name: getattr(score, name) for name in differing}
        if score.fingerprint != _NO_FINGERPRINT:
            rest["fingerprint"] = _fingerprint(score.fingerprint)
        if score.details:
            rest["details"] = score.details
        if not cell.comparable:
            rest["comparable"] = False
        more = f", {_json_line(rest)[1:-1]}" if rest else ""
        lines.append(
            f'{{"model": {_text(model.title)}, "language": {_text(score.language)}, "value": {_number(score.value)}, '
            f'"stderr": {_number(score.stderr)}, "ci_low": {_number(score.ci_low)}, '
            f'"ci_high": {_number(score.ci_high)}, '
            f'"n": {score.n}, "n_failed": {score.n_failed}{more}}}'
        )
    head = _json_line(dict(zip(_FACTS, usual, strict=True))).removesuffix("}")
    return f'{head}, "scores": [\n' + ",\n".join(lines) + "\n]}"


def _number(value: float | None) -> str:
    return "null" if value is None else repr(value)


@lru_cache(4096)
def _text(value: str) -> str:
    return _ENCODER.encode(value)


@lru_cache(4096)
def _fingerprint(found: Fingerprint) -> dict[str, str]:
    return asdict(found)


def _json_line(value: object) -> str:
    return _ENCODER.encode(value)


def as_csv(columns: Sequence[str], rows: Sequence[Row]) -> str:
    """Rows as CSV, safe to open in a spreadsheet; a missing value is an empty field."""
    return csv_text(columns, [[row[column] for column in columns] for row in rows])


def as_json(rows: Sequence[object]) -> str:
    """JSON with a row a line, non-ASCII as it is."""
    return "[\n" + ",\n".join(map(_json_line, rows)) + "\n]\n"
