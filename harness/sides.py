"""The texts of one side of parallel data, kept while other directions need them, so that each language is read once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

MOST_CHARACTERS = 30_000_000
"""Of the texts that are kept: 204 languages of FLORES-200's test set, about 100 MB."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item of one side: its id, the label of what it belongs to, and its text."""

    id: str
    cluster: str
    text: str


class Sides:
    """Sides that were read, up to a number of characters; the one asked for longest ago goes first."""

    def __init__(self, most: int = MOST_CHARACTERS) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, tuple[Item, ...]] = OrderedDict()
        self._sizes: dict[Hashable, int] = {}

    def items(self, key: Hashable, read: Callable[[], Iterable[Item]]) -> tuple[Item, ...]:
        """The items known by ``key``, or those that ``read`` gives."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        items = tuple(read())
        self._kept[key] = items
        self._sizes[key] = sum(len(item.text) for item in items)
        while sum(self._sizes.values()) > self._most:
            oldest, _ = self._kept.popitem(last=False)
            del self._sizes[oldest]
        return items
