"""Models in order of their scores, with the ranks they may have. Pure functions on tables.

Models are ranked over the languages that all of them have, and what that leaves out is listed. Without evidence from
segments the intervals are conservative: the ends of the languages' own intervals are averaged, as if all languages
erred together, and models whose intervals overlap are tied.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import itemgetter, mul
from typing import Any

from harness.boards import MetricTable, Model
from harness.chance import above_chance
from harness.records import ScoreRecord

_WORST_SHARE = 0.1
_RANKED_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Who is ranked with whom, over what: the models that have enough languages, and the languages they share."""

    models: tuple[Model, ...]
    languages: tuple[str, ...]

    def within(self, languages: Collection[str]) -> Field:
        """The field over some languages only; without models where none of these is shared."""
        shared = tuple(language for language in self.languages if language in languages)
        return Field(models=self.models if shared else (), languages=shared)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its 95 % interval (``None`` where that is unknown), and over how many languages it is a mean."""

    value: float
    low: float | None
    high: float | None
    languages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What joint resampling of segments says about a table, or about some of its languages.

    Attributes:
        intervals: 95 % intervals of the macro means.
        ranks: Simultaneous ranks of the models of the field.
        normalised: 95 % intervals of the chance-normalised means, where guessing differs between languages.
        gaps: Distance to the pivot on common items; a model that is not in it has none.
    """

    intervals: Mapping[Model, tuple[float, float]]
    ranks: Mapping[Model, tuple[int, int]]
    normalised: Mapping[Model, tuple[float, float]]
    gaps: Mapping[Model, Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One row of a ranking.

    Attributes:
        first, last: The ranks the model may have; ``None`` where it has too few languages to be ranked.
        mean, low, high: Macro mean over the common languages (its own ones when not ranked), with its 95 % interval.
        counted: How many languages that is.
        normalised: The same with guessing taken out (``harness.chance``); ``None`` where some language does not say
            what guessing scores.
        worst: Mean of the worst tenth of those languages.
        micro: Mean over the same languages in which every scored segment counts the same.
        gap: Mean over the other languages of score minus the pivot's, on the same items; negative means the pivot is
            higher. Without statistics of segments it is the difference of the scores, without an interval.
        scored: Languages with a score, of the board's languages.
        n, n_failed: Segments with and without a score, over all languages.
    """

    model: Model
    first: int | None
    last: int | None
    mean: float | None
    low: float | None
    high: float | None
    counted: int
    normalised: Estimate | None
    worst: float | None
    micro: float | None
    gap: Estimate | None
    scored: int
    n: int
    n_failed: int

    @property
    def rank_known(self) -> bool:
        """Whether ``first`` and ``last`` say something: without an interval a model may have any rank, which is neither
        a tie nor a separation."""
        return self.first is not None and (self.first == self.last or self.low is not None)

    @property
    def ranks(self) -> tuple[int | None, int | None]:
        """``first`` and ``last`` where they are known."""
        return (self.first, self.last) if self.rank_known else (None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Models in order, and over which languages they were ranked.

    ``resampled`` tells whether the ranges come from :class:`Evidence`, or conservatively from overlapping intervals.
    """

    rows: tuple[Standing, ...]
    common: tuple[str, ...]
    left_out: tuple[str, ...]
    worst_count: int
    resampled: bool

    @property
    def order_only(self) -> bool:
        """Whether models are ranked and nothing is known but their scores' order."""
        ranked = [row for row in self.rows if row.first is not None]
        return bool(ranked) and not any(row.rank_known for row in ranked)

    @property
    def told_apart(self) -> int:
        """How many neighbours in the order have separate rank ranges."""
        pairs = pairwise((row.first, row.last) for row in self.rows if row.first is not None and row.last is not None)
        return sum(last < first for (_, last), (first, _) in pairs)


def field(table: MetricTable) -> Field:
    """The models of a table that can be ranked, and the languages all of them have a comparable score in."""
    return shared_field(table.languages, {model: own_languages(table, model) for model in table.models})


def shared_field(languages: Iterable[str], have: Mapping[Model, Collection[str]]) -> Field:
    """The models that can be ranked together, given which languages each of them has.

    A model is ranked when it has at least half as many languages as the model that has most; one model with few
    languages would otherwise shrink the comparison of all others to those.
    """
    most = max((len(own) for own in have.values()), default=0)
    models = [model for model, own in have.items() if own and len(own) >= _RANKED_SHARE * most]
    shared = set.intersection(*(set(have[model]) for model in models)) if models else set()
    common = tuple(language for language in languages if language in shared)
    return Field(models=tuple(models) if common else (), languages=common)


def own_languages(table: MetricTable, model: Model) -> tuple[str, ...]:
    """The languages in which a model has a comparable score."""
    return tuple(language for language in table.languages if table.value(model, language) is not None)


def ranking(
    table: MetricTable, pivot: str, evidence: Evidence | None = None, within: Collection[str] | None = None
) -> Ranking:
    """Rank the models of a table; see :meth:`Rankings.of`."""
    return Rankings(table, pivot).of(evidence, within)


class Rankings:
    """A table whose models can be ranked over any of its languages.

    Args:
        table: The scores.
        pivot: The language the gap is measured from.
    """

    def __init__(self, table: MetricTable, pivot: str) -> None:
        self._table = table
        self._places = {language: place for place, language in enumerate(table.languages)}
        self._pivot = self._places.get(pivot)
        self._columns = {model: _Columns(table, model) for model in table.models}
        self._field = shared_field(table.languages, {model: own.scored for model, own in self._columns.items()})

    def of(self, evidence: Evidence | None = None, within: Collection[str] | None = None) -> Ranking:
        """Rank the models.

        Args:
            evidence: For the field of the table; ``None`` where there are no statistics to resample.
            within: Count these languages only. The field stays that of the whole table, so that a choice of languages
                changes the scores and not who is compared.
        """
        chosen = self._table.languages
        ranked = self._field
        if within is not None:
            ranked = ranked.within(within)
            chosen = tuple(language for language in chosen if language in within)
        everything, shared = self._choice(chosen), self._choice(ranked.languages)
        counted = dict.fromkeys(ranked.models, shared)
        for model, columns in self._columns.items():
            if model not in counted:
                counted[model] = self._choice([language for language in chosen if language in columns.scored])
        ends = {model: self._columns[model].ends(counted[model]) for model in self._columns}
        if evidence is not None:
            ends |= {model: found for model, found in evidence.intervals.items() if model in ends}
        known = evidence is not None and all(model in evidence.ranks for model in ranked.models)
        sign = 1 if self._table.facts.higher_is_better else -1
        ranks: dict[Model, tuple[int, int]] = _rank_ranges({model: ends[model] for model in ranked.models}, sign)
        if evidence is not None and known:
            ranks = {model: evidence.ranks[model] for model in ranked.models}
        rows = []
        for model, columns in self._columns.items():
            row = columns.standing(everything, counted[model], ranks.get(model, (None, None)), ends[model])
            if evidence is not None and model in evidence.intervals:
                row = _with_evidence(row, evidence, counted[model].of(columns.scores)[0])
            rows.append(row)
        rows.sort(key=lambda row: (row.first is None, row.mean is None, -sign * (row.mean or 0.0), row.model))
        return Ranking(
            rows=tuple(rows),
            common=ranked.languages,
            left_out=tuple(language for language in chosen if language not in ranked.languages),
            worst_count=worst_count(len(ranked.languages)),
            resampled=known,
        )

    def _choice(self, languages: Iterable[str]) -> _Choice:
        return _Choice([self._places[language] for language in languages], self._pivot)


class _Choice:
    """Some languages of a table, to be taken out of a model's columns.

    Attributes:
        size: How many they are.
        of: Their part of a column.
        others: The same without the pivot.
    """

    def __init__(self, places: Sequence[int], pivot: int | None) -> None:
        self.size = len(places)
        self.of = _taking(places)
        self.others = _taking([place for place in places if place != pivot])
        self.pivot = pivot


def _taking(places: Sequence[int]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    if len(places) > 1:
        return itemgetter(*places)
    return lambda column: tuple(column[place] for place in places)


_Ends = tuple[float | None, float | None]


class _Columns:
    """One model's numbers, a place a language of the table: many means are taken over some of the same languages.

    Attributes:
        scores: The scores; ``None`` where there is none.
        scored: The languages with a comparable score.
    """

    def __init__(self, table: MetricTable, model: Model) -> None:
        self._model = model
        self._worst_first = table.facts.higher_is_better
        own = table.by_model[model]
        cells = [own.get(language) for language in table.languages]
        self.scores = scores = [None if cell is None else cell.score for cell in cells]
        self.scored = {
            language: None
            for language, cell in zip(table.languages, cells, strict=True)
            if cell is not None and cell.value is not None
        }
        self._counted = [language in self.scored for language in table.languages]
        self._values = [None if score is None else score.value for score in scores]
        self._lows = [None if score is None else score.ci_low for score in scores]
        self._highs = [None if score is None else score.ci_high for score in scores]
        self._sizes = [0 if score is None else score.n for score in scores]
        self._failed = [0 if score is None else score.n_failed for score in scores]
        self._above: tuple[Sequence[float | None], ...] | None = None
        if any(score is not None and score.chance is not None for score in scores):
            columns = (self._values, self._lows, self._highs)
            self._above = tuple(
                [
                    None if score is None else above_chance(score, value)
                    for score, value in zip(scores, column, strict=True)
                ]
                for column in columns
            )

    def ends(self, counted: _Choice) -> _Ends:
        """The ends of the languages' intervals, averaged."""
        return _whole_mean(counted.of(self._lows)), _whole_mean(counted.of(self._highs))

    def standing(
        self, chosen: _Choice, counted: _Choice, ranks: tuple[int | None, int | None], ends: _Ends
    ) -> Standing:
        """The numbers over some languages.

        Args:
            chosen: The languages, with or without scores.
            counted: Those of them that the mean is over; all have one.
            ends: Of the mean's interval.
        """
        values: tuple[float, ...] = counted.of(self._values)
        sizes = counted.of(self._sizes)
        segments = sum(sizes)
        worst = sorted(values, reverse=not self._worst_first)[: worst_count(len(values))]
        return Standing(
            model=self._model,
            first=ranks[0],
            last=ranks[1],
            mean=mean(values),
            low=ends[0],
            high=ends[1],
            counted=counted.size,
            normalised=self._normalised(counted),
            worst=mean(worst),
            micro=math.fsum(map(mul, sizes, values)) / segments if segments else None,
            gap=self._gap(counted),
            scored=sum(chosen.of(self._counted)),
            n=sum(chosen.of(self._sizes)),
            n_failed=sum(chosen.of(self._failed)),
        )

    def _normalised(self, counted: _Choice) -> Estimate | None:
        if self._above is None:
            return None
        value, low, high = (_whole_mean(counted.of(column)) for column in self._above)
        return None if value is None else Estimate(value=value, low=low, high=high, languages=counted.size)

    def _gap(self, counted: _Choice) -> Estimate | None:
        """Difference of the scores, for lack of segments to compare item by item."""
        pivot = counted.pivot
        if pivot is None or not self._counted[pivot]:
            return None
        at_pivot, others = self._values[pivot], counted.others(self._values)
        if at_pivot is None or not others:
            return None
        return Estimate(value=math.fsum(others) / len(others) - at_pivot, low=None, high=None, languages=len(others))


def worst_count(languages: int) -> int:
    """How many languages are the worst tenth."""
    return math.ceil(_WORST_SHARE * languages)


def mean(values: Sequence[float]) -> float | None:
    """Plain mean, in which the order of the values does not matter; ``None`` of nothing."""
    return math.fsum(values) / len(values) if values else None


def _whole_mean(values: Sequence[float | None]) -> float | None:
    """Plain mean; ``None`` where a value is missing."""
    return None if not values or None in values else math.fsum(values) / len(values)  # type: ignore[arg-type]


def _with_evidence(row: Standing, evidence: Evidence, score: ScoreRecord) -> Standing:
    """A row whose mean is resampled: so are the other numbers.

    Args:
        score: Of one of its languages.
    """
    normalised = row.normalised
    if normalised is not None:
        ends: _Ends | None = evidence.normalised.get(row.model)
        if ends is None:
            ends = above_chance(score, row.low), above_chance(score, row.high)
        normalised = replace(normalised, low=ends[0], high=ends[1])
    return replace(row, normalised=normalised, gap=evidence.gaps.get(row.model))


def _rank_ranges(ends: Mapping[Model, _Ends], sign: int) -> dict[Model, tuple[int, int]]:
    """``[1 + models surely better, M - models surely worse]``; ``sign`` is 1 where higher is better, else -1.

    Surely better or worse is whose interval does not touch. An unknown interval touches every other one.
    """
    known = [(low, high) for low, high in ends.values() if low is not None and high is not None]
    lows, highs = sorted(low for low, _ in known), sorted(high for _, high in known)
    found: dict[Model, tuple[int, int]] = {}
    for model, (low, high) in ends.items():
        above = below = 0
        if low is not None and high is not None:
            above = len(lows) - bisect_right(lows, high)
            below = bisect_left(highs, low)
        better, worse = (above, below) if sign > 0 else (below, above)
        found[model] = (1 + better, len(ends) - worse)
    return found
