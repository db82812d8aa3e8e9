"""The folder of a site on disk: what a build wrote, what of it is still good, what no page needs any more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from leaderboard.building import manifest, summaries
from leaderboard.building.manifest import Done
from leaderboard.building.summaries import Summary


class Writer:
    """Writes the files of one job; those that already have the bytes are left as they are.

    Args:
        path: The folder.
        announce: Told the name of a file before it changes.
    """

    def __init__(self, path: Path, announce: Callable[[str], None] | None = None) -> None:
        self._path = path
        self._announce = announce
        self.files: list[str] = []
        self.kept: dict[str, str] = {}

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
        if self._announce is not None:
            self._announce(name)
        path.write_bytes(content)

    def keep(self, text: str, part: str = "") -> None:
        """Keep a text for later jobs, as a part of this job's summary."""
        self.kept[part] = summaries.keep(self._path, text)


class SiteFolder:
    """The folder being built.

    Args:
        path: Made when missing.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.done: dict[str, Done] = {}
        self._former = manifest.read(path)

    def reuse(self, name: str, digest: str) -> None:
        """Count a job as done where a former build did it and what it wrote is still there."""
        former = self._former.jobs.get(name)
        if digest and former is not None and former.digest == digest and self._is_there(former):
            self.done[name] = former

    def begin(self) -> None:
        """To be called before files are written: what happens to them is written down from now on."""
        manifest.begin(self.path, self._former)

    def writer(self) -> Writer:
        """For the files of a job; usable in processes that are copies of this one."""
        return Writer(self.path, lambda name: manifest.add(self.path, name))

    def record(self, done: Done) -> None:
        """Write down that a job is done, in whichever process did it."""
        manifest.add(self.path, done)

    def summary(self, name: str) -> Summary:
        """What a job that is done keeps."""
        return Summary(self.path, self.done[name].kept)

    def finish(self) -> None:
        """Remove what a former build wrote and this one does not have; then remember what this one has."""
        files = {name for job in self.done.values() for name in job.files}
        root = self.path.resolve()
        for name in self._former.files - files:
            stale = (root / name).resolve()
            if stale.is_relative_to(root) and stale.is_file():
                stale.unlink()
        manifest.replace(self.path, self.done)
        summaries.remove_all_but(self.path, {name for job in self.done.values() for name in job.kept.values()})

    def _is_there(self, job: Done) -> bool:
        return all((self.path / name).is_file() for name in job.files) and all(
            summaries.is_kept(self.path, name) for name in job.kept.values()
        )
