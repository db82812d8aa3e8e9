"""Run records as mteb's result files, and mteb's result files as run records.

The file is mteb's ``TaskResult`` (2.26), one a task. What it has no place for stands in every score entry under
``glotbench``, which mteb keeps: our score records with their intervals. Such a file comes back as it went. Of mteb's
own files, the main score of every subset is taken; it has no segments and no interval, and says so.
"""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import RecordError, UserError
from harness.imported import LABEL, ImportedRun, metric_facts
from harness.languages import UND, lookup
from harness.mteb_index import mteb_version
from harness.mteb_names import MtebNames, metric_of, mteb_key, mteb_names
from harness.records import Fingerprint, ModelRecord, RunRecord, ScoreRecord, TaskRecord
from harness.store import content_hash
from harness.untrusted import parse_json, read_bytes, sha256_of

INSIDE = "glotbench"
"""Key of a score entry under which our own records stand."""

_MOST_BYTES = 100_000_000
_NOTE = "imported from mteb's result file: no segments are known"
_FOLDER = re.compile(r"[^\w.-]+", re.ASCII)


class _Inside(BaseModel):
    """What we write beside mteb's own scores."""

    model: ModelRecord
    task: TaskRecord
    scores: tuple[ScoreRecord, ...] = Field(min_length=1)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="allow")

    main_score: float | None = Field(allow_inf_nan=False)
    hf_subset: str = Field(max_length=200)
    languages: list[str]
    glotbench: _Inside | None = None


class _Result(BaseModel):
    task_name: str = Field(min_length=1, max_length=200)
    dataset_revision: str = ""
    mteb_version: str | None = None
    scores: dict[str, list[_Entry]] = Field(min_length=1)


def result_files(record: RunRecord, cache: Path | None) -> Iterator[tuple[Path, dict[str, Any]]]:
    """mteb's result of every model and task of a run, with its path in mteb's layout of results.

    Args:
        cache: Where the index of mteb's tasks is kept; tasks and subsets are called as mteb calls them, if it does.
    """
    try:
        version: str | None = mteb_version()
    except UserError:
        version = None
    tasks = {task.name: task for task in record.tasks}
    for model in record.models:
        revision = content_hash(model.identity)[:16]
        folder = Path(_FOLDER.sub("-", model.name.replace("/", "__")).strip("-._") or "model") / revision
        for name, task in tasks.items():
            scores = [score for score in record.scores if (score.model, score.task) == (model.name, name)]
            names = mteb_names(name, cache) if version else None
            entries = list(_entries(scores, model, task, names))
            if not entries:
                continue
            spent = [stage.seconds for stage in record.stages if (stage.model, stage.task) == (model.name, name)]
            called = names.task if names else name
            yield (
                folder / f"{_FOLDER.sub('-', name)}.json",
                {
                    "dataset_revision": (names.revision if names else "") or scores[0].fingerprint.dataset,
                    "task_name": called,
                    "mteb_version": version,
                    "scores": {names.split if names else "test": entries},
                    "evaluation_time": math.fsum(spent) if spent else None,
                    "kg_co2_emissions": None,
                    "date": _timestamp(record.created),
                },
            )


def _entries(
    scores: Sequence[ScoreRecord], model: ModelRecord, task: TaskRecord, names: MtebNames | None
) -> Iterator[dict[str, Any]]:
    """One entry a unit; those without a value are left out, because mteb has none for what is missing."""
    units: dict[tuple[str, ...], list[ScoreRecord]] = {}
    for score in scores:
        units.setdefault(score.unit_key, []).append(score)
    for found in units.values():
        first = found[0]
        if first.value is None:
            continue
        label = (first.language, first.variant)
        subset = names.subsets.get(label) if names else None
        plain = "/".join(filter(None, [first.language, first.variant, first.prompt]))
        codes = subset[1] if subset else ["-".join(side.split("_")[:2]) for side in first.language.split("-")]
        values = {mteb_key(one.metric, one.metric_options): one.value for one in found if one.value is not None}
        inside = _Inside(model=model, task=task, scores=tuple(found))
        yield {
            **values,
            "main_score": first.value,
            "hf_subset": subset[0] if subset else plain,
            "languages": list(codes),
            INSIDE: inside.model_dump(mode="json"),
        }


