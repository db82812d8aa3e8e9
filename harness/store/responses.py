"""Responses and statistics by content key, in one SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.errors import RecordError
from harness.store.encoding import decode, encode
from harness.types import Failed, Response

_SQL_CHUNK = 500


class ResponseStore:
    """Responses and per-unit statistics by content key, in one SQLite file.

    Args:
        path: The database; made with its folder when missing.

    Raises:
        RecordError: The file is not a database of this version.
    """

    _VERSION = 1

    @classmethod
    def for_reading(cls, path: Path) -> ResponseStore:
        """A copy in memory of nothing, or the store at ``path`` without a way to change it, if there is one."""
        found = cls(Path(":memory:"))
        if path.is_file():
            found.close()
            found.path = path
            found._db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=60)
        return found

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        try:
            self._db = sqlite3.connect(path, timeout=60, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, self._VERSION):
                raise RecordError(
                    f"{path}: response store has version {version}, this glotbench reads {self._VERSION}; "
                    "use another --out folder or move the file away"
                )
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS responses (key TEXT PRIMARY KEY, kind TEXT NOT NULL, body BLOB NOT NULL) "
                "WITHOUT ROWID"
            )
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS reductions (key TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID"
            )
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS plans "
                "(key TEXT, layer INTEGER, body BLOB NOT NULL, PRIMARY KEY (key, layer)) WITHOUT ROWID"
            )
            self._db.execute(f"PRAGMA user_version={self._VERSION}")
        except sqlite3.DatabaseError as error:
            raise RecordError(
                f"{path}: not a readable response store ({error}); move the file away and run again"
            ) from error

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> ResponseStore:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def get(self, keys: Sequence[str]) -> dict[str, Response]:
        """Stored responses of ``keys``; keys without one are absent from the answer."""
        found: dict[str, Response] = {}
        for start in range(0, len(keys), _SQL_CHUNK):
            chunk = keys[start : start + _SQL_CHUNK]
            marks = ",".join("?" * len(chunk))
            rows = self._db.execute(f"SELECT key, kind, body FROM responses WHERE key IN ({marks})", chunk)
            found.update((key, decode(kind, body)) for key, kind, body in rows)
        return found

    def missing(self, keys: Sequence[str]) -> list[str]:
        """The distinct ``keys`` without a stored response, in their order; bodies are not read."""
        have: set[str] = set()
        for start in range(0, len(keys), _SQL_CHUNK):
            chunk = keys[start : start + _SQL_CHUNK]
            marks = ",".join("?" * len(chunk))
            have.update(row[0] for row in self._db.execute(f"SELECT key FROM responses WHERE key IN ({marks})", chunk))
        return [key for key in dict.fromkeys(keys) if key not in have]

    def put(self, items: Iterable[tuple[str, Response]]) -> None:
        """Store responses durably in one transaction. Failed requests are not stored: they are tried again."""
        rows = [(key, *encode(response)) for key, response in items if not isinstance(response, Failed)]
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT OR REPLACE INTO responses VALUES (?, ?, ?)", rows)

    def get_reduction(self, key: str) -> bytes | None:
        """Statistics that responses were reduced to, as stored by :meth:`put_reduction`."""
        row = self._db.execute("SELECT body FROM reductions WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def has_reduction(self, key: str) -> bool:
        """Whether :meth:`get_reduction` would find something."""
        return self._db.execute("SELECT 1 FROM reductions WHERE key = ?", (key,)).fetchone() is not None

    def put_reduction(self, key: str, body: bytes) -> None:
        """Store statistics durably; the responses they came from may then be dropped."""
        self._db.execute("INSERT OR REPLACE INTO reductions VALUES (?, ?)", (key, body))

    def planned(self, key: str) -> list[NDArray[np.int32]]:
        """The layers of a plan, as :meth:`add_planned` stored them."""
        rows = self._db.execute("SELECT body FROM plans WHERE key = ? ORDER BY layer", (key,))
        return [np.frombuffer(body, dtype="<i4").astype(np.int32) for (body,) in rows]

    def add_planned(self, key: str, positions: Sequence[int]) -> None:
        """Add a layer to a plan, durably: positions of a list of requests whose batches are made among themselves."""
        body = np.asarray(positions, dtype="<i4").tobytes()
        layer = "(SELECT count(*) FROM plans WHERE key = ?)"
        self._db.execute(f"INSERT INTO plans VALUES (?, {layer}, ?)", (key, key, body))

    def drop(self, keys: Sequence[str]) -> None:
        """Forget responses that were reduced to statistics and are too large to keep."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("DELETE FROM responses WHERE key = ?", [(key,) for key in keys])
