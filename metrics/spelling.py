"""Did-you-mean hints: the nearest known word. Knows nothing of what the words are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LONGEST = 80
"""Characters of a word that are compared; what is longer was not a slip of the pen."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like ``word``, whatever its case; ``None`` where none is near."""
    folded: dict[str, str] = {}
    for name in known:
        folded.setdefault(name.casefold(), name)
    near = difflib.get_close_matches(word[:_LONGEST].casefold(), folded, n=1, cutoff=0.6)
    return folded[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``" (did you mean 'lowercase'?)"`` when a known word is near, else the empty string."""
    near = nearest(word, known)
    return f" (did you mean '{near}'?)" if near is not None else ""
