"""lm-eval's tasks as task files of ours: its own (``lm-eval:NAME``), those in users' folders, and patterns of names.

Indexes are made when a name first needs them, so that a run of other tasks pays nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

from harness.errors import SpecError, UserError
from harness.lm_eval_checks import mistakes, remarks
from harness.lm_eval_entries import Entry, FileProblem
from harness.lm_eval_family import task_specs
from harness.lm_eval_index import Index, folder_index, refused_code, stock_index, stock_root
from harness.spec import TaskSpec, VariantSpec
from harness.task_file import TaskFile
from harness.yaml_reader import Location, Problem
from metrics.spelling import did_you_mean

_MOST_TOLD = 3
"""Missing names of one pattern that are told; the rest is a number."""


class LmEvalTasks:
    """Where lm-eval's tasks are found.

    Args:
        folders: Users' folders, which may hold lm-eval files.
        cache_folder: Where the index of lm-eval's own tasks is kept.
        trusted: Whether code that files outside lm-eval name may run.
    """

    def __init__(self, folders: Sequence[Path], cache_folder: Path | None, *, trusted: bool) -> None:
        self._folders = folders
        self._cache = cache_folder
        self.trusted = trusted
        self._indexes: dict[Path, Index] = {}

    @property
    def stock(self) -> Index:
        """lm-eval's own tasks."""
        return _stock(self._cache)

    def own(self, name: str) -> list[TaskFile]:
        """The tasks that a name of lm-eval's own stands for.

        Raises:
            UserError: There is no such name, or nothing of it can run here.
        """
        return self._files(self.stock, name)

    def in_folders(self, name: str) -> list[TaskFile] | None:
        """The tasks of a name in users' folders; ``None`` where no folder has it.

        Raises:
            UserError: Nothing of it can run here.
            SpecError: Its files name code and are not trusted.
        """
        for folder in self._folders:
            index = self._index(folder)
            if name in index:
                return self._checked(index, name)
        return None

    def at(self, path: Path) -> list[TaskFile]:
        """The tasks of one of lm-eval's files, which may include others of the user's folder that it is in.

        Raises:
            UserError: Nothing of it can run here.
            SpecError: The file is wrong, or names code and is not trusted.
        """
        real = path.resolve()
        index = self._index(next((one for one in self._folders if real.is_relative_to(one.resolve())), path.parent))
        for name in index.names():
            if index.entry(name).path == real:
                return self._checked(index, name)
        wrong = [problem for file, problem in index.problems if file == real]
        raise SpecError(wrong or [f"{path}: no task or group of lm-eval's; write 'task:' and its name"])

    def names(self) -> list[str]:
        """Names of the tasks in users' folders, groups and tags left out."""
        found = [(index, name) for folder in self._folders for index in [self._index(folder)] for name in index.names()]
        return [name for index, name in found if index.entry(name).is_task]

    def problems(self) -> list[FileProblem]:
        """What is wrong with files of users' folders, as lm-eval would read them; ours may be among them."""
        return [problem for folder in self._folders for problem in self._index(folder).problems]

    def _index(self, folder: Path) -> Index:
        if folder not in self._indexes:
            self._indexes[folder] = folder_index(folder, lambda: self.stock)
        return self._indexes[folder]

    def _checked(self, index: Index, name: str) -> list[TaskFile]:
        """The tasks of a name in a user's folder, whose files are looked at first."""
        leaves = [index.entry(leaf) for leaf in index.leaves(name)]
        problems = [problem for leaf in leaves for problem in mistakes(leaf, index)]
        problems += [] if self.trusted else [problem for leaf in leaves for problem in refused_code(leaf)]
        if problems:
            raise SpecError(list(dict.fromkeys(problems)))
        return self._files(index, name)

    def _files(self, index: Index, name: str) -> list[TaskFile]:
        specs = task_specs(index, name)
        leaves = [index.entry(leaf) for leaf in index.leaves(name)]
        path = index.entry(name).path or next((leaf.path for leaf in leaves if leaf.path), index.root)
        content = b"".join(_bytes(leaf) for leaf in leaves)
        return [
            TaskFile(path=path, spec=spec, sha256=_sha256(spec, content), index=index, trusted=self.trusted)
            for spec in specs
        ]


@cache
def _stock(folder: Path | None) -> Index:
    """The index is read once a process."""
    return stock_index(folder)


def worth_a_look(task: TaskFile) -> list[str]:
    """Remarks on the prompts of a task that is lm-eval's files in a user's folder; none for others."""
    index = task.index
    if index is None or index.root == stock_root():
        return []
    names = sorted({leaf for _, one in _patterned(task.spec) for leaf in index.leaves(one)})
    entries = [entry for entry in map(index.entry, names) if entry.root == index.root]
    return list(dict.fromkeys(text for entry in entries for text in remarks(entry)))


def wrong_names(spec: TaskSpec, index: Index) -> Iterator[Problem]:
    """Names that a task's patterns make and lm-eval does not have, and tasks of another kind, each at its pattern."""
    by_place: dict[Location, dict[str, None]] = {}
    for place, name in _patterned(spec):
        by_place.setdefault(place, {})[name] = None
    for place, names in by_place.items():
        missing = [name for name in names if not all(part in index for part in _parts(name, index))]
        there = [name for name in names if name not in missing]
        yield from ((place, text) for text in [*_missing(missing, index), *_other_kinds(spec, index, there)])


def _patterned(spec: TaskSpec) -> Iterator[tuple[Location, str]]:
    """Every name that a task's patterns make, with the place of its pattern."""
    variants: Mapping[str, VariantSpec] = spec.variants or {"": VariantSpec()}
    for label, variant in variants.items():
        pattern = variant.lm_eval or spec.lm_eval
        place: Location = ("variants", label, "lm_eval") if variant.lm_eval else ("lm_eval",)
        for prompt in variant.prompts or spec.prompts or [""]:
            for language in variant.languages or spec.languages:
                if pattern is not None:
                    own = spec.languages[language]
                    yield place, pattern.replace("{lang}", own).replace("{prompt}", prompt)


def _parts(name: str, index: Index) -> list[str]:
    return [name] if name in index else name.split("+")


def _missing(names: Sequence[str], index: Index) -> Iterator[str]:
    for name in names[:_MOST_TOLD]:
        yield f"lm-eval has no task '{name}'{did_you_mean(name, index.names())}"
    if len(names) > _MOST_TOLD:
        yield f"lm-eval has no task of {len(names) - _MOST_TOLD} more names, such as '{names[-1]}'"


def _other_kinds(spec: TaskSpec, index: Index, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        for leaf in index.leaves(name):
            kind = index.entry(leaf).request_kind
            if kind != spec.kind:
                yield f"lm-eval's task '{leaf}' is of kind {kind}, not {spec.kind}"
                return


def _bytes(entry: Entry) -> bytes:
    try:
        return entry.path.read_bytes() if entry.path else b""
    except OSError as error:
        raise UserError(f"{entry.path}: cannot be read ({error.strerror}); check the path") from error


def _sha256(spec: TaskSpec, content: bytes) -> str:
    said = f"{version('lm-eval')}\n{spec.model_dump_json()}\n".encode()
    return hashlib.sha256(said + content).hexdigest()
