"""Differences of two models as rows of a table, and who is better in how many of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from harness.compare import Contrast, Verdict
from harness.groups import Group
from harness.untested import Differences
from leaderboard.markup.labels import LanguageLabel, label

Winner = Literal["A", "B", ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One difference, of a language or of the mean over ``languages`` (then ``label`` is ``None``).

    ``p`` and ``verdict`` are ``None`` where there was no test.
    """

    label: LanguageLabel | None
    value: float | None
    value_against: float | None
    delta: float | None
    low: float | None
    high: float | None
    p: float | None = None
    verdict: Verdict | None = None
    detectable: float | None = None
    n: int = 0
    clusters: int | None = None
    left_out: int = 0
    languages: int = 1

    @property
    def winner(self) -> Winner:
        """Who was shown to be better."""
        return "A" if self.verdict == "better" else "B" if self.verdict == "worse" else ""

    @property
    def tested(self) -> bool:
        return self.verdict is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """In how many languages who is better.

    Attributes:
        first, second, undecided: Tested languages in which A, B or neither was shown to be better.
        higher, lower: Untested ones in which A's or B's score is the better one.
        untested: All untested ones.
    """

    first: int = 0
    second: int = 0
    undecided: int = 0
    higher: int = 0
    lower: int = 0
    untested: int = 0

    @property
    def tested(self) -> int:
        return self.first + self.second + self.undecided

    @property
    def languages(self) -> int:
        return self.tested + self.untested


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """Who leads in languages that have something in common: the mean of their differences, and the tally."""

    group: Group
    delta: float
    tally: Tally


def tested_row(row: Contrast, name: LanguageLabel | None) -> Row:
    """A contrast; without a name it is the mean over languages."""
    return Row(
        label=name,
        value=row.value,
        value_against=row.value_against,
        delta=row.delta,
        low=row.low,
        high=row.high,
        p=row.p_corrected,
        verdict=row.verdict,
        detectable=row.minimum_detectable_effect,
        n=row.n,
        clusters=row.clusters,
        left_out=row.left_out,
        languages=row.languages,
    )


def untested_rows(found: Differences) -> list[Row]:
    """Differences that cannot be tested, one a language."""
    columns = [column.tolist() for column in (found.value, found.value_against, found.delta, found.low, found.high)]
    return [_plain_row(label(language), *values) for language, *values in zip(found.languages, *columns, strict=True)]


def mean_row(found: Differences) -> Row:
    """Their mean."""
    return _plain_row(None, *found.macro(), languages=len(found.languages))


def _plain_row(
    name: LanguageLabel | None,
    value: float,
    value_against: float,
    delta: float,
    low: float,
    high: float,
    *,
    languages: int = 1,
) -> Row:
    known = math.isfinite(low) and math.isfinite(high)
    return Row(
        label=name,
        value=value,
        value_against=value_against,
        delta=delta,
        low=low if known else None,
        high=high if known else None,
        languages=languages,
    )
