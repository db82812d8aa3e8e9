"""Reads many runs at once. Half of the time goes to checking that records are strict JSON, which workers can do."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness.errors import RecordError
from harness.record_reading import check_strictly
from harness.store import RunFolder
from harness.types import Progress
from leaderboard.building.jobs import forked, silent

_FEW = 8


@contextmanager
def open_runs(paths: Sequence[Path], progress: Progress = silent) -> Iterator[list[RunFolder]]:
    """Run folders, opened. Many are still being checked while the block works with them; it ends when all are.

    Raises:
        RecordError: One cannot be read; also at the end of the block, and instead of what it raises itself.
    """
    workers = min(os.cpu_count() or 1, len(paths))
    pool = forked(workers) if len(paths) >= _FEW else None
    if pool is None:
        yield [RunFolder(path) for path in paths]
        return
    files = [path if path.name == "run.json" else path / "run.json" for path in paths]
    with pool:
        problems = pool.map(_problem, files, chunksize=max(1, len(files) // (8 * workers)))
        folders = []
        for path in paths:
            folders.append(RunFolder(path, strict=False))
            progress("reading runs", len(folders), len(paths))
        try:
            yield folders
        finally:
            if found := next(filter(None, problems), ""):
                raise RecordError(found)


def _problem(file: Path) -> str:
    """What is wrong with a record's text; empty when nothing is."""
    try:
        check_strictly(file.read_bytes(), file)
    except RecordError as error:
        return str(error)
    return ""
