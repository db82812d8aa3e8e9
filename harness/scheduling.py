"""One scheduler over everything that a run asks of a model: units in, scores out, window by window.

All requests of a window are planned together, whatever task, prompt or language they belong to, so that what they have
in common is computed once and batches are full; a unit is scored as soon as it has its answers. While the model
computes a window, a thread reads the next one and another writes the answers to the batch before.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.account import SharedAccount
from harness.answering import Answerer
from harness.asking import Piece, Window, request_windows
from harness.engine.base import Engine, Preparer
from harness.overlap import BackgroundWriter, ReadAhead
from harness.results import TaskResults
from harness.store import ResponseStore
from harness.tasks.base import Unit
from harness.types import Generate, Judge, Progress, Request, Response

Owned = Mapping[str, tuple[Piece, Request]]
_NAMED = 3
"""Most languages that a line of progress names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """A window that can be computed.

    Attributes:
        owned: Its distinct requests, each with the piece that asks it first. earlier: Those of them that an earlier
            window asked. groups: The others by their kind; what is planned together. answers: Those that are stored.
        prepared: Share of the time it took that was not reading, 0-1.
    """

    window: Window
    owned: Owned
    earlier: set[str]
    groups: list[dict[str, Request]]
    answers: dict[str, Response]
    prepared: float


