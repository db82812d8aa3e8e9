"""All models on all tasks in one table: how each does, and which ranks it may have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from statistics import fmean

from markupsafe import Markup

from harness.boards import Model
from harness.summary_rows import Cells
from leaderboard.drawing import figures
from leaderboard.markup.text import count
from leaderboard.views import cells
from leaderboard.views.metric_view import MetricView
from leaderboard.views.standing_rows import model_id, rank_range
from leaderboard.views.views import BoardView

Rank = tuple[int, int]


class Column:
    """One task in one variant by its headline metric; several prompts of it are one column, their mean.

    Prompts in which less than half as many models are ranked as in the one with most are left out of it.
    """

    def __init__(self, views: Sequence[BoardView]) -> None:
        ranked = [view.headline.standings.ranked_count for view in views]
        self.views = [view for view, count in zip(views, ranked, strict=True) if 2 * count >= max(ranked)]
        self.others = len(views) - len(self.views)
        self.shown: BoardView = self.views[0]
        self.metric: MetricView = self.shown.headline

    @property
    def ids(self) -> str:
        return " ".join(view.headline.id for view in self.views)

    @property
    def groups(self) -> str:
        """Ids of the groups of languages that all prompts have."""
        found = [{group.id for group in view.groups} for view in self.views]
        return " ".join(sorted(set.intersection(*found)))

    @property
    def task(self) -> str:
        return self.shown.board.task.name

    @property
    def setting(self) -> str:
        if len(self.views) == 1:
            return self.views[0].setting
        variant = self.shown.board.variant
        return ", ".join(filter(None, [variant and f"variant {variant}", f"mean of {len(self.views)} prompts"]))

    @cached_property
    def means(self) -> dict[Model, float]:
        """Mean over languages and prompts of the models that are ranked in every prompt."""
        found = []
        for view in self.views:
            rows = view.headline.ranking.rows
            found.append({row.model: row.mean for row in rows if row.first is not None and row.mean is not None})
        shared = set.intersection(*map(set, found))
        return {model: fmean(own[model] for own in found) for model in shared}

    @cached_property
    def ranks(self) -> dict[Model, Rank]:
        """First and last rank; the place in the order of the means where nothing more is known."""
        if len(self.views) == 1:
            standings = self.views[0].headline.standings
            models = self.metric.models
            known = zip(models, standings.ranks(models), strict=True)
            return {model: (own[0], own[1]) for model, own in known if own is not None}
        sign = -1 if self.metric.facts.higher_is_better else 1
        order = sorted(self.means, key=lambda model: (sign * self.means[model], model))
        return {model: (place, place) for place, model in enumerate(order, start=1)}

    @property
    def order_only(self) -> bool:
        """Whether ranks are places in the order of the means, without any certainty."""
        return len(self.views) > 1 or self.metric.ranking.order_only

    @cached_property
    def coverage(self) -> dict[Model, int]:
        """Languages with a score, of the prompt that has most."""
        found: dict[Model, int] = {}
        for view in self.views:
            for row in view.headline.ranking.rows:
                found[row.model] = max(found.get(row.model, 0), row.scored)
        return found

    @property
    def languages(self) -> int:
        return max(len(view.labels) for view in self.views)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewRow:
    """One model over the tasks: ``first`` and ``last`` are means of its ranks in the ``tasks`` it is ranked in."""

    model: Model
    first: float | None
    last: float | None
    tasks: int
    scored: int


class OverviewTable:
    """Models by tasks, models that are ranked in most tasks first, then by the middle of their mean ranks."""

    def __init__(self, views: Sequence[BoardView], models: Sequence[Model]) -> None:
        self.columns = [
            Column(list(own)) for _, own in groupby(views, key=lambda view: (view.board.task.name, view.board.variant))
        ]
        self.rows = sorted((self._row(model) for model in models), key=_order)
        self.languages = sum(column.languages for column in self.columns)

    def _row(self, model: Model) -> OverviewRow:
        ranks = [column.ranks[model] for column in self.columns if model in column.ranks]
        return OverviewRow(
            model=model,
            first=fmean(first for first, _ in ranks) if ranks else None,
            last=fmean(last for _, last in ranks) if ranks else None,
            tasks=len(ranks),
            scored=sum(column.coverage.get(model, 0) for column in self.columns),
        )

    @property
    def patchy(self) -> bool:
        """Whether some models are ranked in fewer tasks than others, so that their mean ranks are of other tasks."""
        return len({row.tasks for row in self.rows}) > 1

    @property
    def places(self) -> bool:
        """Whether some column has places instead of ranks."""
        return any(column.order_only for column in self.columns)

    data_columns = (
        *("model", "task", "variant", "prompts", "metric", "mean", "rank_first", "rank_last", "place_only"),
        *("languages_scored", "languages"),
    )

    def data(self) -> list[Cells]:
        """The table as rows of ``data_columns``, one a model and task."""
        rows = []
        for row in self.rows:
            for column in self.columns:
                board, metric = column.shown.board, column.metric
                first, last = column.ranks.get(row.model, (None, None))
                values = (
                    *(row.model.title, board.task.name, board.variant, len(column.views), metric.facts.metric),
                    *(column.means.get(row.model), first, last, column.order_only),
                    *(column.coverage.get(row.model, 0), column.languages),
                )
                rows.append(dict(zip(self.data_columns, values, strict=True)))
        return rows

    def body(self) -> Markup:
        return cells.joined(map(self._markup, self.rows))

    def _markup(self, row: OverviewRow) -> str:
        tasks = "".join(self._cell(column, row.model) for column in self.columns)
        middle = "" if row.first is None or row.last is None else f' data-v="{(row.first + row.last) / 2:.4f}"'
        return (
            f'<tr data-m="{model_id(row.model)}"><th scope="row">{cells.model_link(row.model)}</th>'
            f'<td class="num mr"{middle}>{mean_rank(row.first, row.last)}</td>'
            f'<td class="num tk" data-v="{row.tasks}">{row.tasks} of {len(self.columns)}</td>'
            f'<td class="num" data-v="{row.scored}">{count(row.scored)} of {count(self.languages)}</td>{tasks}</tr>\n'
        )

    def _cell(self, column: Column, model: Model) -> str:
        mean, rank = column.means.get(model), column.ranks.get(model)
        if mean is None:
            return f'<td class="num">{cells.missing("Not ranked: no score, or in too few languages")}</td>'
        shown = figures.number(mean, column.metric.table.digits)
        best = ' class="num best"' if rank is not None and rank[0] == 1 else ' class="num"'
        known = "" if rank is None else f" <small>{rank_range(*rank)}</small>"
        return f"<td{best}>{shown}{known}</td>"


def mean_rank(first: float | None, last: float | None) -> str:
    if first is None or last is None:
        return cells.missing("Not ranked in any task")
    low, high = f"{first:.1f}", f"{last:.1f}"
    return f"<b>{low}</b>" if low == high else f"<b>{low}–{high}</b>"


def _order(row: OverviewRow) -> tuple[int, float, Model]:
    middle = 0.0 if row.first is None or row.last is None else row.first + row.last
    return (-row.tasks, middle, row.model)
