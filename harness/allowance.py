"""How much work one rendering of a template may take: a meter, and what counts beforehand.

Most of what a template does is counted after the fact, by the size of what it made. What can make much of little is
counted before it is made. Knows values, and nothing of templates but the names of Jinja's filters and Python's methods.
"""

from __future__ import annotations

import datetime
import decimal
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, Sequence, ValuesView
from typing import Any, NoReturn

MAX_STEPS = 300_000
"""Rounds of loops, calls and values looked at in one rendering; a long prompt takes some hundreds."""

MAX_CHARACTERS = 30_000_000
"""Characters read and made in one rendering; enough to put a book into a prompt."""

MAX_WIDTH = 10_000
"""Largest width, indent or number of groups."""

MAX_BITS = 16_384
"""Of a whole number: more than JSON can hold."""

_TEXTS = (str, bytes)
_GROUPS = (list, tuple, set, frozenset, KeysView, ValuesView, ItemsView, range)
_DATES = (datetime.date, datetime.time, datetime.timedelta)
_PLAIN = (*_TEXTS, *_DATES, int, float, bool, type(None), decimal.Decimal)
_SPACES = "".join(character for character in map(chr, range(0x3001)) if character.isspace())
_WIDE = "batch center expandtabs indent ljust rjust slice truncate wordwrap zfill"
_READS_EACH = "batch groupby join list map max min reject rejectattr select selectattr slice sort sum unique"
"""Filters that make a list of a text's characters."""

_OLD_NEW = ((0, "old"), (1, "new"))


class Meter:
    """What one rendering has used of its allowance."""

    __slots__ = ("_characters", "_steps")

    def __init__(self) -> None:
        self._steps = 0
        self._characters = 0

    def step(self, count: int = 1) -> None:
        """Count steps; raises jinja2's ``SecurityError`` past the allowance."""
        self._steps += max(count, 0)
        if self._steps > MAX_STEPS:
            refuse(f"the template takes more than {MAX_STEPS:,} steps; make it simpler")

    def text(self, length: int) -> None:
        """Count characters; raises jinja2's ``SecurityError`` past the allowance."""
        self._characters += max(length, 0)
        if self._characters > MAX_CHARACTERS:
            refuse(f"the template takes more than {MAX_CHARACTERS:,} characters; make it simpler")

    def see(self, value: object) -> object:
        """Count a value with everything in it, and return it; an iterator becomes the list of what it gives.

        Raises:
            SecurityError: The allowance is used up.
        """
        if isinstance(value, _TEXTS):
            self.text(len(value))
            return value
        if isinstance(value, int) and value.bit_length() > MAX_BITS:
            refuse("the template makes too large a number")
        if isinstance(value, Iterator):
            value = list(self.rounds(value, 0))
        if isinstance(value, (Mapping, *_GROUPS)):
            waiting: list[object] = [value]
            while waiting:
                one = waiting.pop()
                self.step()
                if isinstance(one, _TEXTS):
                    self.text(len(one))
                elif isinstance(one, Mapping):
                    waiting += [*one.keys(), *one.values()]
                elif isinstance(one, range):
                    self.step(len(one))
                elif isinstance(one, _GROUPS):
                    self.step(len(one))
                    waiting += one
        return value

    def rounds(self, values: Iterable[object], characters: int) -> Iterator[object]:
        """Each value in turn, a step a round, with the characters that stand in the round."""
        for value in values:
            self.step()
            self.text(characters)
            yield value


def count_growth(meter: Meter, name: str, value: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Count beforehand what a filter or method makes that is longer, or more pieces, than what it is given.

    Args:
        name: Of the filter or method. value: What it is of. args, kwargs: What it is given beside.

    Raises:
        SecurityError: A number is too large, or the allowance is used up.
    """
    given = [*args, *kwargs.values()]
    numbers = [abs(one) for one in given if isinstance(one, int) and not isinstance(one, bool)]
    text = value if isinstance(value, str) else ""
    if name in _READS_EACH.split():
        meter.step(len(text))
    if name in _WIDE.split():
        width = max([0, *numbers])
        if width > MAX_WIDTH:
            refuse(f"{name}: {width} is too wide; at most {MAX_WIDTH:,}")
        longest = max([0, *(len(one) for one in given if isinstance(one, str))])
        meter.text((text.count("\n") + text.count("\t") + 1) * max(width, longest))
        meter.text(len(text) * longest if name == "wordwrap" else 0)
    elif name in ("round", "tojson"):
        if max([0, *numbers]) > 20 or (name == "tojson" and not all(isinstance(one, int | None) for one in given)):
            refuse(f"{name}: takes a number of at most 20")
    elif name == "replace":
        old, new = (args[index] if index < len(args) else kwargs.get(key, "") for index, key in _OLD_NEW)
        meter.text(str(value).count(str(old)) * len(str(new)))
    elif name == "join":
        between = value if isinstance(value, str) and args else (args[0] if args else kwargs.get("d", ""))
        items = args[0] if isinstance(value, str) and args else value
        meter.text(len(str(between)) * (len(items) if hasattr(items, "__len__") else 0))
    elif name in ("split", "rsplit", "splitlines", "wordcount"):
        ends = [one for one in given if isinstance(one, str)] or _SPACES
        meter.step(sum(map(text.count, ends)))
    elif name == "sum" and not all(isinstance(one, int | float | str | None) for one in given):
        refuse("sum: only numbers are summed")


def require_plain(value: object) -> None:
    """Refuse what is no text, number or list or mapping of them, such as a function.

    Raises:
        UndefinedError: It is, or holds, a column that the data does not have.
        SecurityError: It is, or holds, something else.
    """
    from jinja2 import Undefined

    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Undefined):
            str(one)
        elif isinstance(one, Mapping):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, _GROUPS):
            waiting += [] if isinstance(one, range) else one
        elif not isinstance(one, _PLAIN):
            refuse(f"the template gives a {type(one).__name__}, which is no text")


def refuse(reason: str) -> NoReturn:
    """Stop the rendering.

    Raises:
        SecurityError: Always; Jinja's, so that it is told with the template.
    """
    from jinja2.exceptions import SecurityError

    raise SecurityError(reason)
