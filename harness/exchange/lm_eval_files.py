"""lm-eval's ``results_*.json``, checked as they are read; what is in them, in our words.

The files are those of ``lm_eval --output_path DIR --log_samples`` (0.4.13; older ones where they differ in little).
A samples file belongs to the results file with the same date beside it. Knows no task and no record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import RecordError
from harness.untrusted import (
    name_in,
    number_in,
    object_in,
    parse_json,
    read_bytes,
    sha256_of,
    shown,
)

OURS = "glotbench"
"""Key under which files that we write keep what lm-eval's have no place for."""

NO_FILTER = "none"
"""lm-eval's name of the only filter of a task that has none."""

_DATE = re.compile(r"_(?P<date>\d{4}-\d\d-\d\dT[\d.-]+)\.json$")
_MOST_SAFE = 2**53
_LONGEST_FILE_NAME = 255
_NOT_METRICS = frozenset(["name", "alias", "sample_len", "sample_count", "samples"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """One score of a results file; ``nan`` and infinities as they stand, no standard error where it has none."""

    value: float
    stderr: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsFile:
    """One results file.

    Attributes:
        version: Of lm-eval. model: As the file calls it. identity: What it says of the model, without secrets.
        scores: Task or group -> (metric, filter) -> score.
        configs: Task -> its configuration. shots: Task or group -> examples in a prompt.
        sizes: Task -> how many documents were scored.
        groups: Group -> its members.
        higher_is_better: Task -> metric -> whether.
        chat: ``(template, multiturn, system)`` where a chat template was applied.
        ours: What a file of ours says beside.
        samples: Task -> its samples file.
    """

    path: Path
    sha256: str
    version: str
    model: str
    identity: Mapping[str, str]
    scores: Mapping[str, Mapping[tuple[str, str], Reported]]
    configs: Mapping[str, Mapping[str, object]]
    shots: Mapping[str, int]
    sizes: Mapping[str, int]
    groups: Mapping[str, Sequence[str]]
    higher_is_better: Mapping[str, Mapping[str, bool]]
    chat: tuple[str, bool, str] | None
    ours: Mapping[str, object]
    samples: Mapping[str, Path]


def find_results(paths: Sequence[Path]) -> list[Path]:
    """The results files among files and in folders; samples files that are named count through the results beside them.

    Raises:
        RecordError: A folder has none, or a samples file lies alone.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = [one for one in sorted(path.rglob("*.json")) if _DATE.search(one.name) or one.stem == "results"]
            if not inside:
                raise RecordError(f"{path}: no results_DATE.json in this folder; name one that lm_eval wrote")
            found.update(dict.fromkeys(inside))
        elif path.suffix == ".jsonl":
            date = _DATE.search(path.name.removesuffix("l"))
            beside = sorted(path.parent.glob(f"*_{date['date']}.json")) if date else []
            if not beside:
                raise RecordError(
                    f"{path}: samples without their results; put results_DATE.json of the same date beside"
                )
            found.update(dict.fromkeys(beside))
        else:
            found[path] = None
    return list(found)


def read_results(path: Path) -> ResultsFile:
    """A results file, checked.

    Raises:
        RecordError: With the first thing that is wrong.
    """
    content = read_bytes(path)
    body = object_in(parse_json(content, str(path)), str(path))
    if "results" not in body:
        raise RecordError(f"{path}: no 'results'; name a results_DATE.json that lm_eval wrote with --output_path")
    results = object_in(body["results"], f"{path}: results")
    scores = {
        name_in(task, f"{path}: results"): dict(_scores(object_in(found, f"{path}: results.{shown(task)}"), path, task))
        for task, found in results.items()
    }
    date = _DATE.search(path.name)
    config = _object(body, "config", path)
    identity = {
        **{key: shown_plain(value) for key, value in config.items() if key in _IDENTITY and value not in (None, "")},
        "lm_eval": _text(body, "lm_eval_version") or "unknown",
        **({"model_args": _without_secrets(config["model_args"])} if config.get("model_args") else {}),
    }
    return ResultsFile(
        path=path,
        sha256=sha256_of(content),
        version=_text(body, "lm_eval_version"),
        model=_model(body, config),
        identity=identity,
        scores=scores,
        configs={task: object_in(one, f"{path}: configs") for task, one in _object(body, "configs", path).items()},
        shots={
            task: _count(one, f"{path}: n-shot.{shown(task)}") for task, one in _object(body, "n-shot", path).items()
        },
        sizes=_sizes(_object(body, "n-samples", path), path),
        groups={group: _names(members) for group, members in _object(body, "group_subtasks", path).items() if members},
        higher_is_better={
            task: {metric: one for metric, one in found.items() if isinstance(one, bool)}
            for task, found in _object(body, "higher_is_better", path).items()
            if isinstance(found, dict)
        },
        chat=_chat(body),
        ours=_object(body, OURS, path),
        samples=_samples_beside(path, list(scores), date["date"]) if date else {},
    )


def _scores(found: Mapping[str, object], path: Path, task: str) -> Iterator[tuple[tuple[str, str], Reported]]:
    for key, value in found.items():
        metric, comma, chain = key.partition(",")
        if metric in _NOT_METRICS or metric.endswith("_stderr") or (not comma and not isinstance(value, int | float)):
            continue
        where = f"{path}: results.{shown(task)}.{shown(key)}"
        error = found.get(f"{metric}_stderr,{chain}" if comma else f"{metric}_stderr")
        yield (
            (name_in(metric, where), name_in(chain or NO_FILTER, where)),
            Reported(
                value=number_in(value, where),
                stderr=None if error in (None, "N/A") else number_in(error, f"{where} (stderr)"),
            ),
        )


_IDENTITY = frozenset(
    ["model", "model_num_parameters", "model_dtype", "model_revision", "model_sha", "limit", "gen_kwargs"]
)
_SECRET = re.compile(r"key|token|secret|password|auth|credential", re.IGNORECASE)


def _without_secrets(arguments: object) -> str:
    """A model's arguments as text, without what may be a key."""
    if isinstance(arguments, dict):
        pairs = [(str(key), shown_plain(value)) for key, value in arguments.items()]
    else:
        pairs = [(key, value) for key, _, value in (part.partition("=") for part in str(arguments).split(","))]
    return ",".join(f"{key}={value}" for key, value in pairs if not _SECRET.search(key))[:500]


def shown_plain(value: object) -> str:
    """A value of a configuration as text of bearable length."""
    return str(value)[:300]


def _model(body: Mapping[str, object], config: Mapping[str, object]) -> str:
    """The model's name. lm-eval makes one up where it was given an object and no arguments; that one says nothing."""
    named = _text(body, "model_name") if config.get("model_args") or OURS in body else ""
    return named or _text(config, "model") or _text(body, "model_name")


def _chat(body: Mapping[str, object]) -> tuple[str, bool, str] | None:
    template = _text(body, "chat_template")
    return (template, bool(body.get("fewshot_as_multiturn")), _text(body, "system_instruction")) if template else None


def _sizes(found: Mapping[str, object], path: Path) -> dict[str, int]:
    sizes = {task: one.get("effective") for task, one in found.items() if isinstance(one, dict)}
    return {task: _count(one, f"{path}: n-samples.{shown(task)}") for task, one in sizes.items() if one is not None}


def _count(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _MOST_SAFE:
        raise RecordError(f"{where}: expected a count, found {shown(value)}")
    return value


def _object(body: Mapping[str, object], key: str, path: Path) -> dict[str, object]:
    return object_in(body.get(key) or {}, f"{path}: {key}")


def _text(body: Mapping[str, object], key: str) -> str:
    value = body.get(key)
    return value if isinstance(value, str) else ""


def _names(members: object) -> list[str]:
    return [one for one in members if isinstance(one, str)] if isinstance(members, list) else []


def _samples_beside(path: Path, tasks: Sequence[str], date: str) -> dict[str, Path]:
    named = {task: f"samples_{task}_{date}.jsonl" for task in tasks}
    safe = {task: path.parent / name for task, name in named.items() if _is_file_name(name)}
    return {task: file for task, file in safe.items() if file.is_file()}


def _is_file_name(name: str) -> bool:
    return Path(name).name == name and len(name.encode("utf-8", "replace")) <= _LONGEST_FILE_NAME
