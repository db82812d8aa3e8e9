"""A data set and a language -> the files, or the hub data set, that a split is read from.

In order: the mirror of the hub under ``--data-root``; the data set's own repository or release there, unpacked or still
in its archive; the hub; files beside the task file. No pattern leaves its root. Links under ``--data-root`` may lead
anywhere (it is the user's own folder, and mirrors are often made of links); beside a task file they may not. Reads no
rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath

from harness.archives import SUFFIXES, open_archive
from harness.errors import DataError
from harness.formats import DataFile
from harness.hub import HubData
from harness.mirror import find_mirrored
from harness.spec import DatasetSpec, Patterns

Names = Mapping[str, str]
"""Placeholder -> what stands for it."""

_NAME_BYTES = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRoots:
    """Where patterns are looked up.

    Attributes:
        task_folder: Folder of the task file. data_root: ``--data-root``, if given.
    """

    task_folder: Path
    data_root: Path | None = None

    def locate(self, patterns: Sequence[str], where: str, archive: str | None = None) -> DataFile:
        """The first file that filled patterns name, under ``--data-root`` or else beside the task file.

        Raises:
            DataError: A pattern leaves its root, or no root has a file.
        """
        mirrored = (self.under_data_root(pattern, where, archive) for pattern in patterns)
        beside = (self.beside_task(pattern, where) for pattern in patterns)
        for found in chain(mirrored, beside):
            if found is not None:
                return found
        raise self.missing(patterns, where, archive)

    def under_data_root(self, pattern: str, where: str, archive: str | None = None) -> DataFile | None:
        """The file under ``--data-root``: as it is, in the folder that the archive unpacks to, or in the archive."""
        relative = safe_path(pattern, where)
        if self.data_root is None:
            return None
        if (self.data_root / relative).is_file():
            return DataFile(self.data_root / relative)
        if archive is None:
            return None
        packed = self.data_root / safe_path(archive, where)
        stem = next(
            (packed.name.removesuffix(end) for end in sorted(SUFFIXES, key=len)[::-1] if archive.endswith(end)), ""
        )
        if stem and (packed.parent / stem / relative).is_file():
            return DataFile(packed.parent / stem / relative)
        if packed.is_file() and (member := open_archive(packed).find(str(relative))) is not None:
            return DataFile(packed, member)
        return None

    def beside_task(self, pattern: str, where: str) -> DataFile | None:
        """The file beside the task file, if it is there and no link leads out of that folder."""
        candidate = self.task_folder / safe_path(pattern, where)
        if not candidate.is_file():
            return None
        if not candidate.resolve().is_relative_to(self.task_folder.resolve()):
            raise DataError(f"{where}: '{pattern}' is a link that leaves the task's folder; put the file itself there")
        return DataFile(candidate)

    def missing(
        self, patterns: Sequence[str], where: str, archive: str | None = None, url: str | None = None
    ) -> DataError:
        """The error of files that are nowhere; ``url`` is where they could be fetched from."""
        tried = " or ".join(str(root) for root in (self.data_root, self.task_folder) if root is not None)
        inside = f", nor in the archive '{archive}'" if archive and self.data_root is not None else ""
        advice = "" if self.data_root else "; name the folder of your data with --data-root DIR"
        fetch = "; 'glotbench data fetch' gets it" if url else ""
        names = "' or '".join(patterns)
        return DataError(f"{where}: no file '{names}' under {tried}{inside}{advice}{fetch}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One split that somebody reads of a data set.

    Attributes:
        dataset: What the task file says. names: As for :func:`find_source`.
        files: As for :func:`find_source`.
    """

    dataset: DatasetSpec
    names: Names
    split: str
    files: Patterns | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """The same for readings of the same rows, whichever unit reads them."""
        patterns = file_patterns(self.files or self.dataset.files, self.dataset, self.names, self.split)
        return (self.dataset.path or "", self.names["config"], self.split, self.archive or "", *patterns)

    @property
    def archive(self) -> str | None:
        """The archive that may hold the files, filled."""
        return archive_of(self.dataset, self.names, self.split)

    def whole_files(self) -> Iterator[tuple[str, list[str]]]:
        """Name and filled patterns (of which one is enough) of files that are read whole beside the rows."""
        if clusters := file_patterns(self.dataset.cluster_files, self.dataset, self.names, self.split):
            yield "clusters", clusters
        for name, pattern in self.dataset.texts.items():
            yield name, [fill(pattern, self.names)]

    def source(self, roots: DataRoots, where: str) -> Source:
        """Where it is read from, as :func:`find_source`."""
        return find_source(self.dataset, roots, self.names, where, self.split, self.files)


