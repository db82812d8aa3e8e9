"""How much of a batch the device's memory takes: halved where it runs out, and remembered.

A limit counts padded positions (rows times the longest of them), so that what was learned from a few long rows does not
divide batches of many short ones. Batches are planned as if there were none: plans depend on requests alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TypeVar, runtime_checkable

from harness.errors import BackendError

Kind = Literal["embedded", "scored", "written"]
"""Kinds of work, which take memory in different measure."""

_Row = TypeVar("_Row")
_Answer = TypeVar("_Answer")
_log = logging.getLogger(__name__)


class Fitting:
    """What one model's device takes.

    Args:
        name: How errors call the model.

    Attributes:
        limits: Most padded positions of a pass, by kind of work; empty while memory never ran out.
        learned: Called when a limit has changed.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.limits: dict[Kind, int] = {}
        self.learned: Callable[[], None] = _nothing

    def answered(
        self,
        kind: Kind,
        rows: Sequence[_Row],
        answer: Callable[[Sequence[_Row]], Sequence[_Answer]],
        lengths: Callable[[Sequence[_Row]], Sequence[int]],
    ) -> list[_Answer]:
        """Answers to rows, in as many passes as the memory needs.

        Args:
            answer: Answers some of the rows, in one pass.
            lengths: Tokens of rows; asked for only where memory runs out, or did so before.

        Raises:
            BackendError: A single row does not fit.
        """
        import torch

        found: list[_Answer] = []
        waiting = list(rows)
        while waiting:
            count = self._fitting(kind, lengths(waiting)) if kind in self.limits else len(waiting)
            try:
                found += answer(waiting[:count])
            except torch.OutOfMemoryError as error:
                torch.cuda.empty_cache()
                longest = max(lengths(waiting[:count]))
                if count < 2:
                    raise BackendError(
                        f"{self._name}: a row of {longest} tokens does not fit into the device's memory; "
                        "give max_length=N or a smaller dtype"
                    ) from error
                self.learn(kind, count, longest)
            else:
                waiting = waiting[count:]
        return found

    def learn(self, kind: Kind, rows: int, longest: int) -> None:
        """Take half of what did not fit for the limit from now on."""
        self.limits[kind] = min(self.limits.get(kind, rows * longest), rows * longest) // 2
        _log.warning("%s: out of memory with %d rows; going on with %d", self._name, rows, rows // 2)
        self.learned()

    def fits(self, kind: Kind, rows: int, longest: int) -> bool:
        """Whether so many rows are within what is known to fit."""
        return rows * longest <= self.limits.get(kind, rows * longest)

    def _fitting(self, kind: Kind, lengths: Sequence[int]) -> int:
        """How many of the first rows are within the limit; at least one."""
        longest = 0
        for count, length in enumerate(lengths):
            longest = max(longest, length)
            if count and not self.fits(kind, count + 1, longest):
                return count
        return len(lengths)


@runtime_checkable
class Fits(Protocol):
    """An engine that knows what its device takes."""

    fitting: Fitting | None


def fitting_of(engine: object) -> Fitting | None:
    """What an engine's device takes; ``None`` where the engine does not halve batches."""
    return engine.fitting if isinstance(engine, Fits) else None


def _nothing() -> None:
    pass
