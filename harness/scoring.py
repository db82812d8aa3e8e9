"""Responses -> segment statistics -> scores with uncertainty and coverage, one unit at a time."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np

from harness.records import Fingerprint, ScoreRecord
from harness.spec import MetricOption
from harness.stats import interval
from harness.store import SegmentRow, UnitStatistics
from harness.tasks.base import Outcome, Unit
from metrics.alignment import LayerMetric
from metrics.base import Metric
from metrics.classification import ClassMetric


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredUnit:
    """A unit's scores, and the statistics and texts they rest on."""

    scores: list[ScoreRecord]
    statistics: dict[str, UnitStatistics]
    rows: list[SegmentRow]


def score_unit(unit: Unit, outcome: Outcome, model: str, seed: int) -> ScoredUnit:
    """Score one unit by every metric of its task that exists for it.

    Segments that failed are in no statistic and are counted in ``n_failed``. The bootstrap's generator is seeded from
    ``seed`` and the unit's name, so that scores do not depend on what else a run holds.
    """
    segments = tuple(outcome.rows[index].segment for index in outcome.scored)
    clusters = tuple(outcome.rows[index].cluster for index in outcome.scored)
    scores = []
    statistics = {}
    dataset, prompt, decoding = unit.dataset_hash(), unit.prompt_hash(), unit.draw()
    for name, (metric, options) in unit.metrics().items():
        if name not in outcome.statistics:
            continue
        stats = outcome.statistics[name]
        statistics[name] = UnitStatistics(
            segments=segments, clusters=clusters, stats=stats, scores=metric.segment_scores(stats)
        )
        scores.append(
            _score_record(
                unit,
                metric,
                options,
                statistics[name],
                Fingerprint(dataset=dataset, prompt=prompt, metric=metric.signature(), decoding=decoding),
                failed=len(outcome.rows) - len(outcome.scored),
                model=model,
                seed=seed,
            )
        )
    return ScoredUnit(scores=scores, statistics=statistics, rows=outcome.rows)


def _score_record(
    unit: Unit,
    metric: Metric,
    options: dict[str, MetricOption],
    unit_statistics: UnitStatistics,
    fingerprint: Fingerprint,
    *,
    failed: int,
    model: str,
    seed: int,
) -> ScoreRecord:
    info = metric.info
    stats = unit_statistics.stats
    value = metric.value(stats) if len(stats) else math.nan
    label = "/".join([model, unit.spec.task, unit.variant, unit.prompt, unit.language, info.name])
    rng = np.random.default_rng([seed, int.from_bytes(hashlib.sha256(label.encode()).digest()[:8], "little")])
    found = interval(metric, stats, unit_statistics.clusters, rng=rng)
    note = ""
    if math.isnan(value):
        note = "no segment could be scored" if len(stats) == 0 else "the score is undefined for these segments"
    return ScoreRecord(
        model=model,
        task=unit.spec.task,
        variant=unit.variant,
        prompt=unit.prompt,
        language=unit.language,
        metric=info.name,
        title=info.title,
        description=info.description,
        value=None if math.isnan(value) else value,
        stderr=found.stderr,
        ci_low=found.low,
        ci_high=found.high,
        ci_method=found.method,
        n=len(stats),
        n_failed=failed,
        unit=info.unit,
        bounds=(_finite(info.bounds[0]), _finite(info.bounds[1])),
        higher_is_better=info.higher_is_better,
        decimals=info.decimals,
        chance=None if isinstance(metric, ClassMetric) else unit.chance,  # of an accuracy; F1 of a guesser is another
        signature=metric.signature(),
        metric_options=options,
        fingerprint=fingerprint,
        details=_details(metric, stats),
        note=note,
    )


def _details(metric: Metric, stats: np.ndarray) -> dict[str, tuple[float, ...]]:
    """The layer curve of an alignment metric."""
    if not isinstance(metric, LayerMetric) or not len(stats):
        return {}
    return {"layers": tuple(float(value) for value in metric.layers(stats.sum(axis=0)))}


def _finite(bound: float) -> float | None:
    return bound if math.isfinite(bound) else None
