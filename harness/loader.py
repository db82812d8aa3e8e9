"""YAML -> spec, every mistake reported at once with ``file:line: field: what is wrong``; names -> task files.

The only way from a file people write to :class:`~harness.spec.TaskSpec` and :class:`~harness.policy.GatePolicy`.
Languages come out in canonical codes. Reads no data and makes no request.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from harness import validation
from harness.dataset_checks import check_datasets
from harness.directions import expand_directions
from harness.errors import SpecError, UserError
from harness.languages import canonical
from harness.lm_eval_index import PREFIX
from harness.lm_eval_tasks import LmEvalTasks, wrong_names
from harness.mteb_index import PREFIX as MTEB
from harness.mteb_tasks import mteb_tasks
from harness.policy import GatePolicy
from harness.spec import TaskSpec
from harness.task_checks import check_task, read_languages
from harness.task_file import TaskFile
from harness.variant_checks import read_variants
from harness.yaml_reader import MAX_BYTES, Location, Problem, YamlFile, read_yaml
from metrics.spelling import did_you_mean

__all__ = [
    "TaskFile",
    "expand_directions",
    "load_policy",
    "load_task",
    "load_tasks",
    "select",
    "task_index",
    "task_names",
]

_LM_EVAL_KEYS = frozenset(
    [
        "class",
        "dataset_name",
        "dataset_path",
        "doc_to_target",
        "doc_to_text",
        "group",
        "include",
        "metric_list",
        "output_type",
        "tag",
    ]
)
_TOP_KEY = re.compile(r"^(?P<key>[A-Za-z_]+):[ \t]*(?P<value>.*)$", re.MULTILINE)
_NAME = re.compile(r"""^(?P<quote>["']?)(?P<name>[^"'#\s]+)(?P=quote)[ \t]*(#.*)?\r?$""")
_SUFFIXES = (".yaml", ".yml")


def load_task(path: Path) -> TaskSpec:
    """Read and check one task file.

    Raises:
        SpecError: With every problem of the file.
    """
    return _load(path).spec


def load_tasks(
    names: Sequence[str], folders: Sequence[Path], *, trust_code: bool = False, cache: Path | None = None
) -> list[TaskFile]:
    """Task files by name or path, in the order asked for, each once.

    Args:
        names: Names of tasks in the folders (ours, or lm-eval's tasks, groups and tags), paths of YAML files,
            ``lm-eval:NAME`` for a task, group or tag of lm-eval's own, or ``mteb:NAME`` for a task of mteb's. A group
            may be several tasks of ours.
        folders: Searched recursively; where two have a task of the same name, the earlier folder's is taken, and ours
            before lm-eval's.
        trust_code: Whether Python code may run that lm-eval's files in the folders name.
        cache: Folder in which the indexes of lm-eval's own tasks and of mteb's are kept.

    Raises:
        UserError: A name is unknown, or a folder has a name twice.
        SpecError: With every problem of all files.
    """
    index = task_index(folders)
    lm_eval = LmEvalTasks(folders, cache, trusted=trust_code)
    loaded: list[TaskFile] = []
    unknown: list[str] = []
    problems: list[str] = []
    for name in dict.fromkeys(names):
        try:
            found = mteb_tasks(name.removeprefix(MTEB), cache) if name.startswith(MTEB) else None
            found = found or _named(name, index, lm_eval)
        except SpecError as error:
            problems += error.problems
        except UserError as error:
            unknown += str(error).splitlines()
        else:
            loaded += found or ()
            unknown += [_unknown_task(name, index, folders, lm_eval)] if found is None else []
    if unknown:
        raise UserError("\n".join(unknown))
    if problems:
        raise SpecError(problems)
    loaded = list({(task.path, task.spec.task): task for task in loaded}.values())
    _check_distinct(loaded)
    return loaded


def task_names(folders: Sequence[Path]) -> list[str]:
    """Names of every task in some folders, ours and lm-eval's; groups and tags of lm-eval's are left out.

    Raises:
        UserError: There is no such folder.
        SpecError: A folder has a name twice, or one of lm-eval's files cannot be read.
    """
    index = task_index(folders)
    lm_eval = LmEvalTasks(folders, None, trusted=False)
    wrong = [problem for path, problem in lm_eval.problems() if _is_lm_eval(path)]
    if wrong:
        raise SpecError(wrong)
    return sorted({*index, *lm_eval.names()})


def task_index(folders: Sequence[Path]) -> dict[str, Path]:
    """Names of the tasks in some folders, from the ``task:`` line alone: nothing is validated.

    lm-eval's task files and YAML files that are no tasks are left out.

    Raises:
        UserError: There is no such folder.
        SpecError: A folder has a name twice.
    """
    index: dict[str, Path] = {}
    problems: list[str] = []
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder of tasks; name one that holds YAML files")
        here: dict[str, Path] = {}
        for path in sorted(folder.rglob("*.yaml")):
            name = _task_name(path)
            if name is not None and name in here:
                problems.append(f"{path}: task: the name '{name}' is also that of {here[name]}; rename one")
            elif name is not None:
                here[name] = path
        index = {**here, **index}
    if problems:
        raise SpecError(problems)
    return index


def select(spec: TaskSpec, languages: Sequence[str] | None) -> tuple[str, ...]:
    """Canonical codes of the task's languages that are wanted, in the task's order; all of them for ``None``.

    Args:
        spec: The task.
        languages: Codes of any kind that :func:`harness.languages.find` takes, or the data set's own.

    Raises:
        UserError: The task does not have one of them.
    """
    if languages is None:
        return tuple(spec.languages)
    own = {code: language for language, code in spec.languages.items()}
    wanted: set[str] = set()
    problems = []
    for code in languages:
        found = code if code in spec.languages else own.get(code) or canonical(code)
        if found not in spec.languages:
            hint = did_you_mean(found, spec.languages) or f"; it has {', '.join(spec.languages)}"
            problems.append(f"task {spec.task}: has no language {found}{hint}")
        wanted.add(found)
    if problems:
        raise UserError("\n".join(problems))
    return tuple(language for language in spec.languages if language in wanted)


def load_policy(path: Path) -> GatePolicy:
    """Read and check a gate policy; languages in selectors and waivers become canonical codes.

    Raises:
        SpecError: With every problem of the file.
    """
    file = read_yaml(path)
    value, problems = _canonical_policy(file.value)
    policy = _validated(GatePolicy, value, file, problems)
    assert isinstance(policy, GatePolicy)
    return policy


def _named(name: str, index: dict[str, Path], lm_eval: LmEvalTasks) -> list[TaskFile] | None:
    """The tasks of a name or path; ``None`` where there are none."""
    if name.startswith(PREFIX):
        return lm_eval.own(name.removeprefix(PREFIX))
    path = index.get(name)
    if path is None and name.endswith(_SUFFIXES) and Path(name).is_file():
        path = Path(name)
        if _is_lm_eval(path):
            return lm_eval.at(path)
    return lm_eval.in_folders(name) if path is None else [_load(path, lm_eval)]


def _load(path: Path, lm_eval: LmEvalTasks | None = None) -> TaskFile:
    """A task file of ours; with ``lm_eval``, checked against lm-eval's names where it has patterns of them."""
    file = read_yaml(path)
    task = _task_file(file)
    if lm_eval is None or not task.spec.from_lm_eval:
        return task
    problems = [file.problem(place, text) for place, text in wrong_names(task.spec, lm_eval.stock)]
    if problems:
        raise SpecError(problems)
    return replace(task, index=lm_eval.stock, trusted=lm_eval.trusted)


def _task_file(file: YamlFile) -> TaskFile:
    raw = file.value
    assert isinstance(raw, dict)
    if "kind" not in raw and raw.keys() & _LM_EVAL_KEYS:
        raise SpecError([f"{file.path}: a task file of lm-eval's, which has no 'kind'; name it to run it"])
    languages, problems = read_languages(file)
    value: dict[str, object] = dict(raw)
    if isinstance(raw.get("languages"), list | dict):
        value["languages"] = languages or ({"eng_Latn": ""} if problems else {})
    variants, wrong = read_variants(raw, languages)
    if "variants" in raw:
        value["variants"] = variants
    problems += wrong
    problems += check_task(raw, languages)
    problems += check_datasets(file, languages)
    pivot = raw.get("pivot")
    if isinstance(pivot, str) and not any(place == ("pivot",) for place, _ in problems):
        value["pivot"] = canonical(pivot)
    spec = _validated(TaskSpec, value, file, problems)
    assert isinstance(spec, TaskSpec)
    return TaskFile(path=file.path, spec=spec, sha256=hashlib.sha256(file.content).hexdigest())


def _validated(model: type[BaseModel], value: object, file: YamlFile, found: Sequence[Problem]) -> BaseModel:
    """The validated model, or every problem: those of reading, those already found, and those pydantic finds."""
    problems = [*file.problems, *found]
    made: BaseModel | None = None
    try:
        made = model.model_validate(value)
    except ValidationError as error:
        told = {place for place, _ in problems}
        problems += [(place, text) for place, text in validation.problems(model, error, file) if place not in told]
    if made is None or problems:
        ordered = sorted(dict.fromkeys(problems), key=lambda problem: file.line(problem[0]))
        raise SpecError([file.problem(place, text) for place, text in ordered])
    return made


def _top_keys(path: Path) -> dict[str, str]:
    """What stands at the beginning of lines with a colon after it, and behind that; from the text alone."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            return {}
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return {}
    return {match["key"]: match["value"] for match in reversed(list(_TOP_KEY.finditer(text)))}


def _is_lm_eval(path: Path) -> bool:
    keys = _top_keys(path).keys()
    return "kind" not in keys and bool(keys & _LM_EVAL_KEYS)


def _task_name(path: Path) -> str | None:
    """Name in the ``task:`` line of one of our task files; ``None`` for every other file."""
    keys = _top_keys(path)
    if "task" not in keys or ("kind" not in keys and keys.keys() & _LM_EVAL_KEYS):
        return None
    match = _NAME.match(keys["task"])
    return match["name"] if match else None


def _unknown_task(name: str, index: dict[str, Path], folders: Sequence[Path], lm_eval: LmEvalTasks) -> str:
    if name.endswith(_SUFFIXES) or "/" in name:
        return f"{name}: no such task file; check the path, or name a task ('glotbench tasks list' shows them)"
    hint = did_you_mean(name, [*index, *lm_eval.names()])
    where = ", ".join(map(str, folders)) or "no folder"
    wrong = "".join(f"\n{problem}" for path, problem in lm_eval.problems() if _is_lm_eval(path))
    return (
        f"unknown task '{name}'{hint}; 'glotbench tasks list' shows the tasks (searched: {where}); lm-eval's own are "
        f"called {PREFIX}NAME, mteb's {MTEB}NAME{wrong}"
    )


def _check_distinct(tasks: Sequence[TaskFile]) -> None:
    """Records name tasks, so that two tasks of one name in a run could not be told apart."""
    seen: dict[str, Path] = {}
    for task in tasks:
        first = seen.setdefault(task.spec.task, task.path)
        if first != task.path:
            raise UserError(f"{task.path}: the name '{task.spec.task}' is also that of {first}; run one at a time")


def _canonical_policy(raw: Any) -> tuple[Any, list[Problem]]:
    """The policy with canonical codes where languages are named, ``source-target`` included."""
    problems: list[Problem] = []
    places: list[tuple[Location, dict[str, Any]]] = []
    value = {**raw}
    if isinstance(raw.get("rules"), list):
        value["rules"] = [_copied(rule) for rule in raw["rules"]]
        for index, rule in enumerate(value["rules"]):
            if isinstance(rule, dict) and isinstance(rule.get("select"), dict):
                places.append((("rules", index, "select"), rule["select"]))
    if isinstance(raw.get("waivers"), list):
        value["waivers"] = [_copied(waiver) for waiver in raw["waivers"]]
        places += [(("waivers", index), one) for index, one in enumerate(value["waivers"]) if isinstance(one, dict)]
    for place, mapping in places:
        code = mapping.get("language")
        codes: list[Any] = code if isinstance(code, list) else [code]
        if code is None or not all(isinstance(one, str) for one in codes):
            continue
        try:
            found = [_canonical_label(one) for one in codes]
            mapping["language"] = found if isinstance(code, list) else found[0]
        except UserError as error:
            problems.append(((*place, "language"), str(error)))
    return value, problems


def _copied(value: Any) -> Any:
    return {key: _copied(item) for key, item in value.items()} if isinstance(value, dict) else value


def _canonical_label(code: str) -> str:
    """Canonical form of a language or of a direction such as ``eng-yor``."""
    try:
        return canonical(code)
    except UserError:
        parts = code.split("-", maxsplit=8)
        for cut in range(1, len(parts)):
            try:
                return f"{canonical('-'.join(parts[:cut]))}-{canonical('-'.join(parts[cut:]))}"
            except UserError:
                continue
        raise
