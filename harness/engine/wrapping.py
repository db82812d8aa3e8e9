"""What wrappers of an engine share: they are called as it is, and hand on whatever they do not change."""

from __future__ import annotations

from collections.abc import Sequence

from harness.engine.base import Engine, Explaining, is_independent
from harness.engine.fitting import fitting_of
from harness.engine.work import work_of
from harness.types import Request, Response


class Wrapped:
    """``engine`` itself, for classes that change a part of it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.name = engine.name
        self.backend = engine.backend
        self.label = engine.label
        self.identity = engine.identity
        self.stored = engine.stored
        self.chat = engine.chat
        self.work = work_of(engine)
        self.fitting = fitting_of(engine)
        self.independent = is_independent(engine)

    def requests_answered(self) -> frozenset[type]:
        return self._engine.requests_answered()

    def covers(self, request: Request) -> bool:
        return self._engine.covers(request)

    def plan(self, requests: Sequence[Request]) -> list[list[int]]:
        return self._engine.plan(requests)

    def answer(self, batch: Sequence[Request]) -> list[Response]:
        return self._engine.answer(batch)

    def why_not(self, kinds: frozenset[type]) -> str:
        return self._engine.why_not(kinds) if isinstance(self._engine, Explaining) else ""

    def close(self) -> None:
        self._engine.close()
