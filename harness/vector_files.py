"""Vectors in a pair of append-only files: entries of key and checksum, and in the same order rows of float32.

``NAME.keys`` holds 20 bytes a vector, 16 of key and the CRC-32 of key and row; ``NAME.vec`` is the rows alone, to be
mapped into memory as ``[n, d]``. A vector is there when both files have it whole: rows are written first, and what a
killed process left half written is cut off before the next is appended. A row that does not fit its checksum is not
there. Writers take turns (``harness.embedding_cache`` has the lock); readers need none. Knows nothing of models.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

KEY_BYTES = 16
_ENTRY = np.dtype([("key", "<u8", 2), ("checksum", "<u4")])
_FLOAT = np.dtype("<f4")


class VectorFile:
    """One pair of files.

    Args:
        stem: Path without the endings. width: Numbers in a vector.
    """

    def __init__(self, stem: Path, width: int) -> None:
        self.keys_path = stem.with_name(f"{stem.name}.keys")
        self.rows_path = stem.with_name(f"{stem.name}.vec")
        self._row_bytes = width * _FLOAT.itemsize
        self._width = width
        self._entries = np.empty(0, dtype=_ENTRY)
        self._sorted = np.empty(0, dtype="<u8")
        self._order = np.empty(0, dtype=np.int64)

    @property
    def vector_bytes(self) -> int:
        """Bytes that one vector takes on disk, in both files."""
        return _ENTRY.itemsize + self._row_bytes

    def size(self) -> int:
        """Bytes on disk, 0 where the files are gone."""
        return _size(self.keys_path) + _size(self.rows_path)

    def count(self) -> int:
        """Vectors that both files have whole."""
        return min(_size(self.keys_path) // _ENTRY.itemsize, _size(self.rows_path) // self._row_bytes)

    def used(self) -> int:
        """When it was last written to or read from, in nanoseconds; 0 where it is gone."""
        try:
            return self.keys_path.stat().st_mtime_ns
        except OSError:
            return 0

    def touch(self) -> None:
        """Note that it was read from just now."""
        try:
            os.utime(self.keys_path)
        except OSError:  # gone, or another user's: then it is not ours to keep
            return

    def append(self, items: Sequence[tuple[bytes, NDArray[np.float32]]]) -> None:
        """Add vectors ``[width]`` by key; the caller sees to it that nobody else writes."""
        count = self.count()
        entries = np.empty(len(items), dtype=_ENTRY)
        rows = np.stack([vector for _, vector in items]).astype(_FLOAT)
        for index, (key, _) in enumerate(items):
            entries[index]["key"] = np.frombuffer(key, dtype="<u8")
            entries[index]["checksum"] = _checksum(key, rows[index])
        _write_at(self.rows_path, count * self._row_bytes, rows.tobytes())
        _write_at(self.keys_path, count * _ENTRY.itemsize, entries.tobytes())

    def read(self, wanted: Sequence[bytes]) -> tuple[dict[bytes, NDArray[np.float32]], set[bytes]]:
        """Vectors of those of ``wanted`` that are here and whole, copied; and those that are here, but not whole."""
        self._refresh()
        found: dict[bytes, NDArray[np.float32]] = {}
        damaged: set[bytes] = set()
        if not len(self._entries) or not wanted:
            return found, damaged
        numbers = np.frombuffer(b"".join(wanted), dtype="<u8").reshape(-1, 2)
        first = np.searchsorted(self._sorted, numbers[:, 0], side="left")
        last = np.searchsorted(self._sorted, numbers[:, 0], side="right")
        candidates = np.flatnonzero(first < last)
        if not candidates.size:
            return found, damaged
        try:
            rows = np.memmap(self.rows_path, dtype=_FLOAT, mode="r", shape=(len(self._entries), self._width))
        except (OSError, ValueError):  # dropped meanwhile
            return found, damaged
        for index in candidates.tolist():
            for place in self._order[first[index] : last[index]].tolist():
                entry = self._entries[place]
                if entry["key"][1] != numbers[index, 1]:
                    continue
                row = np.array(rows[place], dtype=np.float32)
                if _checksum(wanted[index], row) == entry["checksum"]:
                    found[wanted[index]] = row
                    break
                damaged.add(wanted[index])
        return found, damaged

    def remove(self) -> None:
        """Delete both files; who has them open may go on reading."""
        self.keys_path.unlink(missing_ok=True)
        self.rows_path.unlink(missing_ok=True)

    def _refresh(self) -> None:
        """Read the keys again if there are more, or fewer, than at the last look."""
        count = self.count()
        if count == len(self._entries):
            return
        try:
            self._entries = np.fromfile(self.keys_path, dtype=_ENTRY, count=count)
        except OSError:
            self._entries = np.empty(0, dtype=_ENTRY)
        self._order = np.argsort(self._entries["key"][:, 0], kind="stable")
        self._sorted = self._entries["key"][self._order, 0]


def _checksum(key: bytes, row: NDArray[np.float32]) -> int:
    return zlib.crc32(row.astype(_FLOAT, copy=False).tobytes(), zlib.crc32(key))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _write_at(path: Path, start: int, body: bytes) -> None:
    """Write after the first ``start`` bytes, and cut off what stood there."""
    with path.open("ab") as stream:
        stream.truncate(start)
        stream.write(body)
