"""Where translation systems do well and badly: on which lengths, documents, domains; which faults; which segments.

Statistics are extracted once a metric and system; every part of the test set is a choice of their rows. Systems are
compared with one of them, the baseline, paired on each part and corrected over the parts. After MT-Telescope (Rei et
al. 2021, https://aclanthology.org/2021.acl-demo.9) and compare-mt (Neubig et al. 2019,
https://aclanthology.org/N19-4007), which show the parts without intervals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from harness.errors import UserError
from harness.pairing import SegmentDrop, generator
from harness.resampling import Sample
from harness.scored_outputs import Scored
from harness.slices import Slice, by_label, by_length, flags_of
from harness.stats import Interval, holm, interval, paired_evidences
from harness.system_outputs import SystemOutputs
from metrics.base import Metric

LENGTH = "length"
FLAG = "flag"
DRAWS = 2_000
"""Swaps of a paired test on a part: the smallest p is 1/2001, enough for Holm over 50 parts."""

_EXAMPLES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One system on one part.

    Attributes:
        value: ``nan`` where it is undefined. interval: Of the value.
        delta: Value minus the baseline's; ``None`` for the baseline itself. p: Of no difference, corrected by Holm over
            the parts; ``None`` as there.
    """

    value: float
    interval: Interval
    delta: float | None = None
    p: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """All systems on one part; ``n`` segments."""

    name: str
    n: int
    cells: Mapping[str, Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTable:
    """One way to divide the test set, by one metric; the first system is the baseline."""

    by: str
    metric: Metric
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagRow:
    """One system and one flag, by one metric.

    Attributes:
        flagged, n: Segments. share: Interval of ``flagged / n``.
        value, value_rest: Scores of flagged and of other segments; ``nan`` where there are none.
        examples: Ids of flagged segments, the first ones.
    """

    flag: str
    title: str
    system: str
    flagged: int
    n: int
    share: Interval
    value: float
    value_rest: float
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagTable:
    """All systems and flags by one metric. ``notes``: why flags are not there."""

    metric: Metric
    rows: tuple[FlagRow, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """Segments on which a system does worst and best against the baseline, by a metric's segment scores."""

    system: str
    against: str
    metric: Metric
    losses: tuple[SegmentDrop, ...]
    gains: tuple[SegmentDrop, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Everything that was looked at on one test set."""

    outputs: SystemOutputs
    baseline: str
    parts: tuple[PartTable, ...]
    flags: tuple[FlagTable, ...]
    differences: tuple[Differences, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisOptions:
    """What to look at.

    Attributes:
        by: ``length``, ``flag`` and names of labels; empty for everything there is.
        baseline: System that the others are compared with; by default the first.
        segments: Losses, and gains, to list for each system.
        seed: Of every resampling.
    """

    by: Sequence[str] = ()
    baseline: str = ""
    segments: int = 5
    seed: int = 0


def diagnose(outputs: SystemOutputs, scored: Sequence[Scored], options: DiagnosisOptions) -> Diagnosis:
    """Look at one test set.

    Raises:
        UserError: A label or system that is not there.
    """
    known = [LENGTH, FLAG, *outputs.labels]
    unknown = [name for name in options.by if name not in known]
    if unknown:
        raise UserError(f"--by {','.join(unknown)}: nothing to divide by; there are {', '.join(known)}")
    systems = list(outputs.hypotheses)
    baseline = options.baseline or systems[0]
    if baseline not in systems:
        raise UserError(f"--baseline {baseline}: no such system; there are {', '.join(systems)}")
    wanted = options.by or known
    ordered = [baseline, *(name for name in systems if name != baseline)]
    divisions = {LENGTH: partial(by_length, outputs), **{n: partial(by_label, o) for n, o in outputs.labels.items()}}
    return Diagnosis(
        outputs=outputs,
        baseline=baseline,
        parts=tuple(
            _part_table(name, divide(), one, ordered, outputs, options.seed)
            for name, divide in divisions.items()
            if name in wanted
            for one in scored
        ),
        flags=_flag_tables(outputs, scored, ordered) if FLAG in wanted else (),
        differences=tuple(
            _differences(outputs, one, system, baseline, options.segments)
            for one in scored
            for system in ordered[1:]
            if options.segments
        ),
    )


def _part_table(
    by: str, slices: Sequence[Slice], scored: Scored, systems: Sequence[str], outputs: SystemOutputs, seed: int
) -> PartTable:
    parts = [_values(part, scored, systems, outputs, seed) for part in slices]
    for system in systems[1:]:
        tests = [_paired(part, scored, (system, systems[0]), outputs, seed) for part in slices]
        for part, (delta, _), p in zip(parts, tests, holm([p for _, p in tests]), strict=True):
            cell = part[system]
            part[system] = Cell(value=cell.value, interval=cell.interval, delta=delta, p=float(p))
    return PartTable(
        by=by,
        metric=scored.metric,
        parts=tuple(
            Part(name=part.name, n=len(part.rows), cells=cells) for part, cells in zip(slices, parts, strict=True)
        ),
    )


def _values(part: Slice, scored: Scored, systems: Sequence[str], outputs: SystemOutputs, seed: int) -> dict[str, Cell]:
    clusters = _clusters(outputs, part)
    found = {}
    for system in systems:
        stats = scored.statistics[system][part.rows]
        # The same draws for every system: what differs between two columns is then the systems.
        rng = generator(seed, part.name)
        found[system] = Cell(
            value=scored.metric.value(stats), interval=interval(scored.metric, stats, clusters, rng=rng)
        )
    return found


def _paired(
    part: Slice, scored: Scored, pair: tuple[str, str], outputs: SystemOutputs, seed: int
) -> tuple[float, float]:
    """Difference of two systems on a part, and the p-value; 1 where there is too little to test."""
    first, second = (scored.statistics[system][part.rows] for system in pair)
    clusters = _clusters(outputs, part)
    sample = Sample(metric=scored.metric, systems=(first, second), clusters=clusters)
    delta = scored.metric.value(first) - scored.metric.value(second)
    if len(set(clusters or part.rows.tolist())) < 2 or not np.isfinite(delta):
        return delta, 1.0
    found = paired_evidences([[sample]], rng=generator(seed, part.name), draws=DRAWS)[0].sample(0)
    return found.delta, found.p


def _clusters(outputs: SystemOutputs, part: Slice) -> list[str] | None:
    """Documents of a part's segments; none where the part is one document, whose segments are then all there is."""
    if outputs.clusters is None:
        return None
    found = [outputs.clusters[row] for row in part.rows]
    return found if len(set(found)) > 1 else None


def _flag_tables(outputs: SystemOutputs, scored: Sequence[Scored], systems: Sequence[str]) -> tuple[FlagTable, ...]:
    flags, notes = flags_of(outputs)
    raised = {
        (name, system): metric.segment_stats(outputs.segments(system))
        for name, metric in flags.items()
        for system in systems
    }
    tables = []
    for one in scored:
        rows = []
        for (name, system), stats in raised.items():
            where = stats[:, 0] > 0
            own = one.statistics[system]
            rows.append(
                FlagRow(
                    flag=name,
                    title=flags[name].info.title,
                    system=system,
                    flagged=int(where.sum()),
                    n=len(where),
                    share=interval(flags[name], stats, outputs.clusters, rng=generator(0, name)),
                    value=one.metric.value(own[where]) if where.any() else float("nan"),
                    value_rest=one.metric.value(own[~where]) if not where.all() else float("nan"),
                    examples=tuple(outputs.ids[row] for row in np.flatnonzero(where)[:_EXAMPLES]),
                )
            )
        tables.append(FlagTable(metric=one.metric, rows=tuple(rows), notes=tuple(notes)))
    return tuple(tables)


def _differences(outputs: SystemOutputs, scored: Scored, system: str, against: str, most: int) -> Differences:
    own, other = (scored.metric.segment_scores(scored.statistics[name]) for name in (system, against))
    sign = 1 if scored.metric.info.higher_is_better else -1
    gain = np.nan_to_num(sign * (own - other), nan=0.0, posinf=0.0, neginf=0.0)

    def listed(order: np.ndarray) -> tuple[SegmentDrop, ...]:
        return tuple(
            SegmentDrop(
                segment=outputs.ids[row],
                score=float(own[row]),
                score_against=float(other[row]),
                source=outputs.sources[row] if outputs.sources else None,
                reference=outputs.references[row][0] if outputs.references[row] else None,
                hypothesis=outputs.hypotheses[system][row],
                hypothesis_against=outputs.hypotheses[against][row],
            )
            for row in order[:most]
        )

    ascending, descending = np.argsort(gain, kind="stable"), np.argsort(-gain, kind="stable")
    return Differences(
        system=system,
        against=against,
        metric=scored.metric,
        losses=listed(ascending[gain[ascending] < 0]),
        gains=listed(descending[gain[descending] > 0]),
    )
