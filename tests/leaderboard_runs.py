"""Run folders for the leaderboard's tests: several scripts, hostile texts, missing and failed scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.records import Fingerprint, ModelRecord, RunRecord, ScoreRecord, StageRecord, TaskRecord
from harness.store import RunWriter, SegmentRow, UnitStatistics
from metrics import registry
from metrics.base import Segment, TextMetric

HOSTILE_MODEL = '<img src=x onerror="alert(1)">\u202e evil'
HOSTILE_HYPOTHESIS = '<script>alert(1)</script>\x00\u202eevil\u202c "quoted" & <b>bold</b>\n👩🏽‍🔬'
MODELS = ("good", "weak", HOSTILE_MODEL)
TEXTS = {
    "amh_Ethi": "ጀልባው ከእሁድ በስተቀር በየቀኑ ጠዋት ይነሳል",
    "arb_Arab": "تغادر العبارة في الساعة السابعة من صباح كل يوم",
    "fra_Latn": "Le ferry part tous les matins sauf le dimanche",
    "jpn_Jpan": "フェリーは日曜日を除く毎朝出発する",
    "nqo_Nkoo": "ߒߞߏ ߞߊ߲ ߦߋ߫ ߡߊ߲߬ߘߋ߲߬ߞߊ߲ ߠߎ߬ ߛߓߍߟߌ",
    "tha_Thai": "เรือข้ามฟากออกทุกเช้ายกเว้นวันอาทิตย์",
}
ENGLISH = "The ferry leaves every morning except on Sundays"
SEGMENTS = 40
MISSING = ("weak", "eng_Latn-nqo_Nkoo")
"""Model and direction that have no score, though it was tried; ``HOSTILE_MODEL`` was never run in Thai."""


def write_run(
    folder: Path,
    *,
    created: str = "2026-01-01T00:00:00Z",
    dataset: str = "d1",
    models: tuple[str, ...] = MODELS,
    loss: float = 0.0,
) -> Path:
    """A run of three models on a translation task and an alignment task.

    Args:
        models: Those of ``MODELS`` that it runs.
        loss: Share of every translation that is cut off beyond what ``models`` leave out anyway.
    """
    writer = RunWriter(folder)
    scores: list[ScoreRecord] = []
    for model in models:
        for language in TEXTS:
            scores += _translation(writer, model, language, dataset, loss)
            scores.append(_alignment(writer, model, language))
    record = RunRecord(
        run_id=f"run-{dataset}",
        created=created,
        complete=False,
        command="glotbench run mt mexa --model <b>echo</b>",
        glotbench="0.1.0",
        seed=1,
        versions={"python": "3.11"},
        hardware={"cpu": "<i>two</i>"},
        models=tuple(map(model_record, models)),
        tasks=(
            TaskRecord(name="mt", kind="generate_until", description="Translate <b>this</b>.", license="cc0-1.0"),
            TaskRecord(name="mexa", kind="alignment", pivot="eng_Latn", languages=(*TEXTS, "eng_Latn", "ewe_Latn")),
        ),
        scores=tuple(scores),
        stages=(StageRecord(model="weak", task="mt", requests=1, computed=1, seconds=1.0),),
        notes=("</main><script>alert(2)</script>",),
    )
    writer.finish(record)
    return folder


def model_record(name: str) -> ModelRecord:
    """A model of these runs as every run of it records it."""
    label = "toy" if name == "weak" else ""
    return ModelRecord(name=name, backend="echo", identity={"weights": f"hash of {name}"}, label=label)


def score(model: str, language: str, value: float | None, **changes: object) -> ScoreRecord:
    """A score of task ``t`` with an interval of +- 1 point, unless ``changes`` say otherwise."""
    facts: dict[str, object] = {
        "model": model,
        "task": "t",
        "language": language,
        "metric": "m",
        "title": "M",
        "value": value,
        "stderr": 0.5,
        "ci_low": None if value is None else value - 1,
        "ci_high": None if value is None else value + 1,
        "n": 10,
        "unit": "points",
        "bounds": (0, 100),
        "higher_is_better": True,
        "signature": "m|v:1",
    }
    return ScoreRecord(**(facts | changes))  # type: ignore[arg-type]


def record_of(*scores: ScoreRecord, run_id: str = "r", created: str = "2026-01-01", **changes: object) -> RunRecord:
    """A record that holds ``scores`` and names their models and tasks."""
    facts: dict[str, object] = {
        "run_id": run_id,
        "created": created,
        "complete": True,
        "command": "glotbench run",
        "glotbench": "0",
        "seed": 0,
        "versions": {},
        "hardware": {},
        "models": tuple(ModelRecord(name=name, backend="b", identity={}) for name in {own.model for own in scores}),
        "tasks": tuple(TaskRecord(name=name, kind="generate_until") for name in {own.task for own in scores}),
        "scores": scores,
    }
    return RunRecord.model_validate(facts | changes)


def _translation(writer: RunWriter, model: str, language: str, dataset: str, loss: float) -> list[ScoreRecord]:
    direction = f"eng_Latn-{language}"
    if (model, direction) == (HOSTILE_MODEL, "eng_Latn-tha_Thai"):
        return []
    missing = (model, direction) == MISSING
    failed = set(range(SEGMENTS)) if missing else {3} if model == "weak" and language == "fra_Latn" else set()
    scored = [index for index in range(SEGMENTS) if index not in failed]
    hypotheses = [_hypothesis(model, language, index, loss) for index in range(SEGMENTS)]
    references = [f"{TEXTS[language]} {index}" for index in range(SEGMENTS)]
    rows = [
        SegmentRow(
            segment=f"s{index:02d}",
            cluster=f"s{index:02d}",
            source=f"{ENGLISH} {index}",
            references=(references[index],),
            hypothesis=None if index in failed else hypotheses[index],
            failed="server said <em>no</em>" if index in failed else None,
        )
        for index in range(SEGMENTS)
    ]
    statistics, scores = {}, []
    for name in ("chrf++", "bleu"):
        metric = registry.create(name)
        assert isinstance(metric, TextMetric)
        stats = metric.segment_stats(
            [Segment(hypothesis=hypotheses[index], references=(references[index],)) for index in scored]
        )
        if scored:
            statistics[name] = _unit_statistics([rows[index] for index in scored], stats, metric.segment_scores(stats))
        value = None if missing else metric.value(stats)
        scores.append(
            score(
                model,
                direction,
                value,
                task="mt",
                prompt="zero",
                metric=name,
                title=metric.info.title,
                n=len(scored),
                n_failed=len(failed),
                chance=0.25 if name == "bleu" else None,
                signature=metric.signature(),
                fingerprint=Fingerprint(dataset=dataset),
                note="no answer" if missing else "",
            )
        )
    writer.add_unit((model, "mt", "", "zero", direction), rows, statistics)
    return scores


def _hypothesis(model: str, language: str, index: int, loss: float) -> str:
    text = f"{TEXTS[language]} {index}"
    if model == HOSTILE_MODEL:
        return HOSTILE_HYPOTHESIS if index == 0 else text[: 4 + index % 5]
    kept = (0.9 if model == "good" else 0.5) - loss
    return text[: max(1, int(len(text) * (kept - 0.02 * (index % 7))))]


def _alignment(writer: RunWriter, model: str, language: str) -> ScoreRecord:
    hits = np.array([(index * (2 + len(model))) % 3 > 0 for index in range(SEGMENTS)], dtype=np.float64)
    rows = [
        SegmentRow(
            segment=str(index), cluster=str(index), source=ENGLISH, references=(TEXTS[language],), hypothesis=None
        )
        for index in range(SEGMENTS)
    ]
    statistics = _unit_statistics(rows, np.column_stack([hits, np.ones(SEGMENTS)]), hits)
    writer.add_unit((model, "mexa", "", "", language), rows, {"made_up": statistics})
    value = float(hits.mean())
    return score(
        model,
        language,
        value,
        task="mexa",
        metric="made_up",
        title="MEXA",
        ci_low=value - 0.1,
        ci_high=value + 0.1,
        n=SEGMENTS,
        unit="fraction",
        bounds=(0, 1),
        decimals=3,
        details={"layers": (0.1, value, value / 2)},
    )


def _unit_statistics(rows: list[SegmentRow], stats: np.ndarray, scores: np.ndarray) -> UnitStatistics:
    return UnitStatistics(
        segments=tuple(row.segment for row in rows),
        clusters=tuple(row.cluster for row in rows),
        stats=stats,
        scores=scores,
    )
