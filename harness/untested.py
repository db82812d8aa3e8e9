"""Differences of scores whose segments nobody knows: both scores and what lies between them, and no test.

A test pairs segments; without them only the two numbers can be subtracted. Where both scores have intervals, the
difference has one as of independent samples (``stats.unpaired_difference``). Two systems on the same items mostly fail
on the same ones; then this interval is wider than a paired one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from harness.boards import Cell, MetricTable, Model
from harness.pairing import incomparable
from harness.records import ScoreRecord
from harness.stats import unpaired_difference
from metrics.base import FloatArray

VERDICT = "cannot be tested: no segments"
_ABSENT = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """Scores of two systems that can be subtracted and not tested.

    Attributes:
        languages: Which ones.
        value, value_against: ``[n]`` both scores, in the unit of the metric.
        low, high: ``[n]`` 95 % interval of the difference; ``nan`` where one of the scores has none.
    """

    languages: tuple[str, ...]
    value: FloatArray
    value_against: FloatArray
    low: FloatArray
    high: FloatArray

    @property
    def delta(self) -> FloatArray:
        """``[n]`` first minus second score."""
        return self.value - self.value_against

    def only(self, places: np.ndarray) -> Differences:
        """Some of the languages, by their places."""
        return Differences(
            languages=tuple(self.languages[place] for place in places),
            value=self.value[places],
            value_against=self.value_against[places],
            low=self.low[places],
            high=self.high[places],
        )

    def macro(self) -> tuple[float, float, float, float, float]:
        """Mean over languages of both scores, the difference and the ends of its interval, of which there is at least
        one.

        The ends are averaged as if all languages erred together; ``nan`` where a language has no interval.
        """
        columns = (self.value, self.value_against, self.delta, self.low, self.high)
        value, against, delta, low, high = (float(column.mean()) for column in columns)
        return value, against, delta, low, high


class UntestedScores:
    """The scores of one table as arrays, to be asked about any two of its models.

    Args:
        table: The scores.
        bare: Runs, as ``Cell.run`` counts them, that do not keep the statistics of their scores.
    """

    def __init__(self, table: MetricTable, bare: Collection[int] = ()) -> None:
        self._table = table
        self._models = {model: row for row, model in enumerate(table.models)}
        columns = {language: column for column, language in enumerate(table.languages)}
        found: list[tuple[int, int, int, bool, float, float, float]] = []
        ways: dict[tuple[str, ...], int] = {}
        for row, own in enumerate(table.by_model.values()):
            for language, cell in own.items():
                score = cell.score
                way = ways.setdefault(_way(score), len(ways))
                low, high = score.ci_low, score.ci_high
                ends = (low, high) if low is not None and high is not None else (np.nan, np.nan)
                value = np.nan if score.value is None else score.value
                found.append((row, columns[language], way, score.segments and cell.run not in bare, value, *ends))
        by_column = list(zip(*found, strict=True))
        places = by_column[0], by_column[1]
        shape = (len(table.models), len(table.languages))
        self._way = np.full(shape, _ABSENT)
        self._way[places] = by_column[2]
        self._segments = np.zeros(shape, dtype=bool)
        self._segments[places] = by_column[3]
        self._value, self._low, self._high = (np.full(shape, np.nan) for _ in range(3))
        for array, numbers in zip((self._value, self._low, self._high), by_column[4:], strict=True):
            array[places] = numbers

    def between(self, system: Model, against: Model) -> Differences:
        """What ``system`` scores more than ``against``, where both have a score of the same thing and one of them has
        no segments."""
        one, other = self._models.get(system), self._models.get(against)
        if one is None or other is None:
            return Differences(languages=(), **dict.fromkeys(("value", "value_against", "low", "high"), np.empty(0)))
        value, value_against = self._value[one], self._value[other]
        same = (self._way[one] == self._way[other]) & np.isfinite(value) & np.isfinite(value_against)
        found = np.flatnonzero(same & ~(self._segments[one] & self._segments[other]))
        first, second = (
            (self._value[row, found], self._low[row, found], self._high[row, found]) for row in (one, other)
        )
        _, low, high = unpaired_difference(first, second)
        return Differences(
            languages=tuple(self._table.languages[column] for column in found),
            value=first[0],
            value_against=second[0],
            low=low,
            high=high,
        )

    def refused(self, system: Model, against: Model) -> Iterator[tuple[str, str]]:
        """``(language, reason)`` of the scores of the two that cannot be subtracted."""
        one, other = self._models.get(system), self._models.get(against)
        if one is None or other is None:
            return
        either = (self._way[one] != _ABSENT) | (self._way[other] != _ABSENT)
        same = (self._way[one] == self._way[other]) & np.isfinite(self._value[one]) & np.isfinite(self._value[other])
        for column in np.flatnonzero(either & ~same):
            language = self._table.languages[column]
            cells = [self._table.cell(model, language) for model in (system, against)]
            yield language, _reason((system, against), cells)


def _reason(models: tuple[Model, Model], cells: list[Cell | None]) -> str:
    system, against = cells
    if system is None or against is None:
        return f"only in {models[system is None].title}"
    reason = incomparable(system.score, against.score)
    if reason:
        return f"not comparable: {reason}"
    without = int(system.score.value is not None)
    return f"{models[without].title} has no score"


def _way(score: ScoreRecord) -> tuple[str, ...]:
    """What two scores must share to be compared, see ``pairing.incomparable``."""
    found = score.fingerprint
    return found.dataset, found.prompt, found.metric or score.signature, found.decoding_settings
