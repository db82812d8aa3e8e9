"""Wires the stages; the only orchestrator. Tasks and models in, a run folder out.

Everything that can be wrong is looked at first: task files, then data, then models. Then model by model: the requests
of all tasks are answered batch by batch into the response store (``harness.scheduling``, ``harness.vector_stage``), and
answers become statistics and scores. Running the same command again *is* resuming: a batch whose responses are all
stored is not computed again.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import harness
from harness.batch_sizes import remember
from harness.embedding_cache import EmbeddingCache
from harness.engine.base import Engine, ModelSpec
from harness.engine.faults import told_of_device
from harness.engine.models import load_model
from harness.error_rate import DEFAULT_MAX_ERROR_RATE
from harness.errors import UserError
from harness.loader import TaskFile
from harness.machine import git_commit, hardware, versions
from harness.records import ModelRecord, RunArguments, RunRecord, ScoreRecord, StageRecord
from harness.results import TaskResults
from harness.scheduling import Scheduler
from harness.store import ResponseStore, RunWriter, alone, content_hash, explained
from harness.tasks import units
from harness.tasks.base import Selection, Unit
from harness.types import Embed, Progress
from harness.vector_stage import VectorStage
from metrics.spelling import did_you_mean

__all__ = ["Progress", "RunPlan", "planned_work", "run"]

Work = list[tuple[TaskFile, Sequence[Unit]]]
"""Tasks with their units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """What to run.

    Attributes:
        tasks, models: What is evaluated on what. selection: Which part of the tasks.
        out: Results folder; the response store and the run folder are made in it.
        seed: Seed of every bootstrap. command: The command line, for the record. arguments: The same taken apart.
        cache: Where final embeddings are kept beyond this results folder; without it they are kept in it.
        max_error_rate: Share of one model's answers to one task that may fail before the run stops, 0-1.
    """

    tasks: Sequence[TaskFile]
    models: Sequence[ModelSpec]
    selection: Selection = field(default_factory=Selection)
    out: Path
    data_root: Path | None = None
    seed: int = 0
    command: str = ""
    arguments: RunArguments | None = None
    cache: EmbeddingCache | None = None
    max_error_rate: float = DEFAULT_MAX_ERROR_RATE


def run(plan: RunPlan, progress: Progress) -> Path:
    """Infer, score and write the record.

    Returns:
        The run folder.

    Raises:
        UserError: Something named or found is wrong; nothing was computed unless a model failed to load after another.
        RunIncompleteError: Too much failed; what was computed is kept.
        StorageError: The disk is full, or the results folder cannot be written; what was computed before is kept.
        DeviceError: The GPU stopped working; what was computed before is kept.
    """
    with explained(plan.out), told_of_device(), ExitStack() as held:
        return _run(plan, progress, held)


def _run(plan: RunPlan, progress: Progress, held: ExitStack) -> Path:
    """:func:`run`, with what it holds until it ends."""
    begun = time.perf_counter()
    work = planned_work(plan)
    fingerprint = [_checked(task, task_units) for task, task_units in work]
    checked, loading = time.perf_counter() - begun, 0.0
    scores: list[ScoreRecord] = []
    stages: list[StageRecord] = []
    models: list[ModelRecord] = []
    notes: list[str] = []
    question = _question(plan, fingerprint)
    staging = plan.out / f".running-{question[:16]}"
    held.enter_context(alone(staging))
    writer = held.enter_context(RunWriter(staging))
    with ResponseStore(plan.out / "responses.sqlite") as store:
        for spec in plan.models:
            since = time.perf_counter()
            engine = load_model(spec)
            remember(engine, plan.out)
            loading += time.perf_counter() - since
            models.append(
                ModelRecord(
                    name=engine.name, backend=engine.backend, identity=dict(engine.identity), label=engine.label
                )
            )
            wanted = [(task, task_units) for task, task_units in work if not spec.tasks or task.spec.task in spec.tasks]
            found, done = _run_model(engine, plan, wanted, store=store, writer=writer, progress=progress)
            for one in found:
                scores.extend(one.scores)
                notes.extend(one.notes())
            stages.extend(done)
            engine.close()
        notes.extend(store.notes)
    if not scores:
        raise UserError("nothing to score: no model can answer any of the tasks (" + "; ".join(notes) + ")")
    run_id = _run_id(plan, question, models)
    record = RunRecord(
        run_id=run_id,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        complete=True,
        command=plan.command,
        arguments=plan.arguments,
        glotbench=harness.__version__,
        seed=plan.seed,
        versions=versions(),
        hardware=hardware(),
        git_commit=git_commit(),
        models=tuple(models),
        tasks=tuple(task.record for task, _ in work),
        scores=tuple(scores),
        stages=tuple(stages),
        seconds={
            "checking": round(checked, 3),
            "loading": round(loading, 3),
            "total": round(time.perf_counter() - begun, 3),
        },
        notes=tuple(notes),
    )
    writer.finish(record, plan.out / run_id)
    return writer.folder


