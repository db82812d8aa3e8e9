"""Signs that a translation has come loose from its source: empty, copied, going in circles, far too long or short.

Words are runs of letters, marks and digits; in scripts without spaces every letter (with its marks) is a word of its
own. Thresholds are those of the papers where they give one, and options.

References: Ott et al. 2018, https://arxiv.org/abs/1803.00047 (copies: half the words are the source's); Raunak et al.
2021, https://aclanthology.org/2021.naacl-main.92/ (oscillation: the most frequent n-gram against the source's);
Guerreiro et al. 2023, https://aclanthology.org/2023.eacl-main.75/ (the same with n = 4 and a difference of 2).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from metrics.base import MetricError, Segment
from metrics.flags import FlagMetric, flag_info
from metrics.scripts import UNSPACED, visible

if TYPE_CHECKING:
    import regex

_ANY_TEXT = ("translation", "generate_until")
_UNSPACED_LETTER = r"[\p{L}&&[" + "".join(rf"\p{{Script={script}}}" for script in UNSPACED) + "]]"
_ASCII_WORD = re.compile("[A-Za-z0-9]+")
_UNSPACED_FACTOR = 3  # letters a word, roughly, where every letter counts as a word


class EmptyOutput(FlagMetric):
    """An output without a visible character."""

    def __init__(self) -> None:
        info = flag_info("empty_output", "empty", "Share of outputs that say nothing at all.", kinds=_ANY_TEXT)
        super().__init__(info, {})

    def flag(self, segment: Segment) -> bool:
        return not visible(segment.hypothesis)


class CopiedSource(FlagMetric):
    """An output most of whose words stand in the source, while none of the references does so.

    The references excuse names and loan words that belong in the translation.

    Args:
        share: From which share of the output's words on it is a copy, above 0 to 1.

    Raises:
        MetricError: A share out of range.
    """

    def __init__(self, *, share: float = 0.5) -> None:
        info = flag_info(
            "copied_source",
            "copied source",
            "Share of outputs that repeat the source instead of translating it.",
            needs_source=True,
        )
        if not 0 < share <= 1:
            raise MetricError(f"copied_source: share: {share} is out of range; give more than 0 and at most 1")
        super().__init__(info, {"share": f"{share:g}"})
        self.share = share

    def flag(self, segment: Segment) -> bool:
        if segment.source is None:
            raise MetricError("copied_source: needs the source of every segment; give the sources")
        source = Counter(words(segment.source.casefold()))
        return self._copies(segment.hypothesis, source) and not any(
            self._copies(reference, source) for reference in segment.references
        )

    def _copies(self, text: str, source: Counter[str]) -> bool:
        own = Counter(words(text.casefold()))
        return bool(own) and (own & source).total() >= self.share * own.total()


class Repetition(FlagMetric):
    """Oscillation: the output's most frequent n-gram comes more often than the source's (or the references').

    Where the output has no spaces between words, an n-gram is three times as many letters.

    Args:
        n: Words of an n-gram. difference: How many times more often it comes.

    Raises:
        MetricError: A number below 1.
    """

    def __init__(self, *, n: int = 4, difference: int = 2) -> None:
        info = flag_info(
            "repetition", "repetition", "Share of outputs that repeat the same words over and over.", kinds=_ANY_TEXT
        )
        for name, value in (("n", n), ("difference", difference)):
            if value < 1:
                raise MetricError(f"repetition: {name}: {value} is too small; give 1 or more")
        super().__init__(info, {"n": n, "difference": difference})
        self.n = n
        self.difference = difference

    def flag(self, segment: Segment) -> bool:
        found = _top(segment.hypothesis, self.n)
        if found < self.difference:
            return False
        others = [text for text in (segment.source, *segment.references) if text is not None]
        return found >= max((_top(text, self.n) for text in others), default=0) + self.difference


class LengthRatio(FlagMetric):
    """An output far longer or shorter than every reference, in visible characters; than the source without one.

    An empty output is ``empty_output``'s, and not flagged here.

    Args:
        factor: How many times longer, or shorter. least: By how many characters at least, so that single words do not
            count.

    Raises:
        MetricError: A factor of 1 or less.
    """

    def __init__(self, *, factor: float = 2.0, least: int = 10) -> None:
        info = flag_info("length_ratio", "length ratio", "Share of outputs that are far too long or far too short.")
        if factor <= 1:
            raise MetricError(f"length_ratio: factor: {factor} is too small; give more than 1")
        super().__init__(info, {"factor": f"{factor:g}", "least": least})
        self.factor = factor
        self.least = least

    def flag(self, segment: Segment) -> bool:
        others = segment.references or tuple(text for text in (segment.source,) if text is not None)
        if not others:
            raise MetricError("length_ratio: needs a reference or the source of every segment; give one of them")
        own = visible(segment.hypothesis)
        return own > 0 and all(self._far(own, visible(text)) for text in others)

    def _far(self, own: int, other: int) -> bool:
        shorter, longer = sorted((own, other))
        return longer - shorter >= self.least and longer > self.factor * shorter


def words(text: str) -> list[str]:
    """Words of a text, as the module says."""
    return _ASCII_WORD.findall(text) if text.isascii() else list(_words().findall(text))


def _top(text: str, n: int) -> int:
    """How often the most frequent n-gram of a text comes."""
    found = words(text)
    unspaced = sum(bool(_unspaced().match(word)) for word in found)
    size = n * _UNSPACED_FACTOR if 2 * unspaced > len(found) else n
    return max(Counter(_grams(found, size)).values(), default=0)


def _grams(found: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(found[start : start + n]) for start in range(len(found) - n + 1)]


@cache
def _words() -> regex.Pattern[str]:
    import regex

    return regex.compile(rf"{_UNSPACED_LETTER}\p{{M}}*|[\p{{L}}\p{{M}}\p{{N}}--{_UNSPACED_LETTER}]+", flags=regex.V1)


@cache
def _unspaced() -> regex.Pattern[str]:
    import regex

    return regex.compile(_UNSPACED_LETTER, flags=regex.V1)
