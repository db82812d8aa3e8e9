"""One metric's table as the templates show it: words, formatted numbers, tints and drawings.

Everything here is text or ready markup; templates only place it. Knows no files but their names.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property

from markupsafe import Markup

from leaderboard import figures
from leaderboard.figures import Axis
from leaderboard.labels import label
from leaderboard.pages import SegmentKey, segment_page
from leaderboard.ranks import Ranking, Standing
from leaderboard.segments import SegmentView
from leaderboard.tables import Board, Cell, MetricTable, Model
from leaderboard.text import plain, short_hash

TINTS = 10
_UNITS = {"points": "points, 0–100", "fraction": "share, 0–1", "correlation": "correlation, −1 to 1"}
_MATCHING_KINDS = ("alignment", "bitext_mining")


class MetricView:
    """One metric of a board, ready to show.

    Args:
        board: The board.
        table: The metric's scores.
        ranking: Its models in order.
        linked: Which units have a segment page.
    """

    def __init__(self, board: Board, table: MetricTable, ranking: Ranking, linked: Collection[SegmentKey]) -> None:
        self.board = board
        self.table = table
        self.ranking = ranking
        self.facts = table.facts
        self.id = f"t-{short_hash(*board.key, table.facts.metric)}"
        self._linked = linked

    @property
    def goodness(self) -> str:
        return "higher is better" if self.facts.higher_is_better else "lower is better"

    @property
    def arrow(self) -> str:
        return "↑" if self.facts.higher_is_better else "↓"

    @property
    def unit(self) -> str:
        """The unit in words, with the range only where the metric really ends there."""
        low, high = self.facts.bounds
        usual = {"points": (0, 100), "fraction": (0, 1), "correlation": (-1, 1)}[self.facts.unit]
        return _UNITS[self.facts.unit] if (low, high) == usual else self.facts.unit

    @property
    def models(self) -> list[Model]:
        """Models in the order of the ranking."""
        return [row.model for row in self.ranking.rows]

    @cached_property
    def chance(self) -> str:
        """What guessing scores: one number, or a range over languages; empty where no language defines it."""
        found = sorted({cell.score.chance for cell in self.table.cells.values() if cell.score.chance is not None})
        return "–".join(self.number(value) for value in dict.fromkeys((found[0], found[-1]))) if found else ""

    @cached_property
    def signature(self) -> str:
        """The signature all scores share; empty when they differ."""
        return self.table.signatures[0] if len(self.table.signatures) == 1 else ""

    @cached_property
    def incomparable(self) -> int:
        """How many scores are marked because data, prompt or metric differ from the other models' ones."""
        return sum(not cell.comparable for cell in self.table.cells.values())

    @cached_property
    def scale(self) -> Axis:
        """The axis of the per-language interval bars."""
        scores = [cell.score for cell in self.table.cells.values()]
        return figures.axis(_present(end for score in scores for end in (score.value, score.ci_low, score.ci_high)))

    @cached_property
    def mean_scale(self) -> Axis:
        """The axis of the ranking's interval bars."""
        return figures.axis(_present(end for row in self.ranking.rows for end in (row.mean, row.low, row.high)))

    @cached_property
    def layer_scale(self) -> Axis:
        return figures.axis([0.0, *(value for curve in self._curves.values() for value in curve)])

    def number(self, value: float | None) -> str:
        """``value`` in the digits of the metric; empty when missing."""
        return "" if value is None else figures.number(value, self.table.digits)

    def signed(self, value: float | None) -> str:
        """A difference, with its sign."""
        text = self.number(value)
        return f"+{text}" if value is not None and text[0].isdigit() and value > 0 and text.strip("0.") else text

    def tint(self, value: float) -> int:
        """Step of the heat scale, 0 for the worst value of the table and ``TINTS - 1`` for the best."""
        low, high = self.tint_range
        share = (value - low) / (high - low) if high > low else 0.5
        return min(TINTS - 1, int((share if self.facts.higher_is_better else 1 - share) * TINTS))

    @cached_property
    def tint_range(self) -> tuple[float, float]:
        """The lowest and highest comparable score of the table."""
        values = _present(cell.value for cell in self.table.cells.values())
        return (min(values), max(values)) if values else (0.0, 0.0)

    @property
    def tint_ends(self) -> tuple[float, float]:
        """The worst and the best comparable score of the table."""
        low, high = self.tint_range
        return (low, high) if self.facts.higher_is_better else (high, low)

    @cached_property
    def common(self) -> frozenset[str]:
        """Languages that all ranked models have."""
        return frozenset(self.ranking.common)

    @property
    def has_gap(self) -> bool:
        return any(row.gap is not None for row in self.ranking.rows)

    @property
    def verdict(self) -> str:
        """What the order of the models is worth, in a sentence."""
        pairs = sum(row.first is not None for row in self.ranking.rows) - 1
        if pairs < 1:
            return ""
        apart = self.ranking.told_apart
        if apart == pairs:
            return "All neighbours in this order can be told apart."
        if apart == 0:
            return "No two neighbours in this order can be told apart: they are tied."
        return f"{apart} of {pairs} neighbouring pairs can be told apart; the others are tied."

    @property
    def method(self) -> str:
        """How the intervals of the means and the ranks were made, in words."""
        if self.ranking.resampled:
            return (
                "Intervals and ranks: segments resampled jointly for all models and languages, "
                "all pairs of models judged at once at 95 %."
            )
        return (
            "Intervals: ends of the languages' intervals averaged, as if all languages erred together, so rather too "
            "wide; models tie when they overlap. There were no statistics of segments to resample."
        )

    def link(self, model: Model, language: str) -> str:
        """The segment page of a cell; empty when there is none."""
        key = (model.title, *self.board.key, language)
        return segment_page(key) if key in self._linked else ""

    def mean_bar(self, row: Standing) -> Markup:
        if row.mean is None:
            return Markup("")
        chance = next((cell.score.chance for cell in self.table.cells.values()), None)
        return figures.interval_dot(row.mean, row.low, row.high, self.mean_scale, chance)

    def mean_axis(self) -> Markup:
        return figures.interval_scale(self.mean_scale)

    def bar(self, cell: Cell) -> Markup:
        score = cell.score
        if score.value is None:
            return Markup("")
        return figures.interval_dot(score.value, score.ci_low, score.ci_high, self.scale, score.chance)

    def bar_axis(self) -> Markup:
        return figures.interval_scale(self.scale)

    def spark(self, cell: Cell) -> Markup:
        layers = _layers(cell)
        return figures.spark(layers, self.layer_scale) if layers else Markup("")

    def heat_cell(self, model: Model, language: str) -> Markup:
        """One cell of the languages x models table, as short as it can be: there are thousands of them."""
        cell = self.table.cells.get((model, language))
        if cell is None:
            return Markup('<td class="x">–</td>')
        score = cell.score
        if score.value is None:
            return Markup('<td class="x" title="{}">–</td>').format(plain(score.note) or "No score")
        shown = Markup(self.number(score.value))
        if target := self.link(model, language):
            shown = Markup('<a href="{}">{}</a>').format(target, shown)
        if score.n_failed:
            shown += Markup('<sup title="{} failed">†</sup>').format(score.n_failed)
        if not cell.comparable:
            return Markup('<td class="ne" title="not comparable">{}<sup>≠</sup></td>').format(shown)
        return Markup('<td class="h{}">{}</td>').format(self.tint(score.value), shown)

    @cached_property
    def has_failures(self) -> bool:
        return any(cell.score.n_failed for cell in self.table.cells.values())

    def segment_score(self, segment: SegmentView) -> Markup:
        """A segment's own score; for alignment whether its translation was found, in words."""
        score = segment.scores.get(self.facts.metric)
        if score is None:
            return Markup('<span class="no">–</span>')
        if self.board.task.kind in _MATCHING_KINDS and score in (0, 1):
            return Markup('<span class="yes">✓ found</span>' if score else '<span class="miss">✗ missed</span>')
        return Markup(self.number(score))

    @property
    def has_layers(self) -> bool:
        return bool(self._curves)

    def curves(self) -> list[tuple[Model, Markup]]:
        """For every model with layer curves, the drawing of them."""
        drawings = []
        for model in self.models:
            own = {label(code).name: curve for (owner, code), curve in self._curves.items() if owner == model}
            if own:
                title = f"{self.facts.title} by layer, {model.full_title}, {len(own)} languages"
                drawings.append((model, figures.layer_curves(own, self.layer_scale, title, self.facts.title)))
        return drawings

    @cached_property
    def _curves(self) -> Mapping[tuple[Model, str], tuple[float, ...]]:
        return {key: layers for key, cell in sorted(self.table.cells.items()) if (layers := _layers(cell))}


def _layers(cell: Cell) -> tuple[float, ...]:
    layers = cell.score.details.get("layers", ())
    return layers if all(math.isfinite(value) for value in layers) else ()


def _present(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]
