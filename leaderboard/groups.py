"""Languages of a board by script, family and resource class: what a ranking can be restricted to.

A translation direction belongs where its sides other than the pivot belong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from leaderboard.labels import LanguageLabel, Side, label
from leaderboard.tables import Board
from leaderboard.text import fold

ALL = "all"
"""Stands for every language where a group could be named."""

KINDS = ("script", "family", "resource class")

_NOT_ID = re.compile("[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Languages that share a script, family or resource class.

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
        return f"{self.kind} {self.name}"


def groups_of(board: Board) -> tuple[Group, ...]:
    """The groups that have a language of the board, by kind and name."""
    found: dict[str, Group] = {}
    for row in map(label, board.languages):
        for side in _sides(row, board.pivot):
            for kind, name in zip(KINDS, (side.script, side.family, _resource(side)), strict=True):
                if name:
                    own = Group(
                        id=_id(kind, name),
                        kind=kind,
                        name=name,
                        rows=frozenset({row.code}),
                        codes=frozenset({side.code}),
                    )
                    found[own.id] = _merged(found.get(own.id, own), own)
    return _in_order(found.values())


def together(groups: Iterable[Group]) -> dict[str, list[Group]]:
    """The groups of several boards by kind; kinds in which all languages are alike are left out."""
    found: dict[str, Group] = {}
    for group in groups:
        found[group.id] = _merged(found.get(group.id, group), group)
    by_kind = {kind: [group for group in _in_order(found.values()) if group.kind == kind] for kind in KINDS}
    return {kind: own for kind, own in by_kind.items() if len(own) > 1}


def _sides(row: LanguageLabel, pivot: str) -> list[Side]:
    return [side for side in row.sides if side.code != pivot] or list(row.sides)


def _merged(one: Group, other: Group) -> Group:
    return Group(id=one.id, kind=one.kind, name=one.name, rows=one.rows | other.rows, codes=one.codes | other.codes)


def _in_order(groups: Iterable[Group]) -> tuple[Group, ...]:
    return tuple(sorted(groups, key=lambda group: (KINDS.index(group.kind), fold(group.name), group.id)))


def _resource(side: Side) -> str:
    return f"{side.resource} of 5" if side.resource else ""


def _id(kind: str, name: str) -> str:
    """Scripts by the code in their brackets, which is shorter than the name."""
    short = name[name.rfind("(") :] if kind == "script" else name
    return f"{kind.split(maxsplit=1)[0]}-{_NOT_ID.sub('-', fold(short)).strip('-')}"
