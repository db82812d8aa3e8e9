"""Scores without inference: of files of hypotheses, or of the texts a run kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.data import read_lines
from harness.errors import DataError, UserError
from harness.stats import Interval, interval
from harness.store import RunFolder
from harness.target_options import text_metric
from metrics.base import Segment, TextMetric
from metrics.parallel import segment_stats


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemScore:
    """One system's corpus score by one metric."""

    system: str
    metric: str
    value: float
    interval: Interval
    n: int
    signature: str
    decimals: int


def score_files(
    hypotheses: Sequence[Path],
    references: Sequence[Path],
    sources: Path | None,
    metrics: Sequence[str],
    *,
    target_language: str = "",
    seed: int = 0,
) -> list[SystemScore]:
    """Score line-aligned files.

    Args:
        hypotheses: One file a system. references: One file a set of references, line-aligned as well; none for a metric
            that judges a translation by its source.
        sources: Source side, where a metric needs it.
        metrics: Names, or ``name:option=value:...``.
        target_language: Any code of the hypotheses' language; chooses BLEU's tokenizer.

    Raises:
        UserError: An unknown metric, a missing file, or files of different lengths.
    """
    made = [text_metric(text, target_language) for text in metrics]
    reference_lines = [_read(path) for path in references]
    source_lines = _read(sources) if sources else None
    scores: list[SystemScore] = []
    for path in hypotheses:
        lines = _read(path)
        for other, found in [
            *zip(references, reference_lines, strict=True),
            *([(sources, source_lines)] if sources else []),
        ]:
            if len(found or []) != len(lines):
                raise DataError(
                    f"{path}: {len(lines)} lines, but {other} has {len(found or [])}; they must be line-aligned"
                )
        segments = [
            Segment(
                hypothesis=line,
                references=tuple(reference[index] for reference in reference_lines),
                source=source_lines[index] if source_lines else None,
            )
            for index, line in enumerate(lines)
        ]
        scores.extend(_score(path.name, metric, segments, seed) for metric in made)
    return scores


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
        scores.extend(_score(label, text_metric(text, unit[4].rpartition("-")[2]), segments, seed) for text in metrics)
    if not scores:
        raise UserError(f"{folder.path}: the run kept no hypotheses; only runs that generate text can be scored again")
    return scores


def _score(system: str, metric: TextMetric, segments: Sequence[Segment], seed: int) -> SystemScore:
    stats = segment_stats(metric, segments)
    found = interval(metric, stats, None, rng=np.random.default_rng(seed))
    return SystemScore(
        system=system,
        metric=metric.info.name,
        value=metric.value(stats),
        interval=found,
        n=len(segments),
        signature=metric.signature(),
        decimals=metric.info.decimals,
    )


def _read(path: Path) -> list[str]:
    lines = read_lines(path, encoding="utf-8")
    if not lines:
        raise DataError(f"{path}: empty; give it one segment a line")
    return lines
