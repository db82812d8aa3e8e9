"""Work that makes the files of a site: what has to be done again, and doing it on all processors.

A job names everything its files depend on. Where a former build did the same job and its files are still there, nothing
of it is done again; where it is done again, files whose bytes did not change are not touched.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from harness.types import Progress
from leaderboard.building.folder import SiteFolder, Writer
from leaderboard.building.manifest import Done
from leaderboard.building.summaries import Summary

Make = Callable[[Writer], str]
"""Writes the files of a job and returns its summary: what later jobs need to know, as JSON text; empty for nothing, and
where it is much, it is kept part by part (``Writer.keep``)."""


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


def silent(_label: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


def run(
    folder: SiteFolder, jobs: Sequence[Job], label: str, *, workers: int | None = None, progress: Progress = silent
) -> dict[str, Summary]:
    """Do what is not done yet.

    Args:
        label: What the jobs do, for ``progress``.
        workers: Processes at most; by default one a processor. Without ``fork`` on this system, and for a single job,
            everything happens in this process. What they share stays frozen for the collector of garbage: who is done
        with it calls ``gc.unfreeze``.

    Returns:
        Summary by the name of the job, of all jobs.
    """
    for job in jobs:
        folder.reuse(job.name, job.digest)
    waiting = [job for job in jobs if job.name not in folder.done]
    if waiting:
        folder.begin()
    for count, done in enumerate(_results(folder, waiting, workers or os.cpu_count() or 1), start=1):
        folder.done[done.name] = done
        progress(label, count, len(waiting))
    return {job.name: folder.summary(job.name) for job in jobs}


def forked(workers: int) -> ProcessPoolExecutor | None:
    """Processes that begin as copies of this one; ``None`` where one is enough, or this system has none such."""
    if workers < 2 or "fork" not in multiprocessing.get_all_start_methods():
        return None
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("fork"))


def do(folder: SiteFolder, job: Job) -> Done:
    """One job in this process."""
    writer = folder.writer()
    summary = job.make(writer)
    if summary:
        writer.keep(summary)
    done = Done(name=job.name, digest=job.digest, files=tuple(writer.files), kept=writer.kept)
    folder.record(done)
    return done


_waiting: Sequence[Job] = ()
_folder: SiteFolder


def _results(folder: SiteFolder, jobs: Sequence[Job], workers: int) -> Iterator[Done]:
    global _waiting, _folder  # noqa: PLW0603  # what a forked worker finds: closures cannot be sent
    pool = forked(min(workers, len(jobs)))
    if pool is None:
        yield from (do(folder, job) for job in jobs)
        return
    _waiting, _folder = jobs, folder
    gc.freeze()  # a collection in a worker would copy every page that the processes share
    try:
        with pool:
            yield from pool.map(_do_waiting, range(len(jobs)), chunksize=max(1, len(jobs) // (8 * workers)))
    finally:
        _waiting = ()


def _do_waiting(index: int) -> Done:
    gc.disable()  # a worker lives for a second or two
    return do(_folder, _waiting[index])
