"""The best score of every language in every task: what the index of languages shows of the boards.

Directions of translation stand at the language that is not the pivot; reading a language and writing it are kept apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from harness.boards import Cell, Model, sides_of
from leaderboard.metric_view import TINTS, MetricView
from leaderboard.text import short_hash
from leaderboard.views import BoardView

INTO, OUT = "into", "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best score in a language by the headline metric.

    Attributes:
        row: The language or direction as the record names it.
        rivals: How many other models have an interval that overlaps the best one's; ``None`` where it has none.
        to_pivot: The score minus the same model's score in the pivot; ``None`` where there is none.
    """

    row: str
    model: Model
    cell: Cell
    value: float
    rivals: int | None
    to_pivot: float | None


@dataclass(slots=True, kw_only=True)
class _Found:
    best: dict[str, Best] = field(default_factory=dict)
    values: dict[str, dict[Model, float]] = field(default_factory=dict)
    unscored: set[str] = field(default_factory=set)


class Choice:
    """A task in one variant and prompt, and for directions one way: something that tiles can be tinted by.

    Args:
        view: The board.
        way: ``into`` the pivot, ``out`` of it, or empty where rows are languages.
        rows: The board's rows that belong here, by the language they are about.
    """

    def __init__(self, view: BoardView, way: str, rows: Mapping[str, str]) -> None:
        self.view = view
        self.way = way
        self.rows = rows
        self.id = f"{view.id.removeprefix('b-')}{'-' if way else ''}{way}"

    @property
    def metric(self) -> MetricView:
        return self.view.headline

    @property
    def title(self) -> str:
        """The task with what is said beside it, as one line of text."""
        way = {INTO: f"into {self.view.pivot_name}", OUT: f"out of {self.view.pivot_name}"}.get(self.way, "")
        return ", ".join(filter(None, (self.view.board.task.name, way, self.view.setting)))

    @property
    def best(self) -> Mapping[str, Best]:
        """By language; only where a model has a comparable score."""
        return self._found.best

    @property
    def values(self) -> Mapping[str, Mapping[Model, float]]:
        """Every comparable score by language and model."""
        return self._found.values

    @property
    def unscored(self) -> set[str]:
        """Languages that were tried and have no comparable score of any model."""
        return self._found.unscored

    @cached_property
    def not_run(self) -> frozenset[str]:
        """Languages of the task that nobody ran."""
        return frozenset(self.view.board.not_run)

    @cached_property
    def ends(self) -> tuple[float, float]:
        """Lowest and highest of the best scores."""
        values = [best.value for best in self.best.values()]
        return (min(values), max(values)) if values else (0.0, 0.0)

    @cached_property
    def ends_of_all(self) -> tuple[float, float]:
        """Lowest and highest score of any model."""
        values = [value for own in self.values.values() for value in own.values()]
        return (min(values), max(values)) if values else (0.0, 0.0)

    def tint(self, value: float) -> int:
        """Step of the heat scale among the best scores, 0 for the worst of them."""
        low, high = self.ends
        share = (value - low) / (high - low) if high > low else 0.5
        return min(TINTS - 1, int((share if self.metric.facts.higher_is_better else 1 - share) * TINTS))

    @cached_property
    def _found(self) -> _Found:
        by_row: dict[str, list[tuple[Model, Cell]]] = {}
        for (model, row), cell in self.metric.table.cells.items():
            by_row.setdefault(row, []).append((model, cell))
        found = _Found()
        for code, row in self.rows.items():
            scored = [(model, cell, cell.value) for model, cell in by_row.get(row, ()) if cell.value is not None]
            if not scored:
                found.unscored.add(code)
                continue
            found.values[code] = {model: value for model, _, value in scored}
            found.best[code] = self._best(row, sorted(scored, key=lambda one: one[0]))
        return found

    def _best(self, row: str, scored: Sequence[tuple[Model, Cell, float]]) -> Best:
        sign = 1 if self.metric.facts.higher_is_better else -1
        model, cell, value = max(scored, key=lambda one: sign * one[2])
        pivot = self.view.board.pivot
        at_pivot = None if self.way or row == pivot else self.metric.table.value(model, pivot)
        return Best(
            row=row,
            model=model,
            cell=cell,
            value=value,
            rivals=_rivals(cell, [other for own, other, _ in scored if own != model]),
            to_pivot=None if at_pivot is None else value - at_pivot,
        )


def choices(views: Sequence[BoardView]) -> list[Choice]:
    """What the boards hold of languages: one choice a board, or one a way where rows are directions."""
    found = []
    for view in views:
        by_way: dict[str, dict[str, str]] = {}
        for label in view.labels:
            way, code = _about(label.code, view.board.pivot)
            if code:
                by_way.setdefault(way, {})[code] = label.code
        found += [Choice(view, way, by_way[way]) for way in ("", INTO, OUT) if way in by_way]
    return found


def models_id(model: Model) -> str:
    """What a model is called in permalinks."""
    return short_hash(model.title)


def _about(row: str, pivot: str) -> tuple[str, str]:
    """Which way a row goes and the language it is about; no language where the pivot is on neither side."""
    sides = sides_of(row)
    if len(sides) == 1:
        return "", row
    source, target = sides
    if target == pivot:
        return INTO, source
    return (OUT, target) if source == pivot else ("", "")


def _rivals(best: Cell, others: Sequence[Cell]) -> int | None:
    low, high = best.score.ci_low, best.score.ci_high
    if low is None or high is None:
        return None
    ends = ((other.score.ci_low, other.score.ci_high) for other in others)
    return sum(a is not None and b is not None and a <= high and b >= low for a, b in ends)
