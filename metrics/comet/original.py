"""Scores by the unbabel-comet package itself, in a process of its own (:mod:`metrics.comet.worker`)."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import weakref
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np

from metrics.base import MetricError
from metrics.comet.checkpoint import Settings, read
from metrics.comet.environment import environment_python
from metrics.comet.judgement import CometModel, ErrorSpan, Judgement, Triple

_WORKER = Path(__file__).with_name("worker.py")


class OriginalComet(CometModel):
    """One checkpoint, scored by the package. The process is started when it is first needed, and kept.

    Args:
        checkpoint: The ``.ckpt`` file.
        encoder: Folder with the encoder's configuration and tokenizer; empty for its hub name in the checkpoint.

    Raises:
        MetricError: The environment is not there, or the checkpoint would run code (the package might let it).
    """

    def __init__(self, checkpoint: Path, encoder: str = "") -> None:
        python = environment_python()
        if python is None:
            raise MetricError(
                "comet: implementation=unbabel needs the package in an environment of its own; make it with "
                "'glotbench env comet'"
            )
        self._settings: Settings = read(checkpoint)[0]
        self._checkpoint = checkpoint
        self._encoder = encoder
        self._python = python
        self._process: subprocess.Popen[str] | None = None
        self._said: IO[str] | None = None

    def judge(self, triples: Sequence[Triple]) -> Judgement:
        if self._settings.needs_reference and any(triple.reference is None for triple in triples):
            raise MetricError("comet: this model needs a reference for every segment")
        scores = np.empty(len(triples))
        spans: dict[int, tuple[ErrorSpan, ...]] = {}
        for with_reference in (True, False):
            members = [
                index
                for index, triple in enumerate(triples)
                if (self._settings.uses_reference and triple.reference is not None) == with_reference
            ]
            if not members:
                continue
            answer = self._asked([_sample(triples[index], with_reference=with_reference) for index in members])
            scores[members] = answer["scores"]
            for index, own in zip(members, answer.get("error_spans", []), strict=False):
                spans[index] = tuple(
                    ErrorSpan(
                        start=span["start"],
                        end=span["end"],
                        severity=span["severity"],
                        confidence=span["confidence"],
                    )
                    for span in own
                )
        tagged = self._settings.word_layer is not None
        return Judgement(scores=scores, spans=[spans[index] for index in range(len(triples))] if tagged else None)

    def _asked(self, samples: list[dict[str, str]]) -> dict[str, Any]:
        process = self._started()
        asked = {"checkpoint": str(self._checkpoint.absolute()), "encoder": self._encoder, "samples": samples}
        assert process.stdin is not None, "opened as a pipe"
        assert process.stdout is not None, "opened as a pipe"
        try:
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        answer: dict[str, Any] = json.loads(line) if line else {"error": self._last_words()}
        if "error" in answer:
            lines = str(answer["error"]).strip().splitlines() or ["no reason given"]
            raise MetricError(f"comet: unbabel-comet failed on {self._checkpoint}: {lines[0]}")
        return answer

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            said = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - the process's
            self._process = subprocess.Popen(
                [str(self._python), str(_WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                encoding="utf-8",
                env={**os.environ, "PYTHONPATH": ""},
            )
            self._said = said
            weakref.finalize(self, _end, self._process)
        return self._process

    def _last_words(self) -> str:
        """The last line that the process wrote before it ended."""
        if self._process is not None:
            self._process.wait()
        if self._said is None:
            return ""
        self._said.seek(0)
        lines = self._said.read().strip().splitlines()
        return lines[-1] if lines else ""


@lru_cache(maxsize=1)
def original(checkpoint: Path, encoder: str) -> OriginalComet:
    """The package with one checkpoint loaded, held by the process like :func:`metrics.comet.models.load`'s models."""
    return OriginalComet(checkpoint, encoder)


def _sample(triple: Triple, *, with_reference: bool) -> dict[str, str]:
    given = {"src": triple.source, "mt": triple.hypothesis}
    return {**given, "ref": triple.reference or ""} if with_reference else given


def _end(process: subprocess.Popen[str]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):  # it ended by itself with something unread
            process.stdin.close()
    process.terminate()
    process.wait()
