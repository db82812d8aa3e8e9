"""Responses and statistics by content key, in one SQLite file, every row with its checksum.

A commit is on disk when it returns. A row that does not fit its checksum is moved to the table ``damaged`` and is not
there: its question is asked again. A file that cannot be read is moved aside (``harness.store.salvage``). Several
processes may use one store; in a process any thread may, one at a time.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.errors import RecordError
from harness.store import salvage
from harness.store.disk import explained, of_database
from harness.store.encoding import decoded, encode
from harness.store.locks import FolderLock
from harness.store.schema import (
    COLUMNS,
    VERSION,
    DamagedFile,
    checksum,
    connect,
    is_damage,
    layout,
    prepare,
    structure_problems,
    wrong_rows,
)
from harness.types import Failed, Response

_SQL_CHUNK = 500
_LOOKED_THROUGH = 64 * 2**20
"""Largest file that is read as a whole when it is opened, which takes about a second; of a larger one what is asked."""

_Found = TypeVar("_Found")
_log = logging.getLogger(__name__)


class ResponseStore:
    """Responses and per-unit statistics by content key, in one SQLite file.

    Args:
        path: The database; made with its folder when missing.

    Raises:
        RecordError: The file is a later version's, or damaged while another process uses it.
        StorageError: The disk is full, or the folder cannot be written.
    """

    @classmethod
    def for_reading(cls, path: Path) -> ResponseStore:
        """A copy in memory of nothing, or the store at ``path`` without a way to change it, if there is one.

        Raises:
            RecordError: The file is damaged, or a later version's.
        """
        found = cls(Path(":memory:"))
        if path.is_file():
            found.close()
            found.path, found._read_only = path, True
            found._db = connect(path, read_only=True)
            found._layout = found._do(lambda db: layout(db, path))
        return found

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read_only = False
        self._layout = VERSION
        self._turn = threading.RLock()
        self._damaged_rows = 0
        self._remarks: list[str] = []
        self._folder: FolderLock | None = None
        if str(path) == ":memory:":
            self._db = connect(path)
            self._do(lambda db: prepare(db, path))
            return
        with explained(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._folder = FolderLock(path.parent)
            if self._folder.only_one():
                salvage.finish_move(path)
            self._folder.share()
        try:
            self._db = connect(path)
        except sqlite3.OperationalError as error:
            self._folder.close()
            raise of_database(path, error) from error
        try:
            self._do(lambda db: prepare(db, path))
            if path.stat().st_size <= _LOOKED_THROUGH:
                self._look_through()
        except BaseException:
            self.close()
            raise

    @property
    def notes(self) -> list[str]:
        """What was found damaged, and what was done about it; one line each."""
        rows = self._damaged_rows
        if not rows:
            return list(self._remarks)
        remark = f"{self.path}: damaged entries: {rows}; they were moved to its table 'damaged' and are made again"
        return [*self._remarks, remark]

    def close(self) -> None:
        with self._turn:
            self._db.close()
            if self._folder is not None:
                self._folder.close()

    def __enter__(self) -> ResponseStore:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def get(self, keys: Sequence[str]) -> dict[str, Response]:
        """Stored responses of ``keys``; keys without one, or with a damaged one, are absent from the answer."""
        found: dict[str, Response] = {}
        for start in range(0, len(keys), _SQL_CHUNK):
            chunk = keys[start : start + _SQL_CHUNK]
            marks = ",".join("?" * len(chunk))
            wrong = []
            for row in self._whole("responses", f"key IN ({marks})", chunk):
                response = decoded(row[1], row[2])
                if response is None:
                    wrong.append(row)
                else:
                    found[row[0]] = response
            if wrong and not self._read_only:
                self._put_aside("responses", wrong)
        return found

    def missing(self, keys: Sequence[str]) -> list[str]:
        """The distinct ``keys`` without a stored response, in their order; bodies are not read."""
        have: set[str] = set()
        for start in range(0, len(keys), _SQL_CHUNK):
            chunk = keys[start : start + _SQL_CHUNK]
            marks = ",".join("?" * len(chunk))
            have.update(row[0] for row in self._read(f"SELECT key FROM responses WHERE key IN ({marks})", chunk))
        return [key for key in dict.fromkeys(keys) if key not in have]

    def put(self, items: Iterable[tuple[str, Response]]) -> None:
        """Store responses durably in one transaction. Failed requests are not stored: they are tried again."""
        rows = [(key, *encode(response)) for key, response in items if not isinstance(response, Failed)]
        self._insert("responses", rows)

    def get_reduction(self, key: str) -> bytes | None:
        """Statistics that responses were reduced to, as stored by :meth:`put_reduction`."""
        rows = self._whole("reductions", "key = ?", (key,))
        return rows[0][1] if rows else None

    def has_reduction(self, key: str) -> bool:
        """Whether :meth:`get_reduction` would find something, whole or not."""
        return bool(self._read("SELECT 1 FROM reductions WHERE key = ?", (key,)))

    def put_reduction(self, key: str, body: bytes) -> None:
        """Store statistics durably; the responses they came from may then be dropped."""
        self._insert("reductions", [(key, body)])

    def planned(self, key: str) -> list[NDArray[np.int32]]:
        """The layers of a plan, as :meth:`add_planned` stored them."""
        rows = self._whole("plans", "key = ? ORDER BY layer", (key,))
        return [np.frombuffer(body, dtype="<i4").astype(np.int32) for _, _, body in rows]

    def add_planned(self, key: str, positions: Sequence[int]) -> None:
        """Add a layer to a plan, durably: positions of a list of requests whose batches are made among themselves."""
        body = np.asarray(positions, dtype="<i4").tobytes()
        highest = self._read("SELECT max(layer) FROM plans WHERE key = ?", (key,))[0][0]
        self._insert("plans", [(key, 0 if highest is None else highest + 1, body)])

    def drop(self, keys: Sequence[str]) -> None:
        """Forget responses that were reduced to statistics and are too large to keep."""

        def delete(db: sqlite3.Connection) -> None:
            with db:
                db.execute("BEGIN IMMEDIATE")
                db.executemany("DELETE FROM responses WHERE key = ?", [(key,) for key in keys])

        self._do(delete)

    def problems(self) -> list[str]:
        """What is wrong with the file, one line each, after reading all of it; nothing is changed."""
        found = [f"{self.path}: {line}" for line in self._do(structure_problems)]
        for table in COLUMNS if self._layout == VERSION else ():
            if wrong := self._wrong(table):
                found.append(f"{self.path}: {len(wrong)} of its {table} do not fit their checksum")
        return found

    def _look_through(self) -> None:
        """Find damage in all of the file, also where nobody would look for the rows that it hit."""
        if lines := self._do(structure_problems):
            self._start_anew(DamagedFile(lines[0]))
        for table in COLUMNS:
            if wrong := self._wrong(table):
                self._put_aside(table, wrong)
                if self._wrong(table):  # under a name that nothing can be found by
                    self._start_anew(DamagedFile(f"{table} without a key"))

    def _wrong(self, table: str) -> list[Any]:
        return self._do(lambda db: wrong_rows(db, table))

    def _whole(self, table: str, condition: str, values: Sequence[object]) -> list[Any]:
        """Rows of a table that fit their checksums; the others are put aside."""
        columns = COLUMNS[table]
        if self._layout < VERSION:
            return self._read(f"SELECT {', '.join(columns)} FROM {table} WHERE {condition}", values)
        rows = self._read(f"SELECT {', '.join(columns)}, checksum FROM {table} WHERE {condition}", values)
        whole = [row[:-1] for row in rows if checksum(*row[:-1]) == row[-1]]
        if len(whole) < len(rows) and not self._read_only:
            self._put_aside(table, [row[:-1] for row in rows if checksum(*row[:-1]) != row[-1]])
        return whole

    def _put_aside(self, table: str, rows: Sequence[Any]) -> None:
        def move(db: sqlite3.Connection) -> None:
            with db:
                db.execute("BEGIN IMMEDIATE")
                db.executemany(
                    "INSERT INTO damaged VALUES (?, ?, ?, datetime('now'))", [(table, row[0], row[-1]) for row in rows]
                )
                db.executemany(f"DELETE FROM {table} WHERE key = ?", [(row[0],) for row in rows])

        self._do(move)
        self._damaged_rows += len(rows)

    def _insert(self, table: str, rows: Sequence[tuple[object, ...]]) -> None:
        names = ", ".join((*COLUMNS[table], "checksum"))
        statement = f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({', '.join('?' * (len(COLUMNS[table]) + 1))})"

        def write(db: sqlite3.Connection) -> None:
            with db:
                db.execute("BEGIN IMMEDIATE")
                db.executemany(statement, [(*row, checksum(*row)) for row in rows])

        self._do(write)

    def _read(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        return self._do(lambda db: db.execute(statement, values).fetchall())

    def _do(self, work: Callable[[sqlite3.Connection], _Found]) -> _Found:
        """Work with the database; where it turns out to be damaged, with what could be saved of it."""
        with self._turn:
            try:
                return work(self._db)
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise of_database(self.path, error) from error
                self._start_anew(error)
            try:
                return work(self._db)
            except sqlite3.DatabaseError as error:
                raise of_database(self.path, error) from error

    def _start_anew(self, error: sqlite3.DatabaseError) -> None:
        """Go on with a new file that holds what could be saved.

        Raises:
            RecordError: The file may not be changed, or another process uses it.
        """
        if self._read_only or self._folder is None:
            raise RecordError(f"{self.path}: damaged ({error}); run again to save what can be saved") from error
        self._db.close()
        if not self._folder.only_one():
            raise RecordError(
                f"{self.path}: damaged ({error}), and another process uses it; run again when that has ended"
            ) from error
        try:
            with explained(self.path.parent):
                moved, saved = salvage.start_anew(self.path)
            self._db = connect(self.path)
            prepare(self._db, self.path)
        except DamagedFile:
            raise
        except sqlite3.DatabaseError as another:
            raise of_database(self.path, another) from another
        finally:
            self._folder.share()
        remark = (
            f"{self.path}: damaged ({error}); moved to {moved.name}, {saved:,} responses were saved, "
            "the others are made again"
        )
        _log.warning("%s", remark)
        self._remarks.append(remark)
