"""Who uses a folder: locks that the system takes back when their process ends, however it ends.

They are ``flock``'s, on the folder itself: no file is left that could block anybody. On file systems without such locks
everybody goes on as if alone.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path

_WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF)
_HOLDER = "holder"

_log = logging.getLogger(__name__)


class FolderLock:
    """A lock on an existing folder, shared until :meth:`only_one`."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder, os.O_RDONLY)
        _flock(self._descriptor, fcntl.LOCK_SH)

    def only_one(self) -> bool:
        """Try to be the only one who uses the folder, from now on."""
        return _flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def share(self) -> None:
        """Let others in again."""
        _flock(self._descriptor, fcntl.LOCK_SH)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the only process that works in ``folder``, which is made; wait, and say for whom, where another does."""
    told = False
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            if not _flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
                if not told:
                    _log.warning("%s", _waiting(folder))
                    told = True
                _flock(descriptor, fcntl.LOCK_EX)
            if _is_at(descriptor, folder):
                since = time.strftime("%H:%M")
                (folder / _HOLDER).write_text(f"process {os.getpid()} on {platform.node()}, since {since}", "utf-8")
                yield
                return
        finally:
            os.close(descriptor)


def _waiting(folder: Path) -> str:
    try:
        holder = (folder / _HOLDER).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        holder = "another process"
    return f"{folder.parent}: the same run is being made by {holder}; waiting for it to end"


def _is_at(descriptor: int, folder: Path) -> bool:
    """Whether the folder that was opened still stands under its name; who held it may have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), folder.stat())
    except FileNotFoundError:
        return False


def _flock(descriptor: int, how: int) -> bool:
    """Whether the lock was got, or there are no locks here."""
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise
    return True
