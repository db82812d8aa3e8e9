"""Run folders -> every pair of systems, paired per language, corrected, with a verdict and the worst segments.

A *family* is one (pair, task, variant, prompt, metric): its languages are corrected together and share one macro row.
Scores that do not measure the same thing are listed with the reason, never compared. Tables are ``harness.reports``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

from harness.errors import UserError
from harness.pairing import (
    MACRO,
    CreateMetric,
    PairedScores,
    ScoreSource,
    SegmentDrop,
    generator,
    incomparable,
    pair_statistics,
    recreate,
    with_texts,
)
from harness.records import ScoreRecord
from harness.stats import DRAWS, Delta, corrected, paired_evidence
from harness.store import RunFolder, UnitStatistics
from metrics.base import Metric

Verdict = Literal["better", "worse", "no difference shown"]
Correction = Literal["bh", "holm", "none"]
Family = tuple[str, str, str, str]
"""``(task, variant, prompt, metric)``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One model of one run; ``name`` is the model's, with the run's id where that alone is ambiguous."""

    name: str
    folder: RunFolder
    scores: dict[tuple[str, str, str, str, str], ScoreRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """``system`` minus ``against``, for one language or (``language == "macro"``) for their mean.

    Attributes:
        delta, stderr, low, high: In the unit of the metric; positive is a higher score, which need not be better.
        p, p_corrected: Two-sided; corrected over the languages of the family (a macro row stands alone).
        verdict: About ``system``.
        n: Common segments. languages: 1, or how many the macro mean is over.
        worst: Segments on which ``system`` lost most; empty for macro rows.
    """

    system: str
    against: str
    task: str
    variant: str
    prompt: str
    language: str
    metric: str
    title: str
    decimals: int
    value: float | None
    value_against: float | None
    delta: float | None
    stderr: float | None
    low: float | None
    high: float | None
    p: float
    p_corrected: float
    verdict: Verdict
    n: int
    languages: int = 1
    worst: tuple[SegmentDrop, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCompared:
    """A score that stands in at least one of two systems and was not compared."""

    system: str
    against: str
    task: str
    variant: str
    prompt: str
    language: str
    metric: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All pairs of systems, family by family; the macro row of a family comes before its languages."""

    systems: tuple[str, ...]
    correction: Correction
    alpha: float
    seed: int
    contrasts: tuple[Contrast, ...]
    not_compared: tuple[NotCompared, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """How to compare.

    Attributes:
        correction: Over the languages of a family: ``bh`` for a list of suspects, ``holm`` for "any language changed".
        alpha: Level of the verdicts.
        draws: Random swaps of a test.
        clustered: Keep segments of one document or passage together.
        worst: Segments to list for each language.
        create: How a metric is made; by default from the registry.
    """

    correction: Correction = "bh"
    alpha: float = 0.05
    draws: int = DRAWS
    clustered: bool = True
    worst: int = 5
    create: CreateMetric | None = None


_DEFAULTS = CompareOptions()


def compare(
    runs: Sequence[RunFolder], *, models: Sequence[str] = (), seed: int = 0, options: CompareOptions = _DEFAULTS
) -> Comparison:
    """Compare every pair of systems in the runs; the later one is judged against the earlier one.

    Args:
        models: Names of the only systems to compare; empty for all.

    Raises:
        UserError: Fewer than two systems, or a name that is not there.
        RecordError: A run's statistics cannot be read.
    """
    systems = _chosen(find_systems(runs), models)
    contrasts: list[Contrast] = []
    skipped: list[NotCompared] = []
    drops: list[tuple[ScoreSource, ScoreSource, tuple[SegmentDrop, ...]]] = []
    for family in dict.fromkeys(_family(key) for system in systems for key in system.scores):
        statistics: dict[tuple[str, str], UnitStatistics] = {}
        for against, system in combinations(systems, 2):
            pairs, reasons = _pair_family(system, against, family, statistics, options)
            skipped.extend(reasons)
            if pairs:
                contrasts.extend(_contrasts(system, against, family, pairs, seed=seed, options=options))
                for key, paired in pairs.items():
                    first = ScoreSource(folder=system.folder, score=system.scores[key])
                    second = ScoreSource(folder=against.folder, score=against.scores[key])
                    drops.append((first, second, paired.worst))
    texts = iter(with_texts(drops))
    return Comparison(
        systems=tuple(system.name for system in systems),
        correction=options.correction,
        alpha=options.alpha,
        seed=seed,
        contrasts=tuple(
            contrast if contrast.language == MACRO else replace(contrast, worst=next(texts)) for contrast in contrasts
        ),
        not_compared=tuple(skipped),
    )


def find_systems(runs: Sequence[RunFolder]) -> list[System]:
    """Every model of every run, in order; a folder named twice counts once."""
    folders = list({folder.path.resolve(): folder for folder in runs}.values())
    found = [(model.name, folder) for folder in folders for model in folder.record.models]
    names = [name for name, _ in found]
    systems: list[System] = []
    for name, folder in found:
        label = name if names.count(name) == 1 else f"{name}@{folder.record.run_id}"
        taken = sum(system.name.split("#")[0] == label for system in systems)
        scores = {score.key: score for score in folder.record.scores if score.model == name}
        systems.append(System(name=f"{label}#{taken + 1}" if taken else label, folder=folder, scores=scores))
    return systems


def _chosen(systems: list[System], models: Sequence[str]) -> list[System]:
    known = ", ".join(system.name for system in systems) or "none"
    unknown = [name for name in models if name not in {system.name for system in systems}]
    if unknown:
        raise UserError(f"compare: no system named {', '.join(unknown)}; the runs hold {known}")
    chosen = [system for system in systems if not models or system.name in models]
    if len(chosen) < 2:
        raise UserError(f"compare: needs at least two systems, found {known}; name another run folder")
    return chosen


def _family(key: tuple[str, str, str, str, str]) -> Family:
    task, variant, prompt, _, metric = key
    return task, variant, prompt, metric


_Pairs = dict[tuple[str, str, str, str, str], PairedScores]


def _pair_family(
    system: System,
    against: System,
    family: Family,
    statistics: dict[tuple[str, str], UnitStatistics],
    options: CompareOptions,
) -> tuple[_Pairs, list[NotCompared]]:
    """Paired scores by key, and what cannot be paired; each system's unit is read once, into ``statistics``."""
    pairs: _Pairs = {}
    skipped = []
    for key in dict.fromkeys(key for one in (against, system) for key in one.scores if _family(key) == family):
        paired = _pair(system, against, key, statistics, options)
        if isinstance(paired, PairedScores):
            pairs[key] = paired
        else:
            task, variant, prompt, language, metric = key
            skipped.append(
                NotCompared(
                    system=system.name,
                    against=against.name,
                    task=task,
                    variant=variant,
                    prompt=prompt,
                    language=language,
                    metric=metric,
                    reason=paired,
                )
            )
    return pairs, skipped


def _pair(
    system: System,
    against: System,
    key: tuple[str, str, str, str, str],
    statistics: dict[tuple[str, str], UnitStatistics],
    options: CompareOptions,
) -> PairedScores | str:
    for one, other in ((system, against), (against, system)):
        if key not in one.scores:
            return f"only in {other.name}"
    first, second = system.scores[key], against.scores[key]
    if reason := incomparable(first, second):
        return reason
    for one, score in ((system, first), (against, second)):
        if score.value is None:
            return f"{one.name} has no score: {score.note or 'nothing was scored'}"
    metric = recreate(first, options.create)
    if not isinstance(metric, Metric):
        return metric
    for one, score in ((system, first), (against, second)):
        place = (one.name, score.language)
        if place not in statistics:
            statistics[place] = ScoreSource(folder=one.folder, score=score).statistics()
    return pair_statistics(
        statistics[system.name, first.language],
        statistics[against.name, second.language],
        metric,
        clustered=options.clustered,
        worst=options.worst,
    )


def _contrasts(
    system: System, against: System, family: Family, pairs: _Pairs, *, seed: int, options: CompareOptions
) -> list[Contrast]:
    """The macro row (for two languages or more) and the languages of one family of one pair."""
    keys = list(pairs)
    # The same swaps for every pair of systems: what differs between two rows is then the systems, not the draw.
    rng = generator(seed, *family)
    evidence = paired_evidence([paired.sample for paired in pairs.values()], rng=rng, draws=options.draws)
    deltas = [evidence.sample(index) for index in range(len(keys))]
    adjusted = corrected([delta.p for delta in deltas], options.correction)
    rows = [
        _contrast(system, against, system.scores[key], delta, p=float(p), alpha=options.alpha)
        for key, delta, p in zip(keys, deltas, adjusted, strict=True)
    ]
    if len(keys) > 1:
        macro = evidence.macro()
        row = _contrast(system, against, system.scores[keys[0]], macro, p=macro.p, alpha=options.alpha)
        rows.insert(0, replace(row, language=MACRO, languages=len(keys)))
    return rows


def _contrast(system: System, against: System, score: ScoreRecord, delta: Delta, *, p: float, alpha: float) -> Contrast:
    known = delta.delta == delta.delta
    verdict: Verdict = "no difference shown"
    if known and p <= alpha and delta.delta != 0:
        verdict = "better" if (delta.delta > 0) == score.higher_is_better else "worse"
    return Contrast(
        system=system.name,
        against=against.name,
        task=score.task,
        variant=score.variant,
        prompt=score.prompt,
        language=score.language,
        metric=score.metric,
        title=score.title,
        decimals=score.decimals,
        value=delta.value_a if delta.value_a == delta.value_a else None,
        value_against=delta.value_b if delta.value_b == delta.value_b else None,
        delta=delta.delta if known else None,
        stderr=delta.stderr,
        low=delta.low,
        high=delta.high,
        p=delta.p,
        p_corrected=p,
        verdict=verdict,
        n=delta.n,
    )
