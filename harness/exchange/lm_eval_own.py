"""Runs as files of lm-eval's form, written and read again.

What lm-eval's files have no place for stands under ``glotbench``: in the results file our score records with the
model's and the tasks', in a sample its statistics. lm-eval's own readers pass over it. A file that comes back is the
run it was, as long as its statistics give its scores.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, Field, ValidationError

import harness
from harness.errors import RecordError
from harness.exchange.lm_eval_files import NO_FILTER, OURS, ResultsFile, Sample, read_samples
from harness.imported import ImportedRun
from harness.records import ModelRecord, RunRecord, ScoreRecord, StageRecord, TaskRecord
from harness.store import RunFolder, SegmentRow, UnitKey, UnitStatistics
from harness.untrusted import number_in, object_in, shown
from metrics import registry
from metrics.base import MetricError

_NOT_IN_NAMES = re.compile(r"[^\w.+-]+")
_TOLERANCE = 1e-9
_LOST = "its samples do not give this score again, so that no segments are known"


class _Ours(BaseModel):
    """What we write beside lm-eval's own."""

    model: ModelRecord
    tasks: dict[str, TaskRecord]
    scores: dict[str, tuple[ScoreRecord, ...]] = Field(min_length=1)


# ------------------------------------------------------------------------------------------------ writing


def result_files(folder: RunFolder) -> Iterator[tuple[Path, Iterator[str]]]:
    """Files of a run in lm-eval's layout, ``MODEL/results_DATE.json`` and ``MODEL/samples_TASK_DATE.jsonl``.

    Returns:
        Paths with the lines of each, a model after the other.

    Raises:
        RecordError: The run's tables cannot be read.
    """
    record = folder.record
    date = _date(record.created).replace(tzinfo=None).isoformat().replace(":", "-")
    with_texts = folder.units()
    for model in record.models:
        below = Path(re.sub(r"[\"<>:/|\\?*\[\]\s]+", "__", model.name).strip("._") or "model")
        units: dict[UnitKey, list[ScoreRecord]] = {}
        for score in record.scores:
            if score.model == model.name:
                units.setdefault(score.unit_key, []).append(score)
        names = dict(_names(list(units)))
        named = {names[unit]: scores for unit, scores in units.items()}
        body = _results(record, model, named)
        yield (
            below / f"results_{date}.json",
            iter([json.dumps(body, indent=2, ensure_ascii=False, allow_nan=False), "\n"]),
        )
        for unit, scores in units.items():
            if unit in with_texts:
                lines = (
                    json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n"
                    for line in _lines(folder, unit, scores)
                )
                yield below / f"samples_{names[unit]}_{date}.jsonl", lines


def _names(units: Sequence[UnitKey]) -> Iterator[tuple[UnitKey, str]]:
    """A name of lm-eval's form for every unit."""
    taken: set[str] = set()
    for unit in units:
        name = _NOT_IN_NAMES.sub("_", "_".join(filter(None, unit[1:])))[:60].strip("_.") or "task"
        if name in taken:
            name = f"{name}_{hashlib.sha256(repr(unit).encode()).hexdigest()[:8]}"
        taken.add(name)
        yield unit, name


def _results(record: RunRecord, model: ModelRecord, named: Mapping[str, Sequence[ScoreRecord]]) -> dict[str, Any]:
    tasks = {task.name: task for task in record.tasks}
    kinds = {name: tasks[scores[0].task].kind if scores[0].task in tasks else "" for name, scores in named.items()}
    stages = [stage for stage in record.stages if stage.model == model.name]
    return {
        "results": {name: _scores(name, scores) for name, scores in named.items()},
        "group_subtasks": {name: [] for name in named},
        "configs": {name: {"task": name, "output_type": kinds[name]} for name in named},
        "versions": dict.fromkeys(named, "glotbench"),
        "n-shot": {},
        "higher_is_better": {
            name: {_metric(score)[0]: score.higher_is_better for score in scores} for name, scores in named.items()
        },
        "n-samples": {
            name: {"original": scores[0].n + scores[0].n_failed, "effective": scores[0].n}
            for name, scores in named.items()
        },
        "config": {"model": model.backend, "model_args": "", **model.identity},
        "git_hash": record.git_commit or None,
        "date": _date(record.created).timestamp(),
        "lm_eval_version": record.versions.get("lm-eval", ""),
        "transformers_version": record.versions.get("transformers", ""),
        "task_hashes": {},
        "model_source": model.backend,
        "model_name": model.name,
        "model_name_sanitized": re.sub(r"[\"<>:/|\\?*\[\]]+", "__", model.name),
        "system_instruction": None,
        "chat_template": None,
        "fewshot_as_multiturn": None,
        "total_evaluation_time_seconds": _seconds(stages),
        OURS: {
            "version": harness.__version__,
            "model": model.model_dump(mode="json"),
            "tasks": {name: task.model_dump(mode="json") for name, task in tasks.items()},
            "scores": {name: [score.model_dump(mode="json") for score in scores] for name, scores in named.items()},
        },
    }


