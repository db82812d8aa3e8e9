"""lm-eval's files that ``lm_eval_export`` wrote, read again: the run they were made of.

Statistics count as long as they give the scores; what does not is a score without segments.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from harness.errors import RecordError
from harness.exchange.lm_eval_files import OURS, ResultsFile
from harness.exchange.lm_eval_samples import Sample, read_samples
from harness.imported import ImportedRun
from harness.records import ModelRecord, ScoreRecord, TaskRecord
from harness.store import SegmentRow, UnitStatistics
from harness.untrusted import number_in, object_in, shown
from metrics import registry
from metrics.base import MetricError

_TOLERANCE = 1e-9
_LOST = "its samples do not give this score again, so that no segments are known"


class _Ours(BaseModel):
    """What we write beside lm-eval's own."""

    model: ModelRecord
    tasks: dict[str, TaskRecord]
    scores: dict[str, tuple[ScoreRecord, ...]] = Field(min_length=1)


def add_own(run: ImportedRun, results: ResultsFile, model: str) -> list[str]:
    """Add a results file of ours, with its samples, to a run; returns notes.

    Args:
        model: Another name for the model; empty for its own.

    Raises:
        RecordError: What stands under ``glotbench`` is not what we write.
    """
    ours = _validated(results)
    named = ours.model.model_copy(update={"name": model or ours.model.name})
    for name, scores in ours.scores.items():
        units = {score.unit_key for score in scores}
        if len(units) != 1:
            raise RecordError(f"{results.path}: {OURS}.scores.{shown(name)}: expected the scores of one unit")
        rows, statistics = _segments(run, results, name, scores)
        for score in scores:
            known = score.metric in statistics
            note = score.note if known or not score.segments else _LOST
            task = ours.tasks.get(score.task) or TaskRecord(name=score.task, kind="")
            run.add(
                f"{results.path}: {shown(name)}",
                replace(score, model=named.name, segments=known, note=note),
                named,
                task,
            )
        if rows:
            (key,) = units
            run.units.append(((named.name, *key[1:]), rows, statistics))
    return []


def _validated(results: ResultsFile) -> _Ours:
    try:
        return _Ours.model_validate(results.ours)
    except ValidationError as error:
        detail = error.errors()[0]
        told = f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}".replace("\n", " ")
        raise RecordError(f"{results.path}: {OURS}.{told[:200]}; it is not what 'export lm-eval' writes") from error


def _segments(
    run: ImportedRun, results: ResultsFile, name: str, scores: Sequence[ScoreRecord]
) -> tuple[list[SegmentRow], dict[str, UnitStatistics]]:
    """Texts, and the statistics of those scores that follow from them; nothing where there are no samples."""
    path = results.samples.get(name)
    if path is None:
        return [], {}
    found, sha256 = read_samples(path)
    run.read(path, sha256)
    samples = next((own for own in found.values() if all(sample.ours for sample in own)), [])
    rows = [_row(sample) for sample in samples]
    if len({row.segment for row in rows}) < len(rows):
        raise RecordError(f"{path}: two samples are of one segment")
    statistics = {}
    for score in scores:
        unit = _statistics(score, samples, rows)
        if unit is not None:
            statistics[score.metric] = unit
    return rows, statistics


def _statistics(score: ScoreRecord, samples: Sequence[Sample], rows: Sequence[SegmentRow]) -> UnitStatistics | None:
    held = [
        (row, sample) for row, sample in zip(rows, samples, strict=True) if _stats(sample, score.metric) is not None
    ]
    if not held or not score.segments or len(held) != score.n:
        return None
    listed = [_stats(sample, score.metric) or [] for _, sample in held]
    if len({len(own) for own in listed}) != 1:
        return None
    stats = np.array(listed, dtype=np.float64)
    try:
        metric = registry.create(score.metric, score.metric_options)
        with np.errstate(all="ignore"):
            value, segments = metric.value(stats), metric.segment_scores(stats)
    except (MetricError, ValueError, IndexError, TypeError, ArithmeticError):
        return None
    if score.value is None or not math.isclose(value, score.value, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE):
        return None
    return UnitStatistics(
        segments=tuple(row.segment for row, _ in held),
        clusters=tuple(row.cluster for row, _ in held),
        stats=stats,
        scores=segments,
    )


def _stats(sample: Sample, metric: str) -> list[float] | None:
    found = object_in(sample.ours.get("stats", {}), f"{sample.where}: stats").get(metric)
    if found is None:
        return None
    if not isinstance(found, list):
        raise RecordError(f"{sample.where}: stats: expected a list of numbers, found {shown(found)}")
    return [number_in(value, f"{sample.where}: stats") for value in found]


def _row(sample: Sample) -> SegmentRow:
    ours, where = sample.ours, sample.where
    references = ours.get("references", [])
    if not isinstance(references, list) or not all(isinstance(one, str) for one in references):
        raise RecordError(f"{where}: references: expected a list of texts, found {shown(references)}")
    segment = _text(ours, "segment", where)
    if not segment:
        raise RecordError(f"{where}: segment: expected its name, found nothing")
    return SegmentRow(
        segment=segment,
        cluster=_text(ours, "cluster", where) or segment,
        source=_text(ours, "source", where),
        references=tuple(references),
        hypothesis=_text(ours, "hypothesis", where),
        failed=_text(ours, "failed", where),
        reasoning=_text(ours, "reasoning", where),
    )


def _text(ours: Mapping[str, object], key: str, where: str) -> str | None:
    found = ours.get(key)
    if found is not None and not isinstance(found, str):
        raise RecordError(f"{where}: {key}: expected a text, found {shown(found)}")
    return found
