"""One model's scores of a task with many directions as a table of source by target languages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from statistics import fmean

from markupsafe import Markup

from harness.boards import Model
from leaderboard.markup.labels import LanguageLabel, Side
from leaderboard.markup.text import fold
from leaderboard.views.metric_view import MetricView

MANY_DIRECTIONS = 200
"""From so many directions on a list of them is a table that nobody reads."""

_DENSE = 0.3  # share of the table's cells that have a direction: xx-eng and eng-xx make a cross, not a table


class MatrixView:
    """Scores of ``model`` by ``metric``; each cell as short as it can be, there are thousands of them."""

    def __init__(self, metric: MetricView, model: Model, labels: Sequence[LanguageLabel]) -> None:
        self.metric = metric
        self.model = model
        self.sources = _sides(row.sides[0] for row in labels)
        self.targets = _sides(row.sides[-1] for row in labels)

    @property
    def hundredths(self) -> bool:
        """Whether scores span 0 to 1 and are shown times a hundred."""
        return self.metric.facts.unit != "points"

    def cell(self, source: str, target: str) -> Markup:
        value = self._values.get((source, target))
        if value is None:
            return Markup('<td class="x"></td>')
        return Markup("<td class=h{}>{}</td>").format(self.metric.tint(value), self._short(value))

    def out_of(self, source: str) -> str:
        """Mean over the directions that start from a language."""
        return self._mean((source, target.code) for target in self.targets)

    def into(self, target: str) -> str:
        """Mean over the directions into a language."""
        return self._mean((source.code, target) for source in self.sources)

    @cached_property
    def _values(self) -> dict[tuple[str, str], float]:
        found = {}
        for model, code, cell in self.metric.table.items():
            if model == self.model and cell.value is not None:
                source, _, target = code.partition("-")
                found[source, target] = cell.value
        return found

    def _mean(self, directions: Iterable[tuple[str, str]]) -> str:
        found = [self._values[direction] for direction in directions if direction in self._values]
        return self._short(fmean(found)) if found else ""

    def _short(self, value: float) -> str:
        return f"{100 * value if self.hundredths else value:.0f}"


def is_matrix(labels: Sequence[LanguageLabel]) -> bool:
    """Whether the rows of a board are directions that fill a table of source by target languages."""
    if len(labels) < MANY_DIRECTIONS or any(len(row.sides) != 2 for row in labels):
        return False
    sources, targets = ({row.sides[side].code for row in labels} for side in (0, 1))
    return len(labels) >= _DENSE * len(sources) * len(targets)


def _sides(sides: Iterable[Side]) -> list[Side]:
    """Each language once, by name."""
    return sorted({side.code: side for side in sides}.values(), key=lambda side: (fold(side.name), side.code))
