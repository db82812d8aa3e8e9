"""Languages of a board by script, family, resource class and region: what a mean or a ranking can be restricted to.

A translation direction belongs where its sides other than the pivot belong. Where a board has directions into the
pivot, out of it or past it, they are never put together: writing a language and reading it are two abilities.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from harness import languages
from harness.boards import Board, sides_of
from harness.languages import Language

ALL = "all"
"""Stands for every language where a group could be named."""

WAY = "direction"
KINDS = (WAY, "script", "family", "resource class", "region")

RESOURCE_CLASSES = (
    "0 (Left-Behinds)",
    "1 (Scraping-Bys)",
    "2 (Hopefuls)",
    "3 (Rising Stars)",
    "4 (Underdogs)",
    "5 (Winners)",
)
"""Names of the classes of Joshi et al. 2020, from least to most text and labelled data."""

_WAYS = ("into", "out", "between")
_NOT_ID = re.compile("[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Languages that share a script, family, resource class or region, or directions that go one way.

    Attributes:
        id: For file names and permalinks, e.g. ``script-ethi``.
        rows: The board's languages or directions that belong here.
        codes: The single languages among them.
    """

    id: str
    kind: str
    name: str
    rows: frozenset[str]
    codes: frozenset[str]

    @property
    def title(self) -> str:
        """What the group is called where its kind does not stand beside it."""
        return self.name if self.kind == WAY else f"{self.kind} {self.name}"


def groups_of(board: Board) -> tuple[Group, ...]:
    """The groups that have a language of the board, by kind and name."""
    return (*ways_of(board), *groups_among(board.languages, board.pivot))


def groups_among(rows_grouped: Iterable[str], pivot: str) -> tuple[Group, ...]:
    """Groups of languages or directions by script, family, resource class and region, by kind and name."""
    members: dict[tuple[str, str, str], tuple[set[str], set[str]]] = {}
    ways = {row: _way(row, pivot) for row in rows_grouped}
    apart = len(set(ways.values())) > 1
    for row, way in ways.items():
        for code, language in languages_about(row, pivot):
            for key in _memberships(language, way if apart else "", pivot):
                rows, codes = members.setdefault(key, (set(), set()))
                rows.add(row)
                codes.add(code)
    found = [
        Group(id=identifier, kind=kind, name=name, rows=frozenset(rows), codes=frozenset(codes))
        for (kind, identifier, name), (rows, codes) in members.items()
    ]
    return _in_order(found)


def ways_of(board: Board) -> tuple[Group, ...]:
    """Directions into the pivot, out of it, and between other languages; none where all rows go one way."""
    rows = {way: [row for row in board.languages if _way(row, board.pivot) == way] for way in _WAYS}
    found = {way: own for way, own in rows.items() if own}
    return tuple(
        Group(
            id=f"{WAY}-{way}",
            kind=WAY,
            name=_way_name(way, board.pivot),
            rows=frozenset(own),
            codes=frozenset(code for row in own for code, _ in languages_about(row, board.pivot)),
        )
        for way, own in found.items()
        if len(found) > 1
    )


def ungrouped(board: Board, kind: str) -> tuple[str, ...]:
    """Rows of the board that are in no group of a kind: languages that nobody knows, texts of unknown language."""
    known = {row for group in groups_of(board) if group.kind == kind for row in group.rows}
    return tuple(row for row in board.languages if row not in known)


def together(groups: Iterable[Group]) -> dict[str, list[Group]]:
    """The groups of several boards by kind; kinds in which all languages are alike are left out."""
    found: dict[str, Group] = {}
    for group in groups:
        known = found.get(group.id, group)
        found[group.id] = replace(known, rows=known.rows | group.rows, codes=known.codes | group.codes)
    by_kind = {kind: [group for group in _in_order(found.values()) if group.kind == kind] for kind in KINDS}
    return {kind: own for kind, own in by_kind.items() if len(own) > 1}


def languages_about(row: str, pivot: str) -> Iterator[tuple[str, Language]]:
    """The known languages that a row is about: itself, or of a direction the sides other than the pivot."""
    codes = sides_of(row)
    for code in [code for code in codes if code != pivot] or codes:
        found = languages.lookup(code)
        if found is not None and found.code != languages.UND:
            yield code, found


def _way(row: str, pivot: str) -> str:
    """Which way a direction goes; empty for a language."""
    sides = sides_of(row)
    if len(sides) == 1:
        return ""
    return "out" if sides[0] == pivot else "into" if sides[1] == pivot else "between"


def _way_name(way: str, pivot: str) -> str:
    found = languages.lookup(pivot)
    name = found.name if found else pivot
    return {"into": f"into {name}", "out": f"out of {name}", "between": f"without {name}"}[way]


def _memberships(language: Language, way: str, pivot: str) -> Iterator[tuple[str, str, str]]:
    """``(kind, id, name)`` of the groups a language belongs to; scripts by their code, which is shorter."""
    script = f"{languages.script_name(language.script)} ({language.script})"
    for kind, identifier, name in (
        ("script", f"script-{language.script.lower()}", script),
        ("family", _id("family", language.family), language.family),
        ("resource class", f"resource-{language.resource}", RESOURCE_CLASSES[language.resource]),
        ("region", _id("region", language.region), language.region),
    ):
        yield (kind, f"{identifier}-{way}", f"{name}, {_way_name(way, pivot)}") if way else (kind, identifier, name)


def _in_order(groups: Iterable[Group]) -> tuple[Group, ...]:
    return tuple(sorted(groups, key=lambda group: (KINDS.index(group.kind), group.name.casefold(), group.id)))


def _id(kind: str, name: str) -> str:
    return f"{kind}-{_NOT_ID.sub('-', name.lower()).strip('-')}"
