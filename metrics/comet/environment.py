"""The unbabel-comet package in an environment of its own, made once and kept in the user's cache.

The package needs transformers 4, numpy 1, setuptools below 80 and Lightning, none of which goes together with what is
used here. What is installed is pinned in ``environment.txt`` beside this file; the folder is named by its hash.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from metrics.base import MetricError

PACKAGE = "unbabel-comet-2.2.7"
FOLDER_VARIABLE = "GLOTBENCH_COMET_ENV"
_REQUIREMENTS = Path(__file__).with_name("environment.txt")
_COMPLETE = "complete"
_NEWEST_PYTHON = (3, 12)


def environment_folder() -> Path:
    """Where the environment lies: the folder that ``GLOTBENCH_COMET_ENV`` names, else one in the user's cache."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "glotbench" / "env" / f"{PACKAGE}-{hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()[:8]}"


def environment_python() -> Path | None:
    """The environment's Python, if it was made whole."""
    folder = environment_folder()
    return folder / "bin" / "python" if (folder / _COMPLETE).is_file() else None


def make_environment(say: Callable[[str], None], python: str = "") -> Path:
    """Make the environment, unless it is there; a second process that wants it meanwhile waits.

    Args:
        say: Told what is going on.
        python: The interpreter it is made with; by default the one that runs this.

    Returns:
        Its folder.

    Raises:
        MetricError: The interpreter will not do, or pip could not install the packages.
    """
    folder = environment_folder()
    if environment_python() is not None:
        return folder
    interpreter = python or sys.executable
    _check_version(interpreter)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        if environment_python() is not None:
            return folder
        say(f"making {folder}: about 1.5 GB, a minute or more")
        _do([interpreter, "-m", "venv", "--clear", str(folder)], folder)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input"]
        _do([*pip, "--disable-pip-version-check", "--requirement", str(_REQUIREMENTS)], folder)
        (folder / _COMPLETE).touch()
    return folder


def _check_version(interpreter: str) -> None:
    asked = "import sys; print(*sys.version_info[:2])"
    try:
        found = subprocess.run([interpreter, "-c", asked], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise MetricError(f"comet: {interpreter}: not a Python that can be run") from error
    version = tuple(int(part) for part in found.split())
    if version > _NEWEST_PYTHON:
        raise MetricError(
            f"comet: {interpreter} is Python {'.'.join(map(str, version))}; unbabel-comet needs numpy 1, which has no "
            "build above 3.12: name an older interpreter, 'glotbench env comet --python python3.12'"
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with folder.with_name(f"{folder.name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _do(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()
        reason = next((line for line in lines if line.startswith("ERROR")), lines[-1])
        raise MetricError(f"comet: the environment for unbabel-comet cannot be made in {folder}: {reason}")
