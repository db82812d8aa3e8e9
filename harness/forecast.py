"""What a run would do, before it does it: requests, tokens, what is known already, and about how long the rest takes.

Models are loaded, because only a loaded model knows what identifies its stored answers; nothing is stored or written.
The time rests on the newest record in the results folder by the same model on the same machine, else on a few requests
that are answered on the spot and forgotten.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.account import Account
from harness.asking import request_windows
from harness.encoding import Encoder
from harness.engine.base import Embedder, Engine, TokenCounter
from harness.engine.models import load_model
from harness.engine.work import work_of
from harness.errors import RecordError
from harness.machine import hardware
from harness.records import StageRecord
from harness.runner import RunPlan, planned_work
from harness.store import ResponseStore, RunFolder, content_hash, request_key
from harness.tasks.base import Unit
from harness.types import Embed, Generate, LogLikelihood, Preference, Request, RollingLogLikelihood
from harness.vector_stage import reduction_key

_SAMPLE = 24
"""Requests that are answered to measure a model."""


@dataclass(slots=True, kw_only=True)
class Forecast:
    """What one model would do on one task.

    Attributes:
        units: Scores' units (variant, prompt, language). left_out: Units that the model does not offer.
        requests: Answers needed. distinct: Different ones. known: Distinct ones that are stored.
        tokens: Tokens that distinct requests ask about; ``None`` where the backend counts none. characters: The same
            in characters. positions: Positions left for those that are not known once what they share is computed
            once.
        most_written: Most tokens that may be written for those that are not known.
        seconds: About how long it takes; ``None`` where nothing could be measured. basis: What ``seconds`` rests on.
        note: Why there is nothing to do.
    """

    model: str
    task: str
    units: int = 0
    left_out: int = 0
    requests: int = 0
    distinct: int = 0
    known: int = 0
    tokens: int | None = None
    characters: int = 0
    positions: int | None = None
    most_written: int = 0
    seconds: float | None = None
    basis: str = ""
    note: str = ""

    @property
    def missing(self) -> int:
        """Answers that the model would be asked for."""
        return self.distinct - self.known


@dataclass(slots=True)
class _Counted:
    """What was seen of a task so far."""

    forecast: Forecast
    seen: set[str] = field(default_factory=set)
    shared: set[tuple[str, ...]] = field(default_factory=set)
    sample: list[Request] = field(default_factory=list)


def forecast(plan: RunPlan) -> Iterator[Forecast]:
    """One forecast a model and task, in the order of tasks.

    Raises:
        UserError: As ``harness.runner.run`` would.
    """
    work = planned_work(plan)
    with ResponseStore.for_reading(plan.out / "responses.sqlite") as store:
        for spec in plan.models:
            engine = load_model(spec)
            counted: dict[str, _Counted] = {}
            texts: list[tuple[str, Unit]] = []
            vectors: list[tuple[str, Unit]] = []
            for task, task_units in work:
                name = task.spec.task
                if spec.tasks and name not in spec.tasks:
                    continue
                counted[name] = _Counted(Forecast(model=engine.name, task=name, units=len(task_units)))
                if not task_units or not task_units[0].requests_made <= engine.requests_answered():
                    counted[name].forecast.note = f"backend {engine.backend} cannot answer this task"
                    continue
                kind = vectors if Embed in task_units[0].requests_made else texts
                kind.extend((name, unit) for unit in task_units)
            _count_texts(engine, store, texts, counted)
            counter = _VectorCounter(plan, engine, store)
            for name, unit in vectors:
                counter.add(unit, counted[name])
                unit.release()
            for task, _ in work:
                found = counted.get(task.spec.task)
                if found is not None:
                    if not found.forecast.note:
                        _estimate(plan.out, engine, task.spec.kind, found)
                    yield found.forecast
            engine.close()


def _count_texts(
    engine: Engine, store: ResponseStore, units: Sequence[tuple[str, Unit]], counted: Mapping[str, _Counted]
) -> None:
    """Count what units ask, in the windows that a run plans together; what two tasks ask is the first one's."""

    def leave_out(task: str, _: Unit) -> None:
        counted[task].forecast.left_out += 1

    asked: set[str] = set()
    for window in request_windows(engine, units, left_out=leave_out):
        new: dict[str, dict[str, Request]] = {}
        missing: dict[str, dict[str, Request]] = {}
        for piece in window.pieces:
            task = counted[piece.asked.task]
            task.forecast.requests += len(piece.keys) if piece.counted else 0
            own = {
                key: request for key, request in zip(piece.keys, piece.requests, strict=True) if key not in task.seen
            }
            task.seen.update(own)
            lacking = [key for key in own if key not in asked]
            lacking = store.missing(lacking) if engine.stored else lacking
            asked.update(own)
            new.setdefault(piece.asked.task, {}).update(own)
            missing.setdefault(piece.asked.task, {}).update((key, own[key]) for key in lacking)
            if piece.last:
                piece.asked.unit.release()
        positions = _positions(engine, missing)
        for task_name, own in new.items():
            _add(counted[task_name], engine, own, [*missing[task_name].values()], positions[task_name])


