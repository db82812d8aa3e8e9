"""Where tasks read their data from, and whether all of it is there and as it was fetched. Reads no rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import DataError
from harness.formats import DataFile
from harness.loader import TaskFile
from harness.manifest import read_manifest
from harness.sources import Hub, Mirrored, Reading, Release, Source
from harness.tasks import units
from harness.tasks.base import Selection, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one unit reads one split from.

    Attributes:
        task, variant, language, split: Who reads what; instead of a split ``clusters``, or the name of a whole text.
        source: From where; ``None`` if it is nowhere, then ``problem`` says.
    """

    task: str
    variant: str
    language: str
    split: str
    source: Source | None = None
    problem: str = ""

    @property
    def files(self) -> tuple[DataFile, ...]:
        """The files, where they are files."""
        if isinstance(self.source, Mirrored):
            return self.source.files
        return (self.source.file,) if self.source is not None and not isinstance(self.source, Hub) else ()

    def __str__(self) -> str:
        if isinstance(self.source, Hub):
            kind = "copy of the repository" if self.source.data.local else "hub"
            return f"{kind} {self.source.data}"
        return " ".join(map(str, self.files)) or self.problem


def places(tasks: Sequence[TaskFile], selection: Selection, root: Path | None) -> Iterator[Place]:
    """Where the tasks' units read from, once for each variant, language and split."""
    for task, unit, reading in all_readings(tasks, selection, root):
        try:
            source, problem = reading.source(unit.roots, unit.where), ""
        except DataError as error:
            source, problem = None, str(error)
        own = {code: language for language, code in task.spec.languages.items()}
        language = own.get(reading.names.get("lang", ""), unit.language)
        place = Place(task=task.spec.task, variant=unit.variant, language=language, split=reading.split)
        yield replace(place, source=source, problem=problem)
        for what, patterns in reading.whole_files():
            try:
                source, problem = Release(file=unit.roots.locate(patterns, unit.where, reading.archive)), ""
            except DataError as error:
                source, problem = None, str(error)
            yield replace(place, split=what, source=source, problem=problem)


def verify(tasks: Sequence[TaskFile], selection: Selection, root: Path) -> tuple[int, list[str], list[str]]:
    """Check every file of the manifest, and that the tasks' data is there.

    Returns:
        How many files are as they were fetched; problems; and remarks on files that no manifest speaks of.

    Raises:
        DataError: There is no manifest, or it is damaged.
    """
    manifest = read_manifest(root)
    if not manifest.files and not tasks:
        raise DataError(f"{root}: no MANIFEST.json with files in it; 'glotbench data fetch' writes it")
    problems = [found for name in manifest.files if (found := manifest.problem(root, name))]
    right = len(manifest.files) - len(problems)
    remarks: dict[str, None] = {}
    for place in places(tasks, selection, root):
        if place.source is None:
            problems.append(place.problem)
        elif isinstance(place.source, Hub) and not place.source.data.local:
            problems.append(
                f"{place.task} {place.language}: split '{place.split}' of {place.source.data} is not in the mirror; "
                "fetch it"
            )
        for file in place.files:
            name = below(file.path, root)
            if name is not None and name not in manifest.files:
                remarks[f"{name}: not in the manifest; nothing is known of where it came from"] = None
    return right, list(dict.fromkeys(problems)), list(remarks)


def all_readings(
    tasks: Sequence[TaskFile], selection: Selection, root: Path | None
) -> Iterator[tuple[TaskFile, Unit, Reading]]:
    """Everything the tasks read, the same rows once for each variant of a task."""
    for task in tasks:
        seen: set[tuple[object, ...]] = set()
        for unit in units(task, selection, root):
            for reading in unit.readings():
                key = (unit.variant, reading.names.get("lang"), *reading.key)
                if key not in seen:
                    seen.add(key)
                    yield task, unit, reading


def below(path: Path, root: Path) -> str | None:
    """Path below the data root, with ``/``; ``None`` for a file elsewhere."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else None
