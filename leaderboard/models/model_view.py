"""One model over all boards as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from harness.boards import Cell, Model
from harness.ranks import Standing
from leaderboard.markup.labels import LanguageLabel, label
from leaderboard.markup.text import fold
from leaderboard.views import cells
from leaderboard.views.metric_view import MetricView
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
        found: list[tuple[float, float, LanguageLabel]] = []
        cells_here = metric.table.by_model[self.model]
        for row in view.labels:
            cell = cells_here.get(row.code)
            if cell is None or (own := cell.value) is None:
                continue
            if (other := metric.best_other(cell, row.code)) is not None:
                found.append((sign * (own - other), own, row))
        found.sort(key=lambda lead: -lead[0])
        ends = found[:_FEW], found[::-1][:_FEW]
        ahead, behind = ([Lead(label=row, value=own, ahead=by) for by, own, row in end if by] for end in ends)
        return [lead for lead in ahead if lead.ahead > 0], [lead for lead in behind if lead.ahead < 0]

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
        columns = [(view.headline, view.headline.table.by_model[self.model]) for view in self.grid_views]
        return cells.joined(self._grid_row(row, columns) for row in self.languages)

    def _grid_row(self, row: LanguageLabel, columns: Sequence[tuple[MetricView, Mapping[str, Cell]]]) -> str:
        code = row.code
        scores = "".join([cells.heat_cell(metric, self.model, code, own.get(code)) for metric, own in columns])
        return f'<tr data-k="{Markup.escape(row.keys)}">{cells.language_head(row, "")}{scores}</tr>\n'
