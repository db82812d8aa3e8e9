"""Files of other programs, read with suspicion: size, encoding, JSON and numbers are checked before they are believed.

Every mistake is a :class:`RecordError` that says where it is. Knows no format but JSON.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path

from harness.errors import RecordError
from harness.markup import is_unsafe
from harness.strict_json import strict_json

MOST_BYTES = 500_000_000
"""Largest file that is read whole."""

_LONGEST_LINE = 50_000_000
_LONGEST_NAME = 200


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """A file's content.

    Raises:
        RecordError: It cannot be read, or has more than ``most`` bytes.
    """
    try:
        if not path.is_file():
            raise RecordError(f"{path}: no such file; check the path")
        if path.stat().st_size > most:
            raise RecordError(f"{path}: larger than such a file can be ({most // 1_000_000} MB); name another file")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise RecordError(f"{path}: cannot be read ({reason}); check the path") from error


def sha256_of(content: bytes) -> str:
    """Hex SHA-256."""
    return hashlib.sha256(content).hexdigest()


def parse_json(content: bytes, where: str) -> object:
    """The value of a JSON text in UTF-8. ``NaN`` and infinities, which Python's writers leave in, are read as such.

    Raises:
        RecordError: It is no JSON, or not strictly so (``harness.strict_json``).
    """
    try:
        return strict_json(content, undefined=True)
    except ValueError as error:
        reason = " ".join(str(error).split())[:100]
        raise RecordError(f"{where}: no JSON ({reason}); name a file that the program wrote") from error


def json_lines(path: Path, content: bytes) -> Iterator[tuple[str, dict[str, object]]]:
    """Objects of a file with one a line, each with its place.

    Raises:
        RecordError: A line is too long, no JSON, or no object.
    """
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        if len(line) > _LONGEST_LINE:
            raise RecordError(f"{where}: longer than a line can be ({_LONGEST_LINE // 1_000_000} MB)")
        found = parse_json(line, where)
        if not isinstance(found, dict):
            raise RecordError(f"{where}: expected an object, found {type(found).__name__}")
        yield where, found


def name_in(value: object, where: str) -> str:
    """A name: text, not empty, not long, without characters that do something to a line.

    Raises:
        RecordError: It is none.
    """
    if not isinstance(value, str) or not value.strip():
        raise RecordError(f"{where}: expected a name, found {shown(value)}")
    if len(value) > _LONGEST_NAME or any(map(is_unsafe, value)):
        raise RecordError(
            f"{where}: {shown(value)} is no name: at most {_LONGEST_NAME} characters, none of them a control character"
        )
    return value.strip()


def number_in(value: object, where: str) -> float:
    """A number, which may be ``nan`` or infinite.

    Raises:
        RecordError: It is none, or has more digits than a number can hold.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RecordError(f"{where}: expected a number, found {shown(value)}")
    try:
        return float(value)
    except OverflowError:
        raise RecordError(f"{where}: expected a number, found one of {len(str(value))} digits") from None


def finite(value: float) -> float | None:
    """The number, or ``None`` where it is ``nan`` or infinite."""
    return value if math.isfinite(value) else None


def object_in(value: object, where: str) -> dict[str, object]:
    """A JSON object.

    Raises:
        RecordError: It is none.
    """
    if not isinstance(value, dict):
        raise RecordError(f"{where}: expected an object, found {shown(value)}")
    return value


def shown(value: object) -> str:
    """A value in an error: short, on one line."""
    text = " ".join(repr(value)[:60].split())
    return "nothing" if value is None else "".join("\N{REPLACEMENT CHARACTER}" if is_unsafe(c) else c for c in text)
