"""Where a hypothesis departs from its reference: two texts -> runs that are equal, deleted or inserted -> markup.

Texts are compared by words where words have spaces between them, and by grapheme clusters in scripts without, which the
characters themselves say (a text may hold both). Runs end between grapheme clusters only; whole words keep joined
letters (Arabic, N'Ko, Mongolian) and stacks (Burmese, Khmer) together. Nothing is left out: white space that differs is
drawn, and where two runs look alike their code points are named.

The alignment is a longest common subsequence by bit vectors, exact as long as it is small enough.
References: Hyyrö 2004, "Bit-parallel LCS-length computation revisited"; UAX #29 (grapheme clusters); UAX #14 (classes
SA, ID and AK are the scripts without spaces).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from leaderboard.markup.text import code_point, visible
from metrics.scripts import UNSPACED

if TYPE_CHECKING:
    import regex

MOST_CELLS = 25_000_000
"""Most pairs of tokens that are aligned (5,000 by 5,000: some 10 ms); of longer texts only the ends are compared."""

_UNSPACED = (*UNSPACED, *["Bopo", "Yiii", "Lana", "Talu", "Tavt", "Ahom", "Java", "Bali", "Kawi", "Batk", "Bugi"])
_UNSPACED_LETTER = r"[\p{L}\p{M}\p{N}&&[" + "".join(rf"\p{{Script={script}}}" for script in _UNSPACED) + "]]"
_STACKING = "\u1039\u17d2\u1a60\ua9c0\u1b44"
"""Viramas that put the next letter below: Myanmar, Khmer, Tai Tham, Javanese, Balinese."""

_COMPLICATED = re.compile(
    "[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e\u0e00-\u109f\u1780-\u18af\u1900-\u1cff"
    "\u2e80-\ua4cf\ua900-\uaadf\uf900-\ufaff\uff00-\uffff\U00010000-\U0010ffff]"
)
"""Where scripts without spaces lie, signs that go before letters, characters that join to others by longer rules."""

_SPACE = r"[\p{Zs}\u00ad\u180e\u200b\u2060]"
_UNUSUAL_SPACE = rf"[{_SPACE}--\ ]"
_SPACE_SIGNS = {" ": "␣", "\u00a0": "NBSP", "\u00ad": "SHY", "\u200b": "ZWSP", "\u2060": "WJ"}

_IGNORABLE = r"\p{Default_Ignorable_Code_Point}"
_CHANCE = 3  # tokens of a change beside which a single equal character is taken for chance
_NAMED = 3


class Kind(Enum):
    EQUAL = "equal"
    DELETED = "deleted"
    INSERTED = "inserted"


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text: in both, in the reference only (deleted), or in the hypothesis only (inserted)."""

    kind: Kind
    text: str


@dataclass(slots=True)
class _Block:
    """Tokens that both have, after those that only one has."""

    deleted: list[str]
    inserted: list[str]
    equal: list[str]


def diff(reference: str, hypothesis: str) -> list[Run]:
    """Runs in order; without the inserted ones they are the reference, without the deleted ones the hypothesis."""
    if reference == hypothesis:
        return [Run(Kind.EQUAL, reference)] if reference else []
    blocks = _readable(_blocks(tokens(reference), tokens(hypothesis)))
    runs = []
    for block in blocks:
        for kind, part in (
            (Kind.DELETED, block.deleted),
            (Kind.INSERTED, block.inserted),
            (Kind.EQUAL, block.equal),
        ):
            if part:
                runs.append(Run(kind, "".join(part)))
    return runs


def closest(references: Sequence[str], hypothesis: str) -> tuple[int, list[Run]]:
    """Which of the references has most in common with the hypothesis (the first of several), and the runs against it.

    Args:
        references: One or more.
    """
    found = [diff(reference, hypothesis) for reference in references]
    best = max(range(len(found)), key=lambda index: (_alike(found[index]), -index))
    return best, found[best]


def have_common(runs: Sequence[Run]) -> bool:
    """Whether both texts have a letter, mark or digit alike in the same place; else the runs tell nothing."""
    return any(run.kind is Kind.EQUAL and _pattern(r"[\p{L}\p{M}\p{N}]").search(run.text) for run in runs)


def tokens(text: str) -> list[str]:
    """What is compared as one: words, grapheme clusters of scripts without spaces, every other grapheme cluster."""
    return list((_token() if _COMPLICATED.search(text) else _simple_token()).findall(text))


def direction(text: str) -> str:
    """``rtl`` or ``ltr``, by the first letter that has a direction; ``ltr`` where none has."""
    for char in text:
        found = unicodedata.bidirectional(char)
        if found in ("R", "AL"):
            return "rtl"
        if found == "L":
            return "ltr"
    return "ltr"


def markup(runs: Sequence[Run]) -> Markup:
    """Runs as HTML: ``<del>`` for what only the reference has, ``<ins>`` for what only the hypothesis has.

    The style sheet strikes them through and underlines them, and says so to screen readers.
    """
    parts: list[str] = []
    former = ""
    for run in runs:
        if run.kind is Kind.EQUAL:
            parts.append(visible(run.text))
            former = ""
        elif run.kind is Kind.DELETED:
            parts += ["<del>", _changed(run.text), "</del>"]
            former = run.text
        else:
            parts += ["<ins>", _changed(run.text), "</ins>"]
            if former:
                parts.append(_differences(former, run.text))
    return Markup("".join(parts))


