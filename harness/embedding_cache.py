"""Sentence embeddings kept between runs, in the user's cache folder: a text is encoded once for all tasks.

A folder holds one sub-folder for every space (everything that changes a raw vector: the weights' hash, dtype, device,
batching, versions) and width, with files of vectors (``harness.vector_files``). A key is the hash of prompt and text;
shortening, normalising and quantising come after reading, so that one vector serves them all. Any number of processes
may read and write: writers take turns by a lock that the system gives back when a process dies. The folder never grows
beyond its limit: the files that were used longest ago go first, but none that the process itself has used; what then
does not fit is not kept here.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from harness.store import content_hash, write_text_atomic
from harness.vector_files import KEY_BYTES, VectorFile

_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_LARGEST_FILE = 256 * 10**6
_PARTS_OF_LIMIT = 16
_ABOUT = "space.json"
_log = logging.getLogger(__name__)

Vectors = dict[bytes, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedSpace:
    """What the cache holds of one space.

    Attributes:
        model: Name of the model that was the first to write. width: Numbers in a vector. vectors: How many.
        size: Bytes on disk. used: When last written to or read from, in seconds since 1970.
    """

    model: str
    width: int
    vectors: int
    size: int
    used: float


def vector_key(prompt: str, text: str) -> bytes:
    """Key of a text embedded with a prompt before it, within a space."""
    body = json.dumps([prompt, text], ensure_ascii=False).encode("utf-8", "surrogatepass")
    return hashlib.sha256(body).digest()[:KEY_BYTES]


def size_in_bytes(text: str) -> int:
    """``500MB``, ``20 GB`` or a plain number of bytes.

    Raises:
        UserError: It is nothing of the kind.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]B)?", text.strip(), re.IGNORECASE | re.ASCII)
    if match is None:
        raise UserError(f"cache limit: not a size: '{text}'; write for example 500MB or 20GB")
    return int(float(match[1]) * _UNITS[(match[2] or "").upper()])


class EmbeddingCache:
    """The cache in one folder, which is made when something is first put in.

    Args:
        folder: The folder. limit: Most bytes of vectors and keys in it.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        self._files: dict[Path, VectorFile] = {}
        self._used: set[VectorFile] = set()
        self._warned: set[str] = set()

    def get(self, space: Mapping[str, str], keys: Sequence[bytes]) -> Vectors:
        """Raw vectors ``[d]`` of those of ``keys`` that are there; damaged ones are not."""
        found: Vectors = {}
        missing, damaged = list(keys), set[bytes]()
        for folder in self._folders(content_hash(dict(space))):
            for file in self._in(folder):
                read, broken = file.read(missing)
                damaged |= broken
                if read:
                    file.touch()
                    self._used.add(file)
                    found.update(read)
                    missing = [key for key in missing if key not in found]
        if damaged := damaged - found.keys():
            self._warn(f"{self.folder}: {len(damaged)} embeddings are damaged; they are computed again")
        return found

    def put(self, space: Mapping[str, str], model: str, items: Sequence[tuple[bytes, NDArray[np.float32]]]) -> bool:
        """Add raw vectors, all of one width.

        Returns:
            Whether they are kept: not where there is no room for them, or the folder cannot be written.
        """
        if not items:
            return True
        width = len(items[0][1])
        folder = self.folder / f"{content_hash(dict(space))}-{width}"
        needed = len(items) * VectorFile(folder / "new", width).vector_bytes
        if needed > self.limit:
            return False
        try:
            with self._turn():
                if not self._make_room(needed):
                    return False
                if not (folder / _ABOUT).is_file():
                    write_text_atomic(folder / _ABOUT, json.dumps({"model": model, "space": dict(space)}, indent=1))
                file = self._open_file(folder, width, needed)
                file.append(items)
                self._used.add(file)
        except OSError as error:
            self._warn(f"{self.folder}: embeddings cannot be kept there ({error}); they are kept with the results")
            return False
        return True

    def contents(self) -> list[CachedSpace]:
        """What is there, the largest first."""
        spaces = []
        for folder in self._folders():
            files = list(self._in(folder))
            spaces.append(
                CachedSpace(
                    model=_model(folder),
                    width=_width(folder),
                    vectors=sum(file.count() for file in files),
                    size=sum(file.size() for file in files),
                    used=max((file.used() for file in files), default=0) / 1e9,
                )
            )
        return sorted(spaces, key=lambda space: (-space.size, space.model))

    def clear(self) -> int:
        """Delete everything; how many bytes that were."""
        if not self.folder.is_dir():
            return 0
        freed = 0
        with self._turn():
            for folder in self._folders():
                freed += sum(file.size() for file in self._in(folder))
                shutil.rmtree(folder)
        self._files.clear()
        self._used.clear()
        return freed

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Be the only one who changes anything; the lock goes with the process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _make_room(self, needed: int) -> bool:
        """Drop the files used longest ago until ``needed`` bytes fit, if that is enough; whether they then do."""
        files = [file for folder in self._folders() for file in self._in(folder)]
        sizes = {file: file.size() for file in sorted(files, key=VectorFile.used)}
        total = sum(sizes.values())
        free = {file: size for file, size in sizes.items() if file not in self._used}
        if total - sum(free.values()) + needed > self.limit:
            return False
        for file, size in free.items():
            if total + needed <= self.limit:
                break
            total -= size
            file.remove()
            del self._files[file.keys_path]
        return True

    def _open_file(self, folder: Path, width: int, needed: int) -> VectorFile:
        """The file to append to: one with room, else a new one."""
        largest = min(_LARGEST_FILE, self.limit // _PARTS_OF_LIMIT)
        for file in self._in(folder):
            if file.size() + needed <= largest:
                return file
        return self._file(folder / f"{secrets.token_hex(8)}.keys", width)

    def _folders(self, name: str = "") -> list[Path]:
        return sorted(path for path in self.folder.glob(f"{name or '*'}-*") if _width(path) and path.is_dir())

    def _in(self, folder: Path) -> Iterator[VectorFile]:
        for path in sorted(folder.glob("*.keys")):
            yield self._file(path, _width(folder))

    def _file(self, path: Path, width: int) -> VectorFile:
        if path not in self._files:
            self._files[path] = VectorFile(path.with_suffix(""), width)
        return self._files[path]

    def _warn(self, text: str) -> None:
        """Once a process, or a damaged file would be told of with every batch."""
        if text not in self._warned:
            self._warned.add(text)
            _log.warning(text)


def _width(folder: Path) -> int:
    """Numbers in a vector, from the folder's name; 0 for a folder of another kind."""
    number = folder.name.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


def _model(folder: Path) -> str:
    try:
        return str(json.loads((folder / _ABOUT).read_text(encoding="utf-8"))["model"])
    except (OSError, ValueError, KeyError, TypeError):
        return "?"
