"""A task file that was loaded: what all that run or show tasks are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.lm_eval_index import Index
from harness.records import TaskRecord
from harness.spec import TaskSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFile:
    """A task file that was loaded.

    Attributes:
        path: The file, as found. spec: What it says. sha256: Hex hash of its bytes.
        index: Where the names of lm-eval's tasks that ``spec`` has are looked up; ``None`` where it has none.
        trusted: Whether code that the file names may run.
        subsets: Language or direction to the fields of the data set that are other for it; for tasks of other
            libraries, whose names of configurations follow no pattern.
        mteb: Name of the task of mteb's whose own loader makes the data set's files; empty where there is none.
    """

    path: Path
    spec: TaskSpec
    sha256: str
    index: Index | None = None
    trusted: bool = False
    subsets: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    mteb: str = ""

    @property
    def record(self) -> TaskRecord:
        """What a run says of the task."""
        spec = self.spec
        return TaskRecord(
            name=spec.task,
            kind=spec.kind,
            description=spec.description,
            source=spec.source,
            license=spec.license,
            pivot=spec.pivot,
            languages=tuple(spec.languages),
            file_sha256=self.sha256,
        )
