"""An XLM-R-like ``sentencepiece.bpe.model`` -> a fast tokenizer, as transformers 4 converts it.

Some encoders on the hub come with this file alone. transformers 5 needs the sentencepiece package and a protobuf that
fits it, and builds another normaliser; here the file, a protocol buffer, is read directly. Only what a tokenizer needs
is read: the pieces, the kind of model and the table of its normaliser.
Format: https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from metrics.base import MetricError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_PIECES, _TRAINER, _NORMALIZER = 1, 2, 3
_PIECE_TEXT, _PIECE_SCORE, _PIECE_KIND = 1, 2, 3
_TRAINER_MODEL = 3
_NORMALIZER_TABLE = 2
_UNIGRAM = 1
_USER_DEFINED = 4
_OWN_SPECIAL = 3  # pieces at the start (unknown, start, end) that XLM-R numbers otherwise
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    pieces: list[tuple[str, float]]
    user_defined: list[str]
    table: bytes


def tokenizer(path: Path) -> Tokenizer:
    """The tokenizer of an XLM-R-like sentencepiece model.

    Raises:
        MetricError: The file is no sentencepiece model, or not of the unigram kind.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    model = _read(path)
    start = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    made = Tokenizer(models.Unigram([*start, *model.pieces[_OWN_SPECIAL:], ("<mask>", 0.0)], unk_id=3))
    steps = [normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "▁")]
    if model.table:
        steps.insert(0, normalizers.Precompiled(model.table))
    made.normalizer = normalizers.Sequence(steps)
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[(name, made.token_to_id(name)) for name in ("<s>", "</s>")],
    )
    made.add_tokens([AddedToken(text, normalized=False) for text in model.user_defined])
    made.add_special_tokens(
        [AddedToken(name, normalized=False) for name in ("<s>", "</s>", "<unk>", "<pad>")]
        + [AddedToken("<mask>", lstrip=True, normalized=False)]
    )
    return made


def _read(path: Path) -> _Model:
    pieces: list[tuple[str, float]] = []
    user_defined: list[str] = []
    table = b""
    kind: int | bytes = _UNIGRAM
    try:
        for field, value in _fields(path.read_bytes()):
            if not isinstance(value, bytes):
                continue
            inner = dict(_fields(value)) if field in (_PIECES, _TRAINER, _NORMALIZER) else {}
            if field == _PIECES:
                text, score = inner[_PIECE_TEXT], inner.get(_PIECE_SCORE, bytes(4))
                if not isinstance(text, bytes) or not isinstance(score, bytes):
                    raise ValueError("a piece of another shape")
                pieces.append((text.decode("utf-8"), struct.unpack("<f", score)[0]))
                if inner.get(_PIECE_KIND) == _USER_DEFINED:
                    user_defined.append(pieces[-1][0])
            elif field == _TRAINER:
                kind = inner.get(_TRAINER_MODEL, _UNIGRAM)
            elif field == _NORMALIZER:
                found = inner.get(_NORMALIZER_TABLE, b"")
                table = found if isinstance(found, bytes) else b""
    except (IndexError, KeyError, ValueError, struct.error) as error:
        raise MetricError(f"comet: {path}: not a sentencepiece model ({error})") from error
    if kind != _UNIGRAM or len(pieces) <= _OWN_SPECIAL:
        raise MetricError(f"comet: {path}: not a unigram sentencepiece model; give the tokenizer as tokenizer.json")
    return _Model(pieces=pieces, user_defined=user_defined, table=table)


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Fields of a message, in order: number, and value as it stands (whole number, or bytes of any other type)."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        wire = key & 7
        if wire == _VARINT:
            value, position = _varint(data, position)
            yield key >> 3, value
            continue
        if wire == _BYTES:
            length, position = _varint(data, position)
        elif wire in (_FIXED32, _FIXED64):
            length = 4 if wire == _FIXED32 else 8
        else:
            raise ValueError(f"field of unknown type {wire}")
        if position + length > len(data):
            raise ValueError("cut off")
        yield key >> 3, data[position : position + length]
        position += length


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
