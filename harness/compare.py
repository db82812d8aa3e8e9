"""Run folders -> every pair of systems, paired per language, corrected, with a verdict and the worst segments.

A *family* is one (pair, task, variant, prompt, metric): its languages are corrected together and share one macro row.
Scores that do not measure the same thing are listed with the reason, never compared. Tables are ``harness.reports``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
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
    untestable,
    with_texts,
)
from harness.records import ScoreRecord
from harness.stats import DRAWS, Delta, corrected, minimum_detectable_effect, paired_evidences
from harness.store import RunFolder, UnitStatistics
from metrics.base import Metric

Verdict = Literal["better", "worse", "no difference shown"]
Correction = Literal["bh", "holm", "none"]
Family = tuple[str, str, str, str]
"""``(task, variant, prompt, metric)``."""

Key = tuple[str, str, str, str, str]
"""``(task, variant, prompt, language, metric)``."""

_PORTION = 8_000_000
"""Most deltas of random draws held at once (64 MB)."""

_FEWEST_DRAWS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One model of one run; ``name`` is the model's, with the run's id where that alone is ambiguous."""

    name: str
    folder: RunFolder
    scores: dict[Key, ScoreRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """``system`` minus ``against``, for one language or (``language == "macro"``) for their mean.

    Attributes:
        delta, stderr, low, high: In the unit of the metric; positive is a higher score, which need not be better.
        p, p_corrected: Two-sided; corrected over the languages of the family (a macro row stands alone).
        verdict: About ``system``.
        n: Common segments. clusters: Independent items among them: a document, or one segment in all languages, is one.
        languages: 1, or how many the macro mean is over.
        worst: Segments on which ``system`` lost most; empty for macro rows.
        minimum_detectable_effect: Smallest true difference that the test would have found four times in five, were this
            language the only one to differ; ``None`` where the two never differed.
        left_out: Segments that are not in both systems with a score (of all languages together in a macro row).
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
    higher_is_better: bool
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
    minimum_detectable_effect: float | None = None
    left_out: int = 0
    clusters: int | None = None


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
    """All pairs of systems, family by family; the macro row of a family comes before its languages.

    Attributes:
        imported: Systems whose scores another program made, with where from.
    """

    systems: tuple[str, ...]
    correction: Correction
    alpha: float
    seed: int
    contrasts: tuple[Contrast, ...]
    not_compared: tuple[NotCompared, ...]
    imported: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """How to compare.

    Attributes:
        correction: Over the languages of a family: ``bh`` for a list of suspects, ``holm`` for "any language changed".
        alpha: Level of the verdicts.
        draws: Random swaps of a test; by default 2,000, and more (up to 10,000) for families of more than 20 languages,
            so that the smallest possible p survives their correction.
        clustered: Keep segments of one document or passage together.
        worst: Segments to list for each language.
        create: How a metric is made; by default from the registry.
    """

    correction: Correction = "bh"
    alpha: float = 0.05
    draws: int | None = None
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
    return compare_systems(_chosen(find_systems(runs), models), seed=seed, options=options)


def compare_systems(systems: Sequence[System], *, seed: int = 0, options: CompareOptions = _DEFAULTS) -> Comparison:
    """Compare every pair of systems; the later one is judged against the earlier one.

    Raises:
        RecordError: A run's statistics cannot be read.
    """
    contrasts: list[Contrast] = []
    skipped: list[NotCompared] = []
    drops: list[tuple[ScoreSource, ScoreSource, tuple[SegmentDrop, ...]]] = []
    for family in dict.fromkeys(_family(key) for system in systems for key in system.scores):
        paired, reasons = _pair_family(systems, family, options)
        skipped.extend(reasons)
        draws = _draws(paired, options)
        for portion in _portions(paired, draws):
            contrasts.extend(_contrasts(portion, family, seed=seed, draws=draws, options=options))
        for one in paired:
            for key, scores in one.scores.items():
                first = ScoreSource(folder=one.system.folder, score=one.system.scores[key])
                second = ScoreSource(folder=one.against.folder, score=one.against.scores[key])
                drops.append((first, second, scores.worst))
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
        imported=tuple(
            (system.name, system.folder.record.imported.words)
            for system in systems
            if system.folder.record.imported is not None
        ),
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


def _family(key: Key) -> Family:
    task, variant, prompt, _, metric = key
    return task, variant, prompt, metric


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """Two systems and what can be compared of them in one family."""

    system: System
    against: System
    scores: dict[Key, PairedScores]


def _pair_family(
    systems: Sequence[System], family: Family, options: CompareOptions
) -> tuple[list[_Pair], list[NotCompared]]:
    """All pairs of systems with their paired scores, reading each unit once; and what cannot be paired."""
    pairs, skipped = [], []
    reader = _FamilyReader(options)
    for against, system in combinations(systems, 2):
        scores = {}
        for key in dict.fromkeys(key for one in (against, system) for key in one.scores if _family(key) == family):
            paired = reader.pair(system, against, key)
            if isinstance(paired, PairedScores):
                scores[key] = paired
            else:
                skipped.append(_not_compared(system, against, key, paired))
        if scores:
            pairs.append(_Pair(system=system, against=against, scores=scores))
    return pairs, skipped


def _not_compared(system: System, against: System, key: Key, reason: str) -> NotCompared:
    task, variant, prompt, language, metric = key
    return NotCompared(
        system=system.name,
        against=against.name,
        task=task,
        variant=variant,
        prompt=prompt,
        language=language,
        metric=metric,
        reason=reason,
    )


class _FamilyReader:
    """Statistics and metric of one family, each read or made once."""

    def __init__(self, options: CompareOptions) -> None:
        self._options = options
        self._statistics: dict[tuple[str, Key], UnitStatistics] = {}
        self._metrics: dict[str, Metric | str] = {}

    def pair(self, system: System, against: System, key: Key) -> PairedScores | str:
        """The two systems' common segments, or why they are not compared."""
        for absent, present in ((system, against), (against, system)):
            if key not in absent.scores:
                return f"only in {present.name}"
        first, second = system.scores[key], against.scores[key]
        reason = incomparable(first, second)
        if reason:
            return f"not comparable: {reason}"
        for side in (system, against):
            if side.scores[key].value is None:
                return f"{side.name} has no score: {side.scores[key].note or 'nothing was scored'}"
        reason = untestable(first, second)
        metric = self._metric(first)
        if reason or not isinstance(metric, Metric):
            return reason or str(metric)
        one, other = self._read(system, key), self._read(against, key)
        return pair_statistics(one, other, metric, clustered=self._options.clustered, worst=self._options.worst)

    def _metric(self, score: ScoreRecord) -> Metric | str:
        name = f"{score.metric} {sorted(score.metric_options.items())}"
        if name not in self._metrics:
            self._metrics[name] = recreate(score, self._options.create)
        return self._metrics[name]

    def _read(self, system: System, key: Key) -> UnitStatistics:
        place = (system.name, key)
        if place not in self._statistics:
            self._statistics[place] = ScoreSource(folder=system.folder, score=system.scores[key]).statistics()
        return self._statistics[place]


def _draws(pairs: Sequence[_Pair], options: CompareOptions) -> int:
    languages = max((len(pair.scores) for pair in pairs), default=1)
    return options.draws or min(DRAWS, max(_FEWEST_DRAWS, math.ceil(5 * languages / options.alpha)))


def _portions(pairs: Sequence[_Pair], draws: int) -> Iterator[Sequence[_Pair]]:
    """Pairs whose draws fit into memory together."""
    languages = max((len(pair.scores) for pair in pairs), default=1)
    step = max(1, _PORTION // (draws * languages))
    for start in range(0, len(pairs), step):
        yield pairs[start : start + step]


def _contrasts(
    pairs: Sequence[_Pair], family: Family, *, seed: int, draws: int, options: CompareOptions
) -> Iterator[Contrast]:
    """For every pair the macro row (for two languages or more) and the languages of one family."""
    # The same draws for every pair: what differs between two rows is then the systems, not the draw.
    evidences = paired_evidences(
        [[scores.sample for scores in pair.scores.values()] for pair in pairs],
        rng=generator(seed, *family),
        draws=draws,
    )
    for pair, evidence in zip(pairs, evidences, strict=True):
        deltas = [evidence.sample(index) for index in range(len(pair.scores))]
        rows = list(zip(pair.scores, deltas, corrected([delta.p for delta in deltas], options.correction), strict=True))
        if len(rows) > 1:
            macro = evidence.macro()
            row = _contrast(pair, rows[0][0], macro, p=macro.p, options=options)
            left_out = sum(paired.left_out for paired in pair.scores.values())
            yield replace(row, language=MACRO, languages=len(rows), left_out=left_out)
        tests = 1 if options.correction == "none" else len(rows)
        for key, delta, p in rows:
            yield _contrast(pair, key, delta, p=float(p), options=options, tests=tests)


def _contrast(pair: _Pair, key: Key, delta: Delta, *, p: float, options: CompareOptions, tests: int = 1) -> Contrast:
    score = pair.system.scores[key]
    known = math.isfinite(delta.delta)
    return Contrast(
        system=pair.system.name,
        against=pair.against.name,
        task=score.task,
        variant=score.variant,
        prompt=score.prompt,
        language=score.language,
        metric=score.metric,
        title=score.title,
        decimals=score.decimals,
        higher_is_better=score.higher_is_better,
        value=delta.value_a if math.isfinite(delta.value_a) else None,
        value_against=delta.value_b if math.isfinite(delta.value_b) else None,
        delta=delta.delta if known else None,
        stderr=delta.stderr,
        low=delta.low,
        high=delta.high,
        p=delta.p,
        p_corrected=p,
        verdict=verdict_on(delta.delta, p, alpha=options.alpha, higher_is_better=score.higher_is_better),
        n=delta.n,
        minimum_detectable_effect=minimum_detectable_effect(
            delta.stderr, alpha=options.alpha / tests, sides=2, clusters=delta.clusters
        ),
        left_out=pair.scores[key].left_out,
        clusters=delta.clusters,
    )


def verdict_on(delta: float, p: float, *, alpha: float, higher_is_better: bool) -> Verdict:
    """What a difference and its (corrected) p-value say about the first system."""
    if not math.isfinite(delta) or p > alpha or delta == 0:
        return "no difference shown"
    return "better" if (delta > 0) == higher_is_better else "worse"
