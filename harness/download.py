"""One file over HTTP, whole or not at all: written beside its place, checked, then moved there."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import IO

from harness.errors import DataError

MAX_BYTES = 64 * 2**30
"""Largest file that is downloaded."""

TRIES = 3
_BLOCK = 2**20
_TIMEOUT = 60.0
_READABLE = 0o644


def download(
    url: str,
    target: Path,
    sha256: str | None,
    progress: Callable[[int, int], None],
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Fetch ``url`` into ``target``; interruptions are tried again, ``TRIES`` times in all.

    Args:
        url: ``http://`` or ``https://``. sha256: What the content must hash to, if it is known.
        progress: Called with bytes so far and in all (0 where the server does not say).
        pause: Waits so many seconds between two tries.

    Raises:
        DataError: It cannot be had, is too large, or is not what it should be; ``target`` is then as it was.
    """
    if not url.startswith(("http://", "https://")):
        raise DataError(f"{url}: only http and https are fetched")
    target.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, TRIES + 1):
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                found = _received(url, stream, progress)
            if sha256 is not None and found != sha256:
                raise DataError(f"{url}: its sha256 is {found}, but the task file says {sha256}; it is not kept")
            temporary.chmod(_READABLE)
            temporary.replace(target)
            return
        except urllib.error.HTTPError as error:
            if error.code < 500 or attempt == TRIES:
                raise DataError(f"{url}: the server answers {error.code} {error.reason}; check the address") from error
        except (OSError, HTTPException) as error:
            if attempt == TRIES:
                reason = getattr(error, "reason", None) or error
                raise DataError(f"{url}: cannot be fetched ({reason}); try again where there is network") from error
        finally:
            temporary.unlink(missing_ok=True)
        pause(2.0**attempt)


def _received(url: str, stream: IO[bytes], progress: Callable[[int, int], None]) -> str:
    """Write the content; its hex SHA-256.

    Raises:
        DataError: It is too large.
        OSError, HTTPException: The connection failed or broke off.
    """
    request = urllib.request.Request(url, headers={"User-Agent": "glotbench"})
    digest = hashlib.sha256()
    done = 0
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
        total = int(response.headers.get("Content-Length") or 0)
        while block := response.read(_BLOCK):
            done += len(block)
            if max(done, total) > MAX_BYTES:
                raise DataError(f"{url}: more than {MAX_BYTES:,} bytes; fetch it yourself if that is right")
            digest.update(block)
            stream.write(block)
            progress(done, total)
        if total and done != total:
            raise OSError(f"{done:,} of {total:,} bytes came")
    stream.flush()
    os.fsync(stream.fileno())
    return digest.hexdigest()
