"""Is a run what it says? Files against their checksums, and every score against the statistics it must follow from.

Of a results folder the same for all its runs, and the response store's pages and rows against theirs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from harness.errors import RecordError
from harness.records import ScoreRecord
from harness.store import ResponseStore, RunFolder, find_runs
from metrics import registry

STORE = "responses.sqlite"
"""Name of the response store in a results folder."""

_TOLERANCE = 1e-9


def examine(folder: RunFolder) -> Iterator[str]:
    """What is wrong with a run, one line each; nothing when all is well.

    Raises:
        RecordError: The tables cannot be read at all.
    """
    damaged = list(folder.problems())
    yield from damaged
    if damaged:
        return
    for score in folder.record.scores:
        yield from _score_problems(folder, score)


def examine_store(path: Path) -> Iterator[str]:
    """What is wrong with a response store, one line each, after reading all of it; nothing is changed."""
    try:
        with ResponseStore.for_reading(path) as store:
            yield from store.problems()
    except RecordError as error:
        yield str(error)


def examine_results(folder: Path) -> Iterator[str]:
    """What is wrong with the response store and the runs of a results folder, one line each."""
    store = folder / STORE
    if store.is_file():
        yield from examine_store(store)
    for run in find_runs(folder):
        try:
            yield from examine(RunFolder(run))
        except RecordError as error:
            yield str(error)


def put_aside(folder: Path) -> list[Path]:
    """Files that runs found damaged and moved aside, in name order."""
    return sorted(path for path in folder.rglob("*.damaged-*") if not path.name.endswith(("-wal", "-shm")))


def _score_problems(folder: RunFolder, score: ScoreRecord) -> Iterator[str]:
    where = f"{folder.path}: {' '.join(filter(None, [*score.unit_key, score.metric]))}"
    if not score.segments:
        return
    if score.n == 0:
        if score.value is not None:
            yield f"{where}: has a value but no segment"
        return
    found = folder.statistics(score.unit_key, score.metric)
    if len(found.segments) != score.n:
        yield f"{where}: {score.n} segments in the record, {len(found.segments)} in the statistics"
    value = registry.create(score.metric, score.metric_options).value(found.stats)
    if not _same(value, score.value):
        yield f"{where}: the record says {score.value}, the statistics give {value}"


def _same(value: float, recorded: float | None) -> bool:
    if recorded is None or math.isnan(value):
        return recorded is None and math.isnan(value)
    return math.isclose(value, recorded, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
