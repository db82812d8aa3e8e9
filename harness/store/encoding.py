"""A response as the bytes that are kept of it, and back."""

from __future__ import annotations

import json

import numpy as np

from harness.response_checks import is_sound
from harness.types import (
    EmbedResponse,
    Failed,
    GenerateResponse,
    LogLikelihoodResponse,
    Response,
    RewardResponse,
)


def encode(response: Response) -> tuple[str, bytes]:
    match response:
        case LogLikelihoodResponse():
            counted = [] if response.tokens is None else [response.tokens]
            return "loglikelihood", json.dumps([response.logprob, response.is_greedy, *counted]).encode()
        case RewardResponse():
            return "reward", json.dumps(response.reward).encode()
        case GenerateResponse() if response.reasoning:
            return "reasoned", json.dumps([response.reasoning, response.text]).encode()
        case GenerateResponse():
            return "generate", response.text.encode("utf-8", "surrogatepass")
        case EmbedResponse():
            shape = np.array(response.vectors.shape, dtype="<i4")
            header = np.array([shape.size], dtype="<i4").tobytes() + shape.tobytes()
            return "embed", header + np.ascontiguousarray(response.vectors, dtype="<f4").tobytes()
        case Failed():
            raise ValueError("a failed request has no response to store")


def decoded(kind: str, body: bytes) -> Response | None:
    """A stored response; ``None`` where the bytes are not what their kind says."""
    try:
        found = _decode(kind, body)
    except (ValueError, TypeError, IndexError, OverflowError, RecursionError):
        return None
    return found if is_sound(found) else None


def _decode(kind: str, body: bytes) -> Response:
    if kind == "loglikelihood":
        logprob, is_greedy, *counted = json.loads(body)
        return LogLikelihoodResponse(logprob=logprob, is_greedy=is_greedy, tokens=counted[0] if counted else None)
    if kind == "reward":
        return RewardResponse(reward=json.loads(body))
    if kind == "generate":
        return GenerateResponse(text=body.decode("utf-8", "surrogatepass"))
    if kind == "reasoned":
        reasoning, text = json.loads(body)
        return GenerateResponse(text=text, reasoning=reasoning)
    dims = int(np.frombuffer(body, dtype="<i4", count=1)[0])
    shape = np.frombuffer(body, dtype="<i4", count=dims, offset=4)
    vectors = np.frombuffer(body, dtype="<f4", offset=4 * (dims + 1)).reshape(tuple(shape))
    return EmbedResponse(vectors=vectors.astype(np.float32, copy=False))
