"""Files inside release archives (zip, and tar however compressed), read in place: nothing is ever unpacked to disk.

A zip is read where it lies. A compressed tar is decompressed once a process into a temporary file without a name, and
its members are read from there by position, so that 204 languages of one release cost one pass. Links, devices and
members whose names lead outside the archive are not there for a reader. Knows nothing of formats or data sets.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

from harness.errors import DataError

MAX_MEMBERS = 1_000_000
MAX_UNPACKED = 64 * 2**30
"""Bytes of a decompressed tar, of one member of a zip, or of a gzipped file."""

SMALL = 2**28
"""Bytes that anything may unpack to."""

MAX_RATIO = 200
"""Beyond them, how much longer it may be than its packed form; texts become 3 to 20 times shorter."""

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")

_NOT_READABLE = (
    *(tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, struct.error),
    *(OSError, EOFError, ValueError, OverflowError, NotImplementedError),
)
"""What the readers of archives raise at wrong bytes; the last at a version that is none."""

_BLOCK = 2**20
_OPENERS: Mapping[bytes, Callable[..., object]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}


@dataclass(frozen=True, slots=True)
class Archive:
    """The files of one archive.

    Attributes:
        path: The archive.
        names: Name of a member as patterns name it -> its name in the archive.
    """

    path: Path
    names: Mapping[str, str]
    _inner: Mapping[str, str] = field(repr=False)
    _content: _Zip | _Tar = field(repr=False)

    def find(self, name: str) -> str | None:
        """The member of that name; one folder may stand before it (``repository-commit/``), if that is unambiguous."""
        return name if name in self.names else self._inner.get(name)

    def open(self, member: str) -> BinaryIO:
        """A member's bytes, seekable.

        Raises:
            DataError: The member is encrypted, damaged or too large.
        """
        return self._content.open(self.names[member])


def open_archive(path: Path) -> Archive:
    """The archive at ``path``, indexed once as long as the file does not change.

    Raises:
        DataError: It is no archive, damaged, or too large.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    return _opened(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=8)
def _opened(path: Path, _size: int, _changed: int) -> Archive:
    try:
        content = _Zip(path) if zipfile.is_zipfile(path) else _Tar(path)
    except _NOT_READABLE as error:
        raise DataError(f"{path}: not a readable archive ({error}); fetch it again") from error
    if len(content.members) > MAX_MEMBERS:
        raise DataError(f"{path}: {len(content.members):,} members; an archive of data has at most {MAX_MEMBERS:,}")
    names = _safe_names(content.members)
    below = Counter(name.partition("/")[2] for name in names)
    inner = {name.partition("/")[2]: name for name in names if below[name.partition("/")[2]] == 1}
    return Archive(path, names, inner, content)


def check_unpacked(size: int, packed: int) -> None:
    """Refuse what unpacks to more than any data set, or to so much more than it is that it was made to fill a disk.

    Raises:
        ValueError: It does.
    """
    if size > MAX_UNPACKED:
        raise ValueError(f"more than {MAX_UNPACKED:,} bytes when decompressed")
    if size > SMALL and size > MAX_RATIO * packed:
        raise ValueError(f"more than {SMALL:,} bytes when decompressed, {MAX_RATIO} times as many as packed")


class Unpacked(io.RawIOBase):
    """A gzipped stream that stops where too much comes out of it.

    Raises, when it is read:
        OSError: Too much came out.
    """

    def __init__(self, packed: BinaryIO) -> None:
        self._packed = packed
        self._stream = gzip.GzipFile(fileobj=packed)
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        found = self._stream.read1(len(buffer))
        self._read += len(found)
        if self._read > SMALL:
            try:
                check_unpacked(self._read, self._packed.tell())
            except ValueError as error:
                raise OSError(str(error)) from error
        buffer[: len(found)] = found
        return len(found)

    def close(self) -> None:
        self._stream.close()
        self._packed.close()
        super().close()


def _safe_names(members: Iterable[str]) -> dict[str, str]:
    """Names without ``./`` -> names as written; a name that leaves the archive is left out."""
    names = {}
    for member in members:
        name = PurePosixPath(member.replace("\\", "/"))
        if not name.is_absolute() and ".." not in name.parts:
            names[str(name)] = member
    return names


class _Zip:
    """Regular files of a zip; its directory is read once, every member is opened on a handle of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with zipfile.ZipFile(path) as archive:
            self.members = {info.filename: info for info in archive.infolist() if _is_regular(info)}

    def open(self, name: str) -> BinaryIO:
        info = self.members[name]
        where = f"{self._path}!{name}"
        if info.flag_bits & 0x1:
            raise DataError(f"{where}: encrypted; unpack the archive yourself, beside it")
        try:
            check_unpacked(info.file_size, info.compress_size)
        except ValueError as error:
            raise DataError(f"{where}: {error}; unpack it yourself if that is right") from error
        try:
            archive = zipfile.ZipFile(self._path)
            try:
                return cast(BinaryIO, archive.open(info))
            finally:
                archive.close()  # the member keeps the file open until it is closed itself
        except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
            raise DataError(f"{where}: cannot be read ({error}); fetch the archive again") from error


def _is_regular(info: zipfile.ZipInfo) -> bool:
    """Whether a zip member is a file: no folder, and no link where the archive was made on Unix."""
    kind = info.external_attr >> 16 & 0o170000
    return info.filename != "" and not info.is_dir() and kind in (0, 0o100000)


class _Tar:
    """Regular files of a tar, by their position in its decompressed bytes."""

    def __init__(self, path: Path) -> None:
        self._bytes = _decompressed(path)
        self.members: dict[str, tuple[int, int]] = {}
        with tarfile.open(fileobj=self._bytes, mode="r:") as archive:
            for count, member in enumerate(archive):
                if count > MAX_MEMBERS:
                    raise tarfile.TarError(f"more than {MAX_MEMBERS:,} members")
                if member.isreg() and not member.issparse():
                    self.members[member.name] = (member.offset_data, member.size)

    def open(self, name: str) -> BinaryIO:
        start, size = self.members[name]
        return io.BufferedReader(_Slice(self._bytes.fileno(), start, size), buffer_size=_BLOCK)


class _Slice(io.RawIOBase):
    """Part of an open file, read by position: several readers, and forked processes, do not disturb each other."""

    def __init__(self, descriptor: int, start: int, size: int) -> None:
        self._descriptor = descriptor
        self._start = start
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        wanted = min(len(buffer), max(0, self._size - self._at))
        found = os.pread(self._descriptor, wanted, self._start + self._at)
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)


def _decompressed(path: Path) -> IO[bytes]:
    """The file itself where it is not compressed, else its content in a temporary file."""
    raw = path.open("rb")
    head = raw.read(6)
    raw.seek(0)
    opener = next((opener for magic, opener in _OPENERS.items() if head.startswith(magic)), None)
    if opener is None:
        return raw
    target = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the index of its members
    written, packed = 0, path.stat().st_size
    with raw, cast(IO[bytes], opener(raw, "rb")) as stream:
        while block := stream.read(_BLOCK):
            written += len(block)
            try:
                check_unpacked(written, packed)
            except ValueError:
                target.close()
                raise
            target.write(block)
    target.flush()
    target.seek(0)
    return target
