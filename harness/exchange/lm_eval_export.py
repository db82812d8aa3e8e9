"""Runs as files of lm-eval's form.

What lm-eval's files have no place for stands under ``glotbench``: in the results file our score records with the
model's and the tasks', in a sample its statistics. lm-eval's own readers pass over it; ``lm_eval_own`` reads it again.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import harness
from harness.exchange.lm_eval_files import NO_FILTER, OURS
from harness.records import ModelRecord, RunRecord, ScoreRecord, StageRecord
from harness.store import RunFolder, SegmentRow, UnitKey
from metrics import registry

_NOT_IN_NAMES = re.compile(r"[^\w.+-]+")


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
            "scores": {name: [asdict(score) for score in scores] for name, scores in named.items()},
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
