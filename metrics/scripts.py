"""Which scripts a text is written in: letters counted by the Unicode script property, called by ISO 15924.

Digits, punctuation, spaces, emoji and marks that go with any script belong to none. Simplified and Traditional Chinese
are one script to Unicode, and Japanese and Korean are written in several. Knows nothing of languages.
Reference: UAX #24, https://www.unicode.org/reports/tr24/; the tables are those of the package ``regex``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from metrics.base import MetricError

if TYPE_CHECKING:
    import regex

_PARTS = {
    "Hans": ("Hani", "Bopo"),
    "Hant": ("Hani", "Bopo"),
    "Jpan": ("Hira", "Kana", "Hani"),
    "Kore": ("Hang", "Hani"),
}
"""Codes of ISO 15924 for several Unicode scripts at once."""

UNSPACED = ("Hani", "Hira", "Kana", "Thai", "Laoo", "Khmr", "Mymr", "Tibt")
"""Unicode scripts that do not put spaces between words."""

_VISIBLE = r"[^\p{Z}\p{C}]"
_LETTER = r"[\p{L}\p{M}--[\p{Script=Zyyy}\p{Script=Zinh}]]"


def letters(text: str) -> int:
    """Letters, and marks, that belong to some script."""
    return _number(_LETTER, text)


def visible(text: str) -> int:
    """Characters that are neither space nor control."""
    return _number(_VISIBLE, text)


def share_in(text: str, script: str) -> float | None:
    """Share of the letters of a text that are of a script, 0-1; ``None`` where there are no letters.

    Args:
        script: A code of ISO 15924.

    Raises:
        MetricError: There is no such script in Unicode.
    """
    total = letters(text)
    if not total:
        return None
    return _number(_letter_of(script), text) / total


def check_script(where: str, script: str) -> None:
    """Check that Unicode has a script.

    Raises:
        MetricError: It does not; the message begins with ``where``.
    """
    import regex

    try:
        _pattern(_letter_of(script))
    except regex.error as error:
        raise MetricError(f"{where}: no script '{script}' in Unicode; give a code of ISO 15924 such as Nkoo") from error


def is_unspaced(script: str) -> bool:
    """Whether a script of ISO 15924 is written without spaces between words."""
    return _PARTS.get(script, (script,))[0] in UNSPACED


def _letter_of(script: str) -> str:
    parts = "".join(rf"\p{{Script={part}}}" for part in _PARTS.get(script, (script,)))
    return rf"[\p{{L}}\p{{M}}&&[{parts}]]"


def _number(characters: str, text: str) -> int:
    """How many characters of a text are of a class; found run by run, which is faster than one by one."""
    return sum(map(len, _pattern(f"{characters}+").findall(text)))


@cache
def _pattern(pattern: str) -> regex.Pattern[str]:
    import regex

    return regex.compile(pattern, flags=regex.V1)
