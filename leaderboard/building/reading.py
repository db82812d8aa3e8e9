"""Reads many runs at once. Most of the time goes to checking that records are strict JSON, which workers can do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from harness.errors import RecordError
from harness.record_reading import check_strictly
from harness.store import RunFolder
from leaderboard.building.jobs import forked

_FEW = 8


def read_runs(paths: Sequence[Path]) -> list[RunFolder]:
    """Open run folders.

    Raises:
        RecordError: One cannot be read.
    """
    workers = min(os.cpu_count() or 1, len(paths))
    pool = forked(workers) if len(paths) >= _FEW else None
    if pool is None:
        return [RunFolder(path) for path in paths]
    files = [path if path.name == "run.json" else path / "run.json" for path in paths]
    with pool:
        problems = pool.map(_problem, files, chunksize=max(1, len(files) // (8 * workers)))
        folders = [RunFolder(path, strict=False) for path in paths]
        for problem in problems:
            if problem:
                raise RecordError(problem)
    return folders


def _problem(file: Path) -> str:
    """What is wrong with a record's text; empty when nothing is."""
    try:
        check_strictly(file.read_bytes(), file)
    except RecordError as error:
        return str(error)
    return ""
