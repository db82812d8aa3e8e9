"""A run made again: what is different now from what its record says, one line each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import harness
from harness.machine import git_commit, hardware, versions
from harness.records import RunRecord
from harness.task_file import TaskFile

_TOLD = 3
_SHORT = 12


def planned_differences(record: RunRecord, tasks: Sequence[TaskFile]) -> list[str]:
    """What can be seen before anything is computed: task files, programs, the machine."""
    lines = []
    now = {task.spec.task: task.sha256 for task in tasks}
    for task in record.tasks:
        if task.name not in now:
            lines.append(f"task {task.name} is not there any more")
        elif now[task.name] != task.file_sha256:
            lines.append(_changed(f"file of task {task.name}", task.file_sha256[:_SHORT], now[task.name][:_SHORT]))
    lines += [f"task {name} is new" for name in sorted(now.keys() - {task.name for task in record.tasks})]
    if record.glotbench != harness.__version__:
        lines.append(_changed("glotbench", record.glotbench, harness.__version__))
    lines += _changes(record.versions, versions(), "")
    lines += _changes(record.hardware, hardware(), "hardware: ")
    commit = git_commit()
    if record.git_commit != commit:
        lines.append(_changed("git commit", record.git_commit[:_SHORT], commit[:_SHORT]))
    return lines


def differences(before: RunRecord, now: RunRecord) -> list[str]:
    """What only the finished run tells: models, data, prompts, and how many scores are the same to the last digit."""
    lines = []
    models = {model.name: model.identity for model in now.models}
    for model in before.models:
        lines += _changes(model.identity, models.get(model.name, {}), f"model {model.name}: ")
    for what in ("dataset", "prompt"):
        lines += _changed_units(before, now, what)
    found = {(*score.unit_key, score.metric): score.value for score in now.scores}
    same = sum((*score.unit_key, score.metric) in found for score in before.scores)
    equal = sum(
        (key := (*score.unit_key, score.metric)) in found and found[key] == score.value for score in before.scores
    )
    total = len(before.scores)
    lines.append(
        f"all {total} scores are those of then, to the last digit"
        if equal == total
        else f"{equal} of {total} scores are those of then, {same - equal} are others, {total - same} are missing"
    )
    return lines


def _changed_units(before: RunRecord, now: RunRecord, what: str) -> list[str]:
    """Tasks whose data or prompts are other, with the languages where they are."""
    found = {score.unit_key[1:]: getattr(score.fingerprint, what) for score in now.scores}
    changed: dict[str, dict[str, None]] = {}
    for score in before.scores:
        key = score.unit_key[1:]
        if key in found and found[key] != getattr(score.fingerprint, what):
            changed.setdefault(score.task, {})[score.language] = None
    name = {"dataset": "data"}.get(what, what)
    return [
        f"task {task}: the {name} changed in {len(languages)} languages ({', '.join([*languages][:_TOLD])}"
        + (", ...)" if len(languages) > _TOLD else ")")
        for task, languages in changed.items()
    ]


def _changes(before: Mapping[str, str], now: Mapping[str, str], where: str) -> list[str]:
    names = sorted(before.keys() | now.keys())
    return [
        _changed(f"{where}{name}", before.get(name, ""), now.get(name, ""))
        for name in names
        if before.get(name) != now.get(name)
    ]


def _changed(what: str, before: str, now: str) -> str:
    return f"{what}: {now or 'nothing'}, was {before or 'nothing'}"
