"""Where an answer ends by its text: stop strings, in any script and any tokenisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_MARGIN = 4  # tokens without text of their own that may stand within a stop string


def cut(text: str, until: Sequence[str]) -> str:
    """Text up to the first of the stop strings; empty ones say nothing."""
    for stop in filter(None, until):
        text = text.split(stop, maxsplit=1)[0]
    return text


class StopStrings:
    """Looks for stop strings in what rows have written.

    A stop string of so many UTF-8 bytes ends in the newest token and begins at most as many tokens before it, since a
    token with text has at least a byte. So the end of a row is decoded at every step; what is found there must be in
    the whole text too, because some tokenizers decode a part otherwise than the whole.

    Args:
        tokenizer: A transformers tokenizer.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def reached(self, rows: Sequence[tuple[Sequence[int], Sequence[str]]]) -> list[bool]:
        """Whether each row's newest token completes one of its stop strings, special tokens read as text.

        Args:
            rows: New tokens of every row, and its stop strings.
        """
        asked = [index for index, (_, stops) in enumerate(rows) if any(stops)]
        tails = [list(rows[index][0][-_reach(rows[index][1]) :]) for index in asked]
        found = [False] * len(rows)
        for index, tail in zip(asked, self._decoded(tails), strict=True):
            tokens, stops = rows[index]
            if any(stop in tail for stop in filter(None, stops)):
                whole = self._decoded([list(tokens)])[0]
                found[index] = any(stop in whole for stop in filter(None, stops))
        return found

    def text(self, tokens: Sequence[int], stops: Sequence[str]) -> str:
        """What a row wrote, without special tokens, up to the first stop string."""
        return cut(str(self._tokenizer.decode(list(tokens), skip_special_tokens=True)), stops)

    def _decoded(self, rows: list[list[int]]) -> list[str]:
        return list(self._tokenizer.batch_decode(rows, skip_special_tokens=False)) if rows else []


def _reach(stops: Sequence[str]) -> int:
    """Tokens within which a stop string must lie that the newest of them completes."""
    return max(len(stop.encode("utf-8", "surrogatepass")) for stop in stops) + _MARGIN
