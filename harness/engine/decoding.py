"""The decode loop of a causal model: rows stop each on their own, finished rows leave, waiting rows enter.

Prompts are read in batches and join the rows that are being written, aligned at the end (``rolling``); where an
architecture's caches cannot be joined, rows only leave and the next ones start when all are done (``leaving``). Which
of the two gives the logits of plain passes is found out when a model is loaded (``harness.engine.decoding_probe``).

A row's text depends on its request alone, up to what rounding makes of other shapes: positions, masks and random
numbers are its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

from harness.engine.answer_rows import AnswerRow
from harness.engine.fitting import Fitting
from harness.engine.live_rows import LiveRows
from harness.engine.penalty import penalised
from harness.engine.sampling import next_tokens
from harness.engine.stops import StopStrings
from harness.errors import BackendError

Decoding = Literal["rolling", "leaving", "plain"]
"""How text is written: the loop here with and without newcomers, or transformers' own ``generate``."""

# Rows are let go and taken in when this part of them is done: both copy the cache, which costs about as much as the
# step of a small model, while a finished row costs its part of every step that it stays.
_PART = 8
_HELD = 32  # times the budget: most positions of rows and what they may still write
_ALONE = 4  # times the budget: most padded tokens that are read at once where what is read cannot be joined


class Passes(Protocol):
    """Passes of a model over live rows, as ``harness.engine.live_rows.Forward`` makes them."""

    def step(self, rows: LiveRows, tokens: Sequence[int], going: Sequence[bool]) -> None: ...
    def choose(self, rows: LiveRows, indices: Sequence[int]) -> None: ...
    def trim(self, rows: LiveRows) -> None: ...
    def join(self, rows: LiveRows, others: LiveRows) -> None: ...


class Reader(Protocol):
    """Reads the prompts of rows that begin, as ``harness.engine.prompt_reading.PromptReader`` does."""

    together: bool

    def read(
        self, rows: Sequence[AnswerRow], waiting: tuple[int, ...]
    ) -> Iterator[tuple[list[AnswerRow], LiveRows]]: ...
    def forget(self) -> None: ...


class Decoder:
    """Writes rows.

    Args:
        forward: Passes of the model. prompts: Reads prompts; where it must read all together, rows only leave.
        stops: Finds stop strings. ends: Ids of tokens that end a text. name: How errors call the model.
        size: Most rows at once. budget: Most padded tokens of a pass over prompts.
        penalty: The model's own repetition penalty.

    Attributes:
        fitting: What the device takes.
    """

    def __init__(
        self,
        forward: Passes,
        prompts: Reader,
        stops: StopStrings,
        *,
        ends: frozenset[int],
        name: str,
        size: int,
        budget: int,
        penalty: float = 1.0,
    ) -> None:
        self._forward = forward
        self._prompts = prompts
        self._stops = stops
        self._ends = ends
        self._name = name
        self._size = size
        self._budget = budget
        self._rolling = not prompts.together
        self._penalty = penalty
        self.fitting = Fitting(name)

    def write(self, rows: Sequence[AnswerRow]) -> None:
        """Write all rows to their ends, entering in the order given; those of one prompt stand together.

        Raises:
            BackendError: A single row does not fit into the device's memory.
        """
        import torch

        waiting = deque(rows)
        going: list[AnswerRow] = []
        most = self._size
        state: LiveRows | None = None
        while waiting or going:
            try:
                state = self._admit(waiting, going, state, most)
                state = self._advance(going, state)
            except torch.OutOfMemoryError as error:
                # A pass that broke off has left some layers a column longer than others: all is read again.
                state = None
                self._prompts.forget()
                torch.cuda.empty_cache()
                if len(going) < 2:
                    raise too_long(self._name, going) from error
                unfinished = [row for row in going if not row.done]
                most = max(1, len(unfinished) // 2)
                self.fitting.learn("written", len(unfinished), max(row.longest for row in unfinished))
                waiting.extendleft(reversed(unfinished))
                going.clear()

    def _admit(self, waiting: deque[AnswerRow], going: list[AnswerRow], state: LiveRows | None, most: int) -> LiveRows:
        """Read the prompts of rows that there is room for; they go on behind the others."""
        free = most - len(going)
        if waiting and (not going or (self._rolling and free >= max(1, most // _PART))):
            entering = self._entering(waiting, going, free)
            before = len(going)
            going += entering  # before anything is read, so that nobody is lost where memory runs out
            ordered: list[AnswerRow] = []
            for rows, fresh in self._prompts.read(entering, waiting[0].read if waiting else ()):
                ordered += rows
                if state is None:
                    state = fresh
                else:
                    self._forward.join(state, fresh)
            going[before:] = ordered
        assert state is not None, "rows that go on have a state"
        return state

    def _entering(self, waiting: deque[AnswerRow], going: Sequence[AnswerRow], free: int) -> list[AnswerRow]:
        """The next rows, as many as fit; the first always does where nothing goes on."""
        entering: list[AnswerRow] = []
        width = max((row.longest for row in going), default=0)
        longest = 0
        while waiting and len(entering) < free:
            width = max(width, waiting[0].longest)
            longest = max(longest, len(waiting[0].read))
            count = len(entering) + 1
            too_many = (len(going) + count) * width > self._budget * _HELD
            too_many = too_many or not self.fitting.fits("written", len(going) + count, width)
            if not self._rolling:
                too_many = too_many or count * longest > self._budget * _ALONE
            if too_many and (going or entering):
                break
            entering.append(waiting.popleft())
        return entering

    def _advance(self, going: list[AnswerRow], state: LiveRows) -> LiveRows | None:
        """One token more for every row; rows that end with it leave when they are many enough."""
        logits = state.logits
        if self._penalty != 1:
            logits = penalised(logits, [row.read for row in going], self._penalty)
        wanted = [not row.done for row in going]
        tokens = next_tokens(logits, [row.request for row in going], [row.draws for row in going], wanted)
        for row, token in zip(going, tokens, strict=True):
            if not row.done:
                row.tokens.append(token)
                row.done = token in self._ends or len(row.tokens) >= row.request.max_tokens
        asked = [row for row in going if not row.done]
        stopped = self._stops.reached([(row.tokens, row.stops) for row in asked])
        for row, reached in zip(asked, stopped, strict=True):
            row.done = reached
        left = [index for index, row in enumerate(going) if not row.done]
        if not left:
            going.clear()
            return None
        if len(going) - len(left) >= max(1, len(going) // _PART):
            self._forward.choose(state, left)
            if self._rolling:
                self._forward.trim(state)
            tokens = [tokens[index] for index in left]
            going[:] = [going[index] for index in left]
        self._forward.step(state, tokens, [not row.done for row in going])
        return state


def too_long(name: str, rows: Sequence[AnswerRow]) -> BackendError:
    """What is said where not even one row fits."""
    return BackendError(
        f"{name}: a row of up to {max(row.longest for row in rows)} tokens does not fit into the device's memory; give "
        "max_length=N or a smaller dtype"
    )
