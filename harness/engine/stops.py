"""Where an answer ends by its text: stop strings, in any script and any tokenisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_MARGIN = 4  # tokens without text of their own that may stand within a stop string


def cut(text: str, until: Sequence[str]) -> str:
    """Text up to the first of the stop strings; empty ones say nothing."""
    for stop in filter(None, until):
        text = text.split(stop, maxsplit=1)[0]
    return text


@dataclass(frozen=True, slots=True)
class _Ends:
    """Stop strings of a row, sorted.

    Attributes:
        ids: Special tokens that are a stop string. texts: Stop strings, looked for in the text without special tokens.
        mixed: Those that have special tokens in them, and other text. reach: Tokens within which a stop string must
            lie that the newest of them completes.
    """

    ids: frozenset[int]
    texts: tuple[str, ...]
    mixed: tuple[str, ...]
    reach: int


class StopStrings:
    """Looks for stop strings in what rows have written.

    A stop string of so many UTF-8 bytes ends in the newest token and begins at most as many tokens before it, since a
    token with text has at least a byte. So the end of a row is decoded at every step; what is found there must be in
    the whole text too, because some tokenizers decode a part otherwise than the whole. Special tokens are no text (an
    ``a`` in ``<pad>`` stops nothing), but a stop string may name one.

    Args:
        tokenizer: A transformers tokenizer.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._special = {str(text): int(index) for index, text in tokenizer.added_tokens_decoder.items()
                         if text.special}  # fmt: skip
        self._sorted: dict[tuple[str, ...], _Ends] = {}

    def reached(self, rows: Sequence[tuple[Sequence[int], tuple[str, ...]]]) -> list[bool]:
        """Whether each row's newest token completes one of its stop strings.

        Args:
            rows: New tokens of every row, at least one, and its stop strings; empty ones say nothing.
        """
        ends = [self._ends(stops) for _, stops in rows]
        found = [tokens[-1] in own.ids for (tokens, _), own in zip(rows, ends, strict=True)]
        for special in (False, True):
            asked = [
                index for index, own in enumerate(ends) if not found[index] and (own.mixed if special else own.texts)
            ]
            tails = [list(rows[index][0][-ends[index].reach :]) for index in asked]
            for index, tail in zip(asked, self._decoded(tails, special=special), strict=True):
                stops = ends[index].mixed if special else ends[index].texts
                if any(stop in tail for stop in stops):
                    whole = self._decoded([list(rows[index][0])], special=special)[0]
                    found[index] = any(stop in whole for stop in stops)
        return found

    def text(self, tokens: Sequence[int], stops: Sequence[str]) -> str:
        """What a row wrote, without special tokens, up to the first stop string."""
        return cut(str(self._tokenizer.decode(list(tokens), skip_special_tokens=True)), stops)

    def _decoded(self, rows: list[list[int]], *, special: bool) -> list[str]:
        return list(self._tokenizer.batch_decode(rows, skip_special_tokens=not special)) if rows else []

    def _ends(self, stops: tuple[str, ...]) -> _Ends:
        if stops not in self._sorted:
            texts = tuple(filter(None, stops))
            named = [stop for stop in texts if any(token in stop for token in self._special)]
            self._sorted[stops] = _Ends(
                ids=frozenset(self._special[stop] for stop in named if stop in self._special),
                texts=tuple(stop for stop in texts if stop not in self._special),
                mixed=tuple(stop for stop in named if stop not in self._special),
                reach=max((len(stop.encode("utf-8", "surrogatepass")) for stop in texts), default=0) + _MARGIN,
            )
        return self._sorted[stops]
