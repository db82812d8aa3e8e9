"""Wires the stages; the only orchestrator. Tasks and models in, a run folder out.

Everything that can be wrong is looked at first: task files, then data, then models. Then model by model and unit by
unit: requests are answered batch by batch into the response store, and answers become statistics and scores. Running
the same command again *is* resuming: a batch whose responses are all stored is not computed again.
"""

from __future__ import annotations

import dataclasses
import datetime
import io
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import harness
from harness.account import Account
from harness.embedding_cache import EmbeddingCache
from harness.encoding import Encoder
from harness.engine.base import Embedder, Engine, Explaining, ModelSpec, is_independent
from harness.engine.models import load_model
from harness.engine.tensor_parallel import follow, is_follower
from harness.error_rate import DEFAULT_MAX_ERROR_RATE, ErrorRate
from harness.errors import UserError
from harness.loader import TaskFile
from harness.machine import git_commit, hardware, versions
from harness.records import ModelRecord, RunRecord, ScoreRecord, StageRecord, TaskRecord
from harness.scoring import score_unit
from harness.store import ResponseStore, RunWriter, SegmentRow, content_hash, request_key
from harness.tasks import units
from harness.tasks.base import Outcome, Selection, Unit
from harness.types import Embed, Generate, Judge, Request, Response
from metrics.spelling import did_you_mean

Progress = Callable[[str, int, int], None]
"""``progress(label, done, total)``, called after every batch."""


_PLANNED = 10_000
"""Most requests that are planned together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """What to run.

    Attributes:
        tasks, models: What is evaluated on what. selection: Which part of the tasks.
        out: Results folder; the response store and the run folder are made in it.
        seed: Seed of every bootstrap. command: The command line, for the record.
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
    cache: EmbeddingCache | None = None
    max_error_rate: float = DEFAULT_MAX_ERROR_RATE


