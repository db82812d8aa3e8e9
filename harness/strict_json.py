"""JSON that others wrote -> plain values, or one line that says why not.

Python's reader takes more than JSON: ``NaN``, numbers that become infinite, the last of two equal keys, half characters
(lone surrogates) that no file can hold; and it leaves by several exceptions. Here all of that is one ``ValueError``.
"""

from __future__ import annotations

import json
import math
import re

MAX_DIGITS = 400
"""Digits of a whole number; a float has no more than 309 before its point."""

_EXTREME = re.compile(rb"[0-9]{300}|[eE][+]?[0-9]{3}")
"""Without it no number is too large, wherever it stands: looking at each of them takes as long as reading the rest."""

_HALF = re.compile("[\ud800-\udfff]")
_ESCAPED_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


def strict_json(content: bytes, *, undefined: bool = False) -> object:
    """The value of a JSON text.

    Args:
        content: UTF-8, with or without a byte order mark.
        undefined: Whether ``NaN`` and infinities are read, which the JSON writers of Python and NumPy leave in.

    Raises:
        ValueError: It is no JSON, or not strictly so; the message is one short line.
    """
    try:
        text = content.decode("utf-8-sig")
        extreme = _EXTREME.search(content) is not None
        value: object = json.loads(
            text,
            parse_constant=float if undefined else _constant,
            parse_float=_float if extreme else None,
            parse_int=_int if extreme else None,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if _ESCAPED_HALF.search(content):
        refuse_halves(value)
    return value


def refuse_halves(value: object) -> None:
    """Refuse half characters, in values and keys.

    Raises:
        ValueError: There is one.
    """
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str) and _HALF.search(one):
            raise ValueError("half a character (an escaped surrogate); write the character itself")
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            waiting += one


def _constant(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON's; write null")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large a number")
    return value


def _int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of {len(text):,} digits")
    return int(text)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1) if len(names) < 1000 else names[0]
        raise ValueError(f"the key {twice[:60]!r} stands twice in one object")
    return found