def _add(counted: _Counted, engine: Engine, new: Mapping[str, Request], missing: list[Request], positions: int) -> None:
    """Add requests that a task had not asked before, and those of them that are to be computed."""
    found = counted.forecast
    found.distinct += len(new)
    found.known += len(new) - len(missing)
    found.characters += sum(len(_text(request)) for request in new.values())
    found.most_written += sum(request.max_tokens for request in missing if isinstance(request, Generate))
    if isinstance(engine, TokenCounter):
        found.tokens = (found.tokens or 0) + engine.amount(list(new.values()))[0]
        found.positions = (found.positions or 0) + positions
    if not counted.sample:
        counted.sample = missing[:_SAMPLE]


def _positions(engine: Engine, missing: Mapping[str, Mapping[str, Request]]) -> dict[str, int]:
    """Positions to compute for every task, where all of their requests are planned together: by its tokens."""
    if not isinstance(engine, TokenCounter):
        return dict.fromkeys(missing, 0)
    together = [request for own in missing.values() for request in own.values()]
    tokens = {task: engine.amount(list(own.values()))[0] for task, own in missing.items()}
    share = engine.amount(together)[1] / max(1, sum(tokens.values()))
    return {task: round(share * count) for task, count in tokens.items()}


class _VectorCounter:
    """Counts the units of one model that ask for vectors."""

    def __init__(self, plan: RunPlan, engine: Engine, store: ResponseStore) -> None:
        self._engine = engine
        self._store = store
        self._identity = content_hash(dict(engine.identity))
        self._encoder = (
            Encoder(
                engine,
                engine.name,
                store=store,
                cache=plan.cache,
                progress=lambda *_: None,
                account=Account(engine),
            )
            if isinstance(engine, Embedder)
            else None
        )

    def add(self, unit: Unit, counted: _Counted) -> None:
        """Add what a unit asks and what of it was not asked before."""
        found = counted.forecast
        unit.chat = self._engine.chat
        own = unit.instructed(unit.requests())
        if not self._engine.covers(own[0]):
            found.left_out += 1
            return
        shared = unit.instructed(unit.shared_requests())
        own_keys, shared_keys = self._keys(own), self._keys(shared)
        found.requests += len(own) + (0 if tuple(shared_keys) in counted.shared else len(shared))
        counted.shared.add(tuple(shared_keys))
        reduced = unit.transient and self._store.has_reduction(reduction_key(own_keys, shared_keys, unit))
        asked = {
            **({} if reduced else dict(zip(shared_keys, shared, strict=True))),
            **dict(zip(own_keys, own, strict=True)),
        }
        new = {key: request for key, request in asked.items() if key not in counted.seen}
        counted.seen.update(new)
        missing = [] if reduced else self._missing(new)
        positions = self._engine.amount(missing)[1] if isinstance(self._engine, TokenCounter) else 0
        _add(counted, self._engine, new, missing, positions)

    def _keys(self, requests: Sequence[Request]) -> list[str]:
        return [request_key(self._identity, request) for request in requests]

    def _missing(self, new: dict[str, Request]) -> list[Request]:
        final = [request for request in new.values() if isinstance(request, Embed) and not request.pooling]
        if self._encoder is not None and len(final) == len(new):
            return list[Request](self._encoder.missing(final))
        if not self._engine.stored:
            return list(new.values())
        return [new[key] for key in self._store.missing(list(new))]


