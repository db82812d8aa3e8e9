"""The files of a run folder: which of them are whole, and how a record comes to stand for the others.

The record has the checksums of the tables, and ``run.json.sha256`` that of the record. A process that is killed between
writing the two leaves one that still names the other: while a record is replaced, both its versions are named.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from harness.errors import RecordError
from harness.record_reading import checked_record
from harness.records import RunRecord
from harness.store.files import aside, sha256_file, write_text_atomic

RECORD = "run.json"
SIDECAR = "run.json.sha256"
TABLES = ("segments.parquet", "statistics.parquet")


def read_record(path: Path, *, strict: bool = True) -> tuple[RunRecord, str]:
    """The record at ``path``, and its SHA-256.

    Args:
        strict: As in ``harness.record_reading.checked_record``.

    Raises:
        RecordError: It is missing, damaged or of an unknown version.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecordError(f"{path}: no readable run record there ({error}); name a run folder") from error
    expected = _named(path.with_name(SIDECAR))
    found = hashlib.sha256(content).hexdigest()
    if expected and found not in expected:
        raise RecordError(
            f"{path}: damaged (sha256 {found[:12]}, expected {expected[0][:12]}); run again to rebuild it"
        )
    return checked_record(content, path, strict=strict), found


def write_record(folder: Path, text: str) -> None:
    """Write the record, which from then on stands for the run."""
    path, sidecar = folder / RECORD, folder / SIDECAR
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    if path.exists():
        before = [one for one in _named(sidecar) if one != digest]
        write_text_atomic(sidecar, "".join(f"{one}  {RECORD}\n" for one in (digest, *before[:1])))
    write_text_atomic(path, text)
    write_text_atomic(sidecar, f"{digest}  {RECORD}\n")


def table_problem(file: Path, expected: str) -> str:
    """What is wrong with a table of which the record has this checksum; empty when all is well."""
    if not file.is_file():
        return f"{file}: missing"
    found = sha256_file(file)
    return "" if found == expected else f"{file}: damaged (sha256 {found[:12]}, the record says {expected[:12]})"


def make_way(folder: Path, files: dict[str, str]) -> list[str]:
    """Make a folder ready for new tables: what is damaged is moved aside, a record of other tables goes.

    Args:
        files: Names of the tables that will be there, and their checksums.

    Returns:
        What was found damaged, one line each.
    """
    record = folder / RECORD
    if not record.exists():
        return []
    try:
        before = read_record(record)[0].files
    except RecordError:
        return [_move_aside(record)]
    notes = [
        _move_aside(folder / name)
        for name, expected in before.items()
        if (folder / name).is_file() and table_problem(folder / name, expected)
    ]
    if before != files:
        record.unlink()  # what it says of the tables would be wrong from the first that is replaced
    return notes


def _move_aside(file: Path) -> str:
    target = aside(file)
    file.replace(target)
    return f"{file}: was damaged; moved to {target.name} and made again"


def _named(sidecar: Path) -> list[str]:
    """The checksums that a record may have; none where there is no such file."""
    if not sidecar.is_file():
        return []
    lines = sidecar.read_text(encoding="utf-8", errors="replace").splitlines()
    name = f"  {RECORD}"
    return [line.removesuffix(name) if line.endswith(name) else "nothing" for line in lines] or ["nothing"]
