"""Run folders made of synthetic statistics, for tests of compare, gate and reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from harness.records import Fingerprint, ModelRecord, RunRecord, ScoreRecord
from harness.store import RunFolder, RunWriter, SegmentRow, UnitStatistics
from metrics.base import AdditiveMetric, FloatArray, MeanMetric, Metric, MetricError, MetricInfo

HOSTILE = (
    "አማርኛ ጽሑፍ",
    "نص عربي\u202eمقلوب",
    "ข้อความภาษาไทย",
    "ߒߞߏ ߞߊ߲",
    "👩🏽‍🔬🇪🇹 emoji",
    "a|b `code` ``` <script>alert(1)</script> @maintainer [x](http://evil.example)",
    "bell\x07 escape\x1b[31m null\x00 tab\t newline\n- item",
    "]]> &amp; \ufffe",
)
"""Texts that break careless renderers."""


class Ratio(AdditiveMetric):
    """Stands in for BLEU and chrF: 0-100, not a mean."""

    info = MetricInfo(name="ratio", title="Ratio", description="A ratio.", unit="points", bounds=(0.0, 100.0))

    def signature(self) -> str:
        return "ratio"

    def score(self, summed: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(100 * summed[..., 0] / summed[..., 1])


def _mean(name: str, *, binary: bool = False, higher_is_better: bool = True, points: bool = False) -> MeanMetric:
    info = MetricInfo(
        name=name,
        title=name.title(),
        description=name,
        unit="points" if points else "fraction",
        bounds=(0.0, 100.0 if points else 1.0),
        higher_is_better=higher_is_better,
        binary=binary,
        decimals=1 if points else 3,
    )
    return MeanMetric(info, name)


METRICS: dict[str, Metric] = {
    "acc": _mean("acc", binary=True),
    "quality": _mean("quality", points=True),
    "errors": _mean("errors", points=True, higher_is_better=False),
    "ratio": Ratio(),
}


def create(name: str, options: Mapping[str, str | int | float | bool]) -> Metric:
    """The registry's contract for the metrics above."""
    if name not in METRICS:
        raise MetricError(f"unknown metric {name}")
    return METRICS[name]


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One scored unit of a synthetic run: ``values`` are ``[n]`` for means, ``[n, 2]`` for the ratio."""

    values: FloatArray
    model: str = "model"
    task: str = "flores"
    language: str = "eng_Latn-yor_Latn"
    metric: str = "quality"
    variant: str = ""
    prompt: str = ""
    segments: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    failed: int = 0
    chance: float | None = None
    fingerprint: Fingerprint = field(
        default_factory=lambda: Fingerprint(dataset="d", prompt="p", metric="m", decoding="greedy")
    )

    def changed(self, **changes: object) -> Unit:
        return replace(self, **changes)  # type: ignore[arg-type]


def write_run(
    folder: Path, units: Sequence[Unit], *, run_id: str = "", complete: bool = True, **facts: object
) -> RunFolder:
    """Write and open a run of these units; the texts are the hostile ones, in turn.

    Args:
        facts: Fields of the record that are other than usual (``command``, ``hardware``, ``stages``).
    """
    writer = RunWriter(folder)
    scores = []
    for unit in units:
        metric = METRICS.get(unit.metric, METRICS["quality"])
        values = np.asarray(unit.values, dtype=np.float64)
        stats = values if values.ndim == 2 else MeanMetric.stats(values)
        segments = unit.segments or tuple(f"s{index}" for index in range(len(stats)))
        clusters = unit.clusters or segments
        rows = [
            SegmentRow(
                segment=segment,
                cluster=cluster,
                source=f"source of {segment}",
                references=(HOSTILE[index % len(HOSTILE)],),
                hypothesis=f"{unit.model}: {HOSTILE[(index + 1) % len(HOSTILE)]}",
            )
            for index, (segment, cluster) in enumerate(zip(segments, clusters, strict=True))
        ]
        statistics = UnitStatistics(
            segments=segments, clusters=clusters, stats=stats, scores=metric.segment_scores(stats)
        )
        key = (unit.model, unit.task, unit.variant, unit.prompt, unit.language)
        writer.add_unit(key, rows, {unit.metric: statistics})
        scores.append(
            ScoreRecord(
                model=unit.model,
                task=unit.task,
                variant=unit.variant,
                prompt=unit.prompt,
                language=unit.language,
                metric=unit.metric,
                title=metric.info.title,
                value=metric.value(stats) if len(stats) else None,
                stderr=None,
                ci_low=None,
                ci_high=None,
                n=len(stats),
                n_failed=unit.failed,
                unit=metric.info.unit,
                bounds=metric.info.bounds,
                higher_is_better=metric.info.higher_is_better,
                decimals=metric.info.decimals,
                chance=unit.chance,
                signature=metric.signature(),
                fingerprint=unit.fingerprint,
                note="" if len(stats) else "no segment could be scored",
            )
        )
    models = dict.fromkeys(unit.model for unit in units)
    writer.finish(
        RunRecord(
            run_id=run_id or folder.name,
            created="2026-01-01T00:00:00Z",
            complete=complete,
            command="glotbench run",
            glotbench="0.1.0",
            seed=0,
            versions={},
            hardware={},
            models=tuple(ModelRecord(name=name, backend="echo", identity={"name": name}) for name in models),
            tasks=(),
            scores=tuple(scores),
        ).model_copy(update=facts)
    )
    return RunFolder(folder)
