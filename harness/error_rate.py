"""When a run has failed too often to go on: the share of one model's answers to one task that are failures.

A run goes on over single failures, which stand in the record with their reason. It ends early where their share is
surely above what is allowed, and at the end of a task where it is above at all. What was answered is stored by then, so
that the same command goes on. Knows neither models nor tasks, only their answers.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable

from harness.errors import RunIncompleteError
from harness.types import Failed, Response

DEFAULT_MAX_ERROR_RATE = 0.05

_FEWEST = 20
"""Answers before which nothing is judged, except where no failure is allowed."""

_RARE = math.log(1000)
"""A run ends early where so many failures are rarer than one in a thousand, were the share the one allowed."""


class ErrorRate:
    """Counts the answers of one model to one task.

    Args:
        most: Share that may fail, 0-1. model, task: How messages call them.

    Attributes:
        answered: Answers so far, failed and known ones included. failed: Those without a result.
    """

    def __init__(self, most: float, model: str, task: str) -> None:
        self._most = most
        self._where = f"{model} on {task}"
        self._kinds: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
        self.answered = 0
        self.failed = 0

    def known(self, count: int) -> None:
        """Answers that were stored; a store holds no failures."""
        self.answered += count

    def told(self, responses: Iterable[Response]) -> None:
        """Count what a batch brought.

        Raises:
            RunIncompleteError: So many failures are hardly possible with the share that is allowed.
        """
        for response in responses:
            self.answered += 1
            if isinstance(response, Failed):
                self.failed += 1
                kind = re.sub(r"\d+", "#", response.reason)
                self._kinds[kind] += 1
                self._examples.setdefault(kind, response.reason)
        if self._judged() and self._surprise() > _RARE:
            raise RunIncompleteError(self._message())

    def settle(self) -> None:
        """Judge the whole task.

        Raises:
            RunIncompleteError: More than the share that is allowed has failed.
        """
        if self._judged() and self.failed > self._most * self.answered:
            raise RunIncompleteError(self._message())

    def summary(self) -> str:
        """How many failed and why most of them did; empty where none did."""
        if not self.failed:
            return ""
        kind, count = self._kinds.most_common(1)[0]
        often = "" if count == self.failed else f" ({count} of them)"
        return f"{self.failed:,} of {self.answered:,} answers failed{often}: {self._examples[kind]}"

    def _judged(self) -> bool:
        return self.answered >= _FEWEST or self._most == 0

    def _surprise(self) -> float:
        """Chernoff's bound: minus the logarithm of the most that the probability of so many failures can be."""
        share = self.failed / self.answered
        if share <= self._most:
            return 0.0
        if self._most == 0:
            return math.inf
        rest = (1 - share) * math.log((1 - share) / (1 - self._most)) if share < 1 else 0.0
        return self.answered * (share * math.log(share / self._most) + rest)

    def _message(self) -> str:
        return (
            f"{self._where}: {self.summary()}; at most {self._most:.3g} of them may (--max-error-rate). What was "
            "answered is stored: mend the cause and type the same command again, or allow more"
        )
