"""lm-eval's YAML files -> entries by name: tasks, groups with their members, and tags.

What a name means is lm-eval's rule (0.4.13): of two files with one name the first in the order of paths has it, a
group lists its members, a tag is all tasks that carry it, sorted. A group may change its members (``- task:
arc_challenge, num_fewshot: 25``) or write them out in place. Such a member has an entry of its own here,
``group::member``, which is what lm-eval calls those that are written out.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from harness.errors import SpecError
from harness.lm_eval_files import Code, LmEvalFiles, code_in
from harness.lm_eval_languages import LANG, Facts, read_languages

EntryKind = Literal["task", "group", "tag", "python"]

SEPARATOR = "::"
"""Between a group and a member that the group changes or writes out."""

_GROUP_KEYS = frozenset(["group", "group_alias", "task", "aggregate_metric_list", "metadata"])
"""What a group says of itself; every other key is said of its members."""

_LABELS = frozenset(["task", "task_alias", "group", "group_alias", "tag", "aggregate_metric_list"])
"""Keys that change neither what a member asks nor how it is judged."""

_TASK_KINDS = ("task", "python")


class Score(NamedTuple):
    """One entry of a ``metric_list``; a function is ``!`` and its dotted name, what is not said is empty."""

    metric: str
    aggregation: str
    higher_is_better: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One name.

    Attributes:
        root: The folder in which its file and what that includes are.
        file: Its file below the root, with ``/``; empty for a tag.
        children: Names under a group or tag, in lm-eval's order, whether they exist or not.
        output_type, dataset_path, dataset_name: As the file says; empty where it does not, and for groups and tags.
        code: Whether the configuration names Python code (``!function``).
        language, pattern: See :class:`harness.lm_eval_languages.Reading`; empty for groups and tags, and an empty
            pattern is the name.
        scores: What a task is scored by, in the file's order. filters: Names of its answer filters.
        judges: Whether code of the task's own turns answers into scores (``process_results``).
        choices: How many choices every document has, where the file lists them; else 0.
        pooled: Whether a group has a score of its own over its members in which every document weighs the same
            (``aggregate_metric_list``).
        size, languages: How many tasks are in a group or tag, and in how many languages that are known.
        changes: What a group says of this member; stands before what the file says.
        inline: Whether the member is written out in its group: ``changes`` is all there is.
    """

    name: str
    kind: EntryKind
    root: Path
    file: str = ""
    children: tuple[str, ...] = ()
    output_type: str = ""
    dataset_path: str = ""
    dataset_name: str = ""
    code: bool = False
    language: str = ""
    pattern: str = ""
    scores: tuple[Score, ...] = ()
    filters: tuple[str, ...] = ()
    judges: bool = False
    choices: int = 0
    pooled: bool = False
    size: int = 0
    languages: int = 0
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    inline: bool = False

    @property
    def path(self) -> Path | None:
        """Its file; ``None`` for a tag."""
        return self.root / self.file if self.file else None

    @property
    def own(self) -> str:
        """What says the language in the name; the name where nothing does."""
        count = self.pattern.count(LANG)
        if not count:
            return self.name
        start = self.pattern.index(LANG)
        return self.name[start : start + len(LANG) + (len(self.name) - len(self.pattern)) // count]

    @property
    def is_task(self) -> bool:
        """Whether it is a task and no collection of them."""
        return self.kind in _TASK_KINDS

    @property
    def request_kind(self) -> str:
        """What lm-eval asks the model for; generation where a task does not say."""
        return self.output_type or "generate_until"


Lookup = Callable[[str], Entry | None]
"""Where to look for names that a folder does not have."""


FileProblem = tuple[Path, str]
"""A file, and what is wrong with it or what it includes."""


def read_entries(root: Path, others: Lookup) -> tuple[dict[str, Entry], list[FileProblem]]:
    """Every name in the files of a folder.

    Args:
        others: Finds members of groups that the folder does not have.

    Returns:
        Entries by name, and what is wrong with files that could not be read.
    """
    files = LmEvalFiles(root)
    builder = _Builder(root.resolve(), others)
    for path in files.paths():
        try:
            builder.add(path, files.read(path))
        except SpecError as error:
            builder.problems += [(path, problem) for problem in error.problems]
    return _counted(_with_languages(builder.entries())), builder.problems


def _with_languages(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """The entries, tasks with their languages; a member that a group changes has that of the task it was."""
    tasks = {_base(name): entry for name, entry in entries.items() if entry.is_task}
    readings = read_languages(
        {name: Facts(dataset_name=entry.dataset_name, folder=_folder(entry)) for name, entry in tasks.items()}
    )
    made = dict(entries)
    for name, entry in entries.items():
        if entry.is_task:
            found = readings[_base(name)]
            pattern = found.pattern if SEPARATOR not in name and found.pattern != name else ""
            made[name] = dataclasses.replace(entry, language=entry.language or found.language, pattern=pattern)
    return made


def _counted(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """The entries, groups and tags with how much is in them."""
    inside: dict[str, frozenset[str]] = {}

    def leaves(name: str) -> frozenset[str]:
        if name not in inside:
            inside[name] = frozenset()  # for a group that holds itself
            entry = entries.get(name)
            if entry is None or entry.is_task:
                inside[name] = frozenset([name])
            else:
                inside[name] = frozenset().union(*map(leaves, entry.children))
        return inside[name]

    made = dict(entries)
    for name, entry in entries.items():
        if not entry.is_task:
            found = [entries[leaf] for leaf in leaves(name) if leaf in entries]
            spoken = {leaf.language for leaf in found if leaf.language}
            made[name] = dataclasses.replace(entry, size=len(leaves(name)), languages=len(spoken))
    return made


def _base(name: str) -> str:
    """Name of the task that a member of a group is, or was before the group changed it."""
    parts = [part for part in name.split(SEPARATOR) if not part.isdecimal()]
    return parts[-1] if parts else name


def _folder(entry: Entry) -> str:
    return entry.file.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class _Named:
    """A name with its file, before groups know their members."""

    kind: EntryKind
    path: Path | None
    config: Mapping[str, Any]


class _Builder:
    def __init__(self, root: Path, others: Lookup) -> None:
        self.problems: list[FileProblem] = []
        self._root = root
        self._others = others
        self._named: dict[str, _Named] = {}
        self._tagged: dict[str, set[str]] = {}
        self._entries: dict[str, Entry] = {}
        self._open: set[str] = set()

    def add(self, path: Path, config: Mapping[str, Any]) -> None:
        """Register a file under its name; one without a name is there to be included, one with ``kind`` is ours."""
        kind = _kind(config)
        if kind is None or "kind" in config:
            return
        name = config.get("group" if kind == "group" else "task")
        if not isinstance(name, str) or not name:
            key = "group" if kind == "group" else "task"
            self.problems.append((path, f"{path}: {key}: expected a name, found {name!r}"))
            return
        if name in self._named:
            first = self._named[name].path or "a tag"
            self.problems.append((path, f"{path}: the name '{name}' is also that of {first}; rename one"))
            return
        self._named[name] = _Named(kind, path, config)
        if kind == "group":
            return
        tags = config.get("tag") or []
        for tag in tags if isinstance(tags, list) else [tags]:
            self._named.setdefault(str(tag), _Named("tag", None, {}))
            self._tagged.setdefault(str(tag), set()).add(name)

    def entries(self) -> dict[str, Entry]:
        """All entries, in the order of files, members that a group changes after it."""
        for name in self._named:
            self._made(name)
        return self._entries

    def _made(self, name: str) -> Entry | None:
        """The entry of a name; ``None`` where there is no such name, or a group that holds it is being made."""
        if name in self._entries or name in self._open:
            return self._entries.get(name)
        named = self._named.get(name)
        if named is None:
            return self._others(name)
        if named.kind == "group":
            assert named.path is not None
            self._group(name, named.path, named.config, {})
        elif named.kind == "tag":
            children = tuple(sorted(self._tagged[name]))
            self._entries[name] = Entry(name=name, kind="tag", root=self._root, children=children)
        else:
            assert named.path is not None
            try:
                self._task(name, named.kind, named.path, named.config)
            except SpecError as error:
                self.problems += [(named.path, problem) for problem in error.problems]
        return self._entries.get(name)

    def _task(self, name: str, kind: EntryKind, path: Path, config: Mapping[str, Any]) -> None:
        self._entries[name] = Entry(
            name=name,
            kind=kind,
            root=self._root,
            file=self._below(path),
            output_type=_text(config, "output_type"),
            dataset_path=_text(config, "dataset_path"),
            dataset_name=_text(config, "dataset_name"),
            code=bool(code_in(dict(config), path)),
            scores=_scores(config),
            filters=_filters(config),
            judges=isinstance(config.get("process_results"), Code),
            choices=len(choices) if isinstance(choices := config.get("doc_to_choice"), list) else 0,
        )

    def _group(self, name: str, path: Path, config: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
        """Make the entry of a group.

        Args:
            changes: What is said of its members above it; stands before what the group says of them.
        """
        self._open.add(name)
        said = {**{key: value for key, value in config.items() if key not in _GROUP_KEYS}, **changes}
        listed = config.get("task")
        children = [
            self._member(name, path, item, said, index)
            for index, item in enumerate(listed if isinstance(listed, list) else [])
        ]
        self._open.discard(name)
        self._entries[name] = Entry(
            name=name,
            kind="group",
            root=self._root,
            file=self._below(path),
            children=tuple(dict.fromkeys(children)),
            pooled=_pooled(config.get("aggregate_metric_list")),
        )

    def _below(self, path: Path) -> str:
        return str(path)[len(str(self._root)) + 1 :].replace(os.sep, "/")

    def _member(self, group: str, path: Path, item: object, said: Mapping[str, Any], index: int) -> str:
        """Name of what stands in a group's list."""
        if isinstance(item, str):
            return self._changed(group, item, said)
        if not isinstance(item, Mapping) or not isinstance(item.get("group", item.get("task")), str):
            return f"{group}[{index}]"
        changes = {**said, **item}
        if "group" in item:
            if self._made(item["group"]) is None and item["group"] not in self._open:
                own = self._free(f"{group}{SEPARATOR}{item['group']}")
                self._group(own, path, item, said)
                return own
            return self._changed(group, item["group"], changes)
        if self._made(item["task"]) is None and item["task"] not in self._open:
            own = self._free(f"{group}{SEPARATOR}{item['task']}")
            self._task(own, "task", path, changes)
            self._entries[own] = dataclasses.replace(self._entries[own], changes=changes, inline=True)
            return own
        return self._changed(group, item["task"], changes)

    def _changed(self, group: str, name: str, changes: Mapping[str, Any]) -> str:
        """Name of a member with changes: its own, unless there are some that matter."""
        effective = {key: value for key, value in changes.items() if key not in _LABELS}
        entry = self._made(name) if effective else None
        if entry is None:
            return name
        own = self._free(f"{group}{SEPARATOR}{name.rpartition(SEPARATOR)[2]}")
        if entry.is_task:
            merged = {**entry.changes, **effective}
            self._entries[own] = dataclasses.replace(
                entry,
                name=own,
                changes=merged,
                output_type=_text(merged, "output_type") or entry.output_type,
                dataset_path=_text(merged, "dataset_path") or entry.dataset_path,
                dataset_name=_text(merged, "dataset_name") or entry.dataset_name,
                code=entry.code or bool(code_in(dict(effective), own)),
                scores=_scores(merged) if "metric_list" in merged else entry.scores,
                filters=_filters(merged) if "filter_list" in merged else entry.filters,
            )
            return own
        children = tuple(self._changed(own, child, effective) for child in entry.children)
        self._entries[own] = dataclasses.replace(entry, name=own, children=children)
        return own

    def _free(self, name: str) -> str:
        """The name, or the name with a number where a group has the member twice."""
        count = 2
        free = name
        while free in self._entries:
            free, count = f"{name}{SEPARATOR}{count}", count + 1
        return free


def _kind(config: Mapping[str, Any]) -> EntryKind | None:
    if "class" in config:
        return "python"
    if "group" in config:
        return "group"
    return "task" if "task" in config else None


def _scores(config: Mapping[str, Any]) -> tuple[Score, ...]:
    listed = config.get("metric_list")
    return tuple(
        Score(
            metric=_named(one.get("metric")),
            aggregation=_named(one.get("aggregation")),
            higher_is_better=one.get("higher_is_better", True) is not False,
        )
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, Mapping)
    )


def _filters(config: Mapping[str, Any]) -> tuple[str, ...]:
    listed = config.get("filter_list")
    return tuple(
        str(one["name"])
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, Mapping) and "name" in one
    )


def _pooled(listed: object) -> bool:
    every = listed if isinstance(listed, list) else [listed]
    return bool(listed) and all(
        isinstance(one, Mapping) and one.get("weight_by_size", True) is not False for one in every
    )


def _named(value: object) -> str:
    if isinstance(value, Code):
        return f"!{value.name}"
    return value if isinstance(value, str) else ""


def _text(config: Mapping[str, Any], key: str) -> str:
    value = config.get(key)
    return value if isinstance(value, str) else ""


def no_others(_: str) -> None:
    """A place without names."""
