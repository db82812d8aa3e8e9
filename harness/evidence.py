"""Segment statistics of all models -> how sure their order is.

Every language's segments are resampled jointly for all models, and the same item in several languages together, so
that neither the parallel texts nor the shared difficulty of a sentence is mistaken for independent evidence. Where a
score cannot be taken apart (no statistics, another version of the metric) there is no evidence, and ``ranks`` falls
back on the intervals of the record.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from harness import stats
from harness.boards import Board, Cell, MetricTable
from harness.pairing import generator, recreate
from harness.ranks import Evidence, Field, field
from harness.resampling import Sample
from harness.store import RunFolder, UnitStatistics
from metrics.base import FloatArray, Metric

RESAMPLES = 1000
_SEED = 20260101
_TOLERANCE = 1e-6
_TAILS = (0.025, 0.975)


def collect(
    board: Board, table: MetricTable, runs: Sequence[RunFolder], subsets: Mapping[str, Collection[str]]
) -> dict[str, Evidence]:
    """Resample one table of a board.

    Args:
        board: Where the table belongs.
        table: One metric's scores.
        runs: The runs, in the order that ``Cell.run`` counts.
        subsets: Languages to take the mean over, by any name; all of them are judged on the same resamples.

    Returns:
        Intervals of the macro means and rank ranges of the models, by the name of the subset. It is missing where
        statistics are missing, do not give the recorded scores again, or hold fewer than two independent items.
    """
    ranked = field(table)
    samples = []
    for language in ranked.languages:
        sample = _sample([table.cells[model, language] for model in ranked.models], runs)
        if sample is None:
            return {}
        samples.append(sample)
    if not samples:
        return {}
    rng = generator(_SEED, *board.key, table.facts.metric)
    scores = stats.bootstrap(samples, rng=rng, resamples=RESAMPLES)
    found: dict[str, Evidence] = {}
    for name, languages in subsets.items():
        chosen = [position for position, language in enumerate(ranked.languages) if language in languages]
        own = _evidence(table, ranked, chosen, [samples[position] for position in chosen], scores[:, chosen])
        if own is not None:
            found[name] = own
    return found


def _evidence(
    table: MetricTable, ranked: Field, chosen: Sequence[int], samples: Sequence[Sample], by_language: FloatArray
) -> Evidence | None:
    """Evidence from the ``chosen`` languages of a field, with their samples and resampled scores ``[B, L, m]``."""
    if len({cluster for sample in samples for cluster in sample.clusters or ()}) < 2:
        return None
    scores = by_language.mean(axis=1)
    if np.isnan(scores).any():
        return None
    centre = np.array([_macro(samples, position) for position in range(len(ranked.models))])
    sign = 1 if table.facts.higher_is_better else -1
    ranks = stats.rank_intervals(sign * scores, values=sign * centre)
    languages = [ranked.languages[position] for position in chosen]
    recorded = [[table.cells[model, language].score.value for language in languages] for model in ranked.models]
    means = np.array([math.fsum(value or 0.0 for value in row) / len(row) for row in recorded])
    lowest, highest = table.facts.bounds
    low, high = np.clip(_intervals(samples, scores) + (means - centre), lowest, highest)
    return Evidence(
        intervals={
            model: (float(low[position]), float(high[position])) for position, model in enumerate(ranked.models)
        },
        ranks=dict(zip(ranked.models, ranks, strict=True)),
    )


def _intervals(samples: Sequence[Sample], scores: FloatArray) -> FloatArray:
    """``[2, m]`` ends of the 95 % intervals: in closed form for means, else percentiles of ``scores`` ``[B, m]``."""
    if not all(stats.is_mean(sample.metric) for sample in samples):
        ends_of_all: FloatArray = np.quantile(scores, _TAILS, axis=0)
        return ends_of_all
    ends = []
    for position in range(scores.shape[1]):
        own = [
            Sample(metric=sample.metric, systems=(sample.systems[position],), clusters=sample.clusters)
            for sample in samples
        ]
        found = stats.macro_interval(own, rng=np.random.default_rng(_SEED))
        ends.append((found.low, found.high))
    return np.array(ends, dtype=np.float64).T


def _macro(samples: Sequence[Sample], position: int) -> float:
    return math.fsum(sample.metric.value(sample.systems[position]) for sample in samples) / len(samples)


def _sample(cells: Sequence[Cell], runs: Sequence[RunFolder]) -> Sample | None:
    """The segments that all models have scored in one language, row by row."""
    metric = recreate(cells[0].score)
    if isinstance(metric, str):
        return None
    systems = []
    for cell in cells:
        folder, unit = runs[cell.run], cell.score.unit_key
        if cell.score.metric not in folder.metrics(unit):
            return None
        own = folder.statistics(unit, cell.score.metric)
        if len(set(own.segments)) < len(own.segments) or not _gives_again(metric, own, cell):
            return None
        systems.append(own)
    shared = set.intersection(*(set(own.segments) for own in systems))
    if not shared:
        return None
    first = systems[0]
    order = [segment for segment in first.segments if segment in shared]
    clusters = dict(zip(first.segments, first.clusters, strict=True))
    return Sample(
        metric=metric,
        systems=tuple(_rows(own, order) for own in systems),
        clusters=tuple(clusters[segment] for segment in order),
    )


def _rows(own: UnitStatistics, order: Sequence[str]) -> FloatArray:
    position = {segment: row for row, segment in enumerate(own.segments)}
    return own.stats[[position[segment] for segment in order]]


def _gives_again(metric: Metric, own: UnitStatistics, cell: Cell) -> bool:
    """Whether the statistics give the recorded score; another version of a metric may keep others."""
    if cell.score.value is None:
        return False
    try:
        value = metric.value(own.stats)
    except (ValueError, IndexError):
        return False
    return math.isclose(value, cell.score.value, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
