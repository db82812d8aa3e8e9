"""A translation program on standard input and output: one line in, one line out.

``command:PROGRAM ARGS``, split as a shell splits words but run without one. ``{source}`` and ``{target}`` stand for ISO
639-3 codes, ``{source_code}`` and ``{target_code}`` for canonical ones. Option ``directions=eng_Latn-spa_Latn;...``
says what the program offers; without it, everything is tried.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from harness.engine.base import ModelSpec
from harness.errors import BackendError
from harness.languages import find
from harness.redaction import redacted
from harness.store import sha256_file
from harness.types import Chat, Failed, Generate, GenerateResponse, Request, Response

_TIMEOUT_S = 600


class CommandEngine:
    """Runs the program once a batch of one direction; a program that fails or loses lines is asked line by line."""

    backend = "command"
    stored = True
    chat: Chat | None = None

    def __init__(self, spec: ModelSpec) -> None:
        spec.require_known(["directions", "batch_size"])
        try:
            self._words = shlex.split(spec.target)
        except ValueError as error:
            raise BackendError(f"--model command:{spec.target}: cannot be split into words ({error})") from error
        program = shutil.which(self._words[0]) if self._words else None
        if program is None:
            raise BackendError(
                f"--model command:{spec.target}: no program '{(self._words or [''])[0]}' on this machine"
            )
        self.name = spec.options.get("name") or Path(self._words[0]).name
        self.label = spec.options.get("label", "")
        self.identity = {"backend": "command", "command": redacted(spec.target), "program": sha256_file(Path(program))}
        self._batch_size = spec.integer("batch_size", 100)
        self._directions = frozenset(filter(None, spec.options.get("directions", "").split(";")))

    def requests_answered(self) -> frozenset[type]:
        return frozenset({Generate})

    def covers(self, request: Request) -> bool:
        if not isinstance(request, Generate) or request.source is None:
            return False
        return not self._directions or f"{request.source_language}-{request.target_language}" in self._directions

    def plan(self, requests: Sequence[Request]) -> list[list[int]]:
        by_direction: dict[tuple[str, str], list[int]] = {}
        for position, request in enumerate(requests):
            assert isinstance(request, Generate), "the runner asks only what the engine says it answers"
            by_direction.setdefault((request.source_language, request.target_language), []).append(position)
        return [
            positions[start : start + self._batch_size]
            for positions in by_direction.values()
            for start in range(0, len(positions), self._batch_size)
        ]

    def answer(self, batch: Sequence[Request]) -> list[Response]:
        requests = [request for request in batch if isinstance(request, Generate)]
        command = self._command(requests[0])
        sources = [" ".join((request.source or "").split()) for request in requests]
        together = _translate(command, sources)
        if not isinstance(together, Failed):
            return [GenerateResponse(text=text) for text in together]
        if len(sources) == 1:
            return [together]
        alone = [_translate(command, [source]) for source in sources]
        return [found if isinstance(found, Failed) else GenerateResponse(text=found[0]) for found in alone]

    def close(self) -> None:
        pass

    def _command(self, request: Generate) -> list[str]:
        names = {
            "source": find(request.source_language).iso3,
            "target": find(request.target_language).iso3,
            "source_code": request.source_language,
            "target_code": request.target_language,
        }
        return [_fill(word, names) for word in self._words]


def load(spec: ModelSpec) -> CommandEngine:
    """A :class:`CommandEngine`.

    Raises:
        BackendError: The program is not on this machine.
    """
    return CommandEngine(spec)


def _fill(word: str, names: dict[str, str]) -> str:
    """Replace known ``{names}``; other braces belong to the program (sed, awk) and stay."""
    for name, value in names.items():
        word = word.replace("{" + name + "}", value)
    return word


def _translate(command: list[str], sources: list[str]) -> list[str] | Failed:
    try:
        done = subprocess.run(
            command,
            input="".join(f"{source}\n" for source in sources).encode("utf-8", "replace"),
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Failed(reason=f"no answer within {_TIMEOUT_S} s")
    except OSError as error:
        return Failed(reason=f"cannot be run: {error}")
    if done.returncode != 0:
        message = done.stderr.decode("utf-8", "replace").strip().splitlines()
        said = redacted(message[-1]) if message else "no message"
        return Failed(reason=f"exit code {done.returncode}: {said}")
    lines = done.stdout.decode("utf-8", "replace").removesuffix("\n").split("\n")
    if len(lines) != len(sources):
        return Failed(reason=f"{len(sources)} lines in, {len(lines)} lines out")
    return lines
