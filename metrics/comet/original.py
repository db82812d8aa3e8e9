"""The unbabel-comet package itself, as a worker in an environment of its own.

The package needs transformers 4, setuptools below 80 and Lightning, none of which goes together with what is used here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from metrics.base import FloatArray, MetricError

if TYPE_CHECKING:
    from metrics.comet.models import Triple

REQUIREMENTS = ("unbabel-comet==2.2.7", "transformers<5", "setuptools<80", "torch==2.13.0")
_WORKER = Path(__file__).with_name("worker.py")


def environment_folder() -> Path:
    """Where the environment lies: ``GLOTBENCH_COMET_ENV``, else in the user's cache, by what is in it."""
    named = os.environ.get("GLOTBENCH_COMET_ENV")
    if named:
        return Path(named)
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "glotbench" / "env" / "unbabel-comet-2.2.7"


def environment_python() -> Path | None:
    """The environment's Python, if it was made whole."""
    folder = environment_folder()
    return folder / "bin" / "python" if (folder / "complete").is_file() else None


def make_environment(say: Callable[[str], None]) -> Path:
    """Make the environment, unless it is there.

    Args:
        say: Told what is going on.

    Raises:
        MetricError: pip could not install the packages.
    """
    folder = environment_folder()
    if environment_python() is not None:
        return folder
    say(f"installing {', '.join(REQUIREMENTS)} into {folder}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *REQUIREMENTS],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
            raise MetricError(f"comet: the environment for unbabel-comet cannot be made in {folder}: {reason}")
    (folder / "complete").write_text("\n".join(REQUIREMENTS) + "\n", encoding="utf-8")
    return folder


class OriginalComet:
    """One checkpoint, scored by the package.

    Args:
        checkpoint: The ``.ckpt`` file.
    """

    def __init__(self, checkpoint: Path) -> None:
        self._checkpoint = checkpoint

    def scores(self, triples: Sequence[Triple]) -> FloatArray:
        """float64 ``[n]`` segment scores.

        Raises:
            MetricError: The environment is not there, or the package failed.
        """
        return np.array(self.predict(triples)["scores"], dtype=np.float64)

    def predict(self, triples: Sequence[Triple]) -> dict[str, list[object]]:
        """What the package's ``predict`` gives: ``scores``, and ``error_spans`` where the model tags words."""
        python = environment_python()
        if python is None:
            raise MetricError(
                "comet: implementation=unbabel needs the package in an environment of its own; make it with "
                "'glotbench env comet'"
            )
        samples = [
            {
                "src": triple.source,
                "mt": triple.hypothesis,
                **({"ref": triple.reference} if triple.reference is not None else {}),
            }
            for triple in triples
        ]
        done = subprocess.run(
            [str(python), str(_WORKER)],
            input=json.dumps({"checkpoint": str(self._checkpoint), "samples": samples}),
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            env={**os.environ, "PYTHONPATH": ""},
        )
        if done.returncode:
            reason = (done.stderr.strip() or "no output").splitlines()[-1]
            raise MetricError(f"comet: unbabel-comet failed on {self._checkpoint}: {reason}")
        found: dict[str, list[object]] = json.loads(done.stdout.splitlines()[-1])
        return found
