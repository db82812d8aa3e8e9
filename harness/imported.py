"""Scores of other programs on their way into a run folder; every importer ends here.

What an importer has read is kept together, checked for a score that stands there twice, and written at once: a file
that turns out wrong leaves nothing behind. The record says whose scores these are. Knows no format.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import harness
from harness.errors import RecordError
from harness.languages import lookup
from harness.records import Imported, ImportedFile, ModelRecord, RunRecord, ScoreRecord, TaskRecord
from harness.spec import MetricOption
from harness.store import RunWriter, SegmentRow, UnitKey, UnitStatistics, content_hash
from harness.untrusted import name_in, shown
from metrics import registry
from metrics.base import MetricError, MetricInfo

LABEL = "imported"
"""Remark beside the name of a model whose scores another program made; runs of ours that come back keep theirs."""

_MOST_SEGMENTS = 2**53
_NOT_IN_FOLDERS = re.compile(r"[^\w.-]+", re.ASCII)


@dataclass(slots=True)
class ImportedRun:
    """Scores of one import, until they are written.

    Args:
        program: Name of the program that computed them.
    """

    program: str
    files: dict[str, ImportedFile] = field(default_factory=dict)
    versions: dict[str, None] = field(default_factory=dict)
    scores: dict[tuple[str, ...], ScoreRecord] = field(default_factory=dict)
    models: dict[str, ModelRecord] = field(default_factory=dict)
    tasks: dict[str, TaskRecord] = field(default_factory=dict)
    units: list[tuple[UnitKey, Sequence[SegmentRow], dict[str, UnitStatistics]]] = field(default_factory=list)

    def read(self, path: Path, sha256: str, version: str = "") -> None:
        """Note a file that was read, and the version of the program that it names."""
        self.files[str(path)] = ImportedFile(name=path.as_posix(), sha256=sha256)
        if version:
            self.versions[version] = None

    def add(self, where: str, score: ScoreRecord, model: ModelRecord, task: TaskRecord) -> None:
        """Add a score; what is known of its task grows by its languages.

        Args:
            where: The place in a file, for the error.

        Raises:
            RecordError: The score is there already, or holds what no score of ours can.
        """
        _check(where, score)
        key = (*score.unit_key, score.metric)
        if key in self.scores:
            told = " ".join(filter(None, key))
            raise RecordError(f"{where}: a second score of {told}; leave one out, or import one run at a time")
        self.scores[key] = score
        self.models.setdefault(model.name, model)
        known = self.tasks.setdefault(task.name, task)
        languages = tuple(dict.fromkeys([*known.languages, *task.languages]))
        if languages != known.languages:
            self.tasks[task.name] = known.model_copy(update={"languages": languages})

    def write(self, out: Path, command: str, notes: Sequence[str] = ()) -> Path:
        """Write the run folder; the same scores give the same folder.

        Raises:
            RecordError: There is no score, or the folder cannot be written.
        """
        if not self.scores:
            files = ", ".join(list(self.files)[:3])
            raise RecordError(f"{files or self.program}: no score to import; name files that hold some")
        version = ", ".join(self.versions)
        scores = tuple(self.scores.values())
        digest = content_hash([[asdict(score) for score in scores], sorted(self.files)])[:8]
        names = _NOT_IN_FOLDERS.sub("-", "+".join([*self.tasks][:3]) + "--" + "+".join([*self.models][:3])).strip("-.")
        run_id = f"{self.program}-{names[:80]}-{digest}"
        record = RunRecord(
            run_id=run_id,
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            complete=True,
            command=command,
            glotbench=harness.__version__,
            seed=0,
            versions={self.program: version or "unknown"},
            hardware={},
            models=tuple(self.models.values()),
            tasks=tuple(self.tasks.values()),
            scores=scores,
            notes=tuple(notes),
            imported=Imported(program=self.program, version=version, files=tuple(self.files.values())),
        )
        try:
            writer = RunWriter(out / run_id)
            for unit, rows, statistics in self.units:
                writer.add_unit(unit, rows, statistics)
            writer.finish(record)
        except OSError as error:
            raise RecordError(f"{out / run_id}: cannot be written ({error.strerror}); check the folder") from error
        return writer.folder


def _check(where: str, score: ScoreRecord) -> None:
    """Refuse what the record's schema lets through and readers of records do not expect."""
    for name in ("model", "task", "metric"):
        name_in(getattr(score, name), f"{where}: {name}")
    for name in ("variant", "prompt"):
        if getattr(score, name):
            name_in(getattr(score, name), f"{where}: {name}")
    if len(score.language.split("-")) > 2 or not all(map(lookup, score.language.split("-"))):
        raise RecordError(f"{where}: language {shown(score.language)}: no language has that code")
    numbers = (score.value, score.stderr, score.ci_low, score.ci_high, score.chance, *score.bounds)
    series = (value for values in score.details.values() for value in values)
    options = (option for option in score.metric_options.values() if isinstance(option, float))
    if any(number is not None and not math.isfinite(number) for number in (*numbers, *series, *options)):
        raise RecordError(f"{where}: {score.metric}: a number is nan or infinite; leave it out")
    if not (0 <= score.n < _MOST_SEGMENTS and 0 <= score.n_failed < _MOST_SEGMENTS and 0 <= score.decimals <= 10):
        raise RecordError(f"{where}: {score.metric}: {score.n} segments, {score.decimals} decimals: no such counts")


def metric_facts(metric: str, options: Mapping[str, MetricOption]) -> dict[str, Any]:
    """Fields of a :class:`ScoreRecord` that are facts of its metric; modest ones for a metric that is not ours."""
    try:
        info = registry.create(metric, options).info
    except MetricError:
        return {
            "title": metric,
            "unit": "fraction",
            "bounds": (None, None),
            "higher_is_better": True,
            "decimals": 3,
        }
    return info_facts(info)


def info_facts(info: MetricInfo) -> dict[str, Any]:
    """The same of a metric that is."""
    return {
        "title": info.title,
        "description": info.description,
        "unit": info.unit,
        "bounds": tuple(bound if math.isfinite(bound) else None for bound in info.bounds),
        "higher_is_better": info.higher_is_better,
        "decimals": info.decimals,
    }
