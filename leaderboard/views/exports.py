"""The tables as data: CSV and JSON text at full precision, for whoever wants to compute with them."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter

from pydantic_core import to_json

from harness.boards import Board, Cell, MetricTable, Model
from harness.export import CSV_COLUMNS, csv_text, text_cell
from harness.groups import ALL
from harness.ranks import Estimate, Ranking
from harness.records import Fingerprint, ScoreRecord
from harness.summary_rows import Cells
from leaderboard.building.folder import Writer
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
_way = attrgetter(*(own.name for own in fields(Fingerprint)))
_numbers = attrgetter("value", "stderr", "ci_low", "ci_high", "n", "n_failed")


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
    heads = [(",".join(map(text_cell, texts)), ",".join(map(_text, texts))) for texts, _ in rows]
    numbers = number_rows([values for _, values in rows])
    both = list(zip(heads, numbers, strict=True))
    lines = "".join([f"{own},{values}\n" for (own, _), (values, _) in both])
    found = ",\n".join([f"[{own},{values}]" for (_, own), (_, values) in both])
    writer.write(f"{stem}.csv", csv_text(STANDING_COLUMNS, []) + lines)
    writer.write(f"{stem}.json", f'{{"columns": {_ENCODER.encode(STANDING_COLUMNS)}, "rows": [\n{found}\n]}}\n')


def _estimate(found: Estimate | None) -> tuple[float | None, float | None, float | None, int | None]:
    return (None,) * 4 if found is None else (found.value, found.low, found.high, found.languages)


def write_scores(
    writer: Writer,
    stem: str,
    boards: Sequence[Board],
    *,
    model: Model | None = None,
    languages: Collection[str] | None = None,
) -> None:
    """Write every score of the boards as ``STEM.csv`` and ``STEM.json``.

    The CSV has the columns ``SCORE_COLUMNS``, the model as the pages call it. The JSON has everything a record holds: a
    list of tables, one a board and metric. What most scores of a table have in common stands in the table itself;
    ``rows`` has the rest with the names in ``columns``, of which ``fingerprint`` is a place in ``fingerprints``, and
    ``more`` has what a row says otherwise or beyond that, by the place of the row.

    Args:
        model: Only its scores.
        languages: Only these rows of the boards.
    """
    table_csv, table_json = [csv_text(SCORE_COLUMNS, [])], []
    for board in boards:
        for table in board.metrics:
            if chosen := _chosen(table, model, languages):
                own_csv, own_json = _table(chosen)
                table_csv.append(own_csv)
                table_json.append(own_json)
    writer.write(f"{stem}.csv", "".join(table_csv))
    writer.write(f"{stem}.json", "[\n" + ",\n".join(table_json) + "\n]\n")


_Scores = Sequence[tuple[Model, str, Cell]]


def _chosen(table: MetricTable, model: Model | None, languages: Collection[str] | None) -> _Scores:
    """Cells of a table, by model and language."""
    models = table.models if model is None else (model,)
    rows = table.languages if languages is None else [row for row in table.languages if row in languages]
    return [
        (own, row, cells[row]) for own in models for cells in (table.by_model[own],) for row in rows if row in cells
    ]


def _table(chosen: _Scores) -> tuple[str, str]:
    """CSV and JSON of some scores of a table, in one pass: there may be hundreds of thousands."""
    first = chosen[0][2].score
    usual = _facts(first)
    setting = ",".join(map(text_cell, (first.task, first.variant, first.prompt)))
    metric = text_cell(first.metric)
    codes = {code: (f"{text_cell(code)},{metric},", _text(code)) for code in {code for _, code, _ in chosen}}
    names = {title: (f"{text_cell(title)},{setting},", _text(title)) for title in {own.title for own, _, _ in chosen}}
    fingerprints: dict[tuple[str, ...], tuple[int, Fingerprint]] = {}
    lines, rows, more = [], [], {}
    numbers = number_rows([_numbers(cell.score) for _, _, cell in chosen])
    for (model, code, cell), (in_csv, in_json) in zip(chosen, numbers, strict=True):
        score = cell.score
        place, _ = fingerprints.setdefault(_way(score.fingerprint), (len(fingerprints), score.fingerprint))
        own_csv, own_json = names[model.title]
        code_csv, code_json = codes[code]
        lines.append(f"{own_csv}{code_csv}{in_csv},{text_cell(score.signature)}\n")
        rows.append(f"[{own_json},{code_json},{in_json},{place}]")
        if (found := _facts(score)) != usual or score.details or not cell.comparable:
            more[len(rows) - 1] = _beyond(cell, found, usual)
    head = dict(zip(_FACTS, usual, strict=True))
    head |= {"fingerprints": [found for _, found in fingerprints.values()], "more": more, "columns": COLUMNS}
    return "".join(lines), f'{_json_line(head).removesuffix("}")}, "rows": [\n' + ",\n".join(rows) + "\n]}"


def number_rows(rows: Sequence[tuple[float | None, ...]]) -> list[tuple[str, str]]:
    """Rows of numbers, each as it stands in CSV and in JSON, without brackets. Python's own ``repr`` takes six times as
    long; either reads back as the same number."""
    found = to_json(rows).decode("ascii")[2:-2].split("],[") if rows else []
    return [(text.replace("null", "") if "null" in text else text, text) for text in found]


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


def write_rows(writer: Writer, stem: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Write rows as ``STEM.csv`` and, each with the names of its values, ``STEM.json``."""
    writer.write(f"{stem}.csv", as_csv(columns, rows))
    writer.write(f"{stem}.json", as_json(rows))


def as_csv(columns: Sequence[str], rows: Sequence[Row]) -> str:
    """Rows as CSV, safe to open in a spreadsheet; a missing value is an empty field."""
    return csv_text(columns, [[row[column] for column in columns] for row in rows])


def as_json(rows: Sequence[object]) -> str:
    """JSON with a row a line, non-ASCII as it is."""
    return "[\n" + ",\n".join(map(_json_line, rows)) + "\n]\n"
