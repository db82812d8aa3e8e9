"""How much stands on one page: no page file may grow past what a browser opens at once (3 MB)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

PAGE_ROWS = 1500
"""Most rows of single scores on a page; a row with its figure is about 0.8 kB."""

PAGE_CELLS = 22_000
"""Most cells of languages x models tables on a page; a cell with its link is about 70 bytes, a row's head is six."""

OVERVIEW_CELLS = 6_000
"""The same on the overview, which is to be there at once."""

PAGE_STANDINGS = 1000
"""Most rows of rankings on a page; a row with its figure is about 1 kB."""

OVERVIEW_STANDINGS = 400
"""The same on the overview."""

GROUP_ROWS = 2000
"""Most rows of the rankings over all groups of a metric before those over a single language are left out."""

LANGUAGE_MODELS = 25
"""Most models in a list of a language's scores where all of them together are more than ``PAGE_ROWS``."""

GROUP_MODELS = 20
"""Most models in a table of means by group."""

MATRIX_MODELS = 2
"""Models that have a table of source by target languages on a page; of 204 languages it is 1 MB."""

PAGE_BYTES = 2_800_000
"""Most bytes of a page of segments; where its texts are longer, they are cut."""

_FEWEST_STANDINGS = 3
_HEAD_CELLS = 6

S = TypeVar("S")
R = TypeVar("R")


def paginate(sections: Sequence[tuple[S, Sequence[R]]], limit: int = PAGE_ROWS) -> list[list[tuple[S, Sequence[R]]]]:
    """Sections with their rows on pages of at most ``limit`` rows; a section may go on on the next page.

    Sections without rows stay where they are. There is at least one page.
    """
    pages: list[list[tuple[S, Sequence[R]]]] = [[]]
    room = limit
    for section, rows in sections:
        start = 0
        while True:
            if room == 0 and start < len(rows):
                pages.append([])
                room = limit
            part = rows[start : start + room]
            pages[-1].append((section, part))
            start += len(part)
            room -= len(part)
            if start >= len(rows):
                break
    return pages


def fitting(sizes: Sequence[tuple[S, int, int]], *, limit: int = PAGE_CELLS) -> frozenset[S]:
    """Which languages x models tables fit on one page, the first ones first.

    Args:
        sizes: What the table is called, its rows, its columns.
    """
    left = limit
    found = set()
    for name, rows, columns in sizes:
        cells = rows * (columns + _HEAD_CELLS)
        if cells <= left:
            found.add(name)
            left -= cells
    return frozenset(found)


def standings_shown(rankings: int, *, limit: int = PAGE_STANDINGS) -> int:
    """How many rows of each of ``rankings`` rankings fit on one page."""
    return max(_FEWEST_STANDINGS, limit // max(1, rankings))
