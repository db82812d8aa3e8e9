"""What one model did on one task, and where the time went: the clock and the counters behind a ``StageRecord``.

Time is the wall's: what a background thread reads or writes while the model computes is counted nowhere, and waiting
for that thread is counted as what it does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class Tally:
    """What was done so far, of a task or of several.

    Attributes:
        requests, computed, known, failed: As in :class:`~harness.records.StageRecord`.
        generated: Tokens written. done: The model's work. seconds: By part. total: Seconds in all.
    """

    requests: int = 0
    computed: int = 0
    known: int = 0
    failed: int = 0
    generated: float = 0.0
    done: Counts = field(default_factory=Counts)
    seconds: dict[Part, float] = field(default_factory=lambda: dict[Part, float](dict.fromkeys(PARTS, 0.0)))
    total: float = 0.0


class Account(Tally):
    """A tally with a clock, which begins when it is made."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._name = engine.name
        self._work: Work | None = work_of(engine)
        self._before = self._counts()
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
        self.seconds["preparing"] -= done.seconds
        self.seconds["model"] += done.seconds
        if isinstance(batch[0], Generate):
            self.generated += done.predicted
        return found

    def move(self, name: Part, other: Part, share: float) -> None:
        """Book a share of a part's time, 0-1, on another part."""
        moved = share * self.seconds[name]
        self.seconds[name] -= moved
        self.seconds[other] += moved

    def record(self, task: str) -> StageRecord:
        """Everything so far. Where a model has computed, the device's peak is measured for a fifth of a second."""
        self._settle()
        self.total = self._since - self._begun
        self.done = self._counts() - self._before
        return self._record(task, self)

    def _record(self, task: str, tally: Tally) -> StageRecord:
        done = tally.done
        busy = tally.seconds["preparing"] + tally.seconds["model"]
        counted = done.positions > 0
        peak = self._work.peak if self._work is not None and done.flops > 0 else None
        return StageRecord(
            model=self._name,
            task=task,
            requests=tally.requests,
            computed=tally.computed,
            known=tally.known,
            failed=tally.failed,
            seconds=round(tally.total, 3),
            seconds_by_part={name: round(max(0.0, tally.seconds[name]), 6) for name in PARTS},
            tokens=round(done.tokens) if counted else None,
            positions=round(done.positions) if counted else None,
            generated=round(tally.generated) if counted else None,
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
            self.seconds[self._open[-1]] += now - self._since
        self._since = now


class SharedAccount(Account):
    """One clock for work that tasks have in common: it holds what was not shared out among them yet."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._tallies: dict[str, Tally] = {}

    def of(self, task: str) -> Tally:
        """What was shared out to a task."""
        return self._tallies.setdefault(task, Tally())

    def share(self, requests: Mapping[str, int]) -> None:
        """Book everything since the last call on tasks, in proportion to their requests in it."""
        self._settle()
        counts, everything = self._counts(), sum(requests.values())
        for task, count in requests.items():
            part, tally = count / everything, self.of(task)
            tally.generated += part * self.generated
            tally.done += (counts - self._before).times(part)
            tally.total += part * (self._since - self._begun)
            for name in PARTS:
                tally.seconds[name] += part * self.seconds[name]
        if everything:
            self.seconds, self.generated = dict.fromkeys(PARTS, 0.0), 0.0
            self._before, self._begun = counts, self._since

    def record(self, task: str) -> StageRecord:
        return self._record(task, self.of(task))
