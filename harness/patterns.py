"""Regular expressions that task files hold: which of them can be run on untrusted text without running for ever.

Python's engine tries every way of matching before it gives up, which for some patterns takes time exponential in the
length of the text. There is no clock here, so that a pattern that works once works always: how long a search can take
at worst is told from the pattern, in powers of the text's length, and what could take too long is refused.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass

MAX_PATTERN = 1000
"""Longest pattern, in characters."""

MAX_SEARCH = 50_000_000
"""Most steps a search may need at worst; some seconds for the engine, and never reached by what people write."""

_ATOM = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?P<\w+>|\(\?[:=!>]|\(\?<[=!]|\(|\)|[^\\]", re.DOTALL)
_QUANTIFIER = re.compile(r"[*+?]|\{\d*(?:,\d*)?\}")
_FLAGS = re.compile(r"\(\?[aiLmsu]+\)")
_REFERENCE = re.compile(r"\\[1-9]")
_SPECIAL = frozenset("^$|().")


class EndlessSearchError(ValueError):
    """A search by the pattern may take time exponential in the length of the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """One thing a pattern matches: a character, a set, or the sign of a group, with how often."""

    atom: str
    repeat: str = ""

    @property
    def varies(self) -> bool:
        """Whether it can match text of different lengths."""
        return self.repeat != "" and not re.fullmatch(r"\{(\d+)(,\1)?\}", self.repeat)

    @property
    def optional(self) -> bool:
        return self.repeat[:1] in ("*", "?") or self.repeat.startswith(("{0", "{,"))


def search_power(pattern: str) -> int:
    """Power of the text's length to which the worst search is bounded: 1 without repeats, 2 for ``a+b``.

    Raises:
        ValueError: It is no pattern, is too long, or its search is not bounded by a power that can be told: a group is
            repeated, or text is matched again by reference.
    """
    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"{len(pattern)} characters long; at most {MAX_PATTERN}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what Python will read otherwise one day
            re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"no regular expression: {error}") from error
    items = _items(pattern)
    varying = [index for index, item in enumerate(items) if item.varies]
    several = sum(_several_ways(items, index) for index in varying)
    return 1 + max(several, 1 if varying else 0)


def check_search(pattern: str, text: str) -> None:
    """Refuse a search in a text that could take too long.

    Raises:
        ValueError: It could, or as :func:`search_power`.
    """
    power = search_power(pattern)
    if (len(text) + 1) ** power > MAX_SEARCH:
        raise ValueError(
            f"a search in {len(text):,} characters could take {len(text):,}^{power} steps; repeat less, such as '.*'"
        )


def _items(pattern: str) -> list[_Item]:
    """What stands in the pattern, in order.

    Raises:
        ValueError: It holds what has no bound here.
    """
    items: list[_Item] = []
    flags = _FLAGS.match(pattern)
    place = flags.end() if flags else 0
    while place < len(pattern):
        atom = _ATOM.match(pattern, place)
        if atom is None or (pattern.startswith("(?", place) and len(atom[0]) < 3):
            raise ValueError(f"{pattern[place : place + 4]!r} is not available in the patterns of templates")
        if _REFERENCE.fullmatch(atom[0]):
            raise ValueError(f"{atom[0]} matches earlier text again, which can take for ever; write it differently")
        place = atom.end()
        repeat = _QUANTIFIER.match(pattern, place) if atom[0] not in ("|", "^", "(") else None
        if repeat is not None:
            place = repeat.end() + pattern.startswith(("?", "+"), repeat.end())
            if atom[0] == ")" and repeat[0] != "?":
                items = [*_without_group(items, repeat[0]), _Item(atom=".", repeat=repeat[0])]
                continue
        items.append(_Item(atom=atom[0], repeat=repeat[0] if repeat else ""))
    return items


def _without_group(items: list[_Item], repeat: str) -> list[_Item]:
    """The items before the last group, which is repeated: all it matches has one length, so it is like a character.

    Raises:
        EndlessSearchError: It has parts that vary, or alternatives: a text is then matched in very many ways.
    """
    start = max(index for index, item in enumerate(items) if item.atom.startswith("("))
    inside = items[start + 1 :]
    if items[start].atom[:3] in ("(?=", "(?!", "(?<") or any(item.varies or item.atom in ("|", ")") for item in inside):
        raise EndlessSearchError(f"a group is repeated (')' and then '{repeat}'), which can take for ever")
    return items[:start]


def _several_ways(items: list[_Item], index: int) -> bool:
    """Whether a repeat can hand characters on to what follows, so that a failed search tries every place to stop.

    It cannot where nothing follows, or a character it does not match itself.
    """
    following = next((item for item in items[index + 1 :] if item.atom not in ("(", ")", "(?:") or item.repeat), None)
    if following is None:
        return False
    character = following.atom[-1]
    literal = len(following.atom) == 1 or (len(following.atom) == 2 and not character.isalnum())
    if not literal or following.optional or following.atom in _SPECIAL or items[index].atom == ")":
        return True
    return re.fullmatch(items[index].atom, character, re.IGNORECASE | re.DOTALL) is not None
