"""All pairs at a glance: models by models for each task, or a list of pairs where there are too many models for all."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from markupsafe import Markup

from harness.boards import Model
from leaderboard.compare.compare_rows import Tally, Winner
from leaderboard.compare.compare_section import SectionView
from leaderboard.compare.compare_view import PairView
from leaderboard.views.views import BoardView

MOST_COLUMNS = 40
"""Boards that have a column in the list of pairs."""

_MARKS = {
    "A": Markup(' <span class="sure" role="img" aria-label="better">▲</span>'),
    "B": Markup(' <span class="tied" role="img" aria-label="worse">▼</span>'),
}


class IndexView:
    """The pairs by what they were compared on.

    Args:
        pairs: All pairs.
        boards: All boards.
        complete: Whether every two models that share a board are a pair.
    """

    def __init__(self, pairs: Sequence[PairView], boards: Sequence[BoardView], *, complete: bool) -> None:
        self.pairs = pairs
        self.complete = complete
        self._headlines = {board.headline.id for board in boards}
        self._sections = {
            (view.a, view.b, section.id): section
            for view in pairs
            for section in view.sections
            if section.id in self._headlines
        }
        known = {name for _, _, name in self._sections}
        self.boards = [board for board in boards if board.headline.id in known]

    @property
    def columns(self) -> list[BoardView]:
        return self.boards[:MOST_COLUMNS]

    @cached_property
    def has_untested(self) -> bool:
        return any(section.tally.untested for section in self._sections.values())

    @cached_property
    def has_tests(self) -> bool:
        return any(section.tally.tested for section in self._sections.values())

    def models(self, board: BoardView) -> list[Model]:
        """The models of a board that have a pair there, in the order of the ranking."""
        own = {model for a, b, name in self._sections if name == board.headline.id for model in (a, b)}
        return [model for model in board.headline.models if model in own]

    def cell(self, board: BoardView, row: Model, column: Model) -> Markup:
        """The row's model against the column's: difference of the means, verdict, languages won and lost."""
        if row == column:
            return Markup('<td class="x"><span class="no">·</span></td>')
        name = board.headline.id
        for first, second, swapped in ((row, column, False), (column, row, True)):
            section = self._sections.get((first, second, name))
            if section is not None:
                return _cell(section, swapped=swapped, say_untested=self.has_tests)
        return Markup('<td class="x"><span class="no" title="Nothing in common">–</span></td>')

    def own(self, view: PairView, board: BoardView) -> Markup:
        """The same of a pair, A against B."""
        return self.cell(board, view.a, view.b)


def _cell(section: SectionView, *, swapped: bool, say_untested: bool) -> Markup:
    row = section.headline
    if row.delta is None:
        return Markup('<td class="x"><span class="no" title="The difference is undefined">–</span></td>')
    delta = section.signed(-row.delta if swapped else row.delta)
    winner = _turned(row.winner) if swapped else row.winner
    ahead, behind = _counts(section.tally)
    if swapped:
        ahead, behind = behind, ahead
    return Markup('<td data-v="{}"><a href="{}#{}">{}</a>{}<small>{} : {} of {}{}</small></td>').format(
        f"{-row.delta if swapped else row.delta:.6g}",
        section.pair.page,
        section.id,
        delta,
        _MARKS.get(winner, Markup("")),
        ahead,
        behind,
        section.tally.languages,
        ", not tested" if say_untested and not row.tested else "",
    )


def _counts(tally: Tally) -> tuple[int, int]:
    return tally.first + tally.higher, tally.second + tally.lower


def _turned(winner: Winner) -> Winner:
    return "B" if winner == "A" else "A" if winner == "B" else ""
