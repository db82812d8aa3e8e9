"""Boards of one task in several prompts -> per prompt, mean and best over prompts, and how far the prompts lie apart.

The same items are asked in every prompt, so that intervals resample them jointly over languages *and* prompts. A best
prompt is chosen on the scores it is then shown with: it is optimistic, the more so the more prompts there are, and has
no interval here. Spreads hold the noise of finitely many items too.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from harness import stats
from harness.boards import Board, MetricTable, Model
from harness.evidence import RESAMPLES, SegmentEvidence
from harness.pairing import generator
from harness.ranks import Estimate, Field, mean, own_languages, shared_field
from harness.records import ScoreRecord

_SEED = 20260101
_FEWEST_MODELS = 3
"""Two models have one order or the other; that is no agreement to speak of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguagePrompts:
    """One model in one language: its score in every prompt, in the order of the prompts."""

    language: str
    values: tuple[float, ...]
    mean: Estimate
    best_prompt: str
    best: float
    spread: float
    deviation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrompts:
    """One model over its languages.

    Attributes:
        ranked: Whether it is over the languages that all ranked models have in all prompts; else over its own ones.
        prompts: Macro mean in every prompt. mean: Their mean.
        best_prompt, best: The one prompt with the best macro mean.
        best_by_language: Mean over languages of the score in the prompt that is best for each.
        spread, deviation: Largest minus smallest, and standard deviation (n - 1), of the prompts' macro means.
        spread_by_language, deviation_by_language: Means over languages of the same within one language.
    """

    model: Model
    ranked: bool
    prompts: tuple[Estimate, ...]
    mean: Estimate
    best_prompt: str
    best: float
    best_by_language: float
    spread: float
    deviation: float
    spread_by_language: float
    deviation_by_language: float
    languages: tuple[LanguagePrompts, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Kendall's tau-b between the orders of models that two prompts give: its mean over pairs, and the lowest."""

    mean: float
    lowest: float
    lowest_pair: tuple[str, str]
    models: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSpread:
    """One task, variant and metric in several prompts.

    Attributes:
        common: Languages that all ranked models have in all prompts. left_out: The others.
        incomplete: Models that lack a prompt altogether, and how many they have.
        resampled: Whether all intervals come from the statistics of segments.
        agreement: ``None`` with fewer than three ranked models.
    """

    board: Board
    facts: ScoreRecord
    prompts: tuple[str, ...]
    common: tuple[str, ...]
    left_out: tuple[str, ...]
    models: tuple[ModelPrompts, ...]
    incomplete: tuple[tuple[Model, int], ...]
    resampled: bool
    agreement: Agreement | None


def prompt_spread(
    asked: Sequence[tuple[Board, MetricTable, SegmentEvidence]], *, language_intervals: bool = True
) -> PromptSpread | None:
    """Put the tables of one task, variant and metric together, one for each prompt.

    Args:
        asked: The boards in the order that prompts are to stand in.
        language_intervals: Whether means over prompts within one language have intervals; most of the work.

    Returns:
        ``None`` where no model has a score in all prompts.
    """
    tables = _Tables(asked, language_intervals)
    languages = sorted({language for board, _, _ in asked for language in board.languages})
    every = sorted({model for _, table, _ in asked for model in table.models})
    have = {model: tables.languages(model) for model in every}
    ranked = shared_field(languages, {model: own for model, own in have.items() if own})
    rows = [_model(tables, model, ranked, own) for model, own in have.items() if own]
    if not rows:
        return None
    sign = 1 if tables.facts.higher_is_better else -1
    rows.sort(key=lambda row: (not row.ranked, -sign * row.mean.value, row.model))
    prompted = {model: sum(model in table.models for _, table, _ in asked) for model in every}
    return PromptSpread(
        board=asked[0][0],
        facts=tables.facts,
        prompts=tables.prompts,
        common=ranked.languages,
        left_out=tuple(language for language in languages if language not in ranked.languages),
        models=tuple(rows),
        incomplete=tuple((model, count) for model, count in prompted.items() if count < len(asked)),
        resampled=tables.resampled,
        agreement=_agreement(tables.prompts, [row for row in rows if row.ranked]),
    )


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float:
    """Kendall's tau-b of two rows of numbers (Kendall 1945); ``nan`` where one of them is constant."""
    signs = [np.sign(np.subtract.outer(row, row)) for row in (np.asarray(first), np.asarray(second))]
    scale = math.sqrt(float((signs[0] ** 2).sum()) * float((signs[1] ** 2).sum()))
    return float((signs[0] * signs[1]).sum()) / scale if scale else math.nan


class _Tables:
    """The scores of one task, variant and metric by prompt."""

    def __init__(self, asked: Sequence[tuple[Board, MetricTable, SegmentEvidence]], language_intervals: bool) -> None:
        self._asked = asked
        self.language_intervals = language_intervals
        self.prompts = tuple(board.prompt for board, _, _ in asked)
        self.facts = asked[0][1].facts
        self.resampled = True
        board = asked[0][0]
        self._name = (board.task.name, board.variant, self.facts.metric)

    def languages(self, model: Model) -> tuple[str, ...]:
        """The languages that a model has in every prompt."""
        have = [set(own_languages(table, model)) for _, table, _ in self._asked]
        return tuple(sorted(set.intersection(*have)))

    def values(self, model: Model, language: str) -> tuple[float, ...]:
        """A model's score in every prompt; it must have all of them."""
        found = [table.value(model, language) for _, table, _ in self._asked]
        return tuple(value for value in found if value is not None)

    def macro(self, model: Model, languages: Collection[str], prompts: Sequence[int]) -> Estimate:
        """Mean over languages and some prompts, with its interval."""
        chosen = [self._asked[prompt] for prompt in prompts]
        scores = [table.by_model[model][language].score for _, table, _ in chosen for language in languages]
        values = [score.value or 0.0 for score in scores]
        value = math.fsum(values) / len(values)
        low, high = self._resampled(model, languages, prompts, value)
        if low is None or high is None:
            self.resampled = False
            ends = [[score.ci_low for score in scores], [score.ci_high for score in scores]]
            low, high = (mean([end for end in own if end is not None]) if None not in own else None for own in ends)
        return Estimate(value=value, low=low, high=high, languages=len(languages))

    def _resampled(
        self, model: Model, languages: Collection[str], prompts: Sequence[int], value: float
    ) -> tuple[float | None, float | None]:
        by_prompt = [self._asked[prompt][2].samples(model, languages) for prompt in prompts]
        samples = [sample for own in by_prompt if own is not None for sample in own]
        if len(samples) < len(prompts) * len(languages):
            return None, None
        rng = generator(_SEED, *self._name, model.title)
        found = stats.macro_interval(samples, rng=rng, resamples=RESAMPLES)
        if found.low is None or found.high is None:
            return None, None
        moved = value - math.fsum(sample.metric.value(sample.systems[0]) for sample in samples) / len(samples)
        return found.low + moved, found.high + moved


def _model(tables: _Tables, model: Model, ranked: Field, own: Sequence[str]) -> ModelPrompts:
    languages = ranked.languages if model in ranked.models else own
    every = range(len(tables.prompts))
    by_language = tuple(_language(tables, model, language) for language in languages)
    prompts = tuple(tables.macro(model, languages, [prompt]) for prompt in every)
    means = [prompt.value for prompt in prompts]
    best = _best(tables.facts, means)
    return ModelPrompts(
        model=model,
        ranked=model in ranked.models,
        prompts=prompts,
        mean=tables.macro(model, languages, every),
        best_prompt=tables.prompts[best],
        best=means[best],
        best_by_language=statistics.fmean(row.best for row in by_language),
        spread=max(means) - min(means),
        deviation=statistics.stdev(means),
        spread_by_language=statistics.fmean(row.spread for row in by_language),
        deviation_by_language=statistics.fmean(row.deviation for row in by_language),
        languages=by_language,
    )


def _language(tables: _Tables, model: Model, language: str) -> LanguagePrompts:
    values = tables.values(model, language)
    best = _best(tables.facts, values)
    return LanguagePrompts(
        language=language,
        values=values,
        mean=tables.macro(model, [language], range(len(values)))
        if tables.language_intervals
        else Estimate(value=statistics.fmean(values), low=None, high=None, languages=1),
        best_prompt=tables.prompts[best],
        best=values[best],
        spread=max(values) - min(values),
        deviation=statistics.stdev(values),
    )


def _best(facts: ScoreRecord, values: Sequence[float]) -> int:
    """Position of the best value, the first of equals."""
    return values.index(max(values) if facts.higher_is_better else min(values))


def _agreement(prompts: Sequence[str], rows: Sequence[ModelPrompts]) -> Agreement | None:
    if len(rows) < _FEWEST_MODELS:
        return None
    columns = [[row.prompts[position].value for row in rows] for position in range(len(prompts))]
    taus: Mapping[tuple[str, str], float] = {
        (prompts[one], prompts[other]): kendall_tau(columns[one], columns[other])
        for one, other in combinations(range(len(prompts)), 2)
    }
    known = {pair: tau for pair, tau in taus.items() if math.isfinite(tau)}
    if not known:
        return None
    pair = min(known, key=lambda found: (known[found], found))
    return Agreement(mean=statistics.fmean(known.values()), lowest=known[pair], lowest_pair=pair, models=len(rows))
