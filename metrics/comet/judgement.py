"""What a COMET model is asked and what it answers: segments in, scores and error spans out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from metrics.base import FloatArray

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Triple:
    """One segment; ``reference`` is ``None`` where there is none."""

    source: str
    hypothesis: str
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorSpan:
    """What a model holds to be wrong in a hypothesis.

    Attributes:
        start, end: The characters ``hypothesis[start:end]``.
        severity: ``minor``, ``major`` or ``critical``.
        confidence: Mean probability of the labels of its tokens.
    """

    start: int
    end: int
    severity: str
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Answers to a list of segments, in their order.

    Attributes:
        scores: float64 ``[n]``.
        spans: The error spans of each; ``None`` where the model does not tag words.
    """

    scores: FloatArray
    spans: list[tuple[ErrorSpan, ...]] | None = None


class CometModel(ABC):
    """Whatever scores segments: one of our models, or the original package."""

    @abstractmethod
    def judge(self, triples: Sequence[Triple]) -> Judgement:
        """Scores of segments, in their order.

        Raises:
            MetricError: A segment lacks the reference that this model needs.
        """


class Remembered(Generic[Key, Value]):
    """What was computed before, up to a number of entries; the ones that were used longest ago are forgotten.

    Args:
        most: Entries held at most.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: Key) -> Value | None:
        """The value of a key, or ``None``."""
        if key not in self._held:
            return None
        self._held.move_to_end(key)
        return self._held[key]

    def put(self, key: Key, value: Value) -> None:
        """Remember a value."""
        self._held[key] = value
        self._held.move_to_end(key)
        while len(self._held) > self._most:
            self._held.popitem(last=False)
