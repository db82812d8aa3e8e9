"""What was found of one pair in one task as a small text, and back: names and reasons once, numbers column by column.

A large board has hundreds of thousands of these rows, most of whose words are the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, TypedDict, TypeVar, cast

from harness.compare import Comparison, Contrast, NotCompared
from harness.pairing import SegmentDrop

_Row = TypeVar("_Row", Contrast, NotCompared)
_Drop = tuple[str, float, float]
_Listed = Sequence[tuple[SegmentDrop, ...]]


class _Words(TypedDict):
    words: list[str]
    at: list[int]


class _Table(TypedDict):
    rows: int
    columns: dict[str, str | _Words | list[Any]]  # what a row's fields hold


def pack(found: Comparison) -> str:
    """A comparison whose listed segments have no texts, as JSON."""
    facts = {"correction": found.correction, "alpha": found.alpha, "seed": found.seed}
    body = facts | {
        "systems": found.systems,
        "imported": found.imported,
        "contrasts": _table(found.contrasts),
        "not_compared": _table(found.not_compared),
    }
    return json.dumps(body, separators=(",", ":"))


def unpack(text: str) -> Comparison:
    """The comparison that a text of :func:`pack` stands for; equal words are one object."""
    body = json.loads(text)
    columns = body["contrasts"]["columns"]
    columns |= {name: list(map(_drops, columns[name])) for name in ("worst", "best") if name in columns}
    return Comparison(
        systems=tuple(body["systems"]),
        correction=body["correction"],
        alpha=body["alpha"],
        seed=body["seed"],
        contrasts=tuple(_rows(Contrast, body["contrasts"])),
        not_compared=tuple(_rows(NotCompared, body["not_compared"])),
        imported=tuple((name, words) for name, words in body["imported"]),
    )


def by_pair(found: Comparison) -> dict[tuple[str, str], Comparison]:
    """A comparison of many pairs taken apart, by ``(system, against)``; pairs nothing was found of are not there."""
    contrasts: dict[tuple[str, str], list[Contrast]] = {}
    skipped: dict[tuple[str, str], list[NotCompared]] = {}
    for row in found.contrasts:
        contrasts.setdefault((row.system, row.against), []).append(row)
    for refused in found.not_compared:
        skipped.setdefault((refused.system, refused.against), []).append(refused)
    return {
        pair: replace(
            found,
            systems=pair[::-1],
            contrasts=tuple(contrasts.get(pair, ())),
            not_compared=tuple(skipped.get(pair, ())),
            imported=tuple(row for row in found.imported if row[0] in pair),
        )
        for pair in dict.fromkeys((*contrasts, *skipped))
    }


def _table(rows: Sequence[_Row]) -> dict[str, object]:
    """Rows column by column."""
    names = [field.name for field in fields(rows[0])] if rows else []
    return {"rows": len(rows), "columns": {name: _column([getattr(row, name) for row in rows]) for name in names}}


def _column(values: Sequence[object]) -> object:
    """Words as the words and, row by row, their places; a word that all rows have as that word."""
    first = values[0]
    if isinstance(first, tuple):
        return [[(drop.segment, drop.score, drop.score_against) for drop in own] for own in cast(_Listed, values)]
    if not isinstance(first, str):
        return values
    places = {word: place for place, word in enumerate(dict.fromkeys(values))}
    return first if len(places) == 1 else {"words": list(places), "at": [places[word] for word in values]}


def _rows(kind: type[_Row], table: _Table) -> list[_Row]:
    columns = table["columns"]
    plain = [_values(own, table["rows"]) for own in columns.values()]
    return [kind(**dict(zip(columns, row, strict=True))) for row in zip(*plain, strict=True)]


def _values(column: str | _Words | list[Any], rows: int) -> list[Any]:
    if isinstance(column, str):
        return [column] * rows
    return [column["words"][place] for place in column["at"]] if isinstance(column, dict) else column


def _drops(own: Sequence[_Drop]) -> tuple[SegmentDrop, ...]:
    return tuple(SegmentDrop(segment=name, score=score, score_against=against) for name, score, against in own)
