"""Text made safe to look at and to name files by: strange characters, slugs, search keys.

A model may write anything. What HTML cannot carry (null bytes) or what would change how a page reads (bidi overrides,
control characters, lone surrogates) is replaced by its code point; everything else is shown as it is. Joiners
(U+200C, U+200D) and the tag characters of emoji flags belong to ordinary writing and stay.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    import regex

LONGEST_TEXT = 10_000
"""Most characters of one text that a page shows."""

_STRANGE = re.compile(
    "\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f"  # a flag such as Wales: matched first, so that it is left alone
    "|[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_STRANGE_OR_LAYOUT = re.compile(f"{_STRANGE.pattern}|[\t\n]")
_LAYOUT = {"\n": "\u21b5", "\t": "\u21e5"}
_ABBREVIATIONS = {
    "\u061c": "ALM",
    "\u200e": "LRM",
    "\u200f": "RLM",
    "\u202a": "LRE",
    "\u202b": "RLE",
    "\u202c": "PDF",
    "\u202d": "LRO",
    "\u202e": "RLO",
    "\u2066": "LRI",
    "\u2067": "RLI",
    "\u2068": "FSI",
    "\u2069": "PDI",
    "\ufeff": "BOM",
    "\x00": "NUL",
}
_MANY = 16_384
"""Names that are remembered: they stand in row after row."""

_NOT_SLUG = re.compile("[^a-z0-9]+")
_SLUG_LENGTH = 32
_HASH_LENGTH = 10
_THIN_SPACE = "\u202f"
_HASH_ALPHABET = "0123456789abcdefghijklmnopqrstuv"


def plain(text: str) -> str:
    """``text`` for attributes and titles: strange characters as ``[U+202E]``. The caller escapes."""
    return _STRANGE.sub(_keeping_flags(lambda char: f"[{code_point(char)}]"), text)


def visible(text: str) -> Markup:
    """``text`` as HTML in which every strange character stands as a small labelled box.

    Line feeds and tabs are marked and kept, so that ``white-space: pre-wrap`` still breaks the line.
    """
    escaped = str(escape(text))
    return Markup(_STRANGE_OR_LAYOUT.sub(_keeping_flags(_box), escaped))


def shortened(text: str, longest: int = LONGEST_TEXT) -> Markup:
    """``text`` as :func:`visible` shows it, cut where it is so long that a page of such texts would not open."""
    if len(text) <= longest:
        return visible(text)
    start = cut(text, longest)
    return visible(start) + left_out(len(text) - len(start))


def breakable(text: str) -> Markup:
    """``text`` as :func:`visible` has it, that may go on in another line after an underscore."""
    return Markup(visible(text).replace("_", Markup("_<wbr>")))


def cut(text: str, longest: int) -> str:
    """The start of ``text`` of at most ``longest`` characters, that ends where a grapheme cluster does."""
    if len(text) <= longest:
        return text
    start = 0
    for match in _cluster().finditer(text[: longest + 1]):  # whether one ends is known by the next character
        start = match.start()
    return text[: start or longest]


def left_out(characters: int) -> Markup:
    """How much of a text is not shown."""
    return Markup(' <span class="no">… and {} more characters</span>').format(count(characters))


def fold(text: str) -> str:
    """``text`` as the filter box compares it: compatibility forms, no marks, lower case."""
    decomposed = unicodedata.normalize("NFKD", plain(text))
    return "".join(char for char in decomposed if not unicodedata.category(char).startswith("M")).lower()


@lru_cache(_MANY)
def short_hash(*parts: str) -> str:
    """Ten characters (50 bits) that stand for ``parts`` in file names and ids; lower case, so safe on every system."""
    joined = "\x00".join(f"{len(part)}:{part}" for part in parts)
    number = int.from_bytes(hashlib.sha256(joined.encode("utf-8", "surrogatepass")).digest()[:7], "big")
    return "".join(_HASH_ALPHABET[(number >> (5 * place)) & 31] for place in range(_HASH_LENGTH))


@lru_cache(_MANY)
def slug(name: str, *more: str) -> str:
    """A file name stem for any name: what is readable of ``name``, and a hash of ``name`` and ``more``."""
    readable = _NOT_SLUG.sub("-", fold(name)).strip("-")[:_SLUG_LENGTH].strip("-")
    return f"{readable}-{short_hash(name, *more)}".lstrip("-")


def count(value: int) -> str:
    """A whole number with thin spaces between thousands."""
    return f"{value:,}".replace(",", _THIN_SPACE)


@cache
def _cluster() -> regex.Pattern[str]:
    import regex

    return regex.compile(r"\X", flags=regex.V1)


def _keeping_flags(replace: Callable[[str], str]) -> Callable[[re.Match[str]], str]:
    return lambda match: match[0] if len(match[0]) > 1 else replace(match[0])


def _box(char: str) -> str:
    if char in _LAYOUT:
        return f'<span class="ctl">{_LAYOUT[char]}</span>{char}'
    name = unicodedata.name(char, "")
    label = _ABBREVIATIONS.get(char, code_point(char))
    return f'<span class="ctl" title="{code_point(char)} {name}">{label}</span>'


def code_point(char: str) -> str:
    return f"U+{ord(char):04X}"
