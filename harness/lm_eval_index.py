"""lm-eval's tasks by name, without importing lm-eval: where a task is, what a group holds, what its file says.

lm-eval's own 14,000 files are read once for an installation; their index is then one file in a cache folder, made anew
when any of them changes. The same index is made, every time, of a user's folder of lm-eval files.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from harness.errors import SpecError, UserError
from harness.index_cache import keep_index, kept_index
from harness.lm_eval_entries import SEPARATOR, Entry, FileProblem, Score, no_others, read_entries
from harness.lm_eval_files import IGNORED_FOLDERS, Code, LmEvalFiles, code_in, with_code
from metrics.spelling import did_you_mean

PREFIX = "lm-eval:"
"""What stands before the name of one of lm-eval's own tasks."""

_FORMAT = 1
"""Version of the cache file; to be raised with any change to what is in it."""

_JOIN = "+"
_NOT_OF_A_TASK = ("tag", "group", "task_list")


class Index:
    """Names of one folder of lm-eval's files.

    Args:
        root: The folder. entries: By name.
        problems: What is wrong with files of the folder that have no entry.
        others: Gives the index in which members of groups are looked for that the folder does not have.
    """

    def __init__(
        self,
        root: Path,
        entries: Mapping[str, Entry],
        problems: Sequence[FileProblem] = (),
        others: Callable[[], Index] | None = None,
    ) -> None:
        self.root = root
        self.problems = tuple(problems)
        self._entries = entries
        self._others = others

    def names(self) -> tuple[str, ...]:
        """Every name that a file gives, sorted; not those of members that a group changes or writes out."""
        return tuple(sorted(name for name in self._entries if SEPARATOR not in name))

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def entry(self, name: str) -> Entry:
        """What a name stands for.

        Raises:
            UserError: There is no such name.
        """
        found = self._entries.get(name)
        if found is not None:
            return found
        if self._others is not None:
            return self._others().entry(name)
        hint = did_you_mean(name, self.names())
        raise UserError(
            f"lm-eval has no task or group '{name}'{hint}; 'glotbench tasks list --source lm-eval' lists them"
        )

    def leaves(self, name: str) -> tuple[str, ...]:
        """Names of the tasks of a task, a group or a tag, in lm-eval's order, each once.

        Args:
            name: A name, or several joined by ``+``.

        Raises:
            UserError: A name does not exist, or a group holds itself.
        """
        found: dict[str, None] = {}
        for part in [name] if name in self else name.split(_JOIN):
            self._collect(part, found, ())
        return tuple(found)

    def _collect(self, name: str, found: dict[str, None], above: tuple[str, ...]) -> None:
        if name in above:
            raise UserError(f"lm-eval group '{name}' holds itself: {' > '.join([*above, name])}")
        try:
            entry = self.entry(name)
        except UserError as error:
            raise UserError(f"lm-eval group '{above[-1]}': {error}" if above else str(error)) from error
        if entry.is_task:
            found[name] = None
        for child in entry.children:
            self._collect(child, found, (*above, name))


def stock_index(cache: Path | None) -> Index:
    """Index of lm-eval's own tasks.

    Args:
        cache: Folder in which the index is kept; where there is none, or it cannot be written, the index is made
            every time.

    Raises:
        UserError: lm-eval is not installed.
    """
    root = stock_root()
    if cache is None:
        return Index(root, read_entries(root, no_others)[0])
    file = cache / f"lm-eval-index-{hashlib.sha256(str(root).encode()).hexdigest()[:8]}.json"
    key = _fingerprint(root)
    content = _cached(file, key)
    if content is None:
        content = _content(read_entries(root, no_others)[0])
        keep_index(file, {"key": key, **content})
    return Index(root, _Rows(root, content["rows"], content["scores"]))


def folder_index(folder: Path, others: Callable[[], Index] | None = None) -> Index:
    """Index of lm-eval's files in a user's folder.

    Args:
        folder: Files in it may include one another, and nothing outside.
        others: Gives the index in which members of groups are looked for that the folder does not have; called when
            one is met.
    """

    def lookup(name: str) -> Entry | None:
        index = others() if others is not None else None
        return index.entry(name) if index is not None and name in index else None

    root = folder.resolve()
    entries, problems = read_entries(root, lookup)
    return Index(root, entries, problems, others)


def read_config(entry: Entry, *, trusted: bool) -> dict[str, Any]:
    """A task's configuration as lm-eval would see it: what is included merged, functions in place of their names.

    Args:
        entry: A task.
        trusted: Whether code that a file outside lm-eval's package names may run. lm-eval's own is code of an
            installed package, as any that is imported.

    Raises:
        UserError: It is a group or tag, or its code cannot be imported.
        SpecError: A file is wrong, or names code and is not trusted.
    """
    if not entry.is_task or entry.path is None:
        raise UserError(f"'{entry.name}' is a {entry.kind} of lm-eval's, not a task; name one of its tasks")
    refused = [] if trusted else refused_code(entry)
    if refused:
        raise SpecError(refused)
    made: dict[str, Any] = with_code(_config(entry, entry.path), package=stock_root())
    return made


