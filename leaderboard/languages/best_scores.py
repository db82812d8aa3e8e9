"""The best score of every language in every task: what the index of languages shows of the boards.

Directions of translation stand at the language that is not the pivot; reading a language and writing it are kept apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.boards import Cell, Model, sides_of
from leaderboard.markup.text import short_hash
from leaderboard.views.metric_view import TINTS, MetricView
from leaderboard.views.views import BoardView

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


_Scored = tuple[float, Model, Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    best: dict[str, Best]
    values: dict[str, list[tuple[Model, float]]]
    unscored: set[str]


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
    def values(self) -> Mapping[str, Sequence[tuple[Model, float]]]:
        """Every comparable score by language."""
        return self._found.values

    @property
    def unscored(self) -> set[str]:
        """Languages that were tried and have no comparable score of any model."""
        return self._found.unscored

    @property
    def pivot(self) -> str:
        """The pivot, where the scores are of other languages and it; empty where it is a language like the others."""
        board = self.view.board
        if board.task.kind == "alignment":
            return str(self.metric.facts.metric_options.get("pivot", board.pivot))
        return board.pivot if self.way else ""

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
        values = [value for own in self.values.values() for _, value in own]
        return (min(values), max(values)) if values else (0.0, 0.0)

    def tint(self, value: float) -> int:
        """Step of the heat scale among the best scores, 0 for the worst of them."""
        low, high = self.ends
        share = (value - low) / (high - low) if high > low else 0.5
        return min(TINTS - 1, int((share if self.metric.facts.higher_is_better else 1 - share) * TINTS))

    @cached_property
    def _found(self) -> _Found:
        code_of = {row: code for code, row in self.rows.items()}
        scored: dict[str, list[_Scored]] = {}
        for model, row, cell in self.metric.table.items():
            if (code := code_of.get(row)) is not None and (value := cell.value) is not None:
                scored.setdefault(code, []).append((value, model, cell))
        return _Found(
            best={code: self._best(self.rows[code], own) for code, own in scored.items()},
            values={code: [(model, value) for value, model, _ in own] for code, own in scored.items()},
            unscored=set(self.rows) - set(scored),
        )

    def _best(self, row: str, scored: Sequence[_Scored]) -> Best:
        top = (max if self.metric.facts.higher_is_better else min)(value for value, _, _ in scored)
        _, model, cell = min((one for one in scored if one[0] == top), key=lambda one: one[1])
        pivot = self.view.board.pivot
        at_pivot = None if self.way or row == pivot else self.metric.table.value(model, pivot)
        return Best(
            row=row,
            model=model,
            cell=cell,
            value=top,
            rivals=_rivals(cell, scored),
            to_pivot=None if at_pivot is None else top - at_pivot,
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


def _rivals(best: Cell, scored: Sequence[_Scored]) -> int | None:
    low, high = best.score.ci_low, best.score.ci_high
    if low is None or high is None:
        return None
    found = 0
    for _, _, cell in scored:
        own_low, own_high = cell.score.ci_low, cell.score.ci_high
        found += own_low is not None and own_high is not None and own_low <= high and own_high >= low
    return found - 1
