"""A store that SQLite cannot read: moved aside, with everything saved that still fits its checksum.

Rows are read in ranges of keys, each from both ends, so that a bad page costs the rows that stand on it. Where the
first page is bad, which says what the file is and where its tables begin, a copy is read under the first page of a new
store, whose tables begin at the same places. What is saved is complete under another name before anything is moved: a
process that is killed meanwhile loses nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from harness.store.files import aside
from harness.store.schema import COLUMNS, PAGE_BYTES, VERSION, checksum, connect, is_damage, layout, prepare

_COMPANIONS = ("-wal", "-shm")
_BOUNDS = ["", *(f"{number:02x}" for number in range(1, 256)), "\U0010ffff"]


def finish_move(path: Path) -> None:
    """Finish what a process was killed at: a saved store that did not get to its place yet."""
    if _saved(path).is_file():
        _replace(path)


def start_anew(path: Path) -> tuple[Path, int]:
    """Move a damaged store aside and put what is whole of it into its place; nobody else may have it open.

    Returns:
        Where the damaged file is now, and how many responses were saved.

    Raises:
        OSError, sqlite3.OperationalError: The disk is full; the damaged file then is where it was.
    """
    part = path.with_name(f"{path.name}.part")
    _remove(part)
    try:
        with contextlib.closing(connect(part)) as fresh:
            prepare(fresh, part)
            count = _copy(path, fresh)
    except BaseException:
        _remove(part)
        raise
    _remove(part, companions_only=True)
    part.replace(_saved(path))
    return _replace(path), count


def _replace(path: Path) -> Path:
    """Put the saved store into its place, and what stands there aside with its companions."""
    target = aside(path)
    if path.exists():
        for companion in _COMPANIONS:
            beside = path.with_name(path.name + companion)
            if beside.exists():
                beside.replace(target.with_name(target.name + companion))
        path.replace(target)
    _saved(path).replace(path)
    return target


def _copy(path: Path, fresh: sqlite3.Connection) -> int:
    """Copy whole rows into a new store; how many of them are responses."""
    try:
        with contextlib.closing(connect(path)) as damaged:
            if layout(damaged, path) == VERSION:
                return _copy_rows(damaged, fresh)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
    repaired = path.with_name(f"{path.name}.repaired")
    try:
        _with_new_first_page(path, repaired)
        with contextlib.closing(connect(repaired)) as damaged:
            return _copy_rows(damaged, fresh)
    finally:
        _remove(repaired)


def _copy_rows(damaged: sqlite3.Connection, fresh: sqlite3.Connection) -> int:
    for table, columns in COLUMNS.items():
        with fresh:
            fresh.execute("BEGIN IMMEDIATE")
            names = ", ".join((*columns, "checksum"))
            marks = ", ".join("?" * (len(columns) + 1))
            fresh.executemany(
                f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", _whole_rows(damaged, table, columns)
            )
    return int(fresh.execute("SELECT count(*) FROM responses").fetchone()[0])


def _whole_rows(db: sqlite3.Connection, table: str, columns: tuple[str, ...]) -> Iterator[tuple[object, ...]]:
    """Rows that can be read and fit their checksums; some come twice."""
    names = ", ".join((*columns, "checksum"))
    for low, high in itertools.pairwise(_BOUNDS):
        for direction in ("ASC", "DESC"):
            statement = f"SELECT {names} FROM {table} WHERE key >= ? AND key < ? ORDER BY key {direction}"
            try:
                for row in db.execute(statement, (low, high)):
                    if checksum(*row[:-1]) == row[-1]:
                        yield row
                break
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise


def _with_new_first_page(path: Path, copy: Path) -> None:
    """A copy of the file and its log, under the first page of a new store."""
    _remove(copy)
    with contextlib.closing(connect(copy)) as new:
        prepare(new, copy)
    first = bytearray(copy.read_bytes()[:PAGE_BYTES])
    _remove(copy)
    shutil.copyfile(path, copy)
    pages = -(-copy.stat().st_size // PAGE_BYTES)
    first[28:32] = max(1, pages).to_bytes(4, "big")
    with copy.open("r+b") as stream:
        stream.write(first)
    wal = path.with_name(f"{path.name}-wal")
    if wal.is_file():
        shutil.copyfile(wal, copy.with_name(f"{copy.name}-wal"))


def _saved(path: Path) -> Path:
    return path.with_name(f"{path.name}.saved")


def _remove(path: Path, *, companions_only: bool = False) -> None:
    for companion in (*_COMPANIONS, *(() if companions_only else ("",))):
        path.with_name(path.name + companion).unlink(missing_ok=True)
