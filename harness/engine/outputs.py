"""Finished hypotheses in files: one line a segment, one file a direction.

``outputs:PATTERN`` where the pattern names files by ``{task}``, ``{source}`` and ``{target}`` (the data set's own
language codes), ``{source_code}`` and ``{target_code}`` (canonical codes) and ``{other}`` (the side
that is not the pivot).
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

from harness.data import read_lines
from harness.engine.base import ModelSpec
from harness.errors import BackendError
from harness.store import content_hash, sha256_file
from harness.types import Chat, Generate, GenerateResponse, Request, Response

PLACEHOLDERS = ("task", "source", "target", "source_code", "target_code", "other")


class OutputsEngine:
    """Reads hypotheses; a direction without a file is not offered, a file of another length is an error."""

    backend = "outputs"
    stored = False
    chat: Chat | None = None

    def __init__(self, spec: ModelSpec) -> None:
        spec.require_known([])
        self._pattern = spec.target
        fields = {field for _, field, _, _ in string.Formatter().parse(spec.target) if field is not None}
        if unknown := sorted(fields - set(PLACEHOLDERS)):
            raise BackendError(
                f"--model outputs:{spec.target}: unknown placeholder {{{unknown[0]}}}; "
                f"use {', '.join('{' + name + '}' for name in PLACEHOLDERS)}"
            )
        wildcard = spec.target.format(**dict.fromkeys(PLACEHOLDERS, "*"))
        anchor = Path(wildcard).anchor or "."
        files = sorted(Path(anchor).glob(wildcard.removeprefix(anchor) if anchor != "." else wildcard))
        files = [file for file in files if file.is_file()]
        if not files:
            raise BackendError(f"--model outputs:{spec.target}: no file matches; looked for {wildcard}")
        self.name = spec.options.get("name") or Path(spec.target).stem
        self.label = spec.options.get("label", "")
        self.identity = {
            "backend": "outputs",
            "pattern": Path(spec.target).name,
            "content": content_hash([[file.name, sha256_file(file)] for file in files]),
        }
        self._lines = cache(partial(read_lines, encoding="utf-8"))

    def requests_answered(self) -> frozenset[type]:
        return frozenset({Generate})

    def covers(self, request: Request) -> bool:
        return isinstance(request, Generate) and self._path(request).is_file()

    def plan(self, requests: Sequence[Request]) -> list[list[int]]:
        return [list(range(len(requests)))] if requests else []

    def answer(self, batch: Sequence[Request]) -> list[Response]:
        return [self._answer(request) for request in batch if isinstance(request, Generate)]

    def close(self) -> None:
        self._lines.cache_clear()

    def _path(self, request: Generate) -> Path:
        return Path(self._pattern.format(**dict(request.locator)))

    def _answer(self, request: Generate) -> Response:
        path = self._path(request)
        lines = self._lines(path)
        if len(lines) != request.lines:
            raise BackendError(
                f"{path}: {len(lines)} lines, but the task has {request.lines} segments; "
                "hypotheses must be line-aligned with the test set"
            )
        return GenerateResponse(text=lines[request.line])


def load(spec: ModelSpec) -> OutputsEngine:
    """An :class:`OutputsEngine`.

    Raises:
        BackendError: No file matches the pattern, or a placeholder is unknown.
    """
    return OutputsEngine(spec)
