"""One metric's table as the templates show it: words, formatted numbers, tints and drawings.

Everything here is text or ready markup; templates only place it. Knows no files but their names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property

from markupsafe import Markup

from harness.boards import Board, Cell, MetricTable, Model
from harness.groups import ALL
from leaderboard.drawing import figures
from leaderboard.drawing.figures import Axis
from leaderboard.markup.labels import LanguageLabel, label
from leaderboard.markup.pages import SegmentKey, segment_page
from leaderboard.markup.text import short_hash
from leaderboard.views import cells
from leaderboard.views.segments import SegmentView
from leaderboard.views.standings import StandingsView

TINTS = 10
_UNITS = {"points": "points, 0–100", "fraction": "share, 0–1", "correlation": "correlation, −1 to 1"}
_FIRST_LAYER = re.compile(r"\|layers:(\d{1,4})-")
_MATCHED = ("found", "missed")
_IN_WORDS = {"alignment": _MATCHED, "bitext_mining": _MATCHED, "multiple_choice": ("right", "wrong")}
"""What a segment's score of 1 and 0 means, by kind of task."""


class MetricView:
    """One metric of a board, ready to show.

    Args:
        board: The board.
        table: The metric's scores.
        standings: Its models in order, over all languages (``groups.ALL``) and over those of every group.
        linked: Which units have a segment page.
    """

    def __init__(
        self, board: Board, table: MetricTable, standings: Mapping[str, StandingsView], linked: Collection[SegmentKey]
    ) -> None:
        self.board = board
        self.table = table
        self.standings = standings[ALL]
        self.ranking = self.standings.ranking
        self.by_group = {name: own for name, own in standings.items() if name != ALL}
        self.facts = table.facts
        self.id = f"t-{short_hash(*board.key, table.facts.metric)}"
        self._linked = linked

    @cached_property
    def description(self) -> str:
        """What the metric measures, in plain words; empty where no record says."""
        return next((cell.score.description for cell in self.table.cells if cell.score.description), "")

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
        usual = {"points": (0, 100), "fraction": (0, 1), "correlation": (-1, 1)}.get(self.facts.unit)
        return _UNITS[self.facts.unit] if (low, high) == usual else self.facts.unit

    @cached_property
    def models(self) -> list[Model]:
        """Models in the order of the ranking."""
        return [row.model for row in self.ranking.rows]

    @cached_property
    def columns(self) -> list[tuple[Model, Mapping[str, Cell]]]:
        """The cells of each model by language, models in the order of the ranking."""
        return [(model, self.table.by_model[model]) for model in self.models]

    @cached_property
    def chance(self) -> str:
        """What guessing scores: one number, or a range over languages; empty where no language defines it."""
        found = sorted({cell.score.chance for cell in self.table.cells if cell.score.chance is not None})
        return "–".join(self.number(value) for value in dict.fromkeys((found[0], found[-1]))) if found else ""

    @cached_property
    def signature(self) -> str:
        """The signature all scores share; empty when they differ."""
        return self.table.signatures[0] if len(self.table.signatures) == 1 else ""

    @cached_property
    def incomparable(self) -> int:
        """How many scores are marked because data, prompt or metric differ from the other models' ones."""
        return sum(not cell.comparable for cell in self.table.cells)

    @cached_property
    def scale(self) -> Axis:
        """The axis of the per-language interval bars."""
        scores = [cell.score for cell in self.table.cells]
        return figures.axis(_present(end for score in scores for end in (score.value, score.ci_low, score.ci_high)))

    @cached_property
    def layer_scale(self) -> Axis:
        return figures.axis([0.0, *(value for curve in self._curves.values() for value in curve)])

    def number(self, value: float | None) -> str:
        """``value`` in the digits of the metric; empty when missing."""
        return "" if value is None else figures.number(value, self._digits)

    @cached_property
    def _digits(self) -> int:
        return self.table.digits

    def signed(self, value: float | None) -> str:
        """A difference, with its sign."""
        text = self.number(value)
        return f"+{text}" if value is not None and text[0].isdigit() and value > 0 and text.strip("0.") else text

    def tint(self, value: float) -> int:
        """Step of the heat scale, 0 for the worst value of the table and ``TINTS - 1`` for the best."""
        low, span = self._tint_span
        share = (value - low) / span if span else 0.5
        return min(TINTS - 1, int((share if self.facts.higher_is_better else 1 - share) * TINTS))

    def best(self, language: str) -> float | None:
        """The best comparable score in a language; ``None`` where there is none."""
        return self._best.get(language, (None, None, None))[0]

    def best_other(self, cell: Cell, language: str) -> float | None:
        """The best comparable score in a language among the other models' cells; ``None`` where there is none."""
        best, owner, second = self._best.get(language, (None, None, None))
        return second if owner is cell else best

    @cached_property
    def _best(self) -> dict[str, tuple[float | None, Cell | None, float | None]]:
        """By language: the best comparable score, whose cell that is, and the second best."""
        sign = 1 if self.facts.higher_is_better else -1
        found: dict[str, tuple[float | None, Cell | None, float | None]] = {}
        for _, language, cell in self.table.items():
            value = cell.value
            if value is None:
                continue
            best, owner, second = found.get(language, (None, None, None))
            if best is None or sign * value > sign * best:
                found[language] = (value, cell, best)
            elif second is None or sign * value > sign * second:
                found[language] = (best, owner, value)
        return found

    @cached_property
    def tint_range(self) -> tuple[float, float]:
        """The lowest and highest comparable score of the table."""
        values = _present(cell.value for cell in self.table.cells)
        return (min(values), max(values)) if values else (0.0, 0.0)

    @cached_property
    def _tint_span(self) -> tuple[float, float]:
        low, high = self.tint_range
        return low, high - low

    @property
    def tint_ends(self) -> tuple[float, float]:
        """The worst and the best comparable score of the table."""
        low, high = self.tint_range
        return (low, high) if self.facts.higher_is_better else (high, low)

    @cached_property
    def common(self) -> frozenset[str]:
        """Languages that all ranked models have."""
        return frozenset(self.ranking.common)

    def link(self, model: Model, language: str) -> str:
        """The segment page of a cell; empty when there is none."""
        if not self._linked:
            return ""
        key = (model.title, *self.board.key, language)
        return segment_page(key) if key in self._linked else ""

    def bar(self, cell: Cell) -> Markup:
        score = cell.score
        if score.value is None:
            return Markup("")
        return figures.interval_dot(score.value, score.ci_low, score.ci_high, self.scale, score.chance)

    def heat_rows(self, rows: Sequence[LanguageLabel], groups: Mapping[str, str]) -> Markup:
        """The body of the languages x models table.

        Args:
            groups: The ids of the groups of a row, by its code.
        """
        pivot = self.board.pivot
        return cells.joined(cells.heat_row(self, row, groups[row.code], pivot) for row in rows)

    def bar_axis(self) -> Markup:
        return figures.interval_scale(self.scale)

    def spark(self, cell: Cell) -> Markup:
        layers = layers_of(cell)
        return figures.spark(layers, self.layer_scale) if layers else Markup("")

    @cached_property
    def has_failures(self) -> bool:
        return any(cell.score.n_failed for cell in self.table.cells)

    def segment_score(self, segment: SegmentView) -> Markup:
        """A segment's own score; whether a translation was found or a choice was right in words."""
        score = segment.scores.get(self.facts.metric)
        if score is None:
            return Markup('<span class="no">–</span>')
        if score in (0, 1) and (words := _IN_WORDS.get(self.board.task.kind)):
            good = score == self.facts.higher_is_better
            return Markup(
                f'<span class="yes">✓ {words[0]}</span>' if good else f'<span class="miss">✗ {words[1]}</span>'
            )
        return Markup(self.number(score))

    @cached_property
    def has_layers(self) -> bool:
        return bool(self._curves)

    def curves(self, models: Iterable[Model]) -> list[tuple[Model, Markup]]:
        """For each of ``models`` with layer curves, the drawing of them."""
        drawings = []
        for model in models:
            own = {label(code).name: curve for (owner, code), curve in self._curves.items() if owner == model}
            if own:
                title = f"{self.facts.title} by layer, {model.full_title}, {len(own)} languages"
                drawing = figures.layer_curves(
                    own, self.layer_scale, title, self.facts.title, first_layer=first_layer(self.facts.signature)
                )
                drawings.append((model, drawing))
        return drawings

    @cached_property
    def _curves(self) -> Mapping[tuple[Model, str], tuple[float, ...]]:
        found = {
            (model, language): layers for model, language, cell in self.table.items() if (layers := layers_of(cell))
        }
        return dict(sorted(found.items()))


def first_layer(signature: str) -> int:
    """The layer that a curve starts at: 0, the embeddings' output, unless the signature says otherwise."""
    found = _FIRST_LAYER.search(signature)
    return int(found[1]) if found else 0


def layers_of(cell: Cell) -> tuple[float, ...]:
    """The value of every layer, lowest first; empty where the record has none."""
    layers = cell.score.details.get("layers", ())
    return layers if all(math.isfinite(value) for value in layers) else ()


def _present(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]
