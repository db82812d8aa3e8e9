"""Prompts of rows that begin: each distinct one is read once, however many samples of it are asked for.

Where samples of a prompt have to wait for room, its state is kept for them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

from harness.engine.answer_rows import AnswerRow
from harness.engine.base import batches_by_length
from harness.engine.live_rows import Forward, LiveRows


class PromptReader:
    """Reads prompts in passes of limited size.

    Args:
        forward: Passes of the model. size: Most prompts a pass. budget: Most padded tokens a pass.
        together: Read all in one pass, whatever the budget: for caches that cannot be joined.
    """

    def __init__(self, forward: Forward, *, size: int, budget: int, together: bool) -> None:
        self._forward = forward
        self._size = size
        self._budget = budget
        self._together = together
        self._kept: tuple[tuple[int, ...], LiveRows] | None = None

    def read(self, rows: Sequence[AnswerRow], waiting: tuple[int, ...]) -> Iterator[tuple[list[AnswerRow], LiveRows]]:
        """Rows, each once and in an order that suits, with their state.

        Args:
            waiting: What the next row after these has to read; its state is kept if it is read now.
        """
        asking: dict[tuple[int, ...], list[AnswerRow]] = {}
        for row in rows:
            asking.setdefault(row.read, []).append(row)
        if self._kept is not None and self._kept[0] in asking and (len(asking) == 1 or not self._together):
            own = asking.pop(self._kept[0])
            state = copy.deepcopy(self._kept[1])
            self._forward.choose(state, [0] * len(own))
            yield own, state
        if self._kept is not None and self._kept[0] != waiting:
            self.forget()
        lines = list(asking)
        lengths = [len(line) for line in lines]
        batches = batches_by_length(lengths, size=self._size, budget=self._budget)
        if self._together and lines:
            batches = [list(range(len(lines)))]
        for batch in batches:
            state = self._forward.read([lines[index] for index in batch])
            if waiting in (lines[index] for index in batch):
                kept = copy.deepcopy(state)
                self._forward.choose(kept, [[lines[index] for index in batch].index(waiting)])
                self._kept = (waiting, kept)
            places = [place for place, index in enumerate(batch) for _ in asking[lines[index]]]
            self._forward.choose(state, places)
            yield [row for index in batch for row in asking[lines[index]]], state

    def forget(self) -> None:
        """Give back the memory of a kept state."""
        self._kept = None
