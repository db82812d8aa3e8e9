"""The response store's file: its tables, their versions, and how an older one becomes a newer one.

Version 2 gives every row a CRC-32 of its key and content, and has a table for rows that no longer fit theirs. The
tables are compared word for word, so that damage to the description of the file is seen before its rows are read.
"""

from __future__ import annotations

import sqlite3
import time
import zlib
from pathlib import Path
from typing import Any

from harness.errors import RecordError

VERSION = 2
PAGE_BYTES = 4096
_BUSY_SECONDS = 60
_CHECKSUM = "checksum INTEGER NOT NULL DEFAULT 0"
_RESPONSES = "CREATE TABLE responses (key TEXT PRIMARY KEY, kind TEXT NOT NULL, body BLOB NOT NULL{}) WITHOUT ROWID"
_REDUCTIONS = "CREATE TABLE reductions (key TEXT PRIMARY KEY, body BLOB NOT NULL{}) WITHOUT ROWID"
_PLANS = "CREATE TABLE plans (key TEXT, layer INTEGER, body BLOB NOT NULL{}, PRIMARY KEY (key, layer)) WITHOUT ROWID"
_DAMAGED = "CREATE TABLE damaged (source TEXT NOT NULL, key TEXT, content BLOB, found TEXT NOT NULL)"

_FIRST = {"responses": _RESPONSES.format(""), "reductions": _REDUCTIONS.format(""), "plans": _PLANS.format("")}
_TABLES = {
    "responses": _RESPONSES.format(f", {_CHECKSUM}"),
    "reductions": _REDUCTIONS.format(f", {_CHECKSUM}"),
    "plans": _PLANS.format(f", {_CHECKSUM}"),
    "damaged": _DAMAGED,
}

COLUMNS = {"responses": ("key", "kind", "body"), "reductions": ("key", "body"), "plans": ("key", "layer", "body")}
"""What is checked of every table, in the order in which it enters the checksum."""

_SURROUNDINGS = frozenset(
    [
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    ]
)
_SHORT_READ = sqlite3.SQLITE_IOERR | (2 << 8)


class DamagedFile(sqlite3.DatabaseError):
    """The file is no store of ours, although it stands where one should."""


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error lies in the file's content, and not in what is around it: a full disk, a lock, a permission."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return isinstance(error, DamagedFile)
    return code == _SHORT_READ or code & 0xFF not in _SURROUNDINGS


def checksum(*content: object) -> int:
    """CRC-32 of a row's key and content; of anything but text, bytes and whole numbers a number that no row has."""
    found = 0
    for part in content:
        if isinstance(part, bytes):
            found = zlib.crc32(part, found)
        elif isinstance(part, str | int):
            found = zlib.crc32(f"{part}\0".encode("utf-8", "surrogatepass"), found)
        else:
            return -1
    return found


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection that any thread may use, one at a time; bytes that are no UTF-8 do not stop it."""
    name = f"{path.resolve().as_uri()}?mode=ro" if read_only else str(path)
    found = sqlite3.connect(name, uri=read_only, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    found.text_factory = _text
    return found


def wrong_rows(db: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    """Rows of a table that do not fit their checksums, without them."""
    rows = db.execute(f"SELECT {', '.join(COLUMNS[table])}, checksum FROM {table}")
    return [row[:-1] for row in rows if checksum(*row[:-1]) != row[-1]]


def structure_problems(db: sqlite3.Connection) -> list[str]:
    """What SQLite finds wrong with the file's pages and trees, the first few."""
    found = [str(line).removeprefix("*** in database main ***") for (line,) in db.execute("PRAGMA integrity_check(20)")]
    return [] if found == ["ok"] else [" ".join(line.split())[:160] for line in found]


def prepare(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new file, or bring an older file's up to date; all or nothing.

    Raises:
        RecordError: The file is a later version's.
        DamagedFile: Its tables are no version's.
    """
    db.execute(f"PRAGMA page_size={PAGE_BYTES}")
    _use_log(db)
    db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA cell_size_check=ON")
    if layout(db, path) == VERSION:
        return
    with db:
        db.execute("BEGIN IMMEDIATE")
        found = layout(db, path)  # another process may have been first
        if found == 0:
            for statement in _TABLES.values():
                db.execute(statement)
        elif found == 1:
            _second(db)
        db.execute(f"PRAGMA user_version={VERSION}")


def layout(db: sqlite3.Connection, path: Path) -> int:
    """Version of the tables that are there; 0 where there are none.

    Raises:
        RecordError: The file is a later version's.
        DamagedFile: Its tables are no version's.
    """
    tables = dict(db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall())
    known: tuple[dict[str, str], ...] = ({}, _FIRST, _TABLES)
    for version, expected in enumerate(known):
        if tables == expected:
            return version
    said = db.execute("PRAGMA user_version").fetchone()[0]
    if said > VERSION:
        raise RecordError(
            f"{path}: response store has version {said}, this glotbench reads {VERSION}; "
            "use another --out folder or move the file away"
        )
    raise DamagedFile("its tables are not those of a response store")


def _second(db: sqlite3.Connection) -> None:
    """Version 1 to 2: what stands there now is taken for right, and is checked from now on."""
    db.create_function("checksum_of", -1, checksum, deterministic=True)
    for table, columns in COLUMNS.items():
        db.execute(f"ALTER TABLE {table} ADD COLUMN {_CHECKSUM}")
        db.execute(f"UPDATE {table} SET checksum = checksum_of({', '.join(columns)})")
    db.execute(_DAMAGED)


def _use_log(db: sqlite3.Connection) -> None:
    """Write-ahead logging; of processes that open a new file at once, SQLite lets one switch and refuses the others."""
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")
