"""The content key of a request: what makes two questions the same question."""

from __future__ import annotations

import dataclasses

from harness.store.files import content_hash
from harness.types import Request

_SAID_WHERE_UNUSUAL = ("side", "instruction", "direction", "temperature", "top_p", "top_k", "seed", "sample")


def request_key(identity_hash: str, request: Request) -> str:
    """Content key of a request to a model. Languages are labels, not part of the question, and do not enter.

    Neither do a side, an instruction and a direction that say nothing, nor how to sample where text is not sampled.
    """
    body = {
        field.name: value
        for field in dataclasses.fields(request)
        if field.name != "language"
        and ((value := getattr(request, field.name)) != field.default or field.name not in _SAID_WHERE_UNUSUAL)
    }
    return content_hash([identity_hash, type(request).__name__, body])
