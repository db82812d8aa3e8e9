"""The folder of a site on disk: what a build wrote, what of it is still good, what no page needs any more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

MANIFEST = ".glotbench-site"


class Done(BaseModel):
    """A job that was done.

    Attributes:
        files: What it wrote, as paths below the folder.
        changed: How many of them were not there before with the same bytes.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    digest: str
    files: tuple[str, ...]
    changed: Annotated[int, Field(exclude=True)] = 0
    summary: str = ""


class _Manifest(BaseModel):
    version: int = 1
    jobs: tuple[Done, ...] = ()


class Writer:
    """Writes the files of one job; those that already have the bytes are left as they are."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.files: list[str] = []
        self.changed = 0

    def read(self, name: str) -> str:
        """What an earlier job wrote, of this build or of a former one; empty where it is not there."""
        try:
            return (self._path / name).read_bytes().decode("utf-8", "replace")
        except OSError:
            return ""

    def write(self, name: str, text: str) -> None:
        """Write a file.

        Args:
            name: Below the folder, with ``/`` between its parts.
        """
        content = text.encode("utf-8")
        path = self._path / name
        self.files.append(name)
        try:
            if path.read_bytes() == content:
                return
        except OSError:
            path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.changed += 1


class SiteFolder:
    """The folder being built.

    Args:
        path: Made when missing.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.done: dict[str, Done] = {}
        self._former = {job.name: job for job in _read(path / MANIFEST).jobs}

    def reuse(self, name: str, digest: str) -> None:
        """Count a job as done where a former build did it and its files are still there."""
        former = self._former.get(name)
        if digest and former is not None and former.digest == digest and all(map(self._is_there, former.files)):
            self.done[name] = former

    def add(self, done: Done) -> None:
        self.done[done.name] = done

    def finish(self) -> None:
        """Remove what a former build wrote and this one does not have; then remember what this one has."""
        files = {name for job in self.done.values() for name in job.files}
        root = self.path.resolve()
        for name in {name for job in self._former.values() for name in job.files} - files:
            stale = (root / name).resolve()
            if stale.is_relative_to(root):
                stale.unlink(missing_ok=True)
        jobs = tuple(sorted(self.done.values(), key=lambda job: job.name))
        Writer(self.path).write(MANIFEST, _Manifest(jobs=jobs).model_dump_json(indent=0) + "\n")

    @property
    def changed(self) -> int:
        """How many files this build wrote anew."""
        return sum(job.changed for job in self.done.values())

    def _is_there(self, name: str) -> bool:
        return (self.path / name).is_file()


def _read(path: Path) -> _Manifest:
    try:
        found = _Manifest.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return _Manifest()
    return found if found.version == 1 else _Manifest()