def _estimate(out: Path, engine: Engine, kind: str, counted: _Counted) -> None:
    """Fill in the time: what is missing at a rate that was seen, and what every request costs besides."""
    found = counted.forecast
    earlier = _earlier(out, engine, found.task, kind)
    if earlier is None and not counted.sample:
        found.seconds, found.basis = 0.0, "everything is known; reading and scoring come on top"
        return
    if earlier is None:
        rate, unit = _measured(engine, counted.sample)
        basis = f"measured on {len(counted.sample)} requests now; reading and scoring come on top"
        besides = 0.0
    else:
        stage, run = earlier
        besides = sum(stage.seconds_by_part[name] for name in ("reading", "scoring", "writing")) / stage.requests
        busy = stage.seconds_by_part["preparing"] + stage.seconds_by_part["model"]
        per_position = bool(stage.positions) and not stage.generated
        real = (stage.positions or 0) * (1 - (stage.padding_share or 0.0))
        rate, unit = (busy / real, "position") if per_position else (busy / stage.computed, "request")
        basis = f"as {stage.task} in {run} went"
    many = found.positions if unit == "position" and found.positions is not None else found.missing
    found.seconds = rate * many + besides * found.requests
    found.basis = basis


def _earlier(out: Path, engine: Engine, task: str, kind: str) -> tuple[StageRecord, str] | None:
    """The newest stage that computed something with the same model on the same machine: of the same task, else of one
    of the same kind; with the name of its run."""
    identity, machine = dict(engine.identity), hardware()
    found: list[tuple[bool, str, StageRecord, str]] = []
    for path in out.glob("*/run.json"):
        try:
            record = RunFolder(path).record
        except RecordError:
            continue
        names = {model.name for model in record.models if model.identity == identity}
        kinds = {one.name: one.kind for one in record.tasks}
        found += [
            (stage.task == task, record.created, stage, path.parent.name)
            for stage in record.stages
            if record.hardware == machine
            and stage.model in names
            and stage.computed
            and stage.seconds_by_part
            and kinds.get(stage.task) == kind
        ]
    if not found:
        return None
    _, _, stage, run = max(found, key=lambda one: one[:2])
    return stage, run


def _measured(engine: Engine, sample: Sequence[Request]) -> tuple[float, str]:
    """Seconds a position, or a request where the engine counts none or writes text; by answering twice, to be warm."""
    work = work_of(engine)
    for _ in range(2):
        before = work.counts() if work is not None else None
        begin = time.perf_counter()
        for batch in engine.plan(sample):
            engine.answer([sample[position] for position in batch])
        spent = time.perf_counter() - begin
    if work is None or before is None or isinstance(sample[0], Generate):
        return spent / len(sample), "request"
    done = work.counts() - before
    return spent / max(1, done.positions - done.padded), "position"


def _text(request: Request) -> str:
    match request:
        case LogLikelihood():
            return request.context + request.continuation
        case Preference():
            return request.context + request.completion
        case Generate():
            return request.prompt if request.source is None else request.source
        case RollingLogLikelihood() | Embed():
            return request.text
        case _:
            return request.hypothesis
