"""What is striking about single outputs: signs of a fault to look at first, and no proof.

What can be said of an output is decided by ``metrics.hallucination`` and ``metrics.language_id``; here are their
thresholds, and which of them are asked where. The record of a run does not say why a model stopped, so nothing here
claims that an output was cut off.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from harness import languages
from harness.boards import sides_of
from harness.errors import UserError
from leaderboard.views.segments import SegmentView
from metrics.base import MetricError, Segment
from metrics.hallucination import CopiedSource, LengthRatio, Repetition, words
from metrics.language_id import WrongScript
from metrics.scripts import visible

_COPIED = CopiedSource(share=0.5)
_REPEATED = Repetition(n=4, difference=2)
_LENGTH = LengthRatio(factor=2.0, least=10)

_ODD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\uffff\ud800-\udfff]")
"""Control characters, direction overrides, characters that stand for broken ones."""

LONGEST_LOOKED_AT = 5_000
"""Characters at the start of a text that are looked at; its length is told of more."""

_LONGEST_MEASURED = 100_000

_FREE_KINDS = ("translation", "generate_until")
_FEWEST_WORDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One thing that can be striking.

    Attributes:
        id: In data files and permalinks.
        title: On a label.
        words: When it is set, with the threshold.
        fault: Whether it speaks against the output.
    """

    id: str
    title: str
    words: str
    fault: bool = True


FLAGS = {
    flag.id: flag
    for flag in (
        Flag(id="failed", title="failed", words="The model gave no answer, or it could not be scored."),
        Flag(id="empty", title="empty", words="The hypothesis has no visible character."),
        Flag(
            id="copied",
            title="copied",
            words=f"At least {_COPIED.share:.0%} of the words of the hypothesis are the source's; that is so of no "
            "reference.",
        ),
        Flag(
            id="script",
            title="other script",
            words="Less than half of the letters are of the target language's script; those of the reference are.",
        ),
        Flag(
            id="repeats",
            title="repeats itself",
            words=f"The same {_REPEATED.n} words ({3 * _REPEATED.n} letters where words have no spaces) come at least "
            f"{_REPEATED.difference} times more often than in source and reference.",
        ),
        Flag(
            id="short",
            title="too short",
            words=f"The reference is more than {_LENGTH.factor:g} times as long, by at least {_LENGTH.least} visible "
            "characters; with several, every one of them.",
        ),
        Flag(
            id="long",
            title="too long",
            words=f"More than {_LENGTH.factor:g} times as long as the reference, by at least {_LENGTH.least} visible "
            "characters; with several, than every one of them.",
        ),
        Flag(
            id="odd",
            title="strange characters",
            words="It holds control characters, direction overrides or the sign for a broken character (U+FFFD) that "
            "stand neither in the source nor in a reference.",
        ),
        Flag(id="exact", title="same as reference", words="Character by character.", fault=False),
    )
}
"""By id, in the order in which they are shown."""


class Flagger:
    """Says what is striking about the outputs of one unit.

    Args:
        kind: Of the task.
        language: The unit's language, or direction.
        free: Whether the outputs are free text (:func:`is_free_text`); of answers to choose from only failures and
            empty ones are told.
    """

    def __init__(self, kind: str, language: str, *, free: bool) -> None:
        self._free = free
        sides = sides_of(language)
        self._translates = kind == "translation" or len(sides) == 2
        self._target = sides[-1]

    def flags(self, segment: SegmentView) -> tuple[str, ...]:
        """Ids of ``FLAGS`` that a segment's output has, in their order."""
        if segment.failed is not None:
            return ("failed",)
        if segment.hypothesis is None:
            return ()
        if not visible(segment.hypothesis[:LONGEST_LOOKED_AT]):
            return ("empty",)
        return tuple(self._striking(segment, segment.hypothesis)) if self._free else ()

    def _striking(self, segment: SegmentView, hypothesis: str) -> list[str]:
        if hypothesis in segment.references:
            return ["exact"]
        own = _start(segment, hypothesis, LONGEST_LOOKED_AT)
        others = [text for text in (own.source, *own.references) if text is not None]
        found = []
        if self._translates and own.source is not None and _COPIED.flag(own):
            found.append("copied")
        if self._is_in_other_script(own):
            found.append("script")
        if _REPEATED.flag(own):
            found.append("repeats")
        if (length := _length(_start(segment, hypothesis, _LONGEST_MEASURED))) is not None:
            found.append(length)
        if any(not any(char in text for text in others) for char in set(_ODD.findall(own.hypothesis))):
            found.append("odd")
        return found

    def _is_in_other_script(self, segment: Segment) -> bool:
        wrong = self._wrong_script
        if wrong is None or not wrong.flag(segment):
            return False
        return not any(wrong.flag(Segment(hypothesis=own, references=())) for own in segment.references)

    @cached_property
    def _wrong_script(self) -> WrongScript | None:
        try:
            found = languages.find(self._target)
            return None if found.code == languages.UND else WrongScript(script=found.script)
        except (UserError, MetricError):  # a language or script that nobody knows
            return None


def _length(segment: Segment) -> str | None:
    if not segment.references or not _LENGTH.flag(segment):
        return None
    return "short" if visible(segment.hypothesis) < max(map(visible, segment.references)) else "long"


def _start(segment: SegmentView, hypothesis: str, longest: int) -> Segment:
    return Segment(
        hypothesis=hypothesis[:longest],
        references=tuple(text[:longest] for text in segment.references),
        source=None if segment.source is None else segment.source[:longest],
    )


def is_free_text(kind: str, segments: Sequence[SegmentView]) -> bool:
    """Whether the outputs of a unit are sentences: no letters to choose from, labels or numbers, which tasks of text
    generation ask for too; then half of the references have fewer than three words.
    """
    if kind not in _FREE_KINDS or not any(segment.hypothesis is not None for segment in segments):
        return False
    lengths = sorted(
        len(words(segment.references[0][:LONGEST_LOOKED_AT])) for segment in segments if segment.references
    )
    return kind == "translation" or not lengths or lengths[len(lengths) // 2] >= _FEWEST_WORDS