def _scores(name: str, scores: Sequence[ScoreRecord]) -> dict[str, Any]:
    """A task's entry in ``results``; a score that is missing is in ``glotbench`` alone: lm-eval has no word for it."""
    found: dict[str, Any] = {"name": name, "alias": name, "sample_len": scores[0].n}
    for score in scores:
        if score.value is not None:
            metric, chain = _metric(score)
            found[f"{metric},{chain}"] = score.value
            found[f"{metric}_stderr,{chain}"] = "N/A" if score.stderr is None else score.stderr
    return found


def _metric(score: ScoreRecord) -> tuple[str, str]:
    """lm-eval's metric and filter of a score: ``exact_match@strict`` names a filter, ``mean@rouge1`` a metric."""
    name, _, part = score.metric.partition(registry.PART)
    of = score.metric_options.get("of")
    if name == "mean" and isinstance(of, str):
        return of, part.removeprefix(of).removeprefix("+") or NO_FILTER
    return name, part or NO_FILTER


def _lines(folder: RunFolder, unit: UnitKey, scores: Sequence[ScoreRecord]) -> Iterator[dict[str, Any]]:
    """Samples of a unit: a line a document for every filter, statistics on the first of them."""
    held = folder.metrics(unit)
    tables = {score.metric: folder.statistics(unit, score.metric) for score in scores if score.metric in held}
    places = {label: {segment: row for row, segment in enumerate(own.segments)} for label, own in tables.items()}
    chains: dict[str, list[ScoreRecord]] = {}
    for score in scores:
        chains.setdefault(_metric(score)[1], []).append(score)
    for number, row in enumerate(folder.segments(unit)):
        ours: dict[str, Any] = {
            "segment": row.segment,
            "cluster": row.cluster,
            "source": row.source,
            "references": list(row.references),
            "hypothesis": row.hypothesis,
            "failed": row.failed,
            "reasoning": row.reasoning,
            "stats": {
                label: tables[label].stats[place[row.segment]].tolist()
                for label, place in places.items()
                if row.segment in place
            },
        }
        for position, (chain, own) in enumerate(chains.items()):
            values = {
                _metric(score)[0]: float(tables[score.metric].scores[places[score.metric][row.segment]])
                for score in own
                if score.metric in tables and row.segment in places[score.metric]
            }
            known = {name: value for name, value in values.items() if math.isfinite(value)}
            yield {
                **_sample(number, row, chain),
                "metrics": list(known),
                **known,
                **({OURS: ours} if not position else {}),
            }


def _sample(number: int, row: SegmentRow, chain: str) -> dict[str, Any]:
    doc = {"source": row.source, "references": list(row.references)}
    target = row.references[0] if len(row.references) == 1 else str(list(row.references))
    source, answer = row.source or "", row.hypothesis or ""
    return {
        "doc_id": number,
        "doc": doc,
        "target": target,
        "arguments": {"gen_args_0": {"arg_0": source}},
        "resps": [[answer]],
        "filtered_resps": [answer],
        "filter": chain,
        "doc_hash": _hash(json.dumps(doc, indent=2, ensure_ascii=False)),
        "prompt_hash": _hash(source),
        "target_hash": _hash(target),
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _seconds(stages: Sequence[StageRecord]) -> str | None:
    return str(math.fsum(stage.seconds for stage in stages)) if stages else None


def _date(text: str) -> datetime.datetime:
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError:
        return datetime.datetime.fromtimestamp(0, datetime.UTC)


# ------------------------------------------------------------------------------------------------ reading


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
            changes = {"model": named.name, "segments": known, "note": note}
            task = ours.tasks.get(score.task) or TaskRecord(name=score.task, kind="")
            run.add(f"{results.path}: {shown(name)}", score.model_copy(update=changes), named, task)
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
