"""Scores as data: CSV and JSON of tasks, models and languages at full precision.

A large board has each score in the files of its task, its model and its language. To write a number takes far longer
than to copy it, so that the files of models and languages are put together of the lines of the tasks' files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from operator import attrgetter
from typing import Any

from pydantic_core import to_json

from harness.boards import Board, Cell, MetricTable, Model
from harness.export import CSV_COLUMNS, csv_text, text_cell
from harness.records import Fingerprint, ScoreRecord
from leaderboard.building.folder import Writer
from leaderboard.markup.pages import task_page
from leaderboard.views.exports import json_text, number_rows

SCORE_COLUMNS = CSV_COLUMNS
"""Columns of the CSV: those of ``glotbench export csv``."""

COLUMNS = ("model", "language", "value", "stderr", "ci_low", "ci_high", "n", "n_failed", "fingerprint")
"""Columns of a score's row in JSON."""

_FACTS = tuple(own.name for own in fields(ScoreRecord) if own.name not in (*COLUMNS, "details"))
"""What most scores of a table have in common."""

_facts = attrgetter(*_FACTS)
_way = attrgetter(*(own.name for own in fields(Fingerprint)))
_numbers = attrgetter("value", "stderr", "ci_low", "ci_high", "n", "n_failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lines:
    """Scores of one table, a line each.

    Attributes:
        csv: Without line ends.
        rows: JSON, without the bracket at the end.
        head: What stands before the rows, see :func:`write_task`; ``more`` by the place of the row.
    """

    csv: Sequence[str]
    rows: Sequence[str]
    head: Mapping[str, Any]


def write_task(writer: Writer, stem: str, boards: Sequence[Board]) -> None:
    """Write every score of a task's boards as ``STEM.csv`` and ``STEM.json``.

    The CSV has the columns ``SCORE_COLUMNS``, the model as the pages call it. The JSON has everything a record holds: a
    list of tables, one a board and metric. What most scores of a table have in common stands in the table itself;
    ``rows`` has the rest with the names in ``columns``, of which ``fingerprint`` is a place in ``fingerprints``, and
    ``more`` has what a row says otherwise or beyond that, by the place of the row.
    """
    _write(writer, stem, [_formatted(table) for board in boards for table in board.metrics])


class ScoreData:
    """Writes the scores of models and languages, once the tasks' are written.

    Args:
        boards: All boards, task by task.
    """

    def __init__(self, boards: Sequence[Board]) -> None:
        self._tables = [
            (task, [table for board in own for table in board.metrics])
            for task, own in groupby(boards, key=lambda board: board.task.name)
        ]
        self._known: dict[str, list[tuple[_Lines, _Places]]] = {}

    def write_model(self, writer: Writer, stem: str, model: Model) -> None:
        """Write the scores of a model as ``STEM.csv`` and ``STEM.json``, in the form of :func:`write_task`."""
        self._put_together(writer, stem, lambda places: places.by_model.get(model, ()))

    def write_languages(self, writer: Writer, stem: str, languages: Collection[str]) -> None:
        """The same for some rows of the boards."""
        self._put_together(
            writer, stem, lambda places: sorted(row for code in languages for row in places.by_language.get(code, ()))
        )

    def _put_together(self, writer: Writer, stem: str, choose: Callable[[_Places], Sequence[int]]) -> None:
        found = []
        for task, tables in self._tables:
            if task not in self._known:
                self._known[task] = [(lines, _Places(table)) for lines, table in _read(writer, task, tables)]
            for lines, places in self._known[task]:
                if chosen := choose(places):
                    found.append(_part(lines, chosen))
        _write(writer, stem, found)


class _Places:
    """Which lines of a table are those of a model, and of a language."""

    def __init__(self, table: MetricTable) -> None:
        self.by_model: dict[Model, range] = {}
        self.by_language: dict[str, list[int]] = {code: [] for code in table.languages}
        first = 0
        for model, own in table.by_model.items():
            self.by_model[model] = range(first, first + len(own))
            first += len(own)
            for place, code in zip(self.by_model[model], _in_order(table, own), strict=True):
                self.by_language[code].append(place)


def _in_order(table: MetricTable, own: Mapping[str, Cell]) -> Iterator[str]:
    """The languages of a model in the order of its lines; the models have that of ``by_model``."""
    return (code for code in table.languages if code in own)


def _formatted(table: MetricTable) -> _Lines:
    """The scores of a table, in one pass: there may be hundreds of thousands."""
    cells = [(model, code, own[code]) for model, own in table.by_model.items() for code in _in_order(table, own)]
    usual = _facts(table.facts)
    setting = ",".join(map(text_cell, (table.facts.task, table.facts.variant, table.facts.prompt)))
    metric = text_cell(table.facts.metric)
    codes = {code: (f"{text_cell(code)},{metric},", json_text(code)) for code in table.languages}
    names = {model.title: (f"{text_cell(model.title)},{setting},", json_text(model.title)) for model in table.by_model}
    fingerprints: dict[tuple[str, ...], tuple[int, Fingerprint]] = {}
    lines, rows, more = [], [], {}
    numbers = number_rows([_numbers(cell.score) for _, _, cell in cells])
    for (model, code, cell), (in_csv, in_json) in zip(cells, numbers, strict=True):
        score = cell.score
        place, _ = fingerprints.setdefault(_way(score.fingerprint), (len(fingerprints), score.fingerprint))
        own_csv, own_json = names[model.title]
        code_csv, code_json = codes[code]
        lines.append(f"{own_csv}{code_csv}{in_csv},{text_cell(score.signature)}")
        rows.append(f"[{own_json},{code_json},{in_json},{place}")
        if (found := _facts(score)) != usual or score.details or not cell.comparable:
            more[str(len(rows) - 1)] = _beyond(cell, found, usual)
    head = dict(zip(_FACTS, usual, strict=True))
    head |= {"fingerprints": [asdict(found) for _, found in fingerprints.values()], "more": more, "columns": COLUMNS}
    return _Lines(csv=lines, rows=rows, head=head)


def _beyond(cell: Cell, facts: tuple[object, ...], usual: tuple[object, ...]) -> dict[str, object]:
    """What a score says otherwise than the table, or beyond its columns."""
    found = {name: value for name, value, other in zip(_FACTS, facts, usual, strict=True) if value != other}
    if cell.score.details:
        found["details"] = cell.score.details
    if not cell.comparable:
        found["comparable"] = False
    return found


def _part(lines: _Lines, chosen: Sequence[int]) -> _Lines:
    """Some lines of a table; the fingerprints are only theirs."""
    every = lines.head["fingerprints"]
    rows = [lines.rows[place] for place in chosen]
    fingerprints = every
    if len(every) > 1:
        split = [row.rpartition(",") for row in rows]
        used = {old: str(new) for new, old in enumerate(dict.fromkeys(old for _, _, old in split))}
        rows = [f"{row},{used[old]}" for row, _, old in split]
        fingerprints = [every[int(old)] for old in used]
    more = lines.head["more"]
    if more:
        more = {str(new): more[str(old)] for new, old in enumerate(chosen) if str(old) in more}
    head = {**lines.head, "fingerprints": fingerprints, "more": more}
    return _Lines(csv=[lines.csv[place] for place in chosen], rows=rows, head=head)


def _write(writer: Writer, stem: str, tables: Sequence[_Lines]) -> None:
    lines = "".join(f"{line}\n" for table in tables for line in table.csv)
    writer.write(f"{stem}.csv", csv_text(SCORE_COLUMNS, []) + lines)
    parts = []
    for table in tables:
        rows = "],\n".join(table.rows)
        head = to_json(table.head).decode("utf-8").removesuffix("}")
        parts.append(f'{head},"rows":[\n{rows}]\n]}}')
    writer.write(f"{stem}.json", "[\n" + ",\n".join(parts) + "\n]\n")


def _read(writer: Writer, task: str, tables: Sequence[MetricTable]) -> list[tuple[_Lines, MetricTable]]:
    """The lines of a task's files. They are made again where a name has a line end, or a file is not as it was
    written."""
    stem = task_page(task).removesuffix(".html")
    lines, rows = (writer.read(f"{stem}.{end}").split("\n") for end in ("csv", "json"))
    sizes = [len(table) for table in tables]
    if len(lines) != sum(sizes) + 2 or len(rows) != sum(sizes) + 2 * len(sizes) + 3:
        return [(_formatted(table), table) for table in tables]
    found = []
    line, row = 1, 1
    for table, size in zip(tables, sizes, strict=True):
        try:
            head = json.loads(rows[row] + "]}")
        except ValueError:
            return [(_formatted(table), table) for table in tables]
        own = [text.removesuffix(",").removesuffix("]") for text in rows[row + 1 : row + 1 + size]]
        found.append((_Lines(csv=lines[line : line + size], rows=own, head=head), table))
        line, row = line + size, row + size + 2
    return found
