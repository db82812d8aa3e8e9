"""The demo, run once for every test that looks at it."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from harness.demo import DemoResult, demo
from harness.store import RunFolder
from harness.types import Embed

Vectors = dict[tuple[object, ...], Any]
"""What the demo's models made of texts, by method, model and request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedDemo:
    """What the demo left, what it said while it ran, and the vectors that its models made."""

    result: DemoResult
    folder: RunFolder
    said: tuple[str, ...]
    out: Path
    cache: Path
    vectors: Vectors = field(repr=False)


def run_demo(
    out: Path, cache: Path, broken_language: str | None = None, vectors: Vectors | None = None
) -> FinishedDemo:
    """Run the demo offline, with the toy model's cache where the caller wants it.

    Args:
        vectors: Of an earlier demo with the same cache: texts that its models have read are not read again.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    said: list[str] = []
    known = {} if vectors is None else vectors
    with _remembering(known):
        result = demo(out, cache, lambda *_: None, said.append, broken_language=broken_language)
    return FinishedDemo(
        result=result, folder=RunFolder(result.run), said=tuple(said), out=out, cache=cache, vectors=known
    )


@contextmanager
def _remembering(known: Vectors) -> Iterator[None]:
    """Within it, engines make vectors of what is not in ``known``, and add it."""
    from harness.engine.hf import HuggingFaceEngine
    from harness.engine.st import SentenceTransformersEngine

    with ExitStack() as patched:
        for engine in (HuggingFaceEngine, SentenceTransformersEngine):
            for name in ("_embed_now", "_embed_layers"):
                patched.enter_context(patch.object(engine, name, _remembered(getattr(engine, name), known)))
        yield


def _remembered(method: Callable[..., list[Any]], known: Vectors) -> Callable[..., list[Any]]:
    @functools.wraps(method)
    def answer(engine: Any, batch: Sequence[Embed]) -> list[Any]:
        keys = [(method.__qualname__, engine.name, one.text, one.pooling, engine.prompt(one)) for one in batch]
        new = {key: request for key, request in zip(keys, batch, strict=True) if key not in known}
        if new:
            known.update(zip(new, method(engine, list(new.values())), strict=True))
        return [known[key] for key in keys]

    return answer