def refused_code(entry: Entry) -> list[str]:
    """What is wrong with a task whose code is not trusted: a line for every function outside lm-eval's package.

    Raises:
        SpecError: A file is wrong.
    """
    package = stock_root()
    if not entry.code or entry.path is None or (entry.root == package and not entry.changes):
        return []
    return [
        f"{code.path}:{code.line}: code ('!function {code.name}') runs only with --trust-task-code; read it first, and "
        "trust only what you would run as a program"
        for code in code_in(_config(entry, entry.path), entry.path)
        if not code.path.is_relative_to(package)
    ]


def _config(entry: Entry, path: Path) -> dict[str, Any]:
    """A task's configuration with code named, not run."""
    file = {} if entry.inline else LmEvalFiles(entry.root).read(path)
    config = {**file, **entry.changes, "task": entry.name}
    for key in _NOT_OF_A_TASK:
        config.pop(key, None)
    metadata = config.get("metadata") or {}
    config["metadata"] = metadata if isinstance(metadata, Mapping) else {"_metadata": metadata}
    return config


def stock_root() -> Path:
    """lm-eval's folder of tasks, found without importing lm-eval.

    Raises:
        UserError: lm-eval is not installed.
    """
    spec = importlib.util.find_spec("lm_eval")
    if spec is None or spec.origin is None:
        raise UserError("lm-eval is not installed; pip install 'lm-eval>=0.4.13,<0.5'")
    return (Path(spec.origin).parent / "tasks").resolve()


def _fingerprint(root: Path) -> str:
    """Hash that changes with any file that a task may be made of: names, sizes and times, not contents."""
    digest = hashlib.sha256()
    waiting = [str(root)]
    while waiting:
        folder = waiting.pop()
        files, folders = [], []
        with os.scandir(folder) as found:
            for one in found:
                if one.is_dir(follow_symlinks=False):
                    if one.name not in IGNORED_FOLDERS:
                        folders.append(one.path)
                elif not one.name.endswith((".py", ".md")) and one.is_file():
                    state = one.stat()
                    files.append(f"{one.name} {state.st_size} {state.st_mtime_ns}")
        digest.update("\n".join([folder, *sorted(files)]).encode(errors="replace"))
        waiting += sorted(folders)
    try:
        installed = version("lm-eval")
    except PackageNotFoundError:
        installed = "unknown"
    return f"{_FORMAT} {installed} {digest.hexdigest()}"


_Row = list[Any]
"""An entry in the cache: the values of :data:`_COLUMNS`, without the last ones that are as usual; code as text."""

_COLUMNS = (
    "kind",
    "file",
    "output_type",
    "scores",
    "dataset_path",
    "dataset_name",
    "language",
    "pattern",
    "code",
    "choices",
    "filters",
    "judges",
    "children",
    "size",
    "languages",
    "pooled",
    "changes",
    "inline",
)
"""Fields of an entry, those that most tasks have first."""

_USUAL = [{field.name: field.default for field in dataclasses.fields(Entry)}[name] for name in _COLUMNS]


class _Rows(Mapping[str, Entry]):
    """Entries made from rows of the cache when they are asked for.

    Args:
        scores: What tasks are scored by; rows have the position in it.
    """

    def __init__(self, root: Path, rows: Mapping[str, _Row], scores: Sequence[Sequence[Sequence[Any]]]) -> None:
        self._root = root
        self._rows = rows
        self._scores = [tuple(Score(*score) for score in listed) for listed in scores]

    def __getitem__(self, name: str) -> Entry:
        values = dict(zip(_COLUMNS, self._rows[name], strict=False))
        values["scores"] = self._scores[values.get("scores", 0)]
        for key in ("children", "filters"):
            if key in values:
                values[key] = tuple(values[key])
        values["changes"] = _from_plain(values.get("changes") or {}, self._root)
        return Entry(name=name, root=self._root, **values)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, name: object) -> bool:
        return name in self._rows


def _content(entries: Mapping[str, Entry]) -> dict[str, Any]:
    """What is kept of an index: rows by name, and the distinct lists of scores."""
    scores: dict[tuple[Score, ...], int] = {(): 0}
    rows = {}
    for name, entry in entries.items():
        values: _Row = [getattr(entry, column) for column in _COLUMNS]
        values[_COLUMNS.index("scores")] = scores.setdefault(entry.scores, len(scores))
        values[_COLUMNS.index("changes")] = _to_plain(entry.changes, entry.root)
        usual = [0 if column == "scores" else value for column, value in zip(_COLUMNS, _USUAL, strict=True)]
        while values and (values[-1] == usual[len(values) - 1] or values[-1] == {}):
            values.pop()
        rows[name] = values
    return {"rows": rows, "scores": list(scores)}


def _to_plain(value: object, root: Path) -> object:
    if isinstance(value, Code):
        return {"!function": [value.name, value.path.relative_to(root).as_posix(), value.line]}
    if isinstance(value, Mapping):
        return {key: _to_plain(one, root) for key, one in value.items()}
    return [_to_plain(one, root) for one in value] if isinstance(value, list) else value


def _from_plain(value: Any, root: Path) -> Any:
    if isinstance(value, dict):
        if "!function" in value:
            name, path, line = value["!function"]
            return Code(name=name, path=root / path, line=line)
        return {key: _from_plain(one, root) for key, one in value.items()}
    return [_from_plain(one, root) for one in value] if isinstance(value, list) else value


def _cached(file: Path, key: str) -> dict[str, Any] | None:
    """What is kept of the index, unless it is missing, damaged or of another state of lm-eval."""
    content = kept_index(file, key)
    return content if content is not None and isinstance(content.get("scores"), list) else None
