"""The next token of every row: the likeliest, or one drawn with the row's own random numbers.

A draw is the inverse of the cumulative distribution at a uniform number, one number a token. The numbers come from a
generator that is seeded by the request alone, so that a text does not depend on what shares its batch, on the batch's
size or on the device, beyond what rounding does to probabilities.

Order and meaning are those of transformers and lm-eval's HFLM: logits are divided by the temperature, the ``top_k``
likeliest tokens are kept, then the fewest of them whose probability reaches ``top_p``; 0 and 1 keep everything. What a
request does not say is not taken from the model's generation settings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.types import Generate

_CANDIDATES = 2048  # likeliest tokens in which a nucleus is looked for before the whole vocabulary is sorted


def generator(request: Generate) -> np.random.Generator:
    """Random numbers of one sample: seeded by the request's seed, its prompt and the number of the sample."""
    content = json.dumps([request.seed, request.prompt, request.sample]).encode("ascii")
    return np.random.default_rng(int.from_bytes(hashlib.sha256(content).digest(), "big"))


def next_tokens(
    logits: Any, requests: Sequence[Generate], draws: Sequence[np.random.Generator | None], wanted: Sequence[bool]
) -> list[int]:
    """A token a row.

    Args:
        logits: ``[n, V]``, of any floating type. requests: What each row answers. draws: Their random numbers.
        wanted: Whether the row's token is used; for one that is not nothing is drawn.
    """
    scores = logits.float()
    tokens: list[int] = scores.argmax(dim=-1).tolist()
    rows = [index for index, use in enumerate(wanted) if use and requests[index].temperature > 0]
    if rows:
        uniform = [float(_numbers(draws[index]).random()) for index in rows]
        found = drawn(
            scores[rows],
            temperature=[requests[index].temperature for index in rows],
            top_k=[requests[index].top_k for index in rows],
            top_p=[requests[index].top_p for index in rows],
            uniform=uniform,
        )
        for index, token in zip(rows, found, strict=True):
            tokens[index] = token
    return tokens


def drawn(
    logits: Any,
    *,
    temperature: Sequence[float],
    top_k: Sequence[int],
    top_p: Sequence[float],
    uniform: Sequence[float],
) -> list[int]:
    """A token of every row of ``logits`` (float32 ``[n, V]``), by its temperature (above 0) and a number in [0, 1).

    Rows are looked at one by one: which tokens a row may have does not depend on the others.
    """
    import torch

    found = []
    for row, warmth, most, mass, number in zip(logits, temperature, top_k, top_p, uniform, strict=True):
        scaled = row / warmth
        vocabulary = scaled.shape[0]
        count = min(most, vocabulary) if most else vocabulary
        if mass >= 1:
            values, tokens = (scaled, None) if count == vocabulary else scaled.topk(count)
        else:
            values, tokens = _nucleus(scaled, count, mass)
        # float64: a sum over 200,000 float32 probabilities would be off by more than some of them.
        cumulative = (values - values.max()).exp().cumsum(0, dtype=torch.float64)
        place = int((cumulative <= number * cumulative[-1]).sum())
        place = min(place, values.shape[0] - 1)
        found.append(place if tokens is None else int(tokens[place]))
    return found


def _nucleus(scaled: Any, count: int, mass: float) -> tuple[Any, Any]:
    """Logits and ids of the fewest tokens that have ``mass`` of the probability of the ``count`` likeliest."""
    import torch

    whole = scaled if count == scaled.shape[0] else scaled.topk(count).values
    total = whole.logsumexp(0)
    for looked_at in dict.fromkeys((min(count, _CANDIDATES), count)):
        values, tokens = scaled.topk(looked_at)
        reached = (values - total).exp().cumsum(0, dtype=torch.float64)
        inside = int((reached < mass).sum()) + 1
        if inside <= looked_at:
            break
    return values[:inside], tokens[:inside]


def _numbers(draws: np.random.Generator | None) -> np.random.Generator:
    assert draws is not None, "a row that is sampled has random numbers"
    return draws
