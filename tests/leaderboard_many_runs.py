"""The runs of a site that has every kind of page: several runs, models, prompts, alignment beside measured scores, and
a model whose scores are measured twice. Names are hostile where a record can hold them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.records import RunRecord, ScoreRecord, TaskRecord
from harness.store import RunWriter, SegmentRow, UnitStatistics
from metrics.alignment import mexa
from tests.harness.grouped_runs import choice_units
from tests.harness.synthetic_runs import write_run as write_units
from tests.leaderboard_runs import ENGLISH, HOSTILE_MODEL, MODELS, TEXTS, model_record, score, write_run

HOSTILE_TASK = "<svg onload=alert(3)></title>{{7*7}} \u2067\"'`javascript:alert(4)"
HOSTILE_PROMPT = "</script><script>alert(5)</script>\u202eprompt"
LANGUAGES = (*TEXTS, "eng_Latn", "yor_Latn", "mya_Mymr")
SENTENCES = 60


def write_runs(folder: Path) -> list[Path]:
    """Run folders, the earliest first: three models; alignment; choices in two prompts; ``good`` again, but worse."""
    return [
        write_run(folder / "one"),
        _alignment(folder / "alignment"),
        _choices(folder / "choices"),
        write_run(folder / "later", created="2026-03-01T00:00:00Z", models=MODELS[:1], loss=0.3),
    ]


def _choices(folder: Path) -> Path:
    models = ("good", HOSTILE_MODEL)
    units = [
        unit.changed(task=HOSTILE_TASK)
        for unit in choice_units(models=models, prompts=("ጥያቄ", HOSTILE_PROMPT), languages=LANGUAGES)
    ]
    task = TaskRecord(name=HOSTILE_TASK, kind="multiple_choice", description="Choose.", languages=LANGUAGES)
    return write_units(
        folder,
        units,
        created="2026-02-01T00:00:00Z",
        command="glotbench run <img src=x onerror=alert(6)> --model `javascript:alert(7)`",
        models=tuple(map(model_record, models)),
        tasks=(task,),
    ).path


def _alignment(folder: Path) -> Path:
    writer = RunWriter(folder)
    rng = np.random.default_rng(3)
    scores = [
        _aligned(writer, model, language, rng.random((SENTENCES, 5)) < ability - 0.07 * place)
        for model, ability in (("good", 0.95), (HOSTILE_MODEL, 0.75))
        for place, language in enumerate(language for language in LANGUAGES if language != "eng_Latn")
    ]
    writer.finish(
        RunRecord(
            run_id="alignment",
            created="2026-01-15T00:00:00Z",
            complete=True,
            command="glotbench run alignment",
            glotbench="0.1.0",
            seed=1,
            versions={},
            hardware={},
            models=(model_record("good"), model_record(HOSTILE_MODEL)),
            tasks=(TaskRecord(name="aligned", kind="alignment", pivot="eng_Latn", languages=LANGUAGES),),
            scores=tuple(scores),
        )
    )
    return folder


def _aligned(writer: RunWriter, model: str, language: str, hits: np.ndarray) -> ScoreRecord:
    """MEXA of one language: ``hits [sentences, layers]`` says which sentences were matched in which layer."""
    metric = mexa()
    stats = np.column_stack([hits, np.ones(len(hits))]).astype(np.float64)
    segments = tuple(f"{index}" for index in range(len(hits)))
    text = TEXTS.get(language, language)
    rows = [
        SegmentRow(segment=name, cluster=name, source=f"{ENGLISH} {name}", references=(text,), hypothesis=None)
        for name in segments
    ]
    statistics = UnitStatistics(segments=segments, clusters=segments, stats=stats, scores=metric.segment_scores(stats))
    writer.add_unit((model, "aligned", "", "", language), rows, {"mexa": statistics})
    value = metric.value(stats)
    return score(
        model,
        language,
        value,
        task="aligned",
        metric="mexa",
        title="MEXA",
        stderr=0.02,
        ci_low=max(0.0, value - 0.04),
        ci_high=min(1.0, value + 0.04),
        n=len(hits),
        unit="fraction",
        bounds=(0, 1),
        decimals=3,
        signature=metric.signature(),
        details={"layers": tuple(hits.mean(axis=0).tolist())},
    )