def _changed(text: str) -> str:
    """A changed run: white space is drawn where there is nothing else, and elsewhere unless it is a plain space."""
    drawn = _pattern(f"({_SPACE if text.isspace() else _UNUSUAL_SPACE})")
    if not drawn.search(text):
        return visible(text)
    parts = drawn.split(text)
    return "".join(_space(part) if index % 2 else visible(part) for index, part in enumerate(parts) if part)


def _space(char: str) -> str:
    sign = _SPACE_SIGNS.get(char, code_point(char))
    name = unicodedata.name(char, "")
    return f'<span class="ctl" title="{code_point(char)} {name}">{sign}</span>{escape(char)}'


def _differences(deleted: str, inserted: str) -> str:
    """Words on two runs that look alike but are written otherwise; nothing for others."""
    if (_is_plain(deleted) and _is_plain(inserted)) or _look(deleted) != _look(inserted) or deleted.isspace():
        return ""
    before, after = Counter(deleted), Counter(inserted)
    named = [f"−{code_point(char)}" for char in sorted(before - after)[:_NAMED]]
    named += [f"+{code_point(char)}" for char in sorted(after - before)[:_NAMED]]
    return f'<small class="alike">looks the same: {" ".join(named) or "other order"}</small>'


def _is_plain(text: str) -> bool:
    """Whether nothing else looks like ``text``: it is in normal form and every character of it can be seen."""
    return unicodedata.is_normalized("NFC", text) and not _pattern(_IGNORABLE).search(text)


def _look(text: str) -> str:
    return unicodedata.normalize("NFC", _pattern(_IGNORABLE).sub("", text))


def _alike(runs: Sequence[Run]) -> float:
    """Share of the characters of both texts that both have, 0-1."""
    equal = 2 * sum(len(run.text) for run in runs if run.kind is Kind.EQUAL)
    changed = sum(len(run.text) for run in runs if run.kind is not Kind.EQUAL)
    return equal / (equal + changed) if equal or changed else 1.0


def _blocks(reference: Sequence[str], hypothesis: Sequence[str]) -> list[_Block]:
    """The alignment, the equal ends taken off before it is looked for."""
    shorter = min(len(reference), len(hypothesis))
    start = next((at for at in range(shorter) if reference[at] != hypothesis[at]), shorter)
    most = shorter - start
    end = next((at for at in range(most) if reference[-1 - at] != hypothesis[-1 - at]), most)
    old, new = reference[start : len(reference) - end], hypothesis[start : len(hypothesis) - end]
    blocks = [_Block([], [], list(reference[:start]))]
    a = b = 0
    for i, j in _common(old, new):
        if i == a and j == b:
            blocks[-1].equal.append(old[i])
        else:
            blocks.append(_Block(list(old[a:i]), list(new[b:j]), [old[i]]))
        a, b = i + 1, j + 1
    if a < len(old) or b < len(new):
        blocks.append(_Block(list(old[a:]), list(new[b:]), []))
    blocks[-1].equal += reference[len(reference) - end :]
    return blocks


def _common(reference: Sequence[str], hypothesis: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Positions of a longest common subsequence, ascending; none where looking for one would take too long."""
    size = len(reference)
    if not reference or not hypothesis or size * len(hypothesis) > MOST_CELLS:
        return iter(())
    everything = (1 << size) - 1
    places: dict[str, int] = {}
    for index, token in enumerate(reference):
        places[token] = places.get(token, 0) | (1 << index)
    row = everything
    rows = [row]
    for token in hypothesis:
        matches = row & places.get(token, 0)
        row = ((row + matches) | (row - matches)) & everything
        rows.append(row)
    found = []
    i, j = size, len(hypothesis)
    while i and j:
        if rows[j] >> (i - 1) & 1:
            i -= 1
        else:
            j -= 1
            if rows[j] >> (i - 1) & 1:
                i -= 1
                found.append((i, j))
    return reversed(found)


def _readable(blocks: Sequence[_Block]) -> list[_Block]:
    """Blocks in which what two replacements have in common by chance (spaces, a lone character) is part of them."""
    found = [blocks[0]]
    for block in blocks[1:]:
        former = found[-1]
        if _is_chance(former, block):
            former.deleted += former.equal + block.deleted
            former.inserted += former.equal + block.inserted
            former.equal = block.equal
        else:
            found.append(block)
    return found


def _is_chance(former: _Block, block: _Block) -> bool:
    if not (former.deleted and former.inserted and block.deleted and block.inserted):
        return False
    if all(_pattern(r"[\s\p{P}]+").fullmatch(token) for token in former.equal):
        return True
    sizes = [max(len(own.deleted), len(own.inserted)) for own in (former, block)]
    return (
        len(former.equal) == 1
        and min(sizes) >= _CHANCE
        and _pattern(_UNSPACED_LETTER).match(former.equal[0]) is not None
    )


@cache
def _simple_token() -> regex.Pattern[str]:
    """What :func:`_token` finds in texts without the characters of ``_COMPLICATED``, four times as fast."""
    return _pattern(r"[\p{L}\p{N}_][\p{L}\p{M}\p{N}_\u200c\u200d]*|\X")


@cache
def _token() -> regex.Pattern[str]:
    word = r"[[\p{L}\p{M}\p{N}_]--" + _UNSPACED_LETTER + "]"
    cluster = rf"(?={_UNSPACED_LETTER})\X"
    stacked = rf"{cluster}(?:(?<=[{_STACKING}]){cluster})*"
    suffix = r"[\u180e\u202f](?=\p{Script=Mong})"  # joins a Mongolian suffix to its word
    return _pattern(rf"{stacked}|(?:(?={word})\X|{suffix})+|\X")


@cache
def _pattern(pattern: str) -> regex.Pattern[str]:
    import regex

    return regex.compile(pattern, flags=regex.V1)
