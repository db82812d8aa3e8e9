"""Models in order of their scores, with the ranks they may have. Pure functions on tables.

Models are ranked over the languages that all of them have, and what that leaves out is listed. Without evidence from
segments the intervals are conservative: the ends of the languages' own intervals are averaged, as if all languages
erred together, and models whose intervals overlap are tied.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from harness.boards import MetricTable, Model

_WORST_SHARE = 0.1
_RANKED_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Who is ranked with whom, over what: the models that have enough languages, and the languages they share."""

    models: tuple[Model, ...]
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What joint resampling of segments says about a field: 95 % intervals of the means, and simultaneous ranks."""

    intervals: Mapping[Model, tuple[float, float]]
    ranks: Mapping[Model, tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One row of a ranking.

    Attributes:
        first, last: The ranks the model may have; ``None`` where it has too few languages to be ranked.
        mean, low, high: Macro mean over the common languages (its own ones when not ranked), with its 95 % interval.
        worst: Mean of the worst tenth of those languages.
        gap: Score in the pivot language minus the mean of the others; positive means the pivot is higher.
        scored: Languages with a score, of the board's languages.
        n, n_failed: Segments with and without a score, over all languages.
    """

    model: Model
    first: int | None
    last: int | None
    mean: float | None
    low: float | None
    high: float | None
    worst: float | None
    gap: float | None
    scored: int
    n: int
    n_failed: int


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
    def told_apart(self) -> int:
        """How many neighbours in the order have separate rank ranges."""
        pairs = pairwise((row.first, row.last) for row in self.rows if row.first is not None and row.last is not None)
        return sum(last < first for (_, last), (first, _) in pairs)


def field(table: MetricTable) -> Field:
    """The models of a table that can be ranked, and the languages all of them have a comparable score in.

    A model is ranked when it has at least half as many languages as the model that has most; one model with few
    languages would otherwise shrink the comparison of all others to those.
    """
    have = {model: set(_own(table, model)) for model in table.models}
    most = max((len(own) for own in have.values()), default=0)
    models = [model for model in table.models if have[model] and len(have[model]) >= _RANKED_SHARE * most]
    shared = set.intersection(*(have[model] for model in models)) if models else set()
    languages = tuple(language for language in table.languages if language in shared)
    return Field(models=tuple(models) if languages else (), languages=languages)


def ranking(
    table: MetricTable, pivot: str, evidence: Evidence | None = None, within: Collection[str] | None = None
) -> Ranking:
    """Rank the models of a table.

    Args:
        table: The scores.
        pivot: The language the gap is measured from.
        evidence: For the field of the table; ``None`` where there are no statistics to resample.
        within: Count these languages only. The field stays that of the whole table, so that a choice of languages
            changes the scores and not who is compared.
    """
    ranked = field(table)
    if within is not None:
        shared = tuple(language for language in ranked.languages if language in within)
        ranked = Field(models=ranked.models if shared else (), languages=shared)
        table = replace(table, languages=tuple(language for language in table.languages if language in within))
    sign = 1 if table.facts.higher_is_better else -1
    rows = []
    for model in table.models:
        row = _standing(table, model, ranked.languages if model in ranked.models else _own(table, model), pivot)
        if evidence and model in evidence.intervals:
            low, high = evidence.intervals[model]
            row = replace(row, low=low, high=high)
        rows.append(row)
    candidates = [row for row in rows if row.model in ranked.models]
    for position, row in enumerate(rows):
        if row in candidates:
            first, last = evidence.ranks[row.model] if evidence else _rank_range(row, candidates, sign)
            rows[position] = replace(row, first=first, last=last)
    rows.sort(key=lambda row: (row.first is None, row.mean is None, -sign * (row.mean or 0.0), row.model))
    return Ranking(
        rows=tuple(rows),
        common=ranked.languages,
        left_out=tuple(language for language in table.languages if language not in ranked.languages),
        worst_count=_worst_count(len(ranked.languages)),
        resampled=evidence is not None,
    )


def _own(table: MetricTable, model: Model) -> list[str]:
    return [language for language in table.languages if table.value(model, language) is not None]


def _standing(table: MetricTable, model: Model, languages: Sequence[str], pivot: str) -> Standing:
    own = [table.cells[model, language] for language in table.languages if (model, language) in table.cells]
    cells = [table.cells[model, language] for language in languages]
    values = [cell.score.value for cell in cells if cell.score.value is not None]
    lows = [cell.score.ci_low for cell in cells if cell.score.ci_low is not None]
    highs = [cell.score.ci_high for cell in cells if cell.score.ci_high is not None]
    bounded = bool(cells) and len(lows) == len(highs) == len(cells)
    worst = sorted(values, reverse=not table.facts.higher_is_better)[: _worst_count(len(values))]
    at_pivot = table.value(model, pivot)
    others = [cell.score.value for cell in cells if cell.score.value is not None and cell.score.language != pivot]
    return Standing(
        model=model,
        first=None,
        last=None,
        mean=_mean(values),
        low=_mean(lows) if bounded else None,
        high=_mean(highs) if bounded else None,
        worst=_mean(worst),
        gap=at_pivot - math.fsum(others) / len(others) if at_pivot is not None and others else None,
        scored=sum(cell.value is not None for cell in own),
        n=sum(cell.score.n for cell in own),
        n_failed=sum(cell.score.n_failed for cell in own),
    )


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _worst_count(languages: int) -> int:
    return math.ceil(_WORST_SHARE * languages)


def _apart(one: Standing, other: Standing) -> bool:
    """Whether two intervals do not touch. An unknown interval touches everything."""
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    return one.low > other.high or other.low > one.high


def _rank_range(row: Standing, rows: Sequence[Standing], sign: int) -> tuple[int, int]:
    """``[1 + models surely better, M - models surely worse]``; ``sign`` is 1 where higher is better, else -1."""
    differences = [sign * ((other.mean or 0.0) - (row.mean or 0.0)) for other in rows if _apart(row, other)]
    return 1 + sum(gain > 0 for gain in differences), len(rows) - sum(gain < 0 for gain in differences)