def _timestamp(text: str) -> float | None:
    try:
        return datetime.datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def imported_run(files: Sequence[Path], model: str, out: Path, cache: Path | None, command: str) -> Path:
    """Write a run folder of mteb's result files.

    Args:
        files: Files, or folders of them. model: Name of the model; where empty, the one that our own files name, else
            that of the folder, in mteb's layout ``MODEL/REVISION/TASK.json``.
        out: Results folder.

    Raises:
        RecordError: A file is no result of mteb's, or two of them have the same score.
    """
    run = ImportedRun("mteb")
    for path in _result_paths(files):
        result, sha256 = _read(path)
        run.read(path, sha256, result.mteb_version or "unknown")
        for score, made_by, task in _imported(path, result, model, cache):
            run.add(str(path), score, made_by, task)
    return run.write(out, command, (_NOTE,))


def _result_paths(files: Sequence[Path]) -> Iterator[Path]:
    for file in files:
        if file.is_dir():
            found = [path for path in sorted(file.rglob("*.json")) if path.name != "model_meta.json"]
            if not found:
                raise RecordError(f"{file}: no JSON file in this folder; name mteb's result files")
            yield from found
        else:
            yield file


def _read(path: Path) -> tuple[_Result, str]:
    """A result file, checked, and its SHA-256.

    Raises:
        RecordError: With the first thing that is wrong.
    """
    raw = read_bytes(path, _MOST_BYTES)
    content = parse_json(raw, str(path))
    if isinstance(content, dict) and "mteb_dataset_name" in content:
        raise RecordError(f"{path}: a result of mteb before 1.11; load and save it with mteb's TaskResult first")
    try:
        return _Result.model_validate(content), sha256_of(raw)
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(map(str, detail["loc"])) or "the file"
        told = f"{place}: {detail['msg']}".replace("\n", " ")
        raise RecordError(f"{path}: no result of mteb's: {told[:200]}; expected its TaskResult") from error


def _imported(
    path: Path, result: _Result, model: str, cache: Path | None
) -> Iterator[tuple[ScoreRecord, ModelRecord, TaskRecord]]:
    for split, entries in result.scores.items():
        task_name = result.task_name if split == "test" or len(result.scores) == 1 else f"{result.task_name}.{split}"
        own = [_label(entry) for entry in entries]
        for entry, label in zip(entries, own, strict=True):
            if entry.glotbench is not None:
                inside = entry.glotbench
                named = inside.model.model_copy(update={"name": model or inside.model.name})
                for score in inside.scores:
                    yield replace(score, model=named.name, segments=False), named, inside.task
                continue
            made_by = ModelRecord(
                name=model or _model_of(path),
                backend="mteb",
                identity={"mteb": result.mteb_version or "unknown"},
                label=LABEL,
            )
            variant = entry.hf_subset if own.count(label) > 1 or label == UND else ""
            score, kind = _score(result, entry, cache)
            task = TaskRecord(name=task_name, kind=kind, languages=tuple(label.split("-")))
            placed = replace(score, model=made_by.name, task=task_name, variant=variant, language=label)
            yield placed, made_by, task


def _score(result: _Result, entry: _Entry, cache: Path | None) -> tuple[ScoreRecord, str]:
    """The main score of an entry, as one of our metrics where it is one; and the kind of task."""
    metric, options, kind = metric_of(result.task_name, cache)
    signature = f"mteb:{result.mteb_version or 'unknown'}|{result.task_name}|{metric}"
    made = ScoreRecord(
        model="",
        task=result.task_name,
        language=UND,
        metric=metric,
        metric_options=options,
        value=entry.main_score,
        stderr=None,
        ci_low=None,
        ci_high=None,
        n=0,
        signature=signature,
        fingerprint=Fingerprint(dataset=result.dataset_revision, metric=signature),
        segments=False,
        note=_NOTE,
        **metric_facts(metric, options),
    )
    return made, kind


def _label(entry: _Entry) -> str:
    """Language or direction of an entry; ``und`` where it is neither."""
    found = [lookup(code) for code in entry.languages]
    known = list(dict.fromkeys(language.code for language in found if language is not None))
    if len(known) == 1 or (len(known) == 2 and "-" in entry.hf_subset):
        return "-".join(known) if all(found) else UND
    return UND


def _model_of(path: Path) -> str:
    """Name of the model from mteb's layout of results.

    Raises:
        RecordError: The file does not lie in it.
    """
    folder = path.absolute().parent.parent.name
    if "__" not in folder:
        raise RecordError(f"{path}: does not say which model it is of; name it with --model")
    return folder.replace("__", "/", 1)


def result_text(result: Mapping[str, object]) -> str:
    """A result file, as mteb writes them."""
    return json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
