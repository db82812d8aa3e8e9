"""One language over all boards: every model, task by task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from statistics import fmean

from markupsafe import Markup

from harness.boards import Cell, Model
from leaderboard.markup.labels import LanguageLabel
from leaderboard.views import cells
from leaderboard.views.metric_view import MetricView
from leaderboard.views.standing_rows import model_id
from leaderboard.views.views import BoardView

_MOST_COLUMNS = 40
_MOST_CELLS = 6000
_NONE: Mapping[str, Cell] = {}


class LanguageView:
    """All models in one language: their headline scores side by side."""

    def __init__(self, code: str, views: Sequence[BoardView]) -> None:
        found = [(view, row) for view in views for row in view.rows_of(code)]
        models = {model for view, _ in found for model in view.board.models}
        fits = 1 < len(found) <= _MOST_COLUMNS and len(found) * len(models) <= _MOST_CELLS
        self.columns: list[tuple[BoardView, LanguageLabel]] = found if fits else []

    @cached_property
    def models(self) -> list[Model]:
        """Models with a score here; those with most scores first, then by their mean place among all."""
        places: dict[Model, list[int]] = {}
        for view, row in self.columns:
            table = view.headline.table
            sign = -1 if table.facts.higher_is_better else 1
            known = [
                (sign * value, model)
                for model, own in table.by_model.items()
                if (cell := own.get(row.code)) is not None and (value := cell.value) is not None
            ]
            for place, (_, model) in enumerate(sorted(known, key=itemgetter(0)), start=1):
                places.setdefault(model, []).append(place)
        return sorted(places, key=lambda model: (-len(places[model]), fmean(places[model]), model))

    def body(self) -> Markup:
        columns = [(view.headline, row.code, view.headline.table.by_model) for view, row in self.columns]
        return cells.joined(_row(model, columns) for model in self.models)


def _row(model: Model, columns: Sequence[tuple[MetricView, str, Mapping[Model, Mapping[str, Cell]]]]) -> str:
    scores = "".join(
        [cells.heat_cell(metric, model, code, table.get(model, _NONE).get(code)) for metric, code, table in columns]
    )
    return f'<tr data-m="{model_id(model)}"><th scope="row">{cells.model_link(model)}</th>{scores}</tr>\n'
