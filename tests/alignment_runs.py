"""A run with alignment by layer and accuracies in the same languages, for the tests of the pages about them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.records import ModelRecord, RunRecord, ScoreRecord, TaskRecord
from harness.store import RunWriter, SegmentRow, UnitStatistics
from metrics import registry
from metrics.alignment import LayerMetric
from tests.leaderboard_runs import HOSTILE_MODEL, score

LANGUAGES = ("amh_Ethi", "arb_Arab", "fra_Latn", "jpn_Jpan", "mya_Mymr", "nqo_Nkoo", "swh_Latn", "tha_Thai")
"""Their alignment grows in this order, and so does the accuracy of ``model``."""

UNKNOWN = "qaa_Zzzz"
"""A language that the table of languages does not have; it has no accuracy."""

LAYERS = 4
SENTENCES = 40
MODELS = ("model", HOSTILE_MODEL)


def aligned_share(language: str, layer: int) -> float:
    """Share of sentences that are aligned: more in later languages, most in the third of the four layers."""
    place = (*LANGUAGES, UNKNOWN).index(language) + 1
    return min(1.0, place * (1, 2, 4, 3)[layer] / 40)


def write_alignment_run(folder: Path, *, measured: bool = True) -> Path:
    """Two models on an alignment task; the first one also on topics, unless ``measured`` is false."""
    writer = RunWriter(folder)
    scores: list[ScoreRecord] = []
    for model in MODELS:
        for language in (*LANGUAGES, UNKNOWN):
            scores += _alignment(writer, model, language)
    if measured:
        values = {language: 0.2 + 0.08 * place for place, language in enumerate(LANGUAGES)} | {"eng_Latn": 0.9}
        scores += [
            score(
                "model", language, value, task="topics", metric="acc", title="accuracy", unit="fraction",
                bounds=(0, 1), decimals=3, ci_low=value - 0.05, ci_high=value + 0.05, chance=0.25, segments=False,
            )
            for language, value in values.items()
        ]  # fmt: skip
    writer.finish(
        RunRecord(
            run_id="alignment",
            created="2026-01-01T00:00:00Z",
            complete=True,
            command="glotbench run",
            glotbench="0",
            seed=0,
            versions={},
            hardware={},
            models=tuple(ModelRecord(name=name, backend="b", identity={"name": name}) for name in MODELS),
            tasks=(
                TaskRecord(name="parallel", kind="alignment", pivot="eng_Latn", languages=(*LANGUAGES, "eng_Latn")),
                TaskRecord(
                    name="topics", kind="classification", languages=(*LANGUAGES, "eng_Latn", "ewe_Latn", "zul_Latn")
                ),
            ),
            scores=tuple(scores),
        )
    )
    return folder


def _alignment(writer: RunWriter, model: str, language: str) -> list[ScoreRecord]:
    shares = np.array([aligned_share(language, layer) for layer in range(LAYERS)])
    hits = np.arange(SENTENCES)[:, None] < np.round(shares * SENTENCES)
    cosines = np.broadcast_to(shares[1:], (SENTENCES, LAYERS - 1))
    ones = np.ones((SENTENCES, 1))
    segments = tuple(f"s{index}" for index in range(SENTENCES))
    scores, statistics = [], {}
    for name, stats in (("mexa", hits), ("mexa_max", hits), ("language_ranker", cosines)):
        metric = registry.create(name)
        assert isinstance(metric, LayerMetric)
        table = np.column_stack([stats, ones]).astype(np.float64)
        statistics[name] = UnitStatistics(
            segments=segments, clusters=segments, stats=table, scores=metric.segment_scores(table)
        )
        scores.append(
            score(
                model,
                language,
                metric.value(table),
                task="parallel",
                metric=name,
                title=metric.info.title,
                description=metric.info.description,
                n=SENTENCES,
                unit=metric.info.unit,
                bounds=metric.info.bounds,
                decimals=3,
                ci_low=None,
                ci_high=None,
                signature=metric.signature(),
                metric_options={"pivot": "eng_Latn"},
                details={"layers": tuple(metric.layers(table.sum(axis=0)).tolist())},
            )
        )
    rows = [SegmentRow(segment=name, cluster=name, source="a", references=("b",), hypothesis=None) for name in segments]
    writer.add_unit((model, "parallel", "", "", language), rows, statistics)
    return scores
