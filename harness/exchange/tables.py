"""Tables of scores in CSV or TSV -> run records.

A table is *long* where one column holds the scores, and *wide* where every language has a column. Which column is what
is told by its name or by the caller. Cells are missing or numbers, and numbers are on a scale that is declared or
inferred by :func:`scale_of`. There are no segments and, unless a long table has columns for them, no intervals.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from harness.errors import RecordError
from harness.exchange.table_columns import ROLES, Columns, code_of, read_columns
from harness.imported import LABEL, ImportedRun, metric_facts
from harness.records import Fingerprint, ModelRecord, ScoreRecord, TaskRecord
from harness.untrusted import name_in, read_bytes, sha256_of, shown
from metrics import registry
from metrics.base import MetricError

Scale = Literal["auto", "1", "100", "raw"]

NOTE = "imported from a table: no segments are known"

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_MISSING = frozenset(["", "-", "–", "—", ".", "na", "n/a", "nan", "none", "null", "nil"])
_FORMULA = re.compile(r"'(?=[=+\-@\t\r])")
"""The apostrophe that ``export csv`` puts before what a spreadsheet would run."""

_MOST_CELLS = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptions:
    """What a table does not say.

    Attributes:
        columns: Role (one of :data:`ROLES`) -> header of its column, before what names suggest.
        given: Role -> value for every row without a column of that role; a task is else called as the file.
        ignore: Headers of columns to leave out.
        scale: ``1`` (0-1), ``100`` (0-100), ``raw`` (as it stands, no bounds) or ``auto``.
        rename: Name of a model in the table -> its name in the record.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
    ignore: Sequence[str] = ()
    scale: Scale = "auto"
    rename: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """One score of a table, before its scale is known; ``text`` is empty where it is missing."""

    where: str
    named: Mapping[str, str]
    language: str
    text: str


def import_tables(
    paths: Sequence[Path], out: Path, command: str, options: TableOptions | None = None
) -> tuple[Path, list[str]]:
    """Write a run folder of the scores of tables.

    Returns:
        The folder, and remarks: what was inferred and left out.

    Raises:
        RecordError: A file is no table, a cell no score, a column no language, or a score stands there twice.
    """
    run, remarks = ImportedRun("table"), []
    for path in paths:
        remarks += add_table(run, path, options or TableOptions())
    return run.write(out, command, (NOTE, *remarks)), remarks


def add_table(run: ImportedRun, path: Path, options: TableOptions) -> list[str]:
    """Add the scores of one table to a run; returns remarks. Raises as :func:`import_tables`."""
    content = read_bytes(path)
    rows = _rows(path, content)
    place, header = next(rows, ("", []))
    if not header:
        raise RecordError(f"{path}: empty; give it a header and rows")
    columns = read_columns(place, header, options.columns, options.ignore)
    remarks = [f"{path.name}: left out {', '.join(columns.left_out)}"] if columns.left_out else []
    cells: list[_Cell] = []
    for where, row in rows:
        if len(row) != len(header):
            raise RecordError(f"{where}: {len(row)} cells, the header has {len(header)}; quote cells that hold commas")
        found = list(_cells(where, row, columns, path, options))
        if any(cell.text for cell in found):
            cells += found
        else:
            remarks.append(f"{where}: no score in this row; it is left out")
        if len(cells) > _MOST_CELLS:
            raise RecordError(f"{path}: more than {_MOST_CELLS:,} scores; import it in parts")
    run.read(path, sha256_of(content))
    by_metric: dict[str, list[_Cell]] = {}
    for cell in cells:
        by_metric.setdefault(cell.named["metric"], []).append(cell)
    for metric, own in by_metric.items():
        scale, inferred = scale_of(own[0].where, [cell.text for cell in own if cell.text], metric, options.scale)
        remarks += [f"{path.name}: {metric}: {inferred}"] if inferred else []
        facts, moved = _facts(metric, scale)
        for cell in own:
            _add(run, cell, facts, moved)
    return remarks


def scale_of(where: str, texts: Sequence[str], metric: str, wanted: Scale) -> tuple[Scale, str]:
    """The scale of one metric's scores in a table, and in words how it was inferred (empty where it was declared).

    Inferred: a metric of ours whose scores are neither points nor fractions is taken as it stands. Otherwise scores are
    0-1 where none is above 1, 0-100 where one is, and anything outside is a mistake.

    Raises:
        RecordError: A score is outside its scale.
    """
    values = [float(text) for text in texts]
    known = _known_unit(metric)
    if wanted == "auto" and known not in ("", "points", "fraction"):
        return "raw", ""
    if wanted == "raw":
        return "raw", ""
    most = {"1": 1.0, "100": 100.0}.get(wanted, 1.0 if max(values) <= 1 else 100.0)
    outside = [value for value in values if not 0 <= value <= most]
    if outside:
        raise RecordError(
            f"{where}: metric {metric}: {outside[0]:g} is outside 0 to {most:g}; declare --scale 1, 100 or raw"
        )
    scale: Scale = "1" if most == 1 else "100"
    told = f"scale 0-{scale} inferred (largest score {max(values):g}); declare it with --scale if that is wrong"
    return scale, told if wanted == "auto" else ""


