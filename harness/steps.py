"""A run and a run before it -> what changed between them, and what the gate says about the step.

Paired on segments where both runs keep them (``harness.compare``: per language, corrected over the languages of a
family after Benjamini and Hochberg); else by the intervals of the two records (``harness.changes``). Which runs are
compared is the caller's plan, of ``harness.series``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from harness.changes import Basis, Change, TrackChanges, averaged_ends, interval_changes
from harness.compare import CompareOptions, Contrast, compare_pairs
from harness.errors import GlotbenchError
from harness.pairing import MACRO, ScoreSource, generator, incomparable, recreate
from harness.policy import GatePolicy
from harness.records import ScoreRecord
from harness.resampling import Sample
from harness.stats import macro_interval
from harness.step_verdicts import GateVerdict, gate_verdicts
from harness.store import RunFolder
from harness.systems import Family, System, family_of
from metrics.base import Metric

_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class PairPlan:
    """An earlier run to compare with: in which families of which models, and whether the gate judges the step."""

    tracks: tuple[tuple[str, Family], ...]
    judged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PairReport:
    """What was found out about a pair of runs."""

    gate: tuple[GateVerdict, ...]
    tracks: tuple[TrackChanges, ...]


class MeanInterval(NamedTuple):
    """The 95 % interval of a model's macro mean; ``basis`` says from what."""

    model: str
    family: Family
    low: float | None
    high: float | None
    basis: Basis


def pair_report(later: RunFolder, earlier: RunFolder, plan: PairPlan, policy: GatePolicy) -> PairReport:
    """Compare two runs as planned. A run that cannot be read or judged says so in its verdicts."""
    models = dict.fromkeys(model for model, _ in plan.tracks)
    return PairReport(
        gate=gate_verdicts(later, earlier, policy, list(models)) if plan.judged else (),
        tracks=tuple(
            changes
            for model in models
            for changes in _model_changes(later, earlier, model, [own for name, own in plan.tracks if name == model])
        ),
    )


def mean_interval(folder: RunFolder, model: str, family: Family, scores: Sequence[ScoreRecord]) -> MeanInterval:
    """The interval of the mean of ``scores`` (one a language): segments resampled jointly over the languages.

    Where a score has no segments, or they do not give it again: the ends of the scores' own intervals averaged, as if
    all languages erred together.
    """
    samples = _samples(folder, scores)
    if samples:
        found = macro_interval(samples, rng=generator(0, *family, model))
        if found.low is not None and found.high is not None:
            return MeanInterval(model, family, found.low, found.high, "segments")
    low, high = averaged_ends(scores)
    return MeanInterval(model, family, low, high, "" if low is None else "intervals")


def _samples(folder: RunFolder, scores: Sequence[ScoreRecord]) -> list[Sample]:
    """Statistics of all scores; none where one of them has none, or others than its value rests on."""
    found = []
    for score in scores:
        metric = recreate(score)
        try:
            known = isinstance(metric, Metric) and score.metric in folder.metrics(score.unit_key)
            if not known or isinstance(metric, str) or score.value is None:
                return []
            own = folder.statistics(score.unit_key, score.metric)
            value = metric.value(own.stats)
        except (GlotbenchError, ValueError, IndexError):
            return []
        if not math.isclose(value, score.value, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE):
            return []
        found.append(Sample(metric=metric, systems=(own.stats,), clusters=own.clusters))
    return found


# ---------------------------------------------------------------------------------------------- changes


def _model_changes(later: RunFolder, earlier: RunFolder, model: str, families: Sequence[Family]) -> list[TrackChanges]:
    """Paired where that can be, by intervals where it cannot; not at all where data, prompt or metric differ."""
    systems = [_system(folder, model, families) for folder in (earlier, later)]
    before, after = ({key: own.score for key, own in system.scores.items()} for system in systems)
    tested: dict[Family, list[Contrast]] = {}
    try:
        for row in compare_pairs([(systems[0], systems[1])], options=CompareOptions(worst=0)).contrasts:
            tested.setdefault((row.task, row.variant, row.prompt, row.metric), []).append(row)
    except GlotbenchError:
        tested = {}  # segments that cannot be read are as good as none
    found = []
    for family in families:
        paired = [_paired(row) for row in tested.get(family, ())]
        done = {change.language for change in paired}
        rest = [key for key in after if family_of(key) == family and key[3] not in done and key in before]
        usable = [key for key in rest if _has_values(before[key], after[key])]
        own = [{key[3]: side[key] for key in usable} for side in (before, after)]
        untested = interval_changes(model, family, own[0], own[1], [key[3] for key in usable]).changes
        if paired:
            untested = tuple(change for change in untested if change.language != MACRO)
        if paired or untested:
            found.append(TrackChanges(model=model, family=family, changes=(*paired, *untested)))
    return found


def _system(folder: RunFolder, model: str, families: Sequence[Family]) -> System:
    wanted = set(families)
    scores = {
        score.key: ScoreSource(folder=folder, score=score)
        for score in folder.record.scores
        if score.model == model and (score.task, score.variant, score.prompt, score.metric) in wanted
    }
    # One name each: what is read of a system is remembered by its name.
    return System(name=f"{model} in {folder.path}", scores=scores)


def _has_values(before: ScoreRecord, after: ScoreRecord) -> bool:
    return before.value is not None and after.value is not None and not incomparable(after, before)


def _paired(row: Contrast) -> Change:
    return Change(
        language=row.language,
        before=row.value_against,
        after=row.value,
        delta=row.delta,
        low=row.low,
        high=row.high,
        p=row.p_corrected,
        verdict=row.verdict,
        basis="segments",
        n=row.n,
        languages=row.languages,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """Everything found out about one run: the intervals of its means, and its pairs in the order of the plan."""

    means: tuple[MeanInterval, ...]
    pairs: tuple[PairReport, ...]
