"""Further runs of a candidate with other random numbers: whether they are that, and what all of them say together.

Text that is drawn at random scores otherwise at every draw. A regression of such a score counts when the candidate's
statistics, averaged item by item over all its runs, still show it: the mean over runs is what the model does, and its
noise is the smaller the more runs there are. Asking instead that every run regress on its own would find less than a
single run does (``benchmarks/gate_errors.py`` measures both).
"""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Sequence

import numpy as np

from harness.errors import NotComparableError
from harness.records import ScoreRecord
from harness.stats import is_mean
from harness.store import RunFolder, UnitStatistics
from metrics.base import AdditiveMetric, MeanMetric, Metric

_OPTION = re.compile(r"\s--sampling-seed(?:[ =])\S+")


def check_reruns(candidate: RunFolder, reruns: Sequence[RunFolder]) -> None:
    """See that every rerun is the candidate's models drawn anew.

    Raises:
        NotComparableError: A run is given twice, is of another model, or drew the same random numbers.
    """
    models = {model.name: model for model in candidate.record.models}
    seen: list[tuple[RunFolder, frozenset[tuple[str, str]]]] = [(candidate, _draws(candidate))]
    for rerun in reruns:
        where = f"--rerun {rerun.path}"
        for model in rerun.record.models:
            own = models.get(model.name)
            if own is None or own.identity != model.identity:
                raise NotComparableError(
                    f"{where}: no rerun of {candidate.path}: {model.name} is "
                    f"{'not a model of it' if own is None else 'another model there (its identity differs)'}"
                )
        draws = _draws(rerun)
        for other, drawn in seen:
            if other.path.resolve() == rerun.path.resolve():
                raise NotComparableError(f"{where}: this run is given already; name another")
            if draws & drawn:
                raise NotComparableError(
                    f"{where}: draws the same random numbers as {other.path}; make it with another --sampling-seed"
                )
        seen.append((rerun, draws))


def rerun_commands(candidate: RunFolder, reruns: Sequence[RunFolder], wanted: int) -> list[str]:
    """Command lines that make the runs that are missing; empty where the record does not say how it was made.

    Words of the record are quoted, so that a record of somebody else's can bring no other command.
    """
    command = shlex.join(_OPTION.sub("", candidate.record.command).split())
    sampled = any(score.fingerprint.sampled for score in candidate.record.scores)
    if not command.startswith("glotbench run ") or not sampled:
        return []
    used = {_sampling_seed(run) for run in (candidate, *reruns)}
    free = (seed for seed in range(1, wanted + len(used) + 1) if seed not in used)
    return [f"{command} --sampling-seed {next(free)}" for _ in range(wanted - len(reruns))]


def gate_command(candidate: RunFolder, baseline: RunFolder, reruns: int) -> str:
    """How the gate is asked again with the reruns."""
    named = " ".join(f"--rerun RERUN{number}" for number in range(1, reruns + 1))
    return f"glotbench gate {shlex.quote(str(candidate.path))} --baseline {shlex.quote(str(baseline.path))} {named}"


def averaging_metric(metric: Metric) -> Metric | None:
    """The metric of statistics averaged over runs; ``None`` where an average of its statistics means nothing.

    A mean of 0s and 1s over runs is no longer 0 or 1, so that exact tests of binary scores do not hold for it.
    """
    if not isinstance(metric, AdditiveMetric):
        return None
    if is_mean(metric) and metric.info.binary:
        return MeanMetric(dataclasses.replace(metric.info, binary=False), metric.signature())
    return metric


def averaged(runs: Sequence[UnitStatistics], metric: Metric) -> UnitStatistics:
    """Statistics of the segments that all runs have, averaged over the runs: ``[n, k]``, in the first run's order."""
    shared = set.intersection(*(set(run.segments) for run in runs))
    order = [segment for segment in runs[0].segments if segment in shared]
    first = {segment: row for row, segment in enumerate(runs[0].segments)}
    if not order:
        return UnitStatistics(segments=(), clusters=(), stats=np.empty((0, runs[0].stats.shape[1])), scores=np.empty(0))
    stats = np.mean([run.stats[_rows(run, order)] for run in runs], axis=0)
    return UnitStatistics(
        segments=tuple(order),
        clusters=tuple(runs[0].clusters[first[segment]] for segment in order),
        stats=stats,
        scores=metric.segment_scores(stats),
    )


def mean_value(scores: Sequence[ScoreRecord]) -> float | None:
    """Mean of the recorded scores of several runs; ``None`` where one of them has none."""
    values = [score.value for score in scores if score.value is not None]
    return sum(values) / len(values) if len(values) == len(scores) else None


def _rows(run: UnitStatistics, order: Sequence[str]) -> list[int]:
    position = {segment: row for row, segment in enumerate(run.segments)}
    return [position[segment] for segment in order]


def _draws(run: RunFolder) -> frozenset[tuple[str, str]]:
    """Task and decoding of every score whose text is sampled; the decoding says which draw it is."""
    return frozenset(
        (score.task, score.fingerprint.decoding) for score in run.record.scores if score.fingerprint.sampled
    )


def _sampling_seed(run: RunFolder) -> int:
    found = re.search(r"--sampling-seed[ =](\d+)", run.record.command)
    return int(found[1]) if found else 0
