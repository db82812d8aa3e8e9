"""Where two models differ: the segments on which one does much better than the other, with what both wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from markupsafe import Markup

from harness.compare import Contrast
from harness.pairing import MACRO, SegmentDrop
from leaderboard.compare.comparisons import Comparisons
from leaderboard.data.model_pairs import Pair
from leaderboard.data.site_data import Site
from leaderboard.markup.labels import LanguageLabel, label
from leaderboard.markup.pages import SegmentKey, segment_link
from leaderboard.markup.text import count, cut, visible
from leaderboard.segments.diffs import Kind, diff, markup
from leaderboard.views import segments
from leaderboard.views.segments import SegmentView
from leaderboard.views.views import BoardView

MOST_LANGUAGES = 8
"""Languages of a board whose segments are shown: those with the largest differences."""

LONGEST_TEXT = 500
"""Most characters of a text here; the segment's own page has more."""

_HELD = 32  # units whose texts are held: the next pair often shares a model with this one


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One segment with what both models wrote, ready to show; ``None`` where a run holds no such text.

    In the hypotheses, what only one of them has is marked.
    """

    segment: str
    better: str
    score: float
    score_against: float
    source: Markup | None
    reference: Markup | None
    hypothesis: Markup | None
    hypothesis_against: Markup | None
    link: str
    link_against: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageGaps:
    """The segments of one language, those first on which A does better by most."""

    label: LanguageLabel
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """What one model wrote in one language, and the places of its segments on their pages, by segment."""

    key: SegmentKey
    rows: Mapping[str, SegmentView]
    places: Mapping[str, int]

    def link(self, segment: str) -> str:
        """Where the segment stands; empty where no page shows it."""
        return segment_link(self.key, segment, self.places[segment]) if segment in self.places else ""


class SegmentGaps:
    """The segments with the largest differences, texts and all.

    Args:
        site: The site.
        comparisons: What is known of the pairs.
    """

    def __init__(self, site: Site, comparisons: Comparisons) -> None:
        self._site = site
        self._comparisons = comparisons
        self._unit = lru_cache(maxsize=_HELD)(self._read)

    def of(self, pair: Pair, board: BoardView) -> list[LanguageGaps]:
        """The largest differences by the board's headline metric, language by language.

        Raises:
            RecordError: The texts of a run cannot be read.
        """
        facts = board.headline.facts
        found = self._comparisons.contrasts(pair, board.board, facts.metric)
        rows = [row for row in found if row.language != MACRO and (row.worst or row.best)]
        rows = sorted(rows, key=lambda row: (-abs(row.delta or 0.0), row.language))[:MOST_LANGUAGES]
        return [self._language(pair, board, row) for row in rows]

    def _language(self, pair: Pair, board: BoardView, row: Contrast) -> LanguageGaps:
        facts = board.headline.facts
        units = [
            self._unit((model.title, *board.board.key, row.language), facts.metric, facts.higher_is_better)
            for model in pair.models
        ]
        drops = [(drop, "A") for drop in row.best] + [(drop, "B") for drop in row.worst]
        return LanguageGaps(label=label(row.language), gaps=tuple(_gap(drop, who, units) for drop, who in drops))

    def _read(self, key: SegmentKey, metric: str, higher_is_better: bool) -> _Unit:
        source = self._site.sources.get(key)
        if source is None:
            return _Unit(key=key, rows={}, places={})
        found = segments.read(source.folder, source.unit)
        listed = segments.listed(found, metric, higher_is_better)
        return _Unit(
            key=key,
            rows={row.segment: row for row in found},
            places={row.segment: place for place, row in enumerate(listed)},
        )


def _gap(drop: SegmentDrop, better: str, units: Sequence[_Unit]) -> Gap:
    rows = [unit.rows.get(drop.segment) for unit in units]
    texts = next((row for row in rows if row is not None), None)
    source = texts.source if texts else None
    reference = texts.references[0] if texts and texts.references else None
    first, second = (None if row is None else row.hypothesis for row in rows)
    hypothesis, hypothesis_against = _both(first, second)
    return Gap(
        segment=drop.segment,
        better=better,
        score=drop.score,
        score_against=drop.score_against,
        source=_shown(source),
        reference=_shown(None if reference == source else reference),
        hypothesis=hypothesis,
        hypothesis_against=hypothesis_against,
        link=units[0].link(drop.segment),
        link_against=units[1].link(drop.segment),
    )


def _both(first: str | None, second: str | None) -> tuple[Markup | None, Markup | None]:
    """Two hypotheses, in each marked what the other does not have."""
    if not first or not second:
        return _shown(first), _shown(second)
    runs = diff(cut(second, LONGEST_TEXT), cut(first, LONGEST_TEXT))
    own = markup([run for run in runs if run.kind is not Kind.DELETED])
    others = markup([run for run in runs if run.kind is not Kind.INSERTED])
    return own + _rest(first), others + _rest(second)


def _shown(text: str | None) -> Markup | None:
    if text is None:
        return None
    return visible(cut(text, LONGEST_TEXT)) + _rest(text) if text else Markup('<span class="no">(empty)</span>')


def _rest(text: str) -> Markup:
    left = len(text) - len(cut(text, LONGEST_TEXT))
    return Markup(' <span class="no">… and {} more characters</span>').format(count(left)) if left else Markup("")
