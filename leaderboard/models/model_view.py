"""One model over all boards as its page shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from harness.boards import Model
from harness.ranks import Standing
from leaderboard.markup.labels import LanguageLabel, label
from leaderboard.markup.text import fold
from leaderboard.views import cells
from leaderboard.views.views import BoardView

_FEW = 5
_MOST_CELLS = 6000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """A language with the model's score there, and how far that is from the best other model's (positive: better)."""

    label: LanguageLabel
    value: float
    ahead: float


class ModelView:
    """One model: its place in every board that has a score of it."""

    def __init__(self, model: Model, views: Sequence[BoardView]) -> None:
        self.model = model
        self.views = [view for view in views if model in view.board.models]

    def standing(self, view: BoardView) -> Standing | None:
        return view.headline.standings.of(self.model)

    def leads(self, view: BoardView) -> tuple[list[Lead], list[Lead]]:
        """The languages in which it is furthest ahead of the best other model, and furthest behind it."""
        metric = view.headline
        sign = 1 if metric.facts.higher_is_better else -1
        found = []
        for row in view.labels:
            own = metric.table.value(self.model, row.code)
            other = metric.best_other(self.model, row.code)
            if own is not None and other is not None:
                found.append(Lead(label=row, value=own, ahead=sign * (own - other)))
        found.sort(key=lambda lead: -lead.ahead)
        ahead = [lead for lead in found[:_FEW] if lead.ahead > 0]
        behind = [lead for lead in found[::-1][:_FEW] if lead.ahead < 0]
        return ahead, behind

    @cached_property
    def languages(self) -> list[LanguageLabel]:
        """All languages of the boards without directions, by name."""
        codes = {row.code for view in self.grid_views for row in view.labels}
        return sorted(map(label, codes), key=lambda row: (fold(row.name), row.code))

    @cached_property
    def grid_views(self) -> list[BoardView]:
        """Boards that stand side by side in a table of languages by tasks; none where it would be too large."""
        found = [view for view in self.views if not view.directions]
        rows = {row.code for view in found for row in view.labels}
        return found if len(found) > 1 and len(rows) * len(found) <= _MOST_CELLS else []

    def grid(self) -> Markup:
        """The body of the table of languages by tasks."""
        return cells.joined(map(self._grid_row, self.languages))

    def _grid_row(self, row: LanguageLabel) -> str:
        scores = "".join(cells.heat_cell(view.headline, self.model, row.code) for view in self.grid_views)
        return f'<tr data-k="{Markup.escape(row.keys)}">{cells.language_head(row, "")}{scores}</tr>\n'
