"""One ranking as the templates show it: who leads, how sure that is, and the drawn intervals."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from markupsafe import Markup

from harness.boards import MetricTable, Model
from harness.groups import Group
from harness.ranks import Ranking, Standing
from leaderboard.drawing import figures
from leaderboard.drawing.figures import Axis


class StandingsView:
    """A ranking over all languages, or over those of ``group``."""

    def __init__(self, table: MetricTable, ranking: Ranking, group: Group | None = None) -> None:
        self.table = table
        self.ranking = ranking
        self.group = group

    @property
    def languages(self) -> int:
        """How many languages the ranking is about, with or without scores."""
        return len(self.ranking.common) + len(self.ranking.left_out)

    @cached_property
    def scale(self) -> Axis:
        """The axis of the interval bars."""
        return figures.axis(
            [end for row in self.ranking.rows for end in (row.mean, row.low, row.high) if end is not None]
        )

    @cached_property
    def order_only(self) -> bool:
        """Whether models are ranked and nothing is known but their scores' order."""
        return self.ranking.order_only

    @cached_property
    def has_gap(self) -> bool:
        return any(row.gap is not None for row in self.ranking.rows)

    @cached_property
    def has_normalised(self) -> bool:
        return any(row.normalised is not None for row in self.ranking.rows)

    @cached_property
    def leaders(self) -> list[Standing]:
        """The models that may be the best one; the one with the best score where nothing more is known."""
        if self.order_only:
            return self._ranked[:1]
        return [row for row in self.ranking.rows if row.first == 1]

    @property
    def margin(self) -> tuple[float, Standing] | None:
        """How far the first model is ahead of the next one; ``None`` where there is no next one."""
        ranked = self._ranked
        if len(ranked) < 2 or ranked[0].mean is None or ranked[1].mean is None:
            return None
        return abs(ranked[0].mean - ranked[1].mean), ranked[1]

    @property
    def ranked_count(self) -> int:
        return len(self._ranked)

    @property
    def verdict(self) -> str:
        """What the order of the models is worth, in a sentence."""
        pairs = self.ranked_count - 1
        if pairs < 1:
            return ""
        if self.order_only:
            return "No interval is known: the order is that of the scores, and whether models differ cannot be told."
        apart = self.ranking.told_apart
        others = "are tied" if all(row.rank_known for row in self._ranked) else "are tied, or have no interval"
        if apart == pairs:
            return "All neighbours in this order can be told apart." if pairs > 1 else "The two can be told apart."
        if apart == 0:
            return "No two neighbours in this order can be told apart: they are tied."
        return f"{apart} of {pairs} neighbouring pairs can be told apart; the others {others}."

    @property
    def method(self) -> str:
        """How the intervals of the means and the ranks were made, in words."""
        if self.ranking.resampled:
            return (
                "Intervals and ranks: segments resampled jointly for all models and languages, "
                "all pairs of models judged at once at 95\u00a0%."
            )
        if all(row.low is None for row in self.ranking.rows):
            return "The scores came without intervals, and without segments to make any of."
        return (
            "Intervals: ends of the languages' intervals averaged, as if all languages erred together, so rather too "
            "wide; models tie when they overlap. There were no statistics of segments to resample."
        )

    def of(self, model: Model) -> Standing | None:
        """The place of one model; ``None`` where it has no score at all."""
        return self._by_model.get(model)

    @cached_property
    def _ranked(self) -> list[Standing]:
        return [row for row in self.ranking.rows if row.first is not None]

    @cached_property
    def _by_model(self) -> dict[Model, Standing]:
        return {row.model: row for row in self.ranking.rows}

    def bar(self, row: Standing) -> Markup:
        if row.mean is None:
            return Markup("")
        return figures.interval_dot(row.mean, row.low, row.high, self.scale, self._chance)

    @cached_property
    def _chance(self) -> float | None:
        return next((cell.score.chance for cell in self.table.cells), None)

    def axis(self) -> Markup:
        return figures.interval_scale(self.scale)

    def means(self, models: Iterable[Model], digits: int) -> list[str | None]:
        """The means of the ranked ones of ``models``, formatted, in their order."""
        own = {row.model: row.mean for row in self.ranking.rows if row.first is not None and row.mean is not None}
        return [figures.number(own[model], digits) if model in own else None for model in models]

    def ranks(self, models: Iterable[Model]) -> list[list[int] | None]:
        """First and last possible rank of each of ``models``, in their order; ``None`` where it has none.

        Where no rank is known but the order of the means, both are the place in it.
        """
        if self.order_only:
            own = {row.model: [place, place] for place, row in enumerate(self._ranked, start=1)}
        else:
            known = [(row.model, row.first, row.last) for row in self._ranked if row.rank_known]
            own = {model: [first, last] for model, first, last in known if first is not None and last is not None}
        return [own.get(model) for model in models]
