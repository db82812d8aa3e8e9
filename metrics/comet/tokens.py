"""Texts -> token ids, as unbabel-comet makes them: texts on their own, and several in one joint input.

The tokenizer is the ``tokenizer.json`` of the encoder, used as it stands: the classes of transformers 5 put other
normalisers and pre-tokenizers in place of the file's. XLM-R-like encoders without it have a sentencepiece model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from metrics.base import MetricError
from metrics.comet import sentencepiece_model
from metrics.comet.kinds import EncoderKind
from metrics.comet.places import encoder_file

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SPECIAL_OF_ONE = 2  # start and end of a text on its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """One input of a model.

    Attributes:
        ids: Token ids, special tokens included.
        typed: How many of them, from the start, have token type 0; all where the model has no token types.
        offsets: Start and end, in characters of its text, of each token of the first text.
    """

    ids: tuple[int, ...]
    typed: int
    offsets: tuple[tuple[int, int], ...] = ()


class TextTokenizer:
    """Tokenizer of one encoder.

    Args:
        kind: What the encoder's inputs look like.
        source: Folder or hub name that the tokenizer is read from.
        positions: Most tokens of a joint input; a text on its own may have two less.

    Raises:
        MetricError: There is no tokenizer, or it lacks a special token.
    """

    def __init__(self, kind: EncoderKind, source: str, positions: int) -> None:
        self._kind = kind
        self._positions = positions
        self._tokenizer = _read(kind, source)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(positions - _SPECIAL_OF_ONE)
        self._start, self._end, self.pad = (self._special(name, source) for name in (kind.start, kind.end, kind.pad))

    def single(self, texts: Sequence[str]) -> list[Tokens]:
        """Every text on its own, cut at the encoder's length."""
        encoded = self._tokenizer.encode_batch(list(texts))
        return [Tokens(ids=tuple(one.ids), typed=len(one.ids), offsets=tuple(one.offsets)) for one in encoded]

    def joint(self, parts: Sequence[Tokens]) -> Tokens:
        """One input of several texts: ``<s> A </s></s> B </s>``, cut at the encoder's positions.

        As in the original, padding tokens that stand in a text are dropped, and an input that is cut loses its last
        ``</s>``.
        """
        texts = [[token for token in part.ids if token != self.pad][1:-1] for part in parts]
        ids = [self._start, *texts[0]]
        for text in texts[1:]:
            ids += [self._end] * self._kind.separators + text
        ids.append(self._end)
        special = 1 + len(parts) * self._kind.separators
        if sum(map(len, texts)) > self._positions - special:
            ids = ids[: self._positions]
        typed = len(texts[0]) + _SPECIAL_OF_ONE if self._kind.token_types else len(ids)
        return Tokens(ids=tuple(ids), typed=min(typed, len(ids)), offsets=parts[0].offsets)

    def _special(self, name: str, source: str) -> int:
        found = self._tokenizer.token_to_id(name)
        if found is None:
            raise MetricError(f"comet: the tokenizer of '{source}' has no token {name}; it is not this encoder's")
        return int(found)


def _read(kind: EncoderKind, source: str) -> Tokenizer:
    from tokenizers import Tokenizer

    name = kind.tokenizer if kind.tokenizer and not Path(source).is_dir() else source
    path = encoder_file(name, "tokenizer.json")
    if path is not None:
        try:
            made: Tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:
            raise MetricError(f"comet: {path}: not a readable tokenizer ({error})") from error
        return made
    path = encoder_file(name, "sentencepiece.bpe.model") if kind.end == "</s>" else None
    if path is None:
        raise MetricError(
            f"comet: the encoder '{name}' has no tokenizer.json (nor, for XLM-R-like ones, a sentencepiece.bpe.model); "
            "give encoder=FOLDER with the encoder's configuration and tokenizer"
        )
    return sentencepiece_model.tokenizer(path)
