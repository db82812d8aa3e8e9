"""The texts and segment scores behind a cell, put together for a page. Reading them is ``harness.store``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.store import RunFolder, UnitKey
from leaderboard.markup.pages import SEGMENTS_PER_PAGE, SegmentKey, segment_link

MOST_LISTED = 25 * SEGMENTS_PER_PAGE
"""Most segments of a unit that have a place on a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentView:
    """One segment as a page shows it: its texts and its own score by metric, ``None`` where a metric gives none."""

    segment: str
    source: str | None
    references: tuple[str, ...]
    hypothesis: str | None
    failed: str | None
    reasoning: str | None
    scores: Mapping[str, float | None]

    @property
    def texts(self) -> list[str]:
        """All that it holds, references last."""
        found = (self.source, self.hypothesis, self.failed, self.reasoning, *self.references)
        return [text for text in found if text is not None]


def read(folder: RunFolder, unit: UnitKey) -> list[SegmentView]:
    """Segments of one unit, in the order written, with their scores as far as the run keeps them.

    Raises:
        RecordError: A file of the run cannot be read.
    """
    scores: dict[str, dict[str, float | None]] = {}
    for metric in folder.metrics(unit):
        found = folder.statistics(unit, metric)
        for segment, score in zip(found.segments, found.scores.tolist(), strict=True):
            scores.setdefault(segment, {})[metric] = None if math.isnan(score) else score
    return [
        SegmentView(
            segment=row.segment,
            source=row.source,
            references=row.references,
            hypothesis=row.hypothesis,
            failed=row.failed,
            reasoning=row.reasoning,
            scores=scores.get(row.segment, {}),
        )
        for row in folder.segments(unit)
    ]


def worst_first(segments: Sequence[SegmentView], metric: str, higher_is_better: bool) -> list[SegmentView]:
    """Segments without a failure from worst to best score by ``metric``; those it gives no score come last."""
    sign = 1 if higher_is_better else -1

    def place(segment: SegmentView) -> tuple[bool, float]:
        score = segment.scores.get(metric)
        return (score is None, sign * (score or 0.0))

    return sorted((segment for segment in segments if segment.failed is None), key=place)


def listed(segments: Sequence[SegmentView], metric: str, higher_is_better: bool) -> list[SegmentView]:
    """What the pages of a unit show, in order: worst first by ``metric``, then those without a score, then failures.

    Of more than ``MOST_LISTED`` the best are left out, and failures beyond one page of them.
    """
    failed = [segment for segment in segments if segment.failed is not None]
    room = MOST_LISTED - min(len(failed), SEGMENTS_PER_PAGE)
    return [*worst_first(segments, metric, higher_is_better)[:room], *failed][:MOST_LISTED]


def links(key: SegmentKey, shown: Sequence[SegmentView]) -> dict[str, str]:
    """Page and anchor, below the site's root, of every segment that a unit's pages show (:func:`listed`), by id."""
    return {segment.segment: segment_link(key, segment.segment, place) for place, segment in enumerate(shown)}
