"""The baseline's place: opening it, and the one way to change it, ``bless``, which demands a reason."""

from __future__ import annotations

import datetime
import json
import shutil
import tempfile
from pathlib import Path

from harness.errors import NotComparableError, RecordError, RunIncompleteError, UserError
from harness.store import RunFolder, write_text_atomic

BLESSED = "blessed.json"


def open_baseline(path: Path) -> RunFolder:
    """The baseline run in a folder.

    Raises:
        NotComparableError: There is none.
        RecordError: It is damaged.
    """
    if not (path / "run.json").is_file() and not (path.name == "run.json" and path.is_file()):
        raise NotComparableError(
            f"{path}: no baseline there; make one with 'glotbench gate bless RUN --baseline {path} --reason ...'"
        )
    return RunFolder(path)


def bless(run: RunFolder, baseline: Path, *, reason: str, today: datetime.date) -> Path:
    """Make a finished run the baseline: copy its record and tables, and say why in ``blessed.json``.

    The copy is complete before it takes the place of the old baseline. Nothing else of either folder is kept.

    Returns:
        The baseline folder.

    Raises:
        UserError: No reason is given, the run already lies there, or something that is no baseline does.
        RunIncompleteError: The run is not complete.
        RecordError: The run is damaged.
    """
    if not reason.strip():
        raise UserError("gate bless: no reason given; say with --reason why the baseline changes")
    if run.path.resolve() == baseline.resolve():
        raise UserError(f"{baseline}: gate bless: this is the baseline already; name a new run")
    if not run.record.complete:
        raise RunIncompleteError(f"{run.path}: the run is not complete; run the same command again to resume it")
    if problems := list(run.problems()):
        raise RecordError("\n".join(problems))
    previous = _previous_run(baseline)
    baseline.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=baseline.parent, prefix=f".{baseline.name}.") as scratch:
        fresh, old = Path(scratch) / "new", Path(scratch) / "old"
        fresh.mkdir()
        for name in ("run.json", "run.json.sha256", *run.record.files):
            if (run.path / name).is_file():
                shutil.copyfile(run.path / name, fresh / name)
        statement = {
            "run_id": run.record.run_id,
            "reason": reason.strip(),
            "date": today.isoformat(),
            "previous_run_id": previous,
        }
        write_text_atomic(fresh / BLESSED, json.dumps(statement, ensure_ascii=False, indent=1) + "\n")
        RunFolder(fresh)
        if baseline.exists():
            baseline.rename(old)
        try:
            fresh.rename(baseline)
        except OSError:
            if old.exists():
                old.rename(baseline)
            raise
    return baseline


def _previous_run(baseline: Path) -> str | None:
    """Id of the run that is the baseline now; refuses to replace a folder that holds anything else."""
    if baseline.is_file() or (baseline.is_dir() and any(baseline.iterdir()) and not (baseline / "run.json").is_file()):
        raise UserError(f"{baseline}: gate bless: there is something that is no baseline; name another place")
    try:
        return RunFolder(baseline).record.run_id if baseline.is_dir() and any(baseline.iterdir()) else None
    except RecordError:
        return None
