"""Statistics of many segments over several processes, where that pays.

Segments of a lexical metric have nothing to do with each other, so any division among processes gives the same rows. A
new process needs half a second before it does anything: the first segments are done here and timed, and processes are
started only if the rest would take longer than they cost. This process works too, from the other end of the list, while
they start and after; they are kept for the next metric or system. They are spawned, not forked, and so are safe beside
threads. Metrics that keep a model in memory are never sent anywhere.

Knows the metrics of :mod:`metrics.lexical`; every other metric does its own work here as before.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np

from metrics.base import FloatArray, Segment, TextMetric
from metrics.lexical import SacrebleuTextMetric

_FIRST = 1024  # segments done here, and timed
_WORTHWHILE = 3.0  # seconds of remaining work for which two processes clearly win
_CHUNKS = 32  # a process, so that all end together, whoever started late or has long segments

_POOLS: dict[int, ProcessPoolExecutor] = {}

_log = logging.getLogger(__name__)


def segment_stats(metric: TextMetric, segments: Sequence[Segment], processes: int | None = None) -> FloatArray:
    """``metric.segment_stats(segments)``, the same numbers, in less time where there are many.

    Args:
        processes: How many to use whatever it costs; ``None``: as many as there are processors, if that pays.

    Raises:
        MetricError: As ``metric.segment_stats``.
    """
    if not isinstance(metric, SacrebleuTextMetric) or multiprocessing.current_process().daemon:
        return metric.segment_stats(segments)
    metric.see(segments)
    if processes is not None:
        return _spread(metric, segments, processes) if processes > 1 else metric.segment_stats(segments)
    available = _processors()
    if available < 2 or len(segments) <= 2 * _FIRST:
        return metric.segment_stats(segments)
    begin = time.perf_counter()
    first = metric.segment_stats(segments[:_FIRST])
    remaining = (time.perf_counter() - begin) / _FIRST * (len(segments) - _FIRST)
    rest = segments[_FIRST:]
    others = _spread(metric, rest, available) if remaining > _WORTHWHILE else metric.segment_stats(rest)
    return np.concatenate([first, others])


def _spread(metric: SacrebleuTextMetric, segments: Sequence[Segment], processes: int) -> FloatArray:
    size = max(1, -(-len(segments) // (processes * _CHUNKS)))
    chunks = [segments[start : start + size] for start in range(0, len(segments), size)]
    try:
        pool = _pool(processes - 1)
        futures = [pool.submit(metric.segment_stats, chunk) for chunk in chunks]
        own: dict[int, FloatArray] = {}
        for index in reversed(range(len(chunks))):
            if futures[index].cancel():
                own[index] = metric.segment_stats(chunks[index])
        parts = [own[index] if index in own else future.result() for index, future in enumerate(futures)]
    except BrokenProcessPool:
        _POOLS.clear()
        _log.warning("processes could not be started or were ended; %s is computed in one", metric.info.title)
        return metric.segment_stats(segments)
    return np.concatenate(parts) if parts else metric.segment_stats(segments)


def _pool(workers: int) -> ProcessPoolExecutor:
    """The processes beside this one, started once."""
    if workers not in _POOLS:
        _POOLS[workers] = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    return _POOLS[workers]


def _processors() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