class Scheduler:
    """One model on everything that a run asks of it.

    Args:
        results: By task name, where scores go.

    Attributes:
        account: Told what was done for each task: a batch's time and tokens are shared by its requests, and a request
            that several units ask is the first one's.
    """

    def __init__(
        self, engine: Engine, *, store: ResponseStore, progress: Progress, results: Mapping[str, TaskResults]
    ) -> None:
        self._engine = engine
        self._progress = progress
        self._results = results
        self._units: Counter[str] = Counter()
        self.account = SharedAccount(engine)
        self._writer = BackgroundWriter(store)
        self._answerer = Answerer(engine, store=store, put=self._writer.put, progress=progress, account=self.account)

    def run(self, units: Sequence[tuple[str, Unit]]) -> None:
        """Answer and score units, each with the name of its task.

        The next window is being read while one is computed, and is there before that one's units are scored: the code
        of tasks is never in two threads at a time.
        """
        self._units.update(task for task, _ in units)
        windows = self._windows(units)
        with self._writer, ReadAhead(lambda: next(windows, None)) as ahead:
            ready = self._taken(ahead)
            while ready is not None:
                ahead.begin()
                with self.account.part("preparing"):
                    self._answer(ready)
                with self.account.part("writing"):
                    self._writer.wait()
                self._share(ready.window.pieces)
                following = self._taken(ahead)
                self._deliver(ready)
                ready = following
        for task, count in self._units.items():
            self._progress(self._label(task), count, count)

    def _windows(self, units: Sequence[tuple[str, Unit]]) -> Iterator[_Ready]:
        """Windows with what is known of them, and with tokens where the engine makes them beforehand.

        What the window before is asked may not be stored yet; those requests are looked up when it is.
        """
        marks, begun = _Marks(), time.perf_counter()
        for window in request_windows(self._engine, units, left_out=self._leave_out):
            read = time.perf_counter()
            owned = window.owners()
            earlier = marks.among(list(owned)) if self._engine.stored else set()
            marks.add(list(owned))
            by_kind: dict[type, dict[str, Request]] = {}
            for key, (_, request) in owned.items():
                if key not in earlier:
                    by_kind.setdefault(type(request), {})[key] = request
            answers = self._answerer.known([key for key in owned if key not in earlier])
            groups = list(by_kind.values())
            if isinstance(self._engine, Preparer):
                for group in groups:
                    if not answers.keys() >= group.keys():
                        self._engine.prepare(list(group.values()))
            done = time.perf_counter()
            yield _Ready(
                window=window,
                owned=owned,
                earlier=earlier,
                groups=groups,
                answers=answers,
                prepared=(done - read) / (done - begun),
            )
            begun = time.perf_counter()

    def _taken(self, ahead: ReadAhead[_Ready | None]) -> _Ready | None:
        """The next window, which has to be waited for where it is read more slowly than the one before was computed."""
        with self.account.part("reading"):
            ready = ahead.take()
        if ready is not None:
            self.account.move("reading", "preparing", ready.prepared)
            self._share(ready.window.pieces)
        return ready

    def _answer(self, ready: _Ready) -> None:
        """Complete the answers to a window.

        What an earlier window asked is not planned again; where it has no answer (it failed), it is tried again.
        """
        owned, answers = ready.owned, ready.answers
        computed: Counter[int] = Counter()

        def booked(keys: Sequence[str], new: Sequence[str]) -> None:
            computed.update(id(owned[key][0]) for key in new)
            self._share([owned[key][0] for key in keys], each=1)
            self._tell(owned, {key: answers[key] for key in new})

        answers.update(self._answerer.known(list(ready.earlier)))
        for task, count in Counter(owned[key][0].asked.task for key in answers).items():
            self._results[task].errors.known(count)
        again: dict[type, dict[str, Request]] = {}
        for key, (_, request) in owned.items():
            if key in ready.earlier and key not in answers:
                again.setdefault(type(request), {})[key] = request
        label, done = f"{self._engine.name} · {_languages(owned)}", len(ready.earlier)
        for group in (*ready.groups, *again.values()):
            self._answerer.compute(group, answers, label=label, answered=booked, done=done, total=len(owned))
            done = min(done + len(group), len(owned))
        self._progress(label, len(owned), len(owned))
        for piece in ready.window.pieces:
            tally, new = self.account.of(piece.asked.task), computed[id(piece)]
            tally.requests += len(piece.keys) if piece.counted else 0
            tally.computed += new
            tally.known += len(set(piece.keys)) - new if piece.counted else 0

    def _tell(self, owned: Owned, new: Mapping[str, Response]) -> None:
        """Count what failed, for the task that asked first.

        Raises:
            RunIncompleteError: Too much of it.
        """
        by_task: dict[str, list[Response]] = {}
        for key, response in new.items():
            by_task.setdefault(owned[key][0].asked.task, []).append(response)
        for task, responses in by_task.items():
            errors = self._results[task].errors
            errors.told(responses)
            self.account.of(task).failed = errors.failed

    def _deliver(self, ready: _Ready) -> None:
        """Hand answers to the units that asked, and score those that wait for no more."""
        for piece in ready.window.pieces:
            asked, results = piece.asked, self._results[piece.asked.task]
            (asked.shared if piece.shared else asked.own).extend(ready.answers[key] for key in piece.keys)
            if piece.ends and not piece.shared:
                with self.account.part("scoring"):
                    rows = asked.unit.judged(asked.own)
                if rows is not None:
                    results.add_rows(asked.unit, rows, self.account)
                    asked.own, asked.judged = [], True
            if piece.last:
                with self.account.part("scoring"):
                    outcome = asked.unit.outcome(asked.shared, asked.own)
                results.add(asked.unit, outcome, self.account, written=asked.judged)
                asked.shared, asked.own = [], []
            self._share([piece])
            done = results.units
            self._progress(self._label(asked.task), done, self._units[asked.task])

    def _share(self, pieces: Sequence[Piece], each: int = 0) -> None:
        """Book the time since the last call on the tasks of pieces, by their requests, or by ``each``."""
        requests: Counter[str] = Counter()
        for piece in pieces:
            requests[piece.asked.task] += each or len(piece.keys)
        self.account.share(requests)

    def _leave_out(self, task: str, unit: Unit) -> None:
        self._results[task].left_out.append(unit.language)

    def _label(self, task: str) -> str:
        return f"{self._engine.name} · {task}"


class _Marks:
    """Which requests earlier windows asked: eight bytes of each key, so that millions of them fit.

    Of a million keys two have the same mark in one run of 10^7; the second is then planned apart, and answered all the
    same.
    """

    def __init__(self) -> None:
        self._marks: NDArray[np.uint64] = np.empty(0, dtype=np.uint64)

    def among(self, keys: Sequence[str]) -> set[str]:
        """Those of ``keys`` that were added."""
        found = np.isin(_marks(keys), self._marks)
        return {keys[index] for index in np.flatnonzero(found)}

    def add(self, keys: Sequence[str]) -> None:
        self._marks = np.union1d(self._marks, _marks(keys))


def _marks(keys: Sequence[str]) -> NDArray[np.uint64]:
    return np.array([int(key[:16], 16) for key in keys], dtype=np.uint64)


def _languages(owned: Owned) -> str:
    """What a window is about, in few words."""
    found = dict.fromkeys(
        request.target_language if isinstance(request, Generate | Judge) else request.language
        for _, request in owned.values()
    )
    return ", ".join(found) if len(found) <= _NAMED else f"{len(found)} languages"
