"""Models in order of their scores, with the ranks they may have. Pure functions on tables.

Models are ranked over the languages that all of them have, and what that leaves out is listed. Without evidence from
segments the intervals are conservative: the ends of the languages' own intervals are averaged, as if all languages
erred together, and models whose intervals overlap are tied.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import mul
from typing import Any

from harness.boards import Cell, MetricTable, Model
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
        self._pivot = pivot
        self._columns = {model: _Columns(table, model) for model in table.models}
        self._own = {model: own.scored for model, own in self._columns.items()}
        self._field = shared_field(table.languages, self._own)
        self._at_pivot = {model: table.value(model, pivot) for model in table.models}

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
        among = frozenset(ranked.models)
        rows = [self._row(model, ranked.languages if model in among else None, chosen, evidence) for model in self._own]
        candidates = [row for row in rows if row.model in among]
        known = evidence is not None and all(row.model in evidence.ranks for row in candidates)
        sign = 1 if self._table.facts.higher_is_better else -1
        ranks = evidence.ranks if evidence and known else _rank_ranges(candidates, sign)
        for position, row in enumerate(rows):
            if row.model in among:
                first, last = ranks[row.model]
                rows[position] = replace(row, first=first, last=last)
        rows.sort(key=lambda row: (row.first is None, row.mean is None, -sign * (row.mean or 0.0), row.model))
        return Ranking(
            rows=tuple(rows),
            common=ranked.languages,
            left_out=tuple(language for language in chosen if language not in ranked.languages),
            worst_count=worst_count(len(ranked.languages)),
            resampled=known,
        )

    def _row(
        self, model: Model, shared: Sequence[str] | None, chosen: Sequence[str], evidence: Evidence | None
    ) -> Standing:
        """The numbers of one model; over its own languages where it is not ranked with the others."""
        columns = self._columns[model]
        own = [language for language in chosen if language in columns.there]
        counted = [language for language in own if language in columns.scored] if shared is None else list(shared)
        if evidence is not None and model in evidence.intervals:
            row = columns.standing(own, counted, None)
            return _with_evidence(row, evidence, [self._table.cells[model, language] for language in counted])
        return columns.standing(own, counted, columns.gap(counted, self._pivot, self._at_pivot[model]))


class _Columns:
    """One model's numbers by language: many means are taken over some of the same languages."""

    def __init__(self, table: MetricTable, model: Model) -> None:
        self._model = model
        self._worst_first = table.facts.higher_is_better
        there = [language for language in table.languages if (model, language) in table.cells]
        cells = {language: table.cells[model, language] for language in there}
        self.there = frozenset(cells)
        self.scored = {language: None for language, cell in cells.items() if cell.value is not None}
        self._rows = {language: _numbers(cell.score) for language, cell in cells.items()}
        self._values = {language: cell.score.value for language, cell in cells.items()}
        self._covered = {
            language: (language in self.scored, cell.score.n, cell.score.n_failed) for language, cell in cells.items()
        }

    def standing(self, own: Sequence[str], counted: Sequence[str], gap: Estimate | None) -> Standing:
        """The numbers over some languages, without ranks.

        Args:
            own: The languages that are chosen, with or without scores.
            counted: Those of them that the mean is over.
        """
        columns = tuple(zip(*map(self._rows.__getitem__, counted), strict=True)) or ((),) * 7
        all_values, lows, highs, numbers, above, above_low, above_high = columns
        values = [value for value in all_values if value is not None]
        worst = sorted(values, reverse=not self._worst_first)[: worst_count(len(values))]
        segments = sum(numbers)
        weighted = math.fsum(map(mul, numbers, values)) if len(values) == len(numbers) else 0.0
        covered = tuple(zip(*map(self._covered.__getitem__, own), strict=True)) or ((), (), ())
        known = _whole_mean(above) if above else None
        normalised = None
        if known is not None:
            low, high = _whole_mean(above_low), _whole_mean(above_high)
            normalised = Estimate(value=known, low=low, high=high, languages=len(above))
        return Standing(
            model=self._model,
            first=None,
            last=None,
            mean=mean(values),
            low=_whole_mean(lows),
            high=_whole_mean(highs),
            counted=len(counted),
            normalised=normalised,
            worst=mean(worst),
            micro=weighted / segments if segments else None,
            gap=gap,
            scored=sum(covered[0]),
            n=sum(covered[1]),
            n_failed=sum(covered[2]),
        )

    def gap(self, languages: Sequence[str], pivot: str, at_pivot: float | None) -> Estimate | None:
        """Difference of the scores, for lack of segments to compare item by item."""
        if at_pivot is None:
            return None
        others = [
            value for language in languages if language != pivot and (value := self._values[language]) is not None
        ]
        if not others:
            return None
        return Estimate(value=math.fsum(others) / len(others) - at_pivot, low=None, high=None, languages=len(others))


def _numbers(score: ScoreRecord) -> tuple[Any, ...]:
    """What is averaged of a score: value, ends of the interval, segments, and the first three with guessing out."""
    ends = (score.value, score.ci_low, score.ci_high)
    return (*ends, score.n, *(above_chance(score, end) for end in ends))


def worst_count(languages: int) -> int:
    """How many languages are the worst tenth."""
    return math.ceil(_WORST_SHARE * languages)


def mean(values: Sequence[float]) -> float | None:
    """Plain mean, in which the order of the values does not matter; ``None`` of nothing."""
    return math.fsum(values) / len(values) if values else None


def _whole_mean(values: Sequence[float | None]) -> float | None:
    """Plain mean; ``None`` where a value is missing."""
    known = [value for value in values if value is not None]
    return mean(known) if len(known) == len(values) else None


def _with_evidence(row: Standing, evidence: Evidence, cells: Sequence[Cell]) -> Standing:
    low, high = evidence.intervals[row.model]
    normalised = row.normalised
    if normalised is not None:
        ends: tuple[float | None, float | None] | None = evidence.normalised.get(row.model)
        if ends is None:
            ends = above_chance(cells[0].score, low), above_chance(cells[0].score, high)
        normalised = replace(normalised, low=ends[0], high=ends[1])
    return replace(row, low=low, high=high, normalised=normalised, gap=evidence.gaps.get(row.model))


def _rank_ranges(rows: Sequence[Standing], sign: int) -> dict[Model, tuple[int, int]]:
    """``[1 + models surely better, M - models surely worse]``; ``sign`` is 1 where higher is better, else -1.

    Surely better or worse is whose interval does not touch. An unknown interval touches every other one.
    """
    known = [(row.low, row.high) for row in rows if row.low is not None and row.high is not None]
    lows, highs = sorted(low for low, _ in known), sorted(high for _, high in known)
    found = {}
    for row in rows:
        above = below = 0
        if row.low is not None and row.high is not None:
            above = len(lows) - bisect_right(lows, row.high)
            below = bisect_left(highs, row.low)
        better, worse = (above, below) if sign > 0 else (below, above)
        found[row.model] = (1 + better, len(rows) - worse)
    return found
