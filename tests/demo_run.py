"""The demo, run once for every test that looks at it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from harness.demo import DemoResult, demo
from harness.store import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedDemo:
    """What the demo left, and what it said while it ran."""

    result: DemoResult
    folder: RunFolder
    said: tuple[str, ...]
    out: Path
    cache: Path


def run_demo(out: Path, cache: Path, broken_language: str | None = None) -> FinishedDemo:
    """Run the demo offline, with the toy model's cache where the caller wants it."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    said: list[str] = []
    result = demo(out, cache, lambda *_: None, said.append, broken_language=broken_language)
    return FinishedDemo(result=result, folder=RunFolder(result.run), said=tuple(said), out=out, cache=cache)
