"""A deterministic backend without a model, for tests and dry runs: it is registered and used like any other.

Generation repeats the source (or the prompt's last line); the log-probability of a text is minus its number of UTF-8
bytes; an embedding counts hashed character trigrams, so that similar spellings lie near each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.engine.base import ModelSpec
from harness.types import (
    Chat,
    Embed,
    EmbedResponse,
    Generate,
    GenerateResponse,
    Judge,
    LogLikelihood,
    LogLikelihoodResponse,
    Preference,
    Request,
    Response,
    RewardResponse,
    RollingLogLikelihood,
)

_DIMENSIONS = 64
_LAYERS = 3


class EchoEngine:
    """Answers everything, at once, the same each time."""

    backend = "echo"
    stored = True
    chat: Chat | None = None

    def __init__(self, spec: ModelSpec) -> None:
        spec.require_known(["batch_size"])
        self.name = spec.name
        self.label = spec.options.get("label", "not a model")
        self.identity = {"backend": "echo", "version": "1", "target": spec.target}
        self._batch_size = spec.integer("batch_size", 16)

    def requests_answered(self) -> frozenset[type]:
        return frozenset({LogLikelihood, RollingLogLikelihood, Preference, Judge, Generate, Embed})

    def covers(self, request: Request) -> bool:  # noqa: ARG002
        return True

    def plan(self, requests: Sequence[Request]) -> list[list[int]]:
        return [
            list(range(start, min(start + self._batch_size, len(requests))))
            for start in range(0, len(requests), self._batch_size)
        ]

    def answer(self, batch: Sequence[Request]) -> list[Response]:
        return [_answer(request) for request in batch]

    def close(self) -> None:
        pass


def load(spec: ModelSpec) -> EchoEngine:
    """An :class:`EchoEngine`; the name after ``echo:`` is free."""
    return EchoEngine(spec)


def _answer(request: Request) -> Response:  # noqa: PLR0911
    if isinstance(request, Judge):
        return RewardResponse(reward=_scored(request.hypothesis).logprob)
    match request:
        case LogLikelihood():
            return _scored(request.continuation)
        case RollingLogLikelihood():
            return _scored(request.text)
        case Preference():
            return _scored(request.completion)
        case Generate():
            last_line = request.prompt.rstrip().rpartition("\n")[2]
            return GenerateResponse(text=request.source if request.source is not None else last_line)
        case Embed():
            vector = _trigram_counts(request.text)
            if not request.pooling:
                return EmbedResponse(vectors=vector)
            layers = np.stack([np.roll(vector, shift) for shift in range(_LAYERS)])
            return EmbedResponse(vectors=np.stack([layers] * len(request.pooling)))


def _scored(text: str) -> LogLikelihoodResponse:
    """A token a byte, each with log-probability -1."""
    size = len(text.encode("utf-8", "surrogatepass"))
    return LogLikelihoodResponse(logprob=-float(size), tokens=size)


def _trigram_counts(text: str) -> NDArray[np.float32]:
    """``[64]`` counts of hashed character trigrams of ``text``; never all zero."""
    counts = np.zeros(_DIMENSIONS, dtype=np.float32)
    counts[0] = 0.5
    padded = f" {text} "
    for start in range(len(padded) - 2):
        digest = hashlib.blake2b(padded[start : start + 3].encode("utf-8", "surrogatepass"), digest_size=4).digest()
        counts[int.from_bytes(digest, "little") % _DIMENSIONS] += 1
    return counts
