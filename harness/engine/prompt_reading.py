"""Prompts of rows that begin: each distinct one is read once, however many samples of it are asked for.

Where samples of a prompt have to wait for room, its state is kept for them. What several prompts begin with (the
examples of a few-shot task) is read once too, where the architecture allows.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

from harness.engine.answer_rows import AnswerRow
from harness.engine.base import batches_by_length
from harness.engine.live_rows import Forward, LiveRows

_WORTH = 32  # tokens that a shared beginning must have: reading it is a pass of its own


class PromptReader:
    """Reads prompts in passes of limited size.

    Args:
        forward: Passes of the model. size: Most prompts a pass. budget: Most padded tokens a pass.
        together: Read all in one pass, whatever the budget: for caches that cannot be joined.
        shares: Whether padding may stand between a prefix and the rest: what prompts begin with is then read once.
    """

    def __init__(self, forward: Forward, *, size: int, budget: int, together: bool, shares: bool) -> None:
        self._forward = forward
        self._size = size
        self._budget = budget
        self.together = together
        self._shares = shares
        self._kept: tuple[tuple[int, ...], LiveRows] | None = None
        self._prefix: tuple[tuple[int, ...], LiveRows] | None = None

    def read(self, rows: Sequence[AnswerRow], waiting: tuple[int, ...]) -> Iterator[tuple[list[AnswerRow], LiveRows]]:
        """Rows, each once and in an order that suits, with their state.

        Args:
            waiting: What the next row after these has to read; its state is kept if it is read now.
        """
        asking: dict[tuple[int, ...], list[AnswerRow]] = {}
        for row in rows:
            asking.setdefault(row.read, []).append(row)
        if self._kept is not None and self._kept[0] in asking and (len(asking) == 1 or not self.together):
            own = asking.pop(self._kept[0])
            state = copy.deepcopy(self._kept[1])
            self._forward.choose(state, [0] * len(own))
            yield own, state
        if self._kept is not None and self._kept[0] != waiting:
            self._kept = None
        lines = list(asking)
        known, prefix = self._prefix_of(lines)
        lengths = [len(line) - known for line in lines]
        batches = batches_by_length(lengths, size=self._size, budget=self._budget)
        if self.together and lines:
            batches = [list(range(len(lines)))]
        for batch in batches:
            state = self._forward.read([lines[index][known:] for index in batch], prefix)
            if waiting in (lines[index] for index in batch):
                kept = copy.deepcopy(state)
                self._forward.choose(kept, [[lines[index] for index in batch].index(waiting)])
                self._kept = (waiting, kept)
            places = [place for place, index in enumerate(batch) for _ in asking[lines[index]]]
            self._forward.choose(state, places)
            yield [row for index in batch for row in asking[lines[index]]], state

    def forget(self) -> None:
        """Give back the memory of states that are kept."""
        self._kept = self._prefix = None

    def _prefix_of(self, lines: Sequence[tuple[int, ...]]) -> tuple[int, LiveRows | None]:
        """Tokens that all prompts begin with, and their state; the last one is remembered for the prompts to come."""
        if not self._shares or not lines:
            return 0, None
        shared = _common(lines)
        if self._prefix is not None and self._prefix[0] == shared[: len(self._prefix[0])]:
            return len(self._prefix[0]), self._prefix[1]
        if len(lines) < 2 or len(shared) < _WORTH:
            return 0, None
        self._prefix = None  # before the next is made, so that there is memory for it
        self._prefix = (shared, self._forward.read([shared]))
        return len(shared), self._prefix[1]


def _common(lines: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """What all begin with, short of the last token of the shortest, whose logits are wanted."""
    first, last = min(lines), max(lines)  # in this order everything between shares what these two do
    longest = min(len(line) for line in lines) - 1
    same = next((index for index in range(longest) if first[index] != last[index]), longest)
    return first[:same]
