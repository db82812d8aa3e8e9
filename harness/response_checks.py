"""Is a stored response what its class says? The store is a file on disk, and may come from anybody."""

from __future__ import annotations

from harness.types import EmbedResponse, GenerateResponse, LogLikelihoodResponse, Response, RewardResponse

_MOST_TOKENS = 2**53


def is_sound(response: Response) -> bool:
    """Whether its values have the types that it promises; infinite and undefined numbers are allowed."""
    match response:
        case LogLikelihoodResponse(logprob=logprob, is_greedy=is_greedy, tokens=tokens):
            counted = tokens is None or (type(tokens) is int and 0 <= tokens < _MOST_TOKENS)
            return _is_number(logprob) and type(is_greedy) is bool and counted
        case RewardResponse(reward=reward):
            return _is_number(reward)
        case GenerateResponse(text=text, reasoning=reasoning):
            return isinstance(text, str) and isinstance(reasoning, str)
        case EmbedResponse(vectors=vectors):
            return vectors.ndim in (1, 3) and vectors.size > 0
    return False


def _is_number(value: object) -> bool:
    return type(value) is float or (type(value) is int and abs(value) < _MOST_TOKENS)
