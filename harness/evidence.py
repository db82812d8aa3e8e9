"""Segment statistics of all models -> how sure their means, their order and their distance to the pivot are.

Every language's segments are resampled jointly for all models, and the same item in several languages together, so
that neither the parallel texts nor the shared difficulty of a sentence is mistaken for independent evidence. Where a
score cannot be taken apart (no statistics, another version of the metric) there is no evidence, and ``harness.ranks``
falls back on the intervals of the record.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from harness import stats
from harness.boards import Board, Cell, MetricTable, Model
from harness.chance import above_chance, chance_factor
from harness.pairing import generator, recreate
from harness.ranks import Estimate, Evidence, Field, field, own_languages
from harness.resampling import Sample
from harness.store import RunFolder, UnitStatistics
from metrics.base import FloatArray, Metric

RESAMPLES = 1000
_SEED = 20260101
_TOLERANCE = 1e-6


class SegmentEvidence:
    """The segment statistics of one table, to be asked about any of its languages; all answers share the resamples.

    A language without statistics, or whose statistics do not give the recorded score again, is known to have none: what
    is asked about it has no answer.

    Args:
        board: Where the table belongs.
        table: One metric's scores.
        runs: The runs, in the order that ``Cell.run`` counts.

    Raises:
        RecordError: The statistics of a run cannot be read.
    """

    def __init__(self, board: Board, table: MetricTable, runs: Sequence[RunFolder]) -> None:
        self._table = table
        self._pivot = board.pivot
        self._name = (*board.key, table.facts.metric)
        self._joint: dict[str, Sample] = {}
        self._single: dict[tuple[Model, str], Sample] = {}
        self._paired: dict[tuple[Model, str], Sample] = {}
        self._labels: dict[tuple[str, ...], tuple[str, ...]] = {}  # equal labels once: they are most of the memory
        if not any(run.has_statistics for run in runs):
            return
        reader = _Reader(runs)
        pivots: dict[Model, _Scored] = {}
        if not board.directions:
            read = {model: reader.read(table.cell(model, board.pivot)) for model in table.models}
            pivots = {model: scored for model, scored in read.items() if scored is not None}
        for language in table.languages:
            own = {model: reader.read(table.cell(model, language)) for model in table.models}
            scored = {model: found for model, found in own.items() if found is not None}
            self._add_language(language, scored, pivots)

    @cached_property
    def _field(self) -> Field:
        return field(self._table)

    def _add_language(self, language: str, scored: Mapping[Model, _Scored], pivots: Mapping[Model, _Scored]) -> None:
        ranked = self._field.models if language in self._field.languages else ()
        shared = [scored[model] for model in ranked if model in scored]
        if ranked and len(shared) == len(ranked) and (joint := self._on_common_segments(shared)) is not None:
            self._joint[language] = joint
        for model, found in scored.items():
            if model not in ranked and (single := self._on_common_segments([found])) is not None:
                self._single[model, language] = single
            if language != self._pivot and model in pivots and found.signature == pivots[model].signature:
                pair = self._on_common_segments([found, pivots[model]])
                if pair is not None:
                    self._paired[model, language] = pair

    @property
    def has_statistics(self) -> bool:
        """Whether there is anything to resample."""
        return bool(self._joint or self._single)

    @property
    def has_pairs(self) -> bool:
        """Whether any language has items in common with the pivot."""
        return bool(self._paired)

    def of(self, languages: Collection[str]) -> Evidence | None:
        """Evidence about the means over some languages; ``None`` where there is none about any model."""
        if not self.has_statistics:
            return None
        ranked = self._field.within(languages)
        intervals: dict[Model, tuple[float, float]] = {}
        normalised: dict[Model, tuple[float, float]] = {}
        gaps: dict[Model, Estimate] = {}
        for model in self._table.models:
            counted = self._counted(ranked, model, languages)
            if (ends := self._mean_interval(ranked, model, counted)) is None:
                continue
            intervals[model] = ends
            if (ends := self._normalised_interval(ranked, model, counted)) is not None:
                normalised[model] = ends
            if (gap := self.gap(model, counted)) is not None:
                gaps[model] = gap
        if not intervals:
            return None
        ranks = self._ranks(ranked) if set(ranked.models) <= set(intervals) else {}
        return Evidence(intervals=intervals, ranks=ranks, normalised=normalised, gaps=gaps)

    def samples(self, model: Model, languages: Collection[str]) -> list[Sample] | None:
        """A model's statistics by language, those that its mean rests on; ``None`` where a language has none."""
        found = []
        for language in languages:
            if language in self._joint and model in self._field.models:
                position = self._field.models.index(model)
                joint = self._joint[language]
                found.append(Sample(metric=joint.metric, systems=(joint.systems[position],), clusters=joint.clusters))
            elif (model, language) in self._single:
                found.append(self._single[model, language])
            else:
                return None
        return found

    def gap(self, model: Model, languages: Collection[str]) -> Estimate | None:
        """Mean over those of ``languages`` that have items in common with the pivot of score minus the pivot's.

        On these common items, with a paired interval; ``None`` where there is no such language.
        """
        pairs = [self._paired[model, language] for language in languages if (model, language) in self._paired]
        deltas = [pair.metric.value(pair.systems[0]) - pair.metric.value(pair.systems[1]) for pair in pairs]
        if not deltas or not all(map(math.isfinite, deltas)):
            return None
        found = stats.macro_difference(pairs, rng=generator(_SEED, *self._name, model.title), resamples=RESAMPLES)
        return Estimate(value=math.fsum(deltas) / len(deltas), low=found.low, high=found.high, languages=len(deltas))

    def _on_common_segments(self, scored: Sequence[_Scored]) -> Sample | None:
        """The segments that all of the cells have, row by row; ``None`` where there is none."""
        first = scored[0]
        shared = set.intersection(*(set(found.own.segments) for found in scored))
        order = [segment for segment in first.own.segments if segment in shared]
        if not order:
            return None
        alike = all(list(found.own.segments) == order for found in scored)
        of = dict(zip(first.own.segments, first.own.clusters, strict=True))
        clusters = tuple(of[segment] for segment in order)
        return Sample(
            metric=first.metric,
            systems=tuple(found.own.stats if alike else _rows(found.own, order) for found in scored),
            clusters=self._labels.setdefault(clusters, clusters),
        )

    def _counted(self, ranked: Field, model: Model, languages: Collection[str]) -> list[str]:
        own = ranked.languages if model in ranked.models else own_languages(self._table, model)
        return [language for language in own if language in languages]

    def _mean_interval(self, ranked: Field, model: Model, counted: Sequence[str]) -> tuple[float, float] | None:
        """Ends of the 95 % interval of the mean; ``None`` where statistics are missing or hold one item only."""
        samples = self.samples(model, counted)
        if not samples:
            return None
        weights = np.full(len(samples), 1 / len(samples))
        recorded = [self._table.by_model[model][language].score.value or 0.0 for language in counted]
        ends = self._ends(ranked, model, counted, samples, weights)
        if ends is None:
            return None
        moved = math.fsum(recorded) / len(recorded) - _weighted(samples, weights)
        lowest, highest = self._table.facts.bounds
        low = ends[0] + moved if lowest is None else max(ends[0] + moved, lowest)
        return low, ends[1] + moved if highest is None else min(ends[1] + moved, highest)

    def _normalised_interval(self, ranked: Field, model: Model, counted: Sequence[str]) -> tuple[float, float] | None:
        """The same with guessing taken out; only where that differs between languages, else it is the same, shifted."""
        scores = [self._table.by_model[model][language].score for language in counted]
        factors = [factor for score in scores if (factor := chance_factor(score)) is not None]
        samples = self.samples(model, counted)
        if not samples or len(factors) < len(scores) or len({score.chance for score in scores}) == 1:
            return None
        weights = np.array(factors) / len(factors)
        ends = self._ends(ranked, model, counted, samples, weights)
        if ends is None:
            return None
        values = [above_chance(score, score.value) or 0.0 for score in scores]
        moved = math.fsum(values) / len(values) - _weighted(samples, weights)
        return ends[0] + moved, ends[1] + moved

    def _ends(
        self, ranked: Field, model: Model, counted: Sequence[str], samples: Sequence[Sample], weights: FloatArray
    ) -> tuple[float, float] | None:
        """Ends of the 95 % interval of a weighted sum of scores: in closed form for means, else from resamples."""
        rng = generator(_SEED, *self._name, model.title)
        if model in ranked.models and not all(stats.is_mean(sample.metric) for sample in samples):
            chosen = [self._order[language] for language in counted]
            scores = self._resampled[:, chosen, self._field.models.index(model)] @ weights
            if np.isfinite(scores).all() and _clusters(samples) > 1:
                found = stats.resampled_mean(samples, scores, _weighted(samples, weights), weights)
                return None if found.low is None or found.high is None else (found.low, found.high)
        found = stats.macro_interval(samples, rng=rng, weights=weights.tolist(), resamples=RESAMPLES)
        return None if found.low is None or found.high is None else (found.low, found.high)

    def _ranks(self, ranked: Field) -> dict[Model, tuple[int, int]]:
        if len(ranked.models) < 2:
            return dict.fromkeys(ranked.models, (1, 1))
        chosen = [self._order[language] for language in ranked.languages]
        scores = self._resampled[:, chosen].mean(axis=1)
        if np.isnan(scores).any():
            return {}
        centre = np.array([_weighted(self.samples(model, ranked.languages) or (), None) for model in ranked.models])
        sign = 1 if self._table.facts.higher_is_better else -1
        count = _clusters([self._joint[language] for language in ranked.languages])
        found = stats.rank_intervals(sign * scores, values=sign * centre, clusters=count)
        return dict(zip(ranked.models, found, strict=True))

    @cached_property
    def _order(self) -> dict[str, int]:
        return {language: position for position, language in enumerate(self._joint)}

    @cached_property
    def _resampled(self) -> FloatArray:
        """Scores ``[B, L, m]`` of the field's models, resampled once for whatever is asked."""
        rng = generator(_SEED, *self._name)
        return stats.bootstrap(list(self._joint.values()), rng=rng, resamples=RESAMPLES)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scored:
    """Statistics of one cell and what makes a score of them."""

    metric: Metric
    signature: str
    own: UnitStatistics


