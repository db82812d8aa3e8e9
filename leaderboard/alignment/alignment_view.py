"""Rankings of languages by alignment, and alignment beside measured scores, as the templates show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from harness.alignment_report import Correlation, Estimate, Estimated, LanguageRanking, RankedLanguage
from leaderboard.drawing import figures
from leaderboard.drawing.figures import Axis
from leaderboard.drawing.figures_scatter import Point, scatter
from leaderboard.markup.labels import LanguageLabel, label
from leaderboard.markup.text import short_hash
from leaderboard.views.metric_view import MetricView
from leaderboard.views.views import BoardView

_NAMED = 6
"""Most languages that are named in the drawing, and the least number of all for each of them."""

_FAR = 0.25
"""Share of all places between a language's two places from which on it is named in the drawing."""


def coefficient(found: Correlation) -> str:
    """A correlation with its interval, e.g. ``0.85 (0.74 to 0.92)``."""
    value, low, high = (figures.number(number, 2) for number in (found.value, found.low, found.high))
    return f"{value} ({low} to {high})"


def tendency(found: Correlation) -> str:
    """What a correlation says, in words, as far as its interval allows."""
    if found.low > 0:
        return "Languages whose alignment is higher tend to score higher"
    if found.high < 0:
        return "Languages whose alignment is higher tend to score lower"
    return "These languages do not tell whether higher alignment goes with higher scores"


class RankingView:
    """One model's languages in the order of one alignment metric."""

    def __init__(self, ranking: LanguageRanking, metric: MetricView) -> None:
        self.ranking = ranking
        self.metric = metric
        self.id = f"r-{short_hash(metric.id, ranking.model)}"
        last = max(2, len(ranking.languages))
        self.scale = Axis(low=1.0, high=float(last), step=float(last - 1))
        self.rows = [(one, label(one.language)) for one in ranking.languages]

    def bar(self, one: RankedLanguage) -> Markup:
        return figures.interval_dot(one.place, one.first, one.last, self.scale, None)

    def axis(self) -> Markup:
        return figures.interval_scale(self.scale)

    @property
    def by_resource(self) -> str:
        """What the order has to do with the languages' resource class, in a sentence; empty where that is unknown."""
        found = self.ranking.by_resource
        if found is None:
            return ""
        if found.low > 0:
            words = "Languages with more text and labelled data tend to stand higher"
        elif found.high < 0:
            words = "Languages with more text and labelled data tend to stand lower"
        else:
            words = "The order does not tell whether languages with more text and labelled data stand higher"
        return f"{words}: Spearman's ρ with the resource class {coefficient(found)}, {found.n} languages."


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateRow:
    """One language: its two scores, and its place by either; equal scores share the mean of their places."""

    pair: Estimated
    label: LanguageLabel
    place_by_alignment: float
    place_by_score: float

    @property
    def apart(self) -> float:
        """How many places lower it stands by the measured score than by alignment; negative for higher."""
        return self.place_by_score - self.place_by_alignment


class EstimateView:
    """Alignment of one model's languages beside a measured score of them."""

    def __init__(self, estimate: Estimate, aligned: MetricView, board: BoardView, measured: MetricView) -> None:
        self.estimate = estimate
        self.aligned = aligned
        self.board = board
        self.measured = measured
        self.id = f"e-{short_hash(aligned.id, measured.id, estimate.model)}"

    @cached_property
    def rows(self) -> list[EstimateRow]:
        """By alignment, the highest first."""
        pairs = sorted(self.estimate.languages, key=lambda pair: (-pair.alignment, pair.language))
        by_alignment = _places([pair.alignment for pair in pairs])
        by_score = _places([pair.measured for pair in pairs])
        return [
            EstimateRow(pair=pair, label=label(pair.language), place_by_alignment=one, place_by_score=other)
            for pair, one, other in zip(pairs, by_alignment, by_score, strict=True)
        ]

    @cached_property
    def outliers(self) -> list[EstimateRow]:
        """The languages whose two places are farthest apart."""
        far = [row for row in self.rows if abs(row.apart) >= _FAR * len(self.rows)]
        return sorted(far, key=lambda row: (-abs(row.apart), row.label.code))[: min(_NAMED, len(self.rows) // _NAMED)]

    @property
    def tendency(self) -> str:
        return tendency(self.estimate.pearson)

    @property
    def pearson(self) -> str:
        return coefficient(self.estimate.pearson)

    @property
    def spearman(self) -> str:
        return coefficient(self.estimate.spearman)

    @property
    def chance(self) -> float | None:
        """What guessing scores, where it is the same in all languages."""
        found = {cell.score.chance for cell in self.measured.table.cells}
        return found.pop() if len(found) == 1 else None

    def figure(self) -> Markup:
        named = {row.label.code for row in self.outliers}
        points = [
            Point(name=row.label.name, x=row.pair.alignment, y=row.pair.measured, named=row.label.code in named)
            for row in self.rows
        ]
        title = (
            f"{self.aligned.facts.title} and {self.measured.facts.title} of {self.board.board.task.name}, "
            f"{len(points)} languages: Pearson's r {self.pearson}"
        )
        measured = f"{self.measured.facts.title}, {self.board.board.task.name}"
        return scatter(
            points, title, self.aligned.facts.title, measured, slope=self.estimate.pivot_score, level=self.chance
        )


def estimate_views(estimates: Sequence[Estimate], views: Sequence[BoardView]) -> list[EstimateView]:
    """Estimates with the metrics they are about."""
    metrics = {(_setting(view), metric.facts.metric): (view, metric) for view in views for metric in view.metrics}
    found = []
    for estimate in estimates:
        aligned = metrics[estimate.alignment_task, estimate.metric][1]
        found.append(EstimateView(estimate, aligned, *metrics[estimate.setting, estimate.measured_metric]))
    return found


def pivot_name(view: BoardView) -> str:
    """The language that a board's others are held against: a variant may have one of its own."""
    return label(str(view.headline.facts.metric_options.get("pivot", view.board.pivot))).name


def ranking_views(rankings: Sequence[LanguageRanking], view: BoardView) -> list[RankingView]:
    """The rankings that are about a board."""
    metrics = {metric.facts.metric: metric for metric in view.metrics}
    return [
        RankingView(ranking, metrics[ranking.metric])
        for ranking in rankings
        if (ranking.task, ranking.variant) == view.board.key[:2] and ranking.metric in metrics
    ]


def _setting(view: BoardView) -> str:
    return " ".join(filter(None, view.board.key))


def _places(values: Sequence[float]) -> list[float]:
    """Place of every value, 1 the highest; equal values share the mean of their places."""
    order = sorted(values, reverse=True)
    first: dict[float, int] = {}
    count: dict[float, int] = {}
    for place, value in enumerate(order, start=1):
        first.setdefault(value, place)
        count[value] = count.get(value, 0) + 1
    return [first[value] + (count[value] - 1) / 2 for value in values]
