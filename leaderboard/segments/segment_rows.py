"""Rows of a segment page: a segment's texts with what differs marked, its flags, and what other systems made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from harness.boards import Model
from leaderboard.markup.pages import SegmentKey, segment_anchor
from leaderboard.markup.text import cut, left_out, shortened
from leaderboard.segments import diffs
from leaderboard.segments.flags import FLAGS, Flag
from leaderboard.views.metric_view import MetricView
from leaderboard.views.segments import SegmentView

_LONGEST_NAME = 80

MOST_REFERENCES = 8
"""Most references of a segment that are shown and compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One model's segments of a unit.

    Attributes:
        segments: All, as written. listed: Those that its pages show, in order. links: Where, by segment.
        by_id: All of them, by segment.
        free: Whether its outputs are free text.
        flags: Ids of what is striking, by segment.
        name: What the pages of other systems call it (:func:`short_name`).
    """

    model: Model
    key: SegmentKey
    segments: Sequence[SegmentView]
    listed: Sequence[SegmentView]
    links: Mapping[str, str]
    by_id: Mapping[str, SegmentView]
    free: bool
    flags: Mapping[str, tuple[str, ...]]
    name: Markup
    _shown: dict[tuple[str, int], Markup] = field(default_factory=dict)

    def shown(self, segment: SegmentView, longest: int) -> Markup:
        """What the system wrote, as the pages of the others show it."""
        key = (segment.segment, longest)
        if key not in self._shown:
            self._shown[key] = shortened(segment.hypothesis or "", longest)
        return self._shown[key]


def short_name(model: Model) -> Markup:
    """A model's name as it stands beside every hypothesis."""
    return Markup("<bdi>{}</bdi>").format(shortened(model.title, _LONGEST_NAME))


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """What another system made of a segment.

    Attributes:
        link: The segment on that system's pages; empty where they do not show it.
        difference: Its score minus this system's, ``None`` where one has none.
    """

    system: System
    segment: SegmentView
    link: str
    difference: float | None

    def markup(self, metric: MetricView, lang: Markup, longest: int) -> str:
        """As an item of a description list.

        Args:
            metric: The headline metric.
            lang: Attribute that says the language of the hypothesis; may be empty.
            longest: Characters of the text that are shown.
        """
        name = self.system.name
        linked = f'<a href="{self.link.rpartition("/")[2]}">{name}</a>' if self.link else name
        words = f"<dt>{linked} {metric.segment_score(self.segment)}"
        if self.difference is not None:
            words += f" <small>{metric.signed(self.difference)} against this one</small>"
        if self.segment.failed is not None:
            return f'{words}</dt><dd class="bad">failed</dd>\n'
        if self.segment.hypothesis is None:
            return f"{words}</dt>\n"
        return f'{words}</dt><dd dir="auto"{lang}>{self.system.shown(self.segment, longest)}</dd>\n'


class Row:
    """One segment of one system.

    Args:
        system: Whose page it is.
        segment: The segment.
        metric: The headline metric.
        rivals: Other systems, best first.
    """

    def __init__(self, system: System, segment: SegmentView, metric: MetricView, rivals: Sequence[System]) -> None:
        self.segment = segment
        self.anchor = segment_anchor(segment.segment)
        self.others = [other for rival in rivals if (other := _other(rival, segment, metric)) is not None]
        self._free = system.free
        self._flags = system.flags[segment.segment]
        self._best = rivals[0].model if rivals else None

    @property
    def flags(self) -> list[Flag]:
        return [FLAGS[name] for name in self._flags]

    @property
    def delta(self) -> float | None:
        """This system's score minus that of the best other one."""
        best = next((other for other in self.others if other.system.model == self._best), None)
        return None if best is None or best.difference is None else -best.difference

    @property
    def has_source(self) -> bool:
        return self.segment.source is not None

    @property
    def has_hypothesis(self) -> bool:
        return self.segment.hypothesis is not None

    @property
    def references(self) -> tuple[str, ...]:
        return self.segment.references[:MOST_REFERENCES]

    @property
    def has_diff(self) -> bool:
        """Whether the hypothesis is free text that a reference can be held against."""
        return self._free and bool(self.segment.references) and bool(self.segment.hypothesis)

    def compared(self, longest: int) -> tuple[int, Markup, str]:
        """Which reference the hypothesis is compared with, the differences as markup, and the way they are read.

        There is no markup where they have no letter or digit in common.

        Args:
            longest: Characters of a text that are shown.
        """
        hypothesis = self.segment.hypothesis or ""
        own = cut(hypothesis, longest)
        index, runs = diffs.closest([cut(text, longest) for text in self.references], own)
        if not diffs.have_common(runs):
            return index, Markup(""), ""
        found = diffs.markup(runs)
        if len(own) < len(hypothesis):
            found += left_out(len(hypothesis) - len(own))
        return index, found, diffs.direction(own)

    def beside(self, metric: MetricView, lang: Markup, longest: int) -> Markup:
        """What the other systems wrote, see :meth:`Other.markup`."""
        return Markup("".join(other.markup(metric, lang, longest) for other in self.others))

    def plain(self, longest: int) -> Markup:
        """The hypothesis as it is."""
        return shortened(self.segment.hypothesis or "", longest)


def _other(rival: System, segment: SegmentView, metric: MetricView) -> Other | None:
    """The same segment of another system; ``None`` where it has none, or was given other texts."""
    found = rival.by_id.get(segment.segment)
    if found is None or (found.source, found.references) != (segment.source, segment.references):
        return None
    own, its = (one.scores.get(metric.facts.metric) for one in (segment, found))
    return Other(
        system=rival,
        segment=found,
        link=rival.links.get(segment.segment, ""),
        difference=None if own is None or its is None else its - own,
    )