def _rows(path: Path, content: bytes) -> Iterator[tuple[str, list[str]]]:
    """Rows that are not empty, each with its place."""
    try:
        text = content.decode("utf-8-sig")
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter="\t" if path.suffix == ".tsv" else ",", strict=True
        )
        for row in reader:
            if any(cell.strip() for cell in row):
                yield f"{path}:{reader.line_num}", [_FORMULA.sub("", cell.strip(), count=1) for cell in row]
    except UnicodeDecodeError as error:
        raise RecordError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except csv.Error as error:
        raise RecordError(f"{path}: no table ({error}); save it as CSV with commas, or as .tsv with tabs") from error


def _cells(where: str, row: Sequence[str], columns: Columns, path: Path, options: TableOptions) -> Iterator[_Cell]:
    """The scores of a row: one of a long table, one a language of a wide one."""
    named = {role: _named(role, row, columns, options.given) for role in ROLES if role != "value"}
    named["task"] = named["task"] or path.stem
    named["metric"] = named["metric"] or "score"
    named["model"] = options.rename.get(named["model"], named["model"])
    if columns.languages:
        for position, code in columns.languages.items():
            text = _score_text(row[position], f"{where}: column {shown(columns.header[position])}")
            yield _Cell(where=where, named=named, language=code, text=text)
        return
    code = code_of(named["language"])
    if not code:
        raise RecordError(f"{where}: language {shown(named['language'])}: no language has that code or name")
    yield _Cell(where=where, named=named, language=code, text=_score_text(row[columns.roles["value"]], where))


def _named(role: str, row: Sequence[str], columns: Columns, given: Mapping[str, str]) -> str:
    return row[columns.roles[role]] if role in columns.roles else given.get(role, "")


def _score_text(text: str, where: str) -> str:
    """A number as it is written; empty where it is missing.

    Raises:
        RecordError: It is neither.
    """
    if text.casefold() in _MISSING:
        return ""
    if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise RecordError(f"{where}: {shown(text)} is no score; write a plain number, or nothing where it is missing")
    return text


def _add(run: ImportedRun, cell: _Cell, facts: Mapping[str, Any], moved: int) -> None:
    named, where = cell.named, cell.where
    if not named["model"]:
        raise RecordError(f"{where}: no model; name its column with --columns model=NAME, or the model with --model")
    model = name_in(named["model"], f"{where}: model")
    task = name_in(named["task"], f"{where}: task")
    metric = name_in(named["metric"], f"{where}: metric")
    number = {role: _optional(named[role], f"{where}: {role}") for role in ("stderr", "ci_low", "ci_high")}
    ends: dict[str, Any] = {role: _moved(text, moved) if text else None for role, text in number.items()}
    count: dict[str, Any] = {
        role: int(float(_optional(named[role], f"{where}: {role}") or 0)) for role in ("n", "n_failed")
    }
    signature = named["signature"] or f"table|{metric}"
    score = ScoreRecord(
        model=model,
        task=task,
        variant=_label(named["variant"], f"{where}: variant"),
        prompt=_label(named["prompt"], f"{where}: prompt"),
        language=cell.language,
        metric=metric,
        value=_moved(cell.text, moved) if cell.text else None,
        **ends,
        ci_method="as reported" if number["ci_low"] and number["ci_high"] else "",
        **count,
        signature=signature,
        fingerprint=Fingerprint(metric=signature),
        segments=False,
        note=NOTE if cell.text else "no value in the table",
        **facts,
    )
    made_by = ModelRecord(name=model, backend="table", identity={"imported": "table"}, label=LABEL)
    run.add(where, score, made_by, TaskRecord(name=task, kind="", languages=tuple(cell.language.split("-"))))


def _label(text: str, where: str) -> str:
    return name_in(text, where) if text else ""


def _optional(text: str, where: str) -> str:
    return _score_text(text, where) if text else ""


def _moved(text: str, places: int) -> float:
    """The number with its point moved, without the rounding of a division."""
    return float(Decimal(text).scaleb(places))


def _facts(metric: str, scale: Scale) -> tuple[dict[str, Any], int]:
    """Facts of a metric, and by how many places its scores' point moves so that they are in its unit."""
    facts = metric_facts(metric, {})
    known = _known_unit(metric)
    if known:
        return facts, {("fraction", "100"): -2, ("points", "1"): 2}.get((known, scale), 0)
    units: Mapping[Scale, dict[str, Any]] = {
        "100": {"unit": "points", "bounds": (0.0, 100.0), "decimals": 1},
        "1": {"unit": "fraction", "bounds": (0.0, 1.0)},
    }
    return {**facts, **units.get(scale, {"unit": "ratio"})}, 0


def _known_unit(metric: str) -> str:
    try:
        return registry.info(metric).unit
    except MetricError:
        return ""
