"""Runs targets over many inputs: each is made from its number alone, read, timed, and must end in success or our error.

An input is named ``target:number`` under a seed, so that any of them can be made again by itself.
"""

from __future__ import annotations

import logging
import signal
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from random import Random

from harness.errors import GlotbenchError
from metrics.base import MetricError
from tests.fuzz.target import Target

_HANGS = 20
"""Seconds of the processor after which an input is stopped."""

OURS = (GlotbenchError, MetricError)


class HangError(BaseException):
    """An input took so long that it was stopped."""


@dataclass(slots=True)
class Finding:
    """What must not happen: how often it did, the name of the first input, and what the exception said."""

    first: str
    said: str = ""
    count: int = 0


@dataclass(slots=True)
class Outcome:
    """What became of a target's inputs.

    Attributes:
        read: How many were read. refused: How many ended in an error of ours.
        findings: What else happened, by the place it came from.
        slowest: Seconds of the processor of the slowest input, and its name. seconds: Of all.
        errors: Kinds of our errors.
    """

    read: int = 0
    refused: int = 0
    findings: dict[str, Finding] = field(default_factory=dict)
    slowest: tuple[float, str] = (0.0, "")
    seconds: float = 0.0
    errors: Counter[str] = field(default_factory=Counter)

    def note(self, finding: str, name: str, said: str = "") -> None:
        found = self.findings.setdefault(finding, Finding(first=name, said=said[:120]))
        found.count += 1

    def summary(self) -> dict[str, object]:
        """As JSON holds it."""
        return {
            "inputs": self.read + self.refused + sum(one.count for one in self.findings.values()),
            "read": self.read,
            "refused": self.refused,
            "refused_by_kind": dict(self.errors),
            "findings": {key: asdict(one) for key, one in self.findings.items()},
            "slowest_seconds": round(self.slowest[0], 4),
            "slowest_input": self.slowest[1],
            "seconds": round(self.seconds, 2),
        }


def campaign(target: Target, numbers: range, seed: int) -> Outcome:
    """Feed a target the inputs of these numbers."""
    outcome = Outcome()
    with _quiet(), _stoppable():
        for content in target.inputs[:2]:
            _fed(target, content)  # imports and caches are not an input's time
        for number in numbers:
            name = f"{target.name}:{number}"
            one_input(target, name, target.made(Random(f"{seed}/{name}")), outcome)
    return outcome


def one_input(target: Target, name: str, content: bytes, outcome: Outcome) -> None:
    """Feed a target one input and note what became of it."""
    begun = time.process_time()
    error = _fed(target, content)
    spent = time.process_time() - begun
    outcome.seconds += spent
    outcome.slowest = max(outcome.slowest, (spent, name))
    if spent > target.longest:
        outcome.note(f"took more than {target.longest:g} s", name, f"{spent:.1f} s")
    elif error is None:
        outcome.read += 1
    elif not isinstance(error, OURS):
        outcome.note(_where(error), name, str(error))
    elif not str(error).strip():
        outcome.note(f"{type(error).__name__} that says nothing", name)
    else:
        outcome.refused += 1
        outcome.errors[type(error).__name__] += 1


def _fed(target: Target, content: bytes) -> BaseException | None:
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, _HANGS)
        target.use(content)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - every other exception is a finding
        return error
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return None


def _where(error: BaseException) -> str:
    """Kind of the exception, and the last places of ours that it went through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [one for one in frames if "/harness/" in one.filename or "/metrics/" in one.filename]
    places = [f"{one.filename.rpartition('/')[2]}:{one.lineno}" for one in (ours or frames)[-2:]]
    return f"{type(error).__name__} at {' > '.join(places)}"


@contextmanager
def _stoppable() -> Iterator[None]:
    def stop(_signal: int, _frame: object) -> None:
        raise HangError(f"more than {_HANGS} s")

    before = signal.signal(signal.SIGVTALRM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGVTALRM, before)


@contextmanager
def _quiet() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
