"""What languages and directions are called on a page, and the keys the filter box finds them by.

A code that ``harness.languages`` does not know keeps its code as its name: a page is made of whatever a record holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from harness import languages
from harness.boards import sides_of
from harness.errors import UserError
from harness.groups import RESOURCE_CLASSES
from leaderboard.markup.text import fold


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One language: as people call it in English, as its speakers call it, and how a browser should treat it."""

    code: str
    name: str
    endonym: str
    bcp47: str
    script: str
    family: str
    resource: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageLabel:
    """A language, or a translation direction with two sides."""

    code: str
    sides: tuple[Side, ...]

    @property
    def name(self) -> str:
        return " → ".join(side.name for side in self.sides)

    @property
    def keys(self) -> str:
        """Folded words that the filter box searches."""
        return _keys(self)

    def page_code(self, pivot: str) -> str:
        """The language whose page tells most about this row: for a direction, the side that is not the pivot."""
        codes = [side.code for side in self.sides]
        others = [code for code in codes if code != pivot]
        return (others or codes)[-1]


@cache
def _keys(row: LanguageLabel) -> str:
    words = [row.code]
    for side in row.sides:
        words += [side.name, side.endonym, side.bcp47, side.script, side.family, side.resource, side.region]
    return fold(" ".join(dict.fromkeys(filter(None, words))))


@cache
def label(code: str) -> LanguageLabel:
    """How to show the language or direction ``code`` of a record."""
    return LanguageLabel(code=code, sides=tuple(_side(part) for part in sides_of(code)))


@cache
def _side(code: str) -> Side:
    try:
        found = languages.find(code)
    except UserError:
        return Side(code=code, name=code, endonym="", bcp47="", script="", family="", resource="", region="")
    if found.code == languages.UND:
        return Side(code=code, name=found.name, endonym="", bcp47="", script="", family="", resource="", region="")
    return Side(
        code=code,
        name=found.name,
        endonym=found.endonym if found.endonym != found.name else "",
        bcp47=found.bcp47,
        script=f"{languages.script_name(found.script)} ({found.script})",
        family=found.family,
        resource=RESOURCE_CLASSES[found.resource],
        region=found.region,
    )