def readings(
    dataset: DatasetSpec, names: Names, files: Patterns | None = None, splits: Sequence[str] = ()
) -> Iterator[Reading]:
    """The readings of a data set for one language: its splits, that of few-shot examples, and others if there are.

    Args:
        names: Placeholders, not yet completed. files: Patterns of one side. splits: More splits.
    """
    fewshot = [dataset.fewshot_split] if dataset.fewshot_split else []
    for split in dict.fromkeys([*dataset.splits, *fewshot, *splits]):
        yield Reading(dataset=dataset, names=filled_names(dataset, names), split=split, files=files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Files that are read in the data set's own layout, with its ``format``, ``columns`` and so on."""

    file: DataFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """Files that are read as the hub would."""

    files: tuple[DataFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """A data set that ``datasets`` reads; where the hub has none, files beside the task file."""

    data: HubData
    otherwise: Release | None = None


Source = Mirrored | Release | Hub


def find_source(
    dataset: DatasetSpec, roots: DataRoots, names: Names, where: str, split: str, files: Patterns | None = None
) -> Source:
    """Where one split is read from.

    Args:
        dataset: What the task file says. roots: Where to look. names: As :func:`filled_names` gives them.
        where: What to call the task in an error.
        files: Instead of the data set's own ``files``, those of one side of a direction.

    Raises:
        DataError: A pattern leaves its root; or there is nothing to read, neither here nor on the hub.
    """
    if not dataset.has_source:
        raise DataError(f"{where}: no source; give 'files', 'source_files' with 'target_files', or 'path'")
    if dataset.path is not None:
        mirrored = mirrored_source(dataset, roots, names, where, split)
        if mirrored is not None:
            return mirrored
    given = as_patterns(files or dataset.files)
    patterns = file_patterns(given, dataset, names, split)
    archive = archive_of(dataset, names, split)
    for pattern in patterns:
        if found := roots.under_data_root(pattern, where, archive):
            return Release(file=found)
    beside = next(filter(None, (roots.beside_task(pattern, where) for pattern in patterns)), None)
    local = Release(file=beside) if beside else None
    if dataset.path is not None:
        if local is None and (script := _loading_script(dataset.path, roots)):
            raise DataError(
                f"{where}: the mirror of '{dataset.path}' holds no data of split '{split}' but a loading script "
                f"({script}), which 'datasets' does not run; name a script-free source as 'path', or the release's "
                "own 'files'"
            )
        return Hub(data=hub_data(dataset, names, split), otherwise=local)
    if local is None:
        if not given:
            raise DataError(f"{where}: 'source_files' belongs to directions; this kind of task needs 'files' or 'path'")
        if not patterns:
            held = "', '".join(dataset.splits)
            raise DataError(
                f"{where}: no file for split '{split}'; without {{split}}, '{given[0]}' is that of '{held}'"
            )
        raise roots.missing(patterns, where, archive, dataset.url)
    return local


def _loading_script(path: str, roots: DataRoots) -> Path | None:
    """The script ``org/name/name.py`` in the mirror of a data set, as the hub has where it has no data."""
    if roots.data_root is None:
        return None
    script = roots.data_root / path / f"{PurePosixPath(path).name}.py"
    return script if script.is_file() else None


def mirrored_source(
    dataset: DatasetSpec, roots: DataRoots, names: Names, where: str, split: str
) -> Mirrored | Hub | None:
    """What the mirror of the hub under ``--data-root`` has of a split.

    Raises:
        DataError: ``path`` or ``name`` leaves the root, or a shard is missing.
    """
    if roots.data_root is None or dataset.path is None:
        return None
    found = find_mirrored(roots.data_root, dataset.path, fill(dataset.name or "", names), split, where)
    if isinstance(found, HubData):
        return Hub(data=found)
    return Mirrored(files=found) if found else None


def hub_data(dataset: DatasetSpec, names: Names, split: str) -> HubData:
    """The hub's data set of one split."""
    return HubData(
        path=dataset.path or "",
        config=fill(dataset.name or "", names),
        split=split,
        revision=dataset.revision,
        streaming=dataset.streaming,
    )


def filled_names(dataset: DatasetSpec, names: Names) -> dict[str, str]:
    """``names`` with what follows from them: the parts of ``{lang}``, and the configuration as ``{config}``."""
    language = names.get("lang", "")
    code, _, script = language.partition("_")
    found = {"lang_code": code, "lang_script": script, **names}
    return {"config": fill(dataset.name or "", found), **found}


def file_patterns(patterns: Patterns | None, dataset: DatasetSpec, names: Names, split: str) -> list[str]:
    """Alternatives of a file pattern for a split, filled; a pattern without ``{split}`` is that of ``splits`` alone."""
    filled = {**names, "split": dataset.split_names.get(split, split)}
    return [
        fill(pattern, filled) for pattern in as_patterns(patterns) if "{split}" in pattern or split in dataset.splits
    ]


def archive_of(dataset: DatasetSpec, names: Names, split: str = "") -> str | None:
    """Path of the archive of a split, filled."""
    filled = {**names, "split": dataset.split_names.get(split, split)}
    return fill(dataset.archive, filled) if dataset.archive else None


def as_patterns(patterns: Patterns | None) -> tuple[str, ...]:
    """A pattern, or several of them, as several."""
    return (patterns,) if isinstance(patterns, str) else patterns or ()


def fill(pattern: str, names: Names) -> str:
    """The pattern with its placeholders replaced, all at once: what stands for one is never looked at again."""
    return "".join(_pieces(pattern, names))


def safe_path(pattern: str, where: str) -> PurePosixPath:
    """A relative path that stays below its root.

    Raises:
        DataError: It does not.
    """
    relative = PurePosixPath(pattern)
    if relative.is_absolute() or ".." in relative.parts or "\x00" in pattern:
        raise DataError(f"{where}: '{pattern}' leaves the data folder; write a path below it")
    if any(len(part.encode()) > _NAME_BYTES for part in relative.parts):
        raise DataError(f"{where}: '{pattern[:60]}...' holds a name that no file system takes; shorten it")
    return relative


def _pieces(pattern: str, names: Names) -> Iterator[str]:
    while pattern:
        before, brace, after = pattern.partition("{")
        yield before
        name, closed, rest = after.partition("}")
        if brace and closed and name in names:
            yield names[name]
            pattern = rest
        else:
            yield brace
            pattern = after
