"""Scores without inference: of files of hypotheses, or of the texts a run kept; and files against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from harness.compare import Comparison, Contrast, Correction, verdict_on
from harness.errors import UserError
from harness.pairing import generator
from harness.resampling import Sample
from harness.scored_outputs import Scored
from harness.stats import DRAWS, Interval, corrected, interval, minimum_detectable_effect, paired_evidences
from harness.store import RunFolder
from harness.system_outputs import SystemOutputs
from harness.target_options import text_metric
from metrics.base import FloatArray, Metric, Segment
from metrics.parallel import segment_stats

ALPHA = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemScore:
    """One system's corpus score by one metric."""

    system: str
    metric: str
    title: str
    value: float
    interval: Interval
    n: int
    signature: str
    decimals: int
    higher_is_better: bool


def score_outputs(outputs: SystemOutputs, scored: Sequence[Scored], *, seed: int = 0) -> list[SystemScore]:
    """Corpus scores, system by system."""
    return [
        _score(system, one.metric, one.statistics[system], outputs.clusters, seed)
        for system in outputs.hypotheses
        for one in scored
    ]


def compare_outputs(
    outputs: SystemOutputs, scored: Sequence[Scored], *, correction: Correction = "holm", seed: int = 0
) -> Comparison:
    """Every pair of systems, paired by segments (or documents, where they are known); corrected over the pairs.

    Raises:
        UserError: Fewer than two systems.
    """
    if len(outputs.hypotheses) < 2:
        raise UserError("score --paired: needs two systems or more; give --hypotheses again")
    clusters = outputs.clusters
    pairs = [(other, one) for one, other in combinations(outputs.hypotheses, 2)]
    contrasts: list[Contrast] = []
    tests = 1 if correction == "none" else len(pairs)
    for one in scored:
        info = one.metric.info
        samples = [
            [Sample(metric=one.metric, systems=(one.statistics[a], one.statistics[b]), clusters=clusters)]
            for a, b in pairs
        ]
        found = paired_evidences(samples, rng=generator(seed, info.name), draws=DRAWS)
        deltas = [evidence.sample(0) for evidence in found]
        for pair, delta, p in zip(pairs, deltas, corrected([delta.p for delta in deltas], correction), strict=True):
            contrasts.append(
                Contrast(
                    system=pair[0],
                    against=pair[1],
                    task=outputs.title,
                    variant="",
                    prompt="",
                    language=outputs.target_language,
                    metric=info.name,
                    title=info.title,
                    decimals=info.decimals,
                    higher_is_better=info.higher_is_better,
                    value=delta.value_a,
                    value_against=delta.value_b,
                    delta=delta.delta,
                    stderr=delta.stderr,
                    low=delta.low,
                    high=delta.high,
                    p=delta.p,
                    p_corrected=float(p),
                    verdict=verdict_on(delta.delta, float(p), alpha=ALPHA, higher_is_better=info.higher_is_better),
                    n=delta.n,
                    minimum_detectable_effect=minimum_detectable_effect(
                        delta.stderr, alpha=ALPHA / tests, sides=2, clusters=delta.clusters
                    ),
                    clusters=delta.clusters,
                )
            )
    return Comparison(
        systems=tuple(outputs.hypotheses),
        correction=correction,
        alpha=ALPHA,
        seed=seed,
        contrasts=tuple(contrasts),
        not_compared=(),
    )


def score_run(folder: RunFolder, metrics: Sequence[str], *, seed: int = 0) -> list[SystemScore]:
    """Score the hypotheses a run kept by other metrics, unit by unit; systems are ``model task language``.

    Raises:
        UserError: An unknown metric, or the run has no hypotheses.
    """
    scores: list[SystemScore] = []
    for unit in dict.fromkeys(score.unit_key for score in folder.record.scores):
        rows = [row for row in folder.segments(unit) if row.hypothesis is not None and row.references]
        if not rows:
            continue
        segments = [
            Segment(hypothesis=row.hypothesis or "", references=row.references, source=row.source) for row in rows
        ]
        label = " ".join(filter(None, unit))
        for text in metrics:
            metric = text_metric(text, unit[4].rpartition("-")[2])
            scores.append(_score(label, metric, segment_stats(metric, segments), None, seed))
    if not scores:
        raise UserError(f"{folder.path}: the run kept no hypotheses; only runs that generate text can be scored again")
    return scores


def _score(system: str, metric: Metric, stats: FloatArray, clusters: Sequence[str] | None, seed: int) -> SystemScore:
    return SystemScore(
        system=system,
        metric=metric.info.name,
        title=metric.info.title,
        value=metric.value(stats),
        interval=interval(metric, stats, clusters, rng=np.random.default_rng(seed)),
        n=len(stats),
        signature=metric.signature(),
        decimals=metric.info.decimals,
        higher_is_better=metric.info.higher_is_better,
    )
