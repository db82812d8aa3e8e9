"""One answer on its way: what is asked, what the model has to read for it, and what it has written so far."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from harness.engine.sampling import generator
from harness.types import Generate


@dataclass(slots=True, kw_only=True)
class AnswerRow:
    """A request on its way.

    Attributes:
        request: What is asked. prompt: Its token ids, at least one. stops: Strings that end the answer.
        tokens: Written so far. done: Whether it is finished. draws: Random numbers, where tokens are drawn.
    """

    request: Generate
    prompt: list[int]
    stops: tuple[str, ...]
    tokens: list[int] = field(default_factory=list)
    done: bool = False
    draws: np.random.Generator | None = None

    def __post_init__(self) -> None:
        if self.request.temperature > 0:
            self.draws = generator(self.request)

    @property
    def read(self) -> tuple[int, ...]:
        """What the model has to read before it goes on."""
        return (*self.prompt, *self.tokens)

    @property
    def longest(self) -> int:
        """Tokens it may come to."""
        return len(self.prompt) + self.request.max_tokens
