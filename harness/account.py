"""What one model did on one task, and where the time went: the clock and the counters behind a ``StageRecord``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, TypeVar

from harness.engine.base import Engine
from harness.engine.work import Counts, Work, work_of
from harness.machine import peak_device_memory, peak_memory, reset_device_peak
from harness.records import StageRecord
from harness.types import Generate, Request

Part = Literal["reading", "preparing", "model", "scoring", "writing"]
PARTS: tuple[Part, ...] = ("reading", "preparing", "model", "scoring", "writing")

_Asked = TypeVar("_Asked", bound=Request)
_Answer = TypeVar("_Answer")


class Account:
    """Begins when it is made.

    Attributes:
        requests, computed, known, failed: As in :class:`~harness.records.StageRecord`.
    """

    def __init__(self, engine: Engine) -> None:
        self.requests = 0
        self.computed = 0
        self.known = 0
        self.failed = 0
        self._name = engine.name
        self._work: Work | None = work_of(engine)
        self._before = self._counts()
        self._generated = 0
        self._seconds: dict[Part, float] = dict.fromkeys(PARTS, 0.0)
        self._open: list[Part] = []
        self._begun = self._since = time.perf_counter()
        reset_device_peak()

    @contextmanager
    def part(self, name: Part) -> Iterator[None]:
        """Time of what is done inside; a part within a part belongs to the inner one alone."""
        self._settle()
        self._open.append(name)
        try:
            yield
        finally:
            self._settle()
            self._open.pop()

    def answered(self, answer: Callable[[Sequence[_Asked]], _Answer], batch: Sequence[_Asked]) -> _Answer:
        """What ``answer`` gives for a batch: the model's own time is ``model``, the rest of it ``preparing``.

        An engine that does not say what its model did is taken for a model as a whole.
        """
        if self._work is None:
            with self.part("model"):
                return answer(batch)
        before = self._work.counts()
        with self.part("preparing"):
            found = answer(batch)
            done = self._work.counts() - before
        self._seconds["preparing"] -= done.seconds
        self._seconds["model"] += done.seconds
        if isinstance(batch[0], Generate):
            self._generated += done.predicted
        return found

    def record(self, task: str) -> StageRecord:
        """Everything so far. Where a model has computed, the device's peak is measured for a fifth of a second."""
        total = time.perf_counter() - self._begun
        done = self._counts() - self._before
        busy = self._seconds["preparing"] + self._seconds["model"]
        counted = done.positions > 0
        peak = self._work.peak if self._work is not None and done.flops > 0 else None
        return StageRecord(
            model=self._name,
            task=task,
            requests=self.requests,
            computed=self.computed,
            known=self.known,
            failed=self.failed,
            seconds=round(total, 3),
            seconds_by_part={name: round(max(0.0, self._seconds[name]), 6) for name in PARTS},
            tokens=done.tokens if counted else None,
            positions=done.positions if counted else None,
            generated=self._generated if counted else None,
            tokens_per_second=round(done.tokens / busy, 1) if counted and busy else None,
            padding_share=round(done.padded / done.positions, 4) if counted else None,
            saved_share=round(max(0, done.saved) / max(1, done.tokens), 4) if counted else None,
            flops=done.flops if peak else None,
            device_flops=round(peak, -6) if peak else None,
            utilisation=round(done.flops / (done.seconds * peak), 4) if peak and done.seconds else None,
            peak_memory=peak_memory(),
            peak_device_memory=peak_device_memory(),
        )

    def _counts(self) -> Counts:
        return self._work.counts() if self._work is not None else Counts()

    def _settle(self) -> None:
        """Book the time since the last change on the part that is open."""
        now = time.perf_counter()
        if self._open:
            self._seconds[self._open[-1]] += now - self._since
        self._since = now
