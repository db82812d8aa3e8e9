"""A wrapper that spoils one language of any engine, so that people can see their gate fail before they trust it.

``degrade=swh_Latn`` reverses the characters of that language's texts: what the model reads for embeddings and
log-probabilities, what it wrote for translations into it. The identity says so; nothing else changes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from harness.engine.base import Engine
from harness.engine.wrapping import Wrapped
from harness.languages import canonical
from harness.types import (
    Embed,
    Generate,
    GenerateResponse,
    LogLikelihood,
    Preference,
    Request,
    Response,
    RollingLogLikelihood,
)


class Degraded(Wrapped):
    """``engine`` with one language spoiled."""

    def __init__(self, engine: Engine, language: str) -> None:
        super().__init__(engine)
        self._language = canonical(language)
        self.label = " ".join(filter(None, [engine.label, f"degraded on purpose: {self._language}"]))
        self.identity = {**engine.identity, "degrade": self._language}

    def plan(self, requests: Sequence[Request]) -> list[list[int]]:
        return self._engine.plan([self._spoil(request) for request in requests])

    def answer(self, batch: Sequence[Request]) -> list[Response]:
        responses = self._engine.answer([self._spoil(request) for request in batch])
        return [self._spoil_answer(request, found) for request, found in zip(batch, responses, strict=True)]

    def _spoil(self, request: Request) -> Request:
        match request:
            case Embed(language=self._language):
                return dataclasses.replace(request, text=request.text[::-1])
            case RollingLogLikelihood(language=self._language):
                return dataclasses.replace(request, text=request.text[::-1])
            case LogLikelihood(language=self._language):
                return dataclasses.replace(request, context=request.context[::-1])
            case Preference(language=self._language):
                return dataclasses.replace(request, prompt=request.prompt[::-1], context=request.context[::-1])
        return request

    def _spoil_answer(self, request: Request, response: Response) -> Response:
        if (
            isinstance(request, Generate)
            and request.target_language == self._language
            and isinstance(response, GenerateResponse)
        ):
            return dataclasses.replace(response, text=response.text[::-1])
        return response
