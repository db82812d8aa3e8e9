"""Runs of one model night by night, with real statistics, for tests of what changes from run to run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from harness.records import Fingerprint, ModelRecord, RunRecord, ScoreRecord, TaskRecord
from harness.store import RunWriter, SegmentRow, UnitStatistics
from metrics import registry
from metrics.base import MeanMetric
from tests.leaderboard_runs import TEXTS

ITEMS = 200
FINE = {"amh_Ethi": 150, "fra_Latn": 150, "jpn_Jpan": 120}
"""Right answers of ``ITEMS``, by language."""

FRENCH_BROKEN = FINE | {"fra_Latn": 90}


def write_night(
    folder: Path,
    hits: Mapping[str, int],
    *,
    night: int = 1,
    model: str = "nightly",
    task: str = "choice",
    weights: str = "first",
    dataset: str = "d1",
    kept: bool = True,
) -> Path:
    """A run that answers ``hits`` of ``ITEMS`` items right, by language.

    Args:
        kept: Whether segments and statistics are kept; a run that was imported has none.
    """
    writer = RunWriter(folder)
    scores = [_score(writer, model, task, language, right, dataset, kept) for language, right in hits.items()]
    record = RunRecord(
        run_id=f"night-{night}-{weights}",
        created=f"2026-01-{night:02d}T03:00:00Z",
        complete=True,
        command="glotbench run choice",
        glotbench="0.1.0",
        seed=0,
        versions={"torch": "2.5" if night < 3 else "2.6"},
        hardware={},
        models=(ModelRecord(name=model, backend="hf", identity={"weights": weights}),),
        tasks=(TaskRecord(name=task, kind="multiple_choice", languages=tuple(hits)),),
        scores=tuple(scores),
    )
    writer.finish(record)
    return folder


def _score(
    writer: RunWriter, model: str, task: str, language: str, right: int, dataset: str, kept: bool
) -> ScoreRecord:
    metric = registry.create("acc")
    order = np.random.default_rng(len(language)).permutation(ITEMS)
    values = (order < right).astype(np.float64)
    stats = MeanMetric.stats(values)
    names = tuple(f"item {index}" for index in range(ITEMS))
    if kept:
        rows = [
            SegmentRow(segment=name, cluster=name, source=name, references=(TEXTS[language],), hypothesis="ጀልባ")
            for name in names
        ]
        statistics = UnitStatistics(segments=names, clusters=names, stats=stats, scores=metric.segment_scores(stats))
        writer.add_unit((model, task, "", "", language), rows, {"acc": statistics})
    share = right / ITEMS
    return ScoreRecord(
        model=model,
        task=task,
        language=language,
        metric="acc",
        title="Accuracy",
        value=metric.value(stats),
        stderr=0.03,
        ci_low=share - 0.06,
        ci_high=share + 0.06,
        n=ITEMS,
        unit="fraction",
        bounds=(0, 1),
        higher_is_better=True,
        decimals=3,
        chance=0.25,
        signature=metric.signature(),
        segments=kept,
        fingerprint=Fingerprint(dataset=f"{dataset} {language}", prompt="p", metric=metric.signature()),
    )