class _Reader:
    """Reads the statistics of cells, making every metric once."""

    def __init__(self, runs: Sequence[RunFolder]) -> None:
        self._runs = runs
        self._metrics: dict[str, Metric | str] = {}

    def read(self, cell: Cell | None) -> _Scored | None:
        """What a comparable score rests on; ``None`` where there is none, or it does not give the score again."""
        if cell is None or cell.value is None or not cell.score.segments:
            return None
        folder, unit = self._runs[cell.run], cell.score.unit_key
        name = f"{cell.score.metric} {sorted(cell.score.metric_options.items())}"
        if name not in self._metrics:
            self._metrics[name] = recreate(cell.score)
        metric = self._metrics[name]
        if isinstance(metric, str) or cell.score.metric not in folder.metrics(unit):
            return None
        own = folder.statistics(unit, cell.score.metric)
        if len(set(own.segments)) < len(own.segments) or not _gives_again(metric, own, cell.value):
            return None
        return _Scored(metric=metric, signature=cell.score.fingerprint.metric or cell.score.signature, own=own)


def _rows(own: UnitStatistics, order: Sequence[str]) -> FloatArray:
    position = {segment: row for row, segment in enumerate(own.segments)}
    return own.stats[[position[segment] for segment in order]]


def _weighted(samples: Sequence[Sample], weights: FloatArray | None) -> float:
    """Weighted sum of the scores of samples; their mean without weights."""
    shares = [1 / len(samples)] * len(samples) if weights is None else weights.tolist()
    values = (sample.metric.value(sample.systems[0]) for sample in samples)
    return math.fsum(share * value for share, value in zip(shares, values, strict=True))


def _clusters(samples: Sequence[Sample]) -> int:
    return len({cluster for sample in samples for cluster in sample.clusters or ()})


def _gives_again(metric: Metric, own: UnitStatistics, recorded: float) -> bool:
    """Whether the statistics give the recorded score; another version of a metric may keep others."""
    try:
        value = metric.value(own.stats)
    except (ValueError, IndexError):
        return False
    return math.isclose(value, recorded, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