def planned_work(plan: RunPlan) -> Work:
    """Every task with its units; no data is read yet.

    Raises:
        UserError: Two models have one name, a model is for a task that is not in the run, or directions are wanted
            and no task has any.
    """
    _check_model_names(plan.models)
    _check_model_tasks(plan)
    _check_directions(plan)
    return [(task, units(task, plan.selection, plan.data_root)) for task in plan.tasks]


def _run_model(
    engine: Engine, plan: RunPlan, work: Work, *, store: ResponseStore, writer: RunWriter, progress: Progress
) -> tuple[list[TaskResults], list[StageRecord]]:
    """What a model gives for every task, in their order: all tasks of texts together, then those of vectors."""
    results = {
        task.spec.task: TaskResults(
            engine, task.spec.task, writer=writer, seed=plan.seed, max_error_rate=plan.max_error_rate
        )
        for task, _ in work
    }
    able = {
        task.spec.task: task_units
        for task, task_units in work
        if not results[task.spec.task].refuses(task_units, engine)
    }
    vectors = {task: task_units for task, task_units in able.items() if Embed in task_units[0].requests_made}
    stages: dict[str, StageRecord] = {}
    if texts := [(task, unit) for task, task_units in able.items() if task not in vectors for unit in task_units]:
        scheduler = Scheduler(engine, store=store, progress=progress, results=results)
        scheduler.run(texts)
        for task, _ in texts:
            results[task].errors.settle()
        stages = {task: scheduler.account.record(task) for task, _ in texts}
    for task, task_units in vectors.items():
        stage = VectorStage(engine, store=store, cache=plan.cache, progress=progress, results=results[task])
        stage.run(task, task_units)
        results[task].errors.settle()
        stages[task] = stage.account.record(task)
    return [*results.values()], [stages[task] for task in results if task in stages and stages[task].requests]


def _checked(task: TaskFile, task_units: Sequence[Unit]) -> list[str]:
    """Read every unit's data once, so that what is missing or misshapen is found before anything is computed.

    Returns:
        The units' data and prompt hashes.
    """
    hashes = [task.sha256]
    for unit in task_units[:1]:
        for metric, _ in unit.metrics().values():
            metric.signature()  # a metric that lacks something (a checkpoint, a package) says so here
    for unit in task_units:
        unit.metrics()
        hashes.append(f"{unit.variant}/{unit.prompt}/{unit.language}:{unit.dataset_hash()}:{unit.prompt_hash()}")
        unit.release()
    return hashes


def _check_model_tasks(plan: RunPlan) -> None:
    names = [task.spec.task for task in plan.tasks]
    for model in plan.models:
        for name in sorted(model.tasks - set(names)):
            raise UserError(
                f"--model {model.backend}:{model.target}: tasks: '{name}' is not in this run{did_you_mean(name, names)}"
            )


def _check_directions(plan: RunPlan) -> None:
    if plan.selection.directions and all(task.spec.directions is None for task in plan.tasks):
        names = ", ".join(task.spec.task for task in plan.tasks)
        raise UserError(f"--directions: no task of this run has directions to choose from ({names}); leave it out")


def _check_model_names(models: Sequence[ModelSpec]) -> None:
    names = [model.name for model in models]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two models are called '{name}'; give one of them another name with ,name=...")


def _question(plan: RunPlan, fingerprint: Sequence[Sequence[str]]) -> str:
    """Hash that is the same for the same question: same tasks, data, named models and selection."""
    selection = plan.selection
    return content_hash(
        [
            [list(part) for part in fingerprint],
            [[model.backend, model.target, sorted(model.options.items())] for model in plan.models],
            dataclasses.astuple(selection),
            plan.seed,
            harness.__version__,
        ]
    )


def _run_id(plan: RunPlan, question: str, models: Sequence[ModelRecord]) -> str:
    """Folder name that is the same for the same question put to the same models.

    A model that was trained again under its old name is another model, and its run stands beside the earlier one.
    """
    tasks = "+".join(task.spec.task for task in plan.tasks)
    names = "+".join(model.name for model in plan.models)
    readable = re.sub(r"[^\w.+-]+", "-", f"{tasks}--{names}", flags=re.ASCII).strip("-")[:80]
    return f"{readable}-{content_hash([question, [model.identity for model in models]])[:8]}"
