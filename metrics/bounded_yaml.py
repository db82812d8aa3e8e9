"""PyYAML's safe loaders with a bound on time, memory and stack: for settings that come with data and checkpoints.

A safe loader runs no code, but a file of a few hundred bytes can still merge keys (``<<``) into more entries than fit
the memory, nest deeper than libyaml's stack, or write numbers that overflow. Every failure is a ``yaml.YAMLError``.
"""

from __future__ import annotations

from typing import Any

import yaml
from yaml.constructor import ConstructorError

MAX_MERGED = 100_000
"""Entries that merge keys may make in one file."""

MAX_DEPTH = 50

_MOST_BRACKETS = 1000
_LONGEST_LINE = 2000
"""Below both, and in files of fewer bytes, nothing can nest deeply enough to exhaust libyaml's stack."""


class BoundedLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The safe loader, in C where there is one, that refuses to merge without end."""

    _merged = 0

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge what ``<<`` names, as the safe loader does, and count it."""
        super().flatten_mapping(node)
        self._merged += len(node.value)
        if self._merged > MAX_MERGED:
            raise ConstructorError(
                None, None, f"more than {MAX_MERGED:,} entries, merged ones included", node.start_mark
            )


def load_bounded(text: str) -> Any:
    """The value of a YAML text.

    Raises:
        yaml.YAMLError: It is no YAML, or more than a file of settings can need.
    """
    try:
        check_depth(text)
        return yaml.load(text, BoundedLoader)
    except (ValueError, OverflowError, RecursionError) as error:
        raise yaml.YAMLError(" ".join(str(error).split())[:200]) from error


def check_depth(content: str | bytes) -> None:
    """Refuse what nests deeply, before libyaml recurses into it; quick where nothing can.

    Raises:
        yaml.YAMLError: It nests deeper than :data:`MAX_DEPTH` levels, or is no YAML.
    """
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
    flat = text.count("[") + text.count("{") < _MOST_BRACKETS
    if flat and max(map(len, text.split("\n"))) < _LONGEST_LINE:
        return
    depth = 0
    for event in yaml.parse(text, Loader=BoundedLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ConstructorError(None, None, f"nested deeper than {MAX_DEPTH} levels", event.start_mark)
