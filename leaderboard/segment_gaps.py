"""Where two models differ: the segments on which one does much better than the other, with what both wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.compare import Contrast
from harness.pairing import MACRO, SegmentDrop, with_texts
from leaderboard.comparisons import Comparisons, source
from leaderboard.labels import LanguageLabel, label
from leaderboard.model_pairs import Pair
from leaderboard.pages import SegmentKey, segment_page
from leaderboard.site_data import Site
from leaderboard.text import count, visible
from leaderboard.views import BoardView

MOST_LANGUAGES = 8
"""Languages of a board whose segments are shown: those with the largest differences."""

LONGEST_TEXT = 700
"""Most characters of a text here; the segment's own page has more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One segment with what both models wrote, ready to show; ``None`` where a run holds no such text."""

    segment: str
    better: str
    score: float
    score_against: float
    source: Markup | None
    reference: Markup | None
    hypothesis: Markup | None
    hypothesis_against: Markup | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageGaps:
    """The segments of one language, those first on which A does better by most.

    ``links`` are the segment pages of A and B, empty where there is none.
    """

    label: LanguageLabel
    gaps: tuple[Gap, ...]
    links: tuple[str, str]


def gaps(site: Site, pair: Pair, board: BoardView, comparisons: Comparisons) -> list[LanguageGaps]:
    """The largest differences by the board's headline metric, language by language.

    Raises:
        RecordError: The texts of a run cannot be read.
    """
    table = board.headline.table
    found = comparisons.contrasts(pair, board.board, table.facts.metric)
    rows = [row for row in found if row.language != MACRO and (row.worst or row.best)]
    rows = sorted(rows, key=lambda row: (-abs(row.delta or 0.0), row.language))[:MOST_LANGUAGES]
    sides = [tuple(source(site, table, model, row.language) for model in pair.models) for row in rows]
    texts = iter(
        with_texts([(one, other, (*row.best, *row.worst)) for row, (one, other) in zip(rows, sides, strict=True)])
    )
    return [_language(site, pair, board, row, next(texts)) for row in rows]


def _language(site: Site, pair: Pair, board: BoardView, row: Contrast, drops: Sequence[SegmentDrop]) -> LanguageGaps:
    links = []
    for model in pair.models:
        key: SegmentKey = (model.title, *board.board.key, row.language)
        links.append(segment_page(key) if key in site.sources else "")
    better = ["A"] * len(row.best) + ["B"] * len(row.worst)
    return LanguageGaps(
        label=label(row.language),
        gaps=tuple(_gap(drop, who) for drop, who in zip(drops, better, strict=True)),
        links=(links[0], links[1]),
    )


def _gap(drop: SegmentDrop, better: str) -> Gap:
    return Gap(
        segment=drop.segment,
        better=better,
        score=drop.score,
        score_against=drop.score_against,
        source=_shown(drop.source),
        reference=_shown(None if drop.reference == drop.source else drop.reference),
        hypothesis=_shown(drop.hypothesis),
        hypothesis_against=_shown(drop.hypothesis_against),
    )


def _shown(text: str | None) -> Markup | None:
    if text is None:
        return None
    if not text:
        return Markup('<span class="no">(empty)</span>')
    if len(text) <= LONGEST_TEXT:
        return visible(text)
    left = count(len(text) - LONGEST_TEXT)
    return visible(text[:LONGEST_TEXT]) + Markup(' <span class="no">… and {} more characters</span>').format(left)
