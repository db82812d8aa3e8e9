"""One model's alignment by language and layer as a table of tinted numbers.

Metrics that come from the same curves (MEXA and its best layer) share a table: each has a column beside the layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from markupsafe import Markup

from harness.boards import Model
from leaderboard.drawing import figures
from leaderboard.markup.labels import LanguageLabel
from leaderboard.markup.text import short_hash
from leaderboard.views.metric_view import TINTS, MetricView, first_layer, layers_of

_DIGITS = 1
_EQUAL = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """One language: its values by layer, lowest layer first."""

    label: LanguageLabel
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return fmean(self.values)

    @property
    def best(self) -> int | None:
        """Position of the first layer that has the highest value; ``None`` where all layers have the same."""
        if min(self.values) == max(self.values):
            return None
        return max(range(len(self.values)), key=self.values.__getitem__)


class LayerHeat:
    """Languages x layers of one model.

    Args:
        metrics: Metrics of one board whose curves are the same.
        model: The model.
        labels: The board's languages in order.
    """

    def __init__(self, metrics: Sequence[MetricView], model: Model, labels: Sequence[LanguageLabel]) -> None:
        self.metrics = metrics
        self.model = model
        self.id = f"a-{short_hash(metrics[0].id, model.title)}"
        cells = metrics[0].table.by_model[model]
        curves = ((label, layers_of(cell)) for label in labels if (cell := cells.get(label.code)))
        self.rows = [LayerRow(label=label, values=values) for label, values in curves if values]
        self.depth = max((len(row.values) for row in self.rows), default=0)

    @property
    def layers(self) -> range:
        """Numbers of the layers; 0 is the embeddings' output."""
        first = first_layer(self.metrics[0].facts.signature)
        return range(first, first + self.depth)

    @property
    def cells(self) -> int:
        return len(self.rows) * self.depth

    @property
    def title(self) -> str:
        return ", ".join(metric.facts.title for metric in self.metrics)

    @cached_property
    def over_layers(self) -> dict[str, str]:
        """Which metric's score is the mean and which the highest of the layers, by ``mean`` and ``highest``."""
        found: dict[str, str] = {}
        for metric in self.metrics:
            scores = [(row, metric.table.by_model[self.model][row.label.code].score.value) for row in self.rows]
            for name, reduced in (("mean", fmean), ("highest", max)):
                if all(value is not None and abs(value - reduced(row.values)) < _EQUAL for row, value in scores):
                    found.setdefault(name, metric.facts.title)
        return found

    @cached_property
    def mean_by_layer(self) -> tuple[float, ...]:
        """Over the languages that have all layers."""
        full = [row.values for row in self.rows if len(row.values) == self.depth]
        return tuple(fmean(column) for column in zip(*full, strict=True))

    @property
    def best_layer(self) -> int:
        """Where the mean over languages is highest."""
        means = self.mean_by_layer
        return self.layers[max(range(len(means)), key=means.__getitem__)]

    @property
    def extremes(self) -> tuple[tuple[LayerRow, float], tuple[LayerRow, float]]:
        """The languages with the highest and the lowest score of the first metric, with it."""
        cells = self.metrics[0].table.by_model[self.model]
        scores = [(row, cells[row.label.code].score.value) for row in self.rows]
        known = [(row, value) for row, value in scores if value is not None]
        return max(known, key=lambda found: found[1]), min(known, key=lambda found: found[1])

    @cached_property
    def ends(self) -> tuple[float, float]:
        """Lowest and highest value of any model's layers, so that the tints of two models' tables compare."""
        cells = self.metrics[0].table.cells
        values = [value for cell in cells for value in layers_of(cell)]
        return min(values), max(values)

    def cells_of(self, row: LayerRow) -> Markup:
        """The layers of a language; the best one is framed and bold."""
        parts = []
        for position, value in enumerate(row.values):
            tint, text = self._tint(value), hundredths(value)
            parts.append(
                f'<td class="h{tint} bl"><b>{text}</b></td>'
                if position == row.best
                else f"<td class=h{tint}>{text}</td>"
            )
        parts += ['<td class="x">–</td>'] * (self.depth - len(row.values))
        return Markup("".join(parts))

    def foot(self) -> Markup:
        """The means over languages, the best one framed and bold."""
        best = max(self.mean_by_layer)
        cells = (
            f'<td class="bl"><b>{hundredths(value)}</b></td>' if value == best else f"<td>{hundredths(value)}</td>"
            for value in self.mean_by_layer
        )
        return Markup("".join(cells))

    def number(self, value: float) -> str:
        return self.metrics[0].number(value)

    def _tint(self, value: float) -> int:
        low, high = self.ends
        return min(TINTS - 1, int((value - low) / (high - low) * TINTS)) if high > low else TINTS // 2


def hundredths(value: float) -> str:
    """A value of 0 to 1, or of -1 to 1, times a hundred: short enough for a cell among thousands."""
    return figures.number(100 * value, _DIGITS)


def layer_heats(metrics: Sequence[MetricView], model: Model, labels: Sequence[LanguageLabel]) -> list[LayerHeat]:
    """A table for every distinct set of curves that the metrics of a board hold for ``model``."""
    groups: dict[tuple[object, ...], list[MetricView]] = {}
    for metric in metrics:
        curves = tuple(
            (label.code, layers_of(cell)) for label in labels if (cell := metric.table.cell(model, label.code))
        )
        if any(values for _, values in curves):
            groups.setdefault((first_layer(metric.facts.signature), curves), []).append(metric)
    return [LayerHeat(own, model, labels) for own in groups.values()]
