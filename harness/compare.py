"""Run folders -> every pair of systems, paired per language, corrected, with a verdict and the worst segments.

A *family* is one (pair, task, variant, prompt, metric): its languages are corrected together and share one macro row.
Scores that do not measure the same thing are listed with the reason, never compared. Tables are ``harness.reports``.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

from harness.pairing import (
    MACRO,
    CreateMetric,
    PairedScores,
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
from harness.systems import Family, Key, System, chosen, family_of, find_systems
from metrics.base import Metric

Verdict = Literal["better", "worse", "no difference shown"]
Correction = Literal["bh", "holm", "none"]
_PORTION = 8_000_000
"""Most deltas of random draws held at once (64 MB)."""

_FEWEST_DRAWS = 2_000


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
        best: Segments on which it gained most, where they were asked for.
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
    best: tuple[SegmentDrop, ...] = ()
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
        worst: Segments to list for each language of those on which the later system lost most.
        best: The same of those on which it gained most.
        create: How a metric is made; by default from the registry.
    """

    correction: Correction = "bh"
    alpha: float = 0.05
    draws: int | None = None
    clustered: bool = True
    worst: int = 5
    best: int = 0
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
    systems = chosen(find_systems(runs), models)
    found = compare_pairs(list(combinations(systems, 2)), seed=seed, options=options)
    return replace(found, contrasts=_with_texts(found.contrasts, {system.name: system for system in systems}))


def compare_pairs(
    pairs: Sequence[tuple[System, System]], *, seed: int = 0, options: CompareOptions = _DEFAULTS
) -> Comparison:
    """Compare the second system of every pair with the first one; segments are listed without their texts.

    What is found of a pair does not depend on what else is compared.

    Raises:
        RecordError: A run's statistics cannot be read.
    """
    systems = {system.name: system for pair in pairs for system in pair}
    contrasts: list[Contrast] = []
    skipped: list[NotCompared] = []
    for family in dict.fromkeys(family_of(key) for system in systems.values() for key in system.scores):
        paired, reasons = _pair_family(pairs, family, options)
        skipped.extend(reasons)
        contrasts.extend(_family_contrasts(paired, family, seed=seed, options=options))
    return Comparison(
        systems=tuple(systems),
        correction=options.correction,
        alpha=options.alpha,
        seed=seed,
        contrasts=tuple(contrasts),
        not_compared=tuple(skipped),
        imported=tuple((system.name, words) for system in systems.values() for words in system.imported),
    )


def _with_texts(contrasts: Sequence[Contrast], systems: Mapping[str, System]) -> tuple[Contrast, ...]:
    """Fill in the texts of the listed segments."""
    listed = []
    for row in contrasts:
        if row.language != MACRO:
            key = (row.task, row.variant, row.prompt, row.language, row.metric)
            sides = systems[row.system].scores[key], systems[row.against].scores[key]
            listed += [(*sides, row.worst), (*sides, row.best)]
    texts = iter(with_texts(listed))
    return tuple(
        row if row.language == MACRO else replace(row, worst=next(texts), best=next(texts)) for row in contrasts
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """Two systems and what can be compared of them in one family."""

    system: System
    against: System
    scores: dict[Key, PairedScores]


def _pair_family(
    pairs: Sequence[tuple[System, System]], family: Family, options: CompareOptions
) -> tuple[list[_Pair], list[NotCompared]]:
    """The pairs of systems with their paired scores, reading each unit once; and what cannot be paired."""
    found, skipped = [], []
    reader = _FamilyReader(options)
    for against, system in pairs:
        scores = {}
        for key in dict.fromkeys(key for one in (against, system) for key in one.scores if family_of(key) == family):
            paired = reader.pair(system, against, key)
            if isinstance(paired, PairedScores):
                scores[key] = paired
            else:
                skipped.append(_not_compared(system, against, key, paired))
        if scores:
            found.append(_Pair(system=system, against=against, scores=scores))
    return found, skipped


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
        first, second = system.scores[key].score, against.scores[key].score
        reason = incomparable(first, second)
        if reason:
            return f"not comparable: {reason}"
        for side in (system, against):
            score = side.scores[key].score
            if score.value is None:
                return f"{side.name} has no score: {score.note or 'nothing was scored'}"
        reason = untestable(first, second)
        metric = self._metric(first)
        if reason or not isinstance(metric, Metric):
            return reason or str(metric)
        one, other = self._read(system, key), self._read(against, key)
        wanted = self._options
        return pair_statistics(one, other, metric, clustered=wanted.clustered, worst=wanted.worst, best=wanted.best)

    def _metric(self, score: ScoreRecord) -> Metric | str:
        name = f"{score.metric} {sorted(score.metric_options.items())}"
        if name not in self._metrics:
            self._metrics[name] = recreate(score, self._options.create)
        return self._metrics[name]

    def _read(self, system: System, key: Key) -> UnitStatistics:
        place = (system.name, key)
        if place not in self._statistics:
            self._statistics[place] = system.scores[key].statistics()
        return self._statistics[place]


def _family_contrasts(
    pairs: Sequence[_Pair], family: Family, *, seed: int, options: CompareOptions
) -> Iterator[Contrast]:
    """The rows of every pair, in the order of the pairs.

    Only pairs on the same clusters share their draws: with other pairs' clusters among them, the draws of a pair would
    be others than when it is compared alone.
    """
    alike: dict[tuple[Hashable, ...], list[int]] = {}
    for number, pair in enumerate(pairs):
        alike.setdefault(tuple(scores.sample.clusters for scores in pair.scores.values()), []).append(number)
    found: dict[int, list[Contrast]] = {}
    for numbers in alike.values():
        draws = _draws(pairs[numbers[0]], options)
        for portion in _portions(numbers, draws * len(pairs[numbers[0]].scores)):
            rows = _contrasts([pairs[number] for number in portion], family, seed=seed, draws=draws, options=options)
            found |= dict(zip(portion, rows, strict=True))
    for number in range(len(pairs)):
        yield from found[number]


def _draws(pair: _Pair, options: CompareOptions) -> int:
    return options.draws or min(DRAWS, max(_FEWEST_DRAWS, math.ceil(5 * len(pair.scores) / options.alpha)))


def _portions(numbers: Sequence[int], deltas: int) -> Iterator[Sequence[int]]:
    """Pairs whose draws fit into memory together, each of so many deltas."""
    step = max(1, _PORTION // deltas)
    for start in range(0, len(numbers), step):
        yield numbers[start : start + step]


def _contrasts(
    pairs: Sequence[_Pair], family: Family, *, seed: int, draws: int, options: CompareOptions
) -> Iterator[list[Contrast]]:
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
        found = []
        if len(rows) > 1:
            macro = evidence.macro()
            row = _contrast(pair, rows[0][0], macro, p=macro.p, options=options)
            left_out = sum(paired.left_out for paired in pair.scores.values())
            found.append(replace(row, language=MACRO, languages=len(rows), left_out=left_out))
        tests = 1 if options.correction == "none" else len(rows)
        for key, delta, p in rows:
            row = _contrast(pair, key, delta, p=float(p), options=options, tests=tests)
            found.append(replace(row, worst=pair.scores[key].worst, best=pair.scores[key].best))
        yield found


def _contrast(pair: _Pair, key: Key, delta: Delta, *, p: float, options: CompareOptions, tests: int = 1) -> Contrast:
    score = pair.system.scores[key].score
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
