"""Fills a data root for machines without network.

What the units of a task read decides what is fetched: hub data sets, split by split, into the mirror's layout; releases
from their ``url`` into their place. A file that is there and still has its recorded hash is not fetched again. A file
that the user laid there is never overwritten.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness import hub
from harness.download import download
from harness.errors import DataError
from harness.formats import DataFile
from harness.hub import HubData, UnreachableError
from harness.loader import TaskFile
from harness.manifest import FileEntry, Manifest, fetching_into, read_manifest
from harness.mirror import find_mirrored
from harness.places import all_readings, below
from harness.sources import (
    Reading,
    file_patterns,
    fill,
    hub_data,
    safe_path,
)
from harness.store import sha256_file
from harness.tasks.base import Selection
from harness.types import Progress

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(slots=True)
class Wanted:
    """One file to fetch, or one split of a hub data set.

    Attributes:
        target: Below the data root; for the hub without its ending.
        where: How errors call the first unit that reads it.
        url, sha256: Of a release. data: Of a hub data set.
        first: Rows that are enough; ``None`` for all.
    """

    target: str
    where: str
    url: str = ""
    sha256: str | None = None
    data: HubData | None = None
    first: int | None = None
    license: str = ""
    tasks: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class FetchReport:
    """What a fetch did: paths below the data root, and what went wrong, one line each."""

    fetched: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def fetch(tasks: Sequence[TaskFile], selection: Selection, root: Path, progress: Progress) -> FetchReport:
    """Bring everything that the tasks read into the data root.

    Args:
        tasks, selection: Whose data. root: The data root, made where it is missing.
        progress: ``progress(label, done, total)``, in files or in bytes.

    Raises:
        DataError: The data root cannot be written, or its manifest is damaged. What cannot be fetched is in the report.
    """
    report = FetchReport()
    wanted, report.problems = _wanted(tasks, selection, root)
    with fetching_into(root):
        manifest = read_manifest(root)
        with tempfile.TemporaryDirectory(dir=root, prefix=".fetching-") as scratch:
            fetching = _Fetching(root, manifest, Path(scratch), report, progress)
            for number, one in enumerate(wanted):
                progress("files", number, len(wanted))
                try:
                    fetching.fetch(one)
                except UnreachableError as error:
                    report.problems.append(str(error))
                    break
                except DataError as error:
                    report.problems.append(str(error))
                except OSError as error:
                    report.problems.append(f"{one.target}: cannot be written ({error.strerror or error})")
        progress("files", len(wanted), len(wanted))
    return report


def _wanted(tasks: Sequence[TaskFile], selection: Selection, root: Path) -> tuple[list[Wanted], list[str]]:
    """What is to be there for the tasks, each file once; and what nobody can fetch, one line each."""
    found: dict[str, Wanted] = {}
    problems: dict[str, None] = {}
    for task, unit, reading in all_readings(tasks, selection, root):
        try:
            one = _release(reading, unit.where) or _hub_split(reading, unit.where)
            if one is None:
                reading.source(unit.roots, unit.where)
                continue
        except DataError as error:
            problems[f"{error} (the task file names no 'url' or 'path' to fetch it from)"] = None
            continue
        one = replace(one, license=task.spec.license)
        same = found.setdefault(one.target, one)
        same.tasks[task.spec.task] = None
        if one.first is None or same.first is None:
            same.first = None
        else:
            same.first = max(same.first, one.first)
        if (one.url, one.sha256, one.data) != (same.url, same.sha256, same.data):
            problems[f"{unit.where}: {one.target} is another file or revision than for {same.where}"] = None
    return list(found.values()), list(problems)


def _release(reading: Reading, where: str) -> Wanted | None:
    """The release file that a split is in, where the task file says how to get it."""
    dataset = reading.dataset
    patterns = file_patterns(reading.files or dataset.files, dataset, reading.names, reading.split)
    if dataset.url is None or not patterns:
        return None
    target = str(safe_path(reading.archive or patterns[0], where))
    url = fill(dataset.url, {**reading.names, "split": dataset.split_names.get(reading.split, reading.split)})
    return Wanted(target=target, where=where, url=url, sha256=dataset.sha256)


def _hub_split(reading: Reading, where: str) -> Wanted | None:
    dataset = reading.dataset
    if dataset.path is None:
        return None
    data = hub_data(dataset, reading.names, reading.split)
    target = safe_path("/".join(filter(None, (data.path, data.config, data.split))), where)
    first = dataset.max_items if dataset.streaming and not dataset.where else None
    return Wanted(target=str(target), where=where, data=data, first=first)


class _Fetching:
    """One fetch into one data root."""

    def __init__(self, root: Path, manifest: Manifest, scratch: Path, report: FetchReport, progress: Progress) -> None:
        self._root = root
        self._manifest = manifest
        self._scratch = scratch
        self._report = report
        self._progress = progress
        self._commits: dict[tuple[str, str | None], str] = {}

    def fetch(self, wanted: Wanted) -> None:
        """Bring one file, unless it is there."""
        if wanted.data is None:
            self._fetch_release(wanted)
        else:
            self._fetch_split(wanted, wanted.data)

    def _fetch_release(self, wanted: Wanted) -> None:
        target = self._root / wanted.target
        entry = self._manifest.files.get(wanted.target)
        if target.is_file():
            found = sha256_file(target)
            if wanted.sha256 in (None, found) and (entry is None or entry.sha256 == found):
                self._keep(wanted, [DataFile(target)])
                return
            if entry is None or entry.source == "found":
                raise DataError(
                    f"{target}: lies there with sha256 {found}, but the task file says {wanted.sha256}; move it away"
                )

        def progress(done: int, total: int) -> None:
            self._progress(wanted.target, done, total or done + 1)

        download(wanted.url, target, wanted.sha256, progress)
        self._record(wanted, target, FileEntry(sha256="", bytes=0, source=wanted.url))

    def _fetch_split(self, wanted: Wanted, data: HubData) -> None:
        own = self._own(wanted)
        there = find_mirrored(self._root, data.path, data.config, data.split, wanted.where)
        if there is not None and own is None:
            self._keep(wanted, there if isinstance(there, tuple) else ())
            return
        if own is not None and self._is_right(own, wanted, data):
            self._keep(wanted, [DataFile(self._root / own)])
            return
        commit = self._commit(data, wanted.where)
        temporary = self._scratch / f"{len(self._report.fetched)}"
        made, rows = hub.save(
            replace(data, revision=commit), temporary, wanted.where, self._scratch / "prepared", wanted.first
        )
        target = self._root / (wanted.target + made.suffix)
        target.parent.mkdir(parents=True, exist_ok=True)
        if own is not None and self._root / own != target:
            del self._manifest.files[own]
            (self._root / own).unlink(missing_ok=True)
        made.replace(target)
        entry = FileEntry(
            sha256="",
            bytes=0,
            source="hub",
            path=data.path,
            config=data.config,
            split=data.split,
            revision=commit,
            first=wanted.first,
            rows=rows,
        )
        self._record(wanted, target, entry)

    def _commit(self, data: HubData, where: str) -> str:
        """The commit to fetch, asked for once for all configurations and splits."""
        if data.revision is not None and _COMMIT.fullmatch(data.revision):
            return data.revision
        key = (data.path, data.revision)
        if key not in self._commits:
            self._commits[key] = hub.commit_of(data, where)
        return self._commits[key]

    def _own(self, wanted: Wanted) -> str | None:
        """The file of a hub split that an earlier fetch wrote."""
        names = (wanted.target + ending for ending in (".parquet", ".jsonl"))
        return next((name for name in names if name in self._manifest.files), None)

    def _is_right(self, name: str, wanted: Wanted, data: HubData) -> bool:
        """Whether what an earlier fetch wrote is unchanged, of the pinned commit, and enough."""
        entry = self._manifest.files[name]
        if entry.source == "hub" and data.revision is not None and not entry.revision.startswith(data.revision):
            return False
        enough = entry.first is None or (wanted.first is not None and wanted.first <= entry.first)
        return enough and self._manifest.problem(self._root, name) is None

    def _keep(self, wanted: Wanted, files: Sequence[DataFile]) -> None:
        """Note that files are there already."""
        for file in files:
            name = below(file.path, self._root) or str(file)
            if name not in self._manifest.files:
                self._record(wanted, file.path, FileEntry(sha256="", bytes=0, source="found"), fetched=False)
            self._report.kept.append(name)

    def _record(self, wanted: Wanted, path: Path, entry: FileEntry, *, fetched: bool = True) -> None:
        """Write a file into the manifest."""
        name = path.relative_to(self._root).as_posix()
        self._manifest.files[name] = entry.model_copy(
            update={
                "sha256": sha256_file(path),
                "bytes": path.stat().st_size,
                "license": wanted.license,
                "tasks": tuple(wanted.tasks),
            }
        )
        self._manifest.save(self._root)
        if fetched:
            self._report.fetched.append(name)
