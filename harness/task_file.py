"""A task file that was loaded: what all that run or show tasks are given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.lm_eval_index import Index
from harness.spec import TaskSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFile:
    """A task file that was loaded.

    Attributes:
        path: The file, as found. spec: What it says. sha256: Hex hash of its bytes.
        index: Where the names of lm-eval's tasks that ``spec`` has are looked up; ``None`` where it has none.
        trusted: Whether code that the file names may run.
    """

    path: Path
    spec: TaskSpec
    sha256: str
    index: Index | None = None
    trusted: bool = False
