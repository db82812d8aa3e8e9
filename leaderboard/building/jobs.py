"""Work that makes the files of a site: what has to be done again, and doing it on all processors.

A job names everything its files depend on. Where a former build did the same job and its files are still there, nothing
of it is done again; where it is done again, files whose bytes did not change are not touched.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from leaderboard.building.folder import Done, SiteFolder, Writer

Make = Callable[[Writer], str]
"""Writes the files of a job and returns its summary: what later jobs need to know, as JSON text; empty for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of work.

    Attributes:
        name: Unique within a site, and the same in every build, e.g. ``task afrimmlu``.
        digest: Of everything the files depend on; empty where that cannot be said, so that it is always done.
        make: Does it.
    """

    name: str
    digest: str
    make: Make


def run(folder: SiteFolder, jobs: Sequence[Job], *, workers: int | None = None) -> dict[str, str]:
    """Do what is not done yet.

    Args:
        workers: Processes at most; by default one a processor. Without ``fork`` on this system, and for a single job,
            everything happens in this process. What they share stays frozen for the collector of garbage: who is done
        with it calls ``gc.unfreeze``.

    Returns:
        Summary by the name of the job, of all jobs.
    """
    for job in jobs:
        folder.reuse(job.name, job.digest)
    waiting = [job for job in jobs if job.name not in folder.done]
    for done in _results(folder.path, waiting, workers or os.cpu_count() or 1):
        folder.add(done)
    return {job.name: folder.done[job.name].summary for job in jobs}


def forked(workers: int) -> ProcessPoolExecutor | None:
    """Processes that begin as copies of this one; ``None`` where one is enough, or this system has none such."""
    if workers < 2 or "fork" not in multiprocessing.get_all_start_methods():
        return None
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("fork"))


def do(path: Path, job: Job) -> Done:
    """One job in this process."""
    writer = Writer(path)
    summary = job.make(writer)
    return Done(name=job.name, digest=job.digest, files=tuple(writer.files), changed=writer.changed, summary=summary)


_waiting: Sequence[Job] = ()
_path = Path()


def _results(path: Path, jobs: Sequence[Job], workers: int) -> list[Done]:
    global _waiting, _path  # noqa: PLW0603  # what a forked worker finds: closures cannot be sent
    pool = forked(min(workers, len(jobs)))
    if pool is None:
        return [do(path, job) for job in jobs]
    _waiting, _path = jobs, path
    gc.freeze()  # a collection in a worker would copy every page that the processes share
    try:
        with pool:
            return list(pool.map(_do_waiting, range(len(jobs)), chunksize=max(1, len(jobs) // (8 * workers))))
    finally:
        _waiting = ()


def _do_waiting(index: int) -> Done:
    gc.disable()  # a worker lives for a second or two
    return do(_path, _waiting[index])
