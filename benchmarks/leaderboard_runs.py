"""Runs for the benchmark of the leaderboard: one a model, every language of every task scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.languages import known
from harness.records import Fingerprint, ModelRecord, RunRecord, ScoreRecord, TaskRecord
from harness.store import RunWriter, SegmentRow, UnitStatistics

CHANCE = 0.25
QUESTIONS = 500


def codes(count: int) -> tuple[str, ...]:
    """The first languages that the project knows."""
    found = tuple(language.code for language in known() if "_" in language.code)[:count]
    if len(found) < count:
        raise ValueError(f"{count} languages: only {len(found)} are known")
    return found


def write_run(
    folder: Path,
    model: int,
    languages: tuple[str, ...],
    tasks: tuple[int, ...],
    *,
    created: str = "",
    segments: int = 0,
) -> None:
    """The run of one model: an accuracy with its interval for every task and language.

    Args:
        created: The record's date; by default models follow each other by a minute.
        segments: Segments of every unit whose statistics and texts are kept; 0: scores come without.
    """
    rng = np.random.default_rng([model, *tasks, len(created)])
    writer = RunWriter(folder)
    scores = []
    for task in tasks:
        for place, language in enumerate(languages):
            chance_of_right = 0.3 + 0.6 * model / (model + 40) - 0.001 * place + 0.02 * np.sin(7.0 * task + place)
            right = rng.random(segments or QUESTIONS) < chance_of_right
            if segments:
                _keep_segments(writer, (f"model-{model:03d}", f"task-{task:02d}", "", "", language), right)
            scores.append(_score(f"model-{model:03d}", f"task-{task:02d}", language, right, kept=segments > 0))
    writer.finish(
        RunRecord(
            run_id=folder.name,
            created=created or f"2026-01-01T{model // 60:02d}:{model % 60:02d}:00Z",
            complete=True,
            command="glotbench run",
            glotbench="0.1.0",
            seed=0,
            versions={},
            hardware={},
            models=(ModelRecord(name=f"model-{model:03d}", backend="hf", identity={"weights": f"hash of {model}"}),),
            tasks=tuple(
                TaskRecord(name=f"task-{task:02d}", kind="multiple_choice", languages=languages) for task in tasks
            ),
            scores=tuple(scores),
        )
    )


def _score(model: str, task: str, language: str, right: np.ndarray, *, kept: bool) -> ScoreRecord:
    value = float(right.mean())
    error = float(np.sqrt(value * (1 - value) / len(right)))
    return ScoreRecord(
        model=model,
        task=task,
        language=language,
        metric="acc",
        title="Accuracy",
        description="Share of questions answered correctly.",
        value=value,
        stderr=error,
        ci_low=max(0.0, value - 1.96 * error),
        ci_high=min(1.0, value + 1.96 * error),
        ci_method="wald",
        n=len(right),
        unit="fraction",
        bounds=(0.0, 1.0),
        higher_is_better=True,
        decimals=3,
        chance=CHANCE,
        signature="acc|v:1",
        segments=kept,
        fingerprint=Fingerprint(dataset=f"{task} {language}", prompt="p", metric="acc|v:1"),
    )


def _keep_segments(writer: RunWriter, unit: tuple[str, str, str, str, str], right: np.ndarray) -> None:
    ids = tuple(map(str, range(len(right))))
    rows = [
        SegmentRow(segment=name, cluster=name, source=f"Question {name}?", references=("A",), hypothesis="AB"[not hit])
        for name, hit in zip(ids, right.tolist(), strict=True)
    ]
    hits = right.astype(np.float64)
    statistics = UnitStatistics(
        segments=ids, clusters=ids, stats=np.column_stack([hits, np.ones(len(hits))]), scores=hits
    )
    writer.add_unit(unit, rows, {"acc": statistics})