def run(plan: RunPlan, progress: Progress) -> Path:
    """Infer, score and write the record.

    Returns:
        The run folder.

    Raises:
        UserError: Something named or found is wrong; nothing was computed unless a model failed to load after another.
    """
    if is_follower():
        follow(plan.models, load_model)
        raise SystemExit(0)
    begun = time.perf_counter()
    work = planned_work(plan)
    fingerprint = [_checked(task, task_units) for task, task_units in work]
    checked, loading = time.perf_counter() - begun, 0.0
    scores: list[ScoreRecord] = []
    stages: list[StageRecord] = []
    models: list[ModelRecord] = []
    notes: list[str] = []
    question = _question(plan, fingerprint)
    writer = RunWriter(plan.out / f".running-{question[:16]}")
    with ResponseStore(plan.out / "responses.sqlite") as store:
        for spec in plan.models:
            since = time.perf_counter()
            engine = load_model(spec)
            loading += time.perf_counter() - since
            models.append(
                ModelRecord(
                    name=engine.name, backend=engine.backend, identity=dict(engine.identity), label=engine.label
                )
            )
            for task, task_units in work:
                if spec.tasks and task.spec.task not in spec.tasks:
                    continue
                stage = _Stage(plan, engine=engine, store=store, progress=progress, writer=writer)
                stage.run(task, task_units)
                scores.extend(stage.scores)
                stages.extend(stage.record(task))
                notes.extend(stage.notes)
            engine.close()
    if not scores:
        raise UserError("nothing to score: no model can answer any of the tasks (" + "; ".join(notes) + ")")
    run_id = _run_id(plan, question, models)
    record = RunRecord(
        run_id=run_id,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        complete=True,
        command=plan.command,
        glotbench=harness.__version__,
        seed=plan.seed,
        versions=versions(),
        hardware=hardware(),
        git_commit=git_commit(),
        models=tuple(models),
        tasks=tuple(_task_record(task) for task, _ in work),
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


def planned_work(plan: RunPlan) -> list[tuple[TaskFile, Sequence[Unit]]]:
    """Every task with its units; no data is read yet.

    Raises:
        UserError: Two models have one name, a model is for a task that is not in the run, or directions are wanted
            and no task has any.
    """
    _check_model_names(plan.models)
    _check_model_tasks(plan)
    _check_directions(plan)
    return [(task, units(task, plan.selection, plan.data_root)) for task in plan.tasks]


def reduction_key(keys: Sequence[str], shared_keys: Sequence[str], unit: Unit) -> str:
    """Where the statistics of a unit are kept whose responses are too large to keep."""
    return content_hash([list(keys), list(shared_keys), sorted(unit.metrics()), "reduction-1"])


class _Stage:
    """One model on one task."""

    def __init__(
        self, plan: RunPlan, *, engine: Engine, store: ResponseStore, progress: Progress, writer: RunWriter
    ) -> None:
        self._engine = engine
        self._store = store
        self._progress = progress
        self._seed = plan.seed
        self._writer = writer
        self._most_errors = plan.max_error_rate
        self._errors = ErrorRate(self._most_errors, engine.name, "")
        self._account = Account(engine)
        self._encoder = (
            Encoder(engine, engine.name, store=store, cache=plan.cache, progress=progress, account=self._account)
            if isinstance(engine, Embedder)
            else None
        )
        self._identity = content_hash(dict(engine.identity))
        self._shared: dict[tuple[str, ...], list[Response]] = {}
        self._passing: tuple[list[str], list[Response]] = ([], [])
        self._pivots: frozenset[str] = frozenset()
        self._pivot_keys: list[str] = []
        self._think_end = engine.identity.get("think_end")
        self._answers_divided = 0
        self._answers_unended = 0
        self.scores: list[ScoreRecord] = []
        self.notes: list[str] = []

    def run(self, task: TaskFile, task_units: Sequence[Unit]) -> None:
        """Answer and score every unit the engine covers; what it does not cover is a note, not a failure."""
        label = f"{self._engine.name} · {task.spec.task}"
        if not task_units or not task_units[0].requests_made <= self._engine.requests_answered():
            self.notes.append(_not_answered(self._engine, task, task_units))
            return
        self._errors = ErrorRate(self._most_errors, self._engine.name, task.spec.task)
        shared: list[Request] = []
        shared_keys: tuple[str, ...] = ()
        self._pivots = frozenset(unit.shared_language for unit in task_units)
        left_out = []
        for done, unit in enumerate(task_units):
            self._progress(label, done, len(task_units))
            unit.chat = self._engine.chat
            with self._account.part("reading"):
                requests = unit.instructed(unit.requests())
            if not self._engine.covers(requests[0]):
                left_out.append(unit.language)
                unit.release()
                continue
            with self._account.part("reading"):
                asked = unit.instructed(unit.shared_requests())
            with self._account.part("preparing"):
                if asked != shared:
                    shared, shared_keys = asked, tuple(self._keys(asked))
                outcome = self._reduced(unit, shared, shared_keys, requests)
            with self._account.part("scoring"):
                scored = score_unit(unit, outcome, self._engine.name, self._seed)
            with self._account.part("writing"):
                self._writer.add_unit(
                    (self._engine.name, task.spec.task, unit.variant, unit.prompt, unit.language),
                    scored.rows if unit.keeps_texts else [],
                    scored.statistics,
                )
            self.scores.extend(scored.scores)
            self._note_reasoning(scored.rows)
            unit.release()
        if task_units[0].transient:
            self._let_go([])
            self._store.drop([*self._pivot_keys, *(key for keys in self._shared for key in keys)])
        self._progress(label, len(task_units), len(task_units))
        if self._answers_unended:
            self.notes.append(
                f"{self._engine.name}: {self._answers_unended} of {self._answers_divided} answers to task "
                f"{task.spec.task} never ended their reasoning (no '{self._think_end}'); they are scored as a whole"
            )
        if self._errors.failed:
            self.notes.append(f"{self._engine.name} on {task.spec.task}: {self._errors.summary()}")
        self._errors.settle()
        if left_out:
            self.notes.append(f"{self._engine.name} does not offer {', '.join(left_out)} of task {task.spec.task}")

    def record(self, task: TaskFile) -> list[StageRecord]:
        """What the stage did, unless it did nothing."""
        return [self._account.record(task.spec.task)] if self._account.requests else []

    def _note_reasoning(self, rows: Sequence[SegmentRow]) -> None:
        """Count the written answers of a model that thinks, and those whose reasoning never ended."""
        if self._think_end and Generate in self._engine.requests_answered():
            written = [row for row in rows if row.hypothesis is not None and row.failed is None]
            self._answers_divided += len(written)
            self._answers_unended += sum(row.reasoning is None for row in written)

    def _reduced(
        self, unit: Unit, shared: Sequence[Request], shared_keys: tuple[str, ...], requests: Sequence[Request]
    ) -> Outcome:
        """The unit's outcome: from stored statistics where its responses are too large to keep, else from responses."""
        if not unit.transient:
            return self._outcome(unit, self._shared_answers(shared, shared_keys), self._answers(requests))
        keys = self._keys(requests)
        self._let_go(keys)
        reduction = reduction_key(keys, shared_keys, unit)
        stored = self._store.get_reduction(reduction)
        if stored is not None:
            self._account.requests += len(requests)
            return _outcome_from_bytes(stored, unit)
        pivot = self._shared_answers(shared, shared_keys)
        if not self._passing[0]:
            self._passing = (keys, self._answers(requests))
            if unit.language in self._pivots:
                self._pivot_keys += keys
        outcome = self._outcome(unit, pivot, self._passing[1])
        if len(outcome.scored) == len(outcome.rows):
            with self._account.part("writing"):
                self._store.put_reduction(reduction, _outcome_to_bytes(outcome))
        return outcome

    def _outcome(self, unit: Unit, shared: Sequence[Response], own: Sequence[Response]) -> Outcome:
        with self._account.part("scoring"):
            return unit.outcome(shared, own)

    def _let_go(self, keys: list[str]) -> None:
        """Drop the responses of the unit before, unless the next one asks for the same (with another pivot)."""
        if self._passing[0] != keys:
            kept = {*self._pivot_keys, *(key for shared in self._shared for key in shared)}
            self._store.drop([key for key in self._passing[0] if key not in kept])
            self._passing = ([], [])

    def _shared_answers(self, shared: Sequence[Request], shared_keys: tuple[str, ...]) -> list[Response]:
        """Answers to what units ask alike; kept in memory for the next unit that asks the same.

        A task whose responses are too large to keep may have several such sets at a time, one a pivot.
        """
        if shared_keys not in self._shared:
            if not shared or not isinstance(shared[0], Embed) or not shared[0].pooling:
                self._shared.clear()
            self._shared[shared_keys] = self._answers(shared)
        return self._shared[shared_keys]

    def _keys(self, requests: Sequence[Request]) -> list[str]:
        return [request_key(self._identity, request) for request in requests]

    def _answers(self, requests: Sequence[Request]) -> list[Response]:
        """Responses in the order of ``requests``; every computed batch is stored before the next one begins.

        Batches are planned over distinct requests of one language, stored or not, and a batch is computed whole or
        not at all: a resumed run computes the same batches as an uninterrupted one, and so the same numbers to the
        last bit, and a language that stands in many units is computed once.
        """
        self._account.requests += len(requests)
        final = [request for request in requests if isinstance(request, Embed) and not request.pooling]
        if self._encoder is not None and len(final) == len(requests):
            return self._encoder.answers(final)
        keys = self._keys(requests)
        answers: dict[str, Response] = self._store.get(list(dict.fromkeys(keys))) if self._engine.stored else {}
        self._account.known += len(answers)
        self._errors.known(len(answers))
        by_language: dict[str, dict[str, Request]] = {}
        for key, request in zip(keys, requests, strict=True):
            language = request.target_language if isinstance(request, Generate | Judge) else request.language
            by_language.setdefault(language, {})[key] = request
        for language, distinct in by_language.items():
            if not answers.keys() >= distinct.keys():
                self._compute(language, distinct, answers)
        return [answers[key] for key in keys]

    def _compute(self, language: str, distinct: dict[str, Request], answers: dict[str, Response]) -> None:
        """Add the missing answers to ``distinct`` requests, batch by batch.

        So many requests at a time are planned together that their tokens do not fill the memory.
        """
        everything = list(distinct)
        label = f"{self._engine.name} · {language}"
        for start in range(0, len(everything), _PLANNED):
            order = everything[start : start + _PLANNED]
            if all(key in answers for key in order):
                continue
            done = start
            for batch in self._engine.plan([distinct[key] for key in order]):
                self._progress(label, done, len(everything))
                done += len(batch)
                keys = [order[position] for position in batch]
                if all(key in answers for key in keys):
                    continue
                if is_independent(self._engine):
                    keys = [key for key in keys if key not in answers]
                found = self._account.answered(self._engine.answer, [distinct[key] for key in keys])
                new = [(key, response) for key, response in zip(keys, found, strict=True) if key not in answers]
                if self._engine.stored:
                    with self._account.part("writing"):
                        self._store.put(new)
                answers.update(new)
                self._account.computed += len(new)
                self._errors.told(response for _, response in new)
                self._account.failed = self._errors.failed
        self._progress(label, len(everything), len(everything))


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


def _not_answered(engine: Engine, task: TaskFile, task_units: Sequence[Unit]) -> str:
    """What a run says of a task that the engine does not answer, with the engine's reason where it has one."""
    kinds = task_units[0].requests_made if task_units else frozenset()
    reason = engine.why_not(kinds) if isinstance(engine, Explaining) else ""
    said = f"{engine.name} (backend {engine.backend}) cannot answer task {task.spec.task}"
    return f"{said}: {reason}" if reason else said


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


def _task_record(task: TaskFile) -> TaskRecord:
    spec = task.spec
    return TaskRecord(
        name=spec.task,
        kind=spec.kind,
        description=spec.description,
        source=spec.source,
        license=spec.license,
        pivot=spec.pivot,
        languages=tuple(spec.languages),
        file_sha256=task.sha256,
    )


def _outcome_to_bytes(outcome: Outcome) -> bytes:
    """Statistics as an npz archive of plain arrays."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **outcome.statistics)
    return buffer.getvalue()


def _outcome_from_bytes(body: bytes, unit: Unit) -> Outcome:
    with np.load(io.BytesIO(body), allow_pickle=False) as archive:
        statistics = {name: archive[name] for name in archive.files}
    rows = unit.rows([None] * len(unit.documents))
    return Outcome(rows=rows, scored=list(range(len(rows))), statistics=statistics)
