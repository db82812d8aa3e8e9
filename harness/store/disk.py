"""What is said when a disk is full or a folder cannot be written."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from harness.errors import StorageError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_GOES_ON = "the same command then goes on where this one ended"


@contextlib.contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Errors of writing below ``folder`` become :class:`~harness.errors.StorageError`; other errors stay."""
    try:
        yield
    except OSError as error:
        where = error.filename if isinstance(error.filename, str) else folder
        if error.errno in _FULL:
            raise StorageError(f"{where}: the disk is full ({error.strerror}); free some space: {_GOES_ON}") from error
        if error.errno in _REFUSED:
            what = f"cannot be read or written ({error.strerror})"
            raise StorageError(f"{where}: {what}; check its permissions") from error
        raise


def of_database(path: Path, error: sqlite3.DatabaseError) -> StorageError:
    """The same for an error of SQLite's that is not the file's own fault."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return StorageError(f"{path}: the disk is full or fails ({error}); free some space: {_GOES_ON}")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
        return StorageError(f"{path}: another process writes to it for more than a minute; wait for it: {_GOES_ON}")
    return StorageError(f"{path}: cannot be written ({error}); check the permissions of the file and its folder")
