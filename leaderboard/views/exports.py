"""The tables as data: CSV and JSON text at full precision, for whoever wants to compute with them."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter

from harness.boards import Board, Cell, MetricTable, Model
from harness.export import CSV_COLUMNS, csv_text, text_cell
from harness.groups import ALL
from harness.ranks import Estimate, Ranking
from harness.records import Fingerprint, ScoreRecord
from harness.summary_rows import Cells
from leaderboard.views.metric_view import MetricView
from leaderboard.views.views import BoardView

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


def _plain(found: Fingerprint) -> dict[str, str]:
    return {
        "dataset": found.dataset,
        "prompt": found.prompt,
        "metric": found.metric,
        "decoding": found.decoding,
    }


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_plain)

_OWN = ("model", "language", "value", "stderr", "ci_low", "ci_high", "n", "n_failed", "fingerprint", "details")
_FACTS = tuple(own.name for own in fields(ScoreRecord) if own.name not in _OWN)
"""What most scores of a table have in common."""

COLUMNS = ("model", "language", "value", "stderr", "ci_low", "ci_high", "n", "n_failed", "fingerprint")
"""Columns of a score's row in JSON."""

_facts = attrgetter(*_FACTS)


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


def scores(
    boards: Sequence[Board], *, model: Model | None = None, languages: Collection[str] | None = None
) -> tuple[str, str]:
    """Every score of the boards as data.

    The CSV has the columns ``SCORE_COLUMNS``, the model as the pages call it. The JSON has everything a record holds: a
    list of tables, one a board and metric. What most scores of a table have in common stands in the table itself;
    ``rows`` has the rest with the names in ``columns``, of which ``fingerprint`` is a place in ``fingerprints``, and
    ``more`` has what a row says otherwise or beyond that, by the place of the row.

    Args:
        model: Only its scores.
        languages: Only these rows of the boards.

    Returns:
        CSV and JSON.
    """
    table_csv, table_json = [csv_text(SCORE_COLUMNS, [])], []
    for board in boards:
        for table in board.metrics:
            if chosen := _chosen(table, model, languages):
                own_csv, own_json = _table(chosen)
                table_csv.append(own_csv)
                table_json.append(own_json)
    return "".join(table_csv), "[\n" + ",\n".join(table_json) + "\n]\n"


_Scores = Sequence[tuple[tuple[Model, str], Cell]]


def _chosen(table: MetricTable, model: Model | None, languages: Collection[str] | None) -> _Scores:
    """Cells of a table, by model and language."""
    models = table.models if model is None else (model,)
    rows = table.languages if languages is None else [row for row in table.languages if row in languages]
    keys = ((own, row) for own in models for row in rows)
    return [(key, table.cells[key]) for key in keys if key in table.cells]


def _table(chosen: _Scores) -> tuple[str, str]:
    """CSV and JSON of some scores of a table, in one pass: there may be hundreds of thousands."""
    first = chosen[0][1].score
    usual = _facts(first)
    setting = ",".join(map(text_cell, (first.task, first.variant, first.prompt)))
    metric = text_cell(first.metric)
    codes = {code: (f"{text_cell(code)},{metric},", _text(code)) for code in {code for (_, code), _ in chosen}}
    names = {
        model: (f"{text_cell(model.title)},{setting},", _text(model.title)) for model in {own for (own, _), _ in chosen}
    }
    fingerprints: dict[Fingerprint, int] = {}
    lines, rows, more = [], [], {}
    for (model, code), cell in chosen:
        score = cell.score
        numbers = f"{score.value!r},{score.stderr!r},{score.ci_low!r},{score.ci_high!r},{score.n},{score.n_failed}"
        place = fingerprints.setdefault(score.fingerprint, len(fingerprints))
        own_csv, own_json = names[model]
        code_csv, code_json = codes[code]
        in_csv, in_json = numbers, numbers
        if "N" in numbers:  # None
            in_csv, in_json = numbers.replace("None", ""), numbers.replace("None", "null")
        lines.append(f"{own_csv}{code_csv}{in_csv},{text_cell(score.signature)}\n")
        rows.append(f"[{own_json},{code_json},{in_json},{place}]")
        if (found := _facts(score)) != usual or score.details or not cell.comparable:
            more[len(rows) - 1] = _beyond(cell, found, usual)
    head = dict(zip(_FACTS, usual, strict=True))
    head |= {"fingerprints": list(fingerprints), "more": more, "columns": COLUMNS}
    return "".join(lines), f'{_json_line(head).removesuffix("}")}, "rows": [\n' + ",\n".join(rows) + "\n]}"


def _beyond(cell: Cell, facts: tuple[object, ...], usual: tuple[object, ...]) -> dict[str, object]:
    """What a score says otherwise than the table, or beyond its columns."""
    found = {name: value for name, value, other in zip(_FACTS, facts, usual, strict=True) if value != other}
    if cell.score.details:
        found["details"] = cell.score.details
    if not cell.comparable:
        found["comparable"] = False
    return found


@lru_cache(4096)
def _text(value: str) -> str:
    return _ENCODER.encode(value)


def _json_line(value: object) -> str:
    return _ENCODER.encode(value)


def as_table_json(columns: Sequence[str], rows: Sequence[Row]) -> str:
    """JSON of many rows: ``columns``, then ``rows`` of values in their order, a row a line."""
    lines = ",\n".join(_ENCODER.encode([row[column] for column in columns]) for row in rows)
    return f'{{"columns": {_ENCODER.encode(columns)}, "rows": [\n{lines}\n]}}\n'


def as_csv(columns: Sequence[str], rows: Sequence[Row]) -> str:
    """Rows as CSV, safe to open in a spreadsheet; a missing value is an empty field."""
    return csv_text(columns, [[row[column] for column in columns] for row in rows])


def as_json(rows: Sequence[object]) -> str:
    """JSON with a row a line, non-ASCII as it is."""
    return "[\n" + ",\n".join(map(_json_line, rows)) + "\n]\n"
