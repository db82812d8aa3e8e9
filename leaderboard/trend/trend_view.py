"""A model's series as the templates show it: what every run brought, the drawings, a row a language.

Everything here is text, numbers or ready markup; templates only place it. What was tested is ``trend_steps``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from harness.boards import digits_of
from harness.changes import Change, TrackChanges, averaged_ends
from harness.pairing import MACRO
from harness.series import Era, Point, Track
from leaderboard.data.step_results import Steps
from leaderboard.drawing import figures
from leaderboard.drawing.figures_trend import ChartPoint, trend_chart, trend_spark
from leaderboard.markup.text import fold, short_hash
from leaderboard.trend import trend_words
from leaderboard.trend.trend_languages import LanguageTrend, language_trends
from leaderboard.trend.trend_runs import RunView

_AXIS_ROOM = 0.18


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRow:
    """One run in a track.

    Attributes:
        mean, low, high: The mean over the languages of its era; ``None`` where the run lacks some.
        change: Of the mean, from the run before it; ``None`` for a first run. changes: The same by language.
        broken: Why it cannot be joined with the run before; empty where it can, and for the first.
    """

    run: RunView
    point: Point
    era: Era
    mean: float | None
    low: float | None
    high: float | None
    change: Change | None
    changes: Mapping[str, Change]
    broken: str

    @property
    def languages(self) -> tuple[int, int, int]:
        """How many languages got better, got worse, and were compared."""
        found = [change.verdict for change in self.changes.values()]
        return found.count("better"), found.count("worse"), len(found)


class TrackView:
    """A model's scores of one task, variant, prompt and metric, run by run.

    Args:
        model: The model's name.
        track: Its scores.
        runs: Every run of the model by its position in the records.
        steps: What was tested.
    """

    def __init__(self, model: str, track: Track, runs: dict[int, RunView], steps: Steps) -> None:
        self.model = model
        self.track = track
        self.facts = track.facts
        self.task, self.variant, self.prompt, self.metric = track.family
        self.id = f"y-{short_hash(model, *track.family)}"
        self._runs = runs
        self._steps = steps

    @property
    def setting(self) -> str:
        """Variant and prompt in words; empty where there is neither."""
        return ", ".join(
            f"{name} {value}" for name, value in (("variant", self.variant), ("prompt", self.prompt)) if value
        )

    @property
    def arrow(self) -> str:
        return "↑" if self.facts.higher_is_better else "↓"

    @property
    def goodness(self) -> str:
        return "higher is better" if self.facts.higher_is_better else "lower is better"

    @property
    def better(self) -> str:
        """Which way to sort to see the best first. worse: The worst change first."""
        return "down" if self.facts.higher_is_better else "up"

    @property
    def worse(self) -> str:
        return "up" if self.facts.higher_is_better else "down"

    @property
    def directions(self) -> bool:
        return any(len(row.label.sides) == 2 for row in self.languages)

    @property
    def keys(self) -> str:
        """Folded words that the filter box searches."""
        return fold(" ".join((self.model, *self.track.family, self.facts.title)))

    @property
    def digits(self) -> int:
        return digits_of(self.facts)

    def number(self, value: float | None) -> str:
        return "" if value is None else figures.number(value, self.digits)

    def signed(self, value: float | None) -> str:
        """A difference, with its sign; one digit more than a score."""
        if value is None:
            return ""
        text = figures.number(value, self.digits + 1)
        return f"+{text}" if text[0].isdigit() and text.strip("0.") else text

    @cached_property
    def rows(self) -> list[TrackRow]:
        """The runs in order."""
        found: list[TrackRow] = []
        breaks = iter(self.track.breaks)
        for era in self.track.eras:
            for place, point in enumerate(era.points):
                broken = next(breaks) if not place and found else ""
                changes = self._between(point, era.points[place - 1]) if place else None
                found.append(self._row(point, era, changes, broken))
        return found

    def _row(self, point: Point, era: Era, changes: TrackChanges | None, broken: str) -> TrackRow:
        mean = self._steps.means.get((self.model, self.track.family, point.run))
        value = point.mean(era.common)
        low, high = (None, None) if value is None else self._ends(point, era)
        if mean is not None and value is not None:
            low, high = mean.low, mean.high
        own = {} if changes is None else {one.language: one for one in changes.changes if one.language != MACRO}
        return TrackRow(
            run=self._runs[point.run],
            point=point,
            era=era,
            mean=value,
            low=low,
            high=high,
            change=None if changes is None else _overall(changes),
            changes=own,
            broken=broken,
        )

    def _ends(self, point: Point, era: Era) -> tuple[float | None, float | None]:
        return averaged_ends([point.scores[language] for language in era.common])

    def _between(self, later: Point, earlier: Point) -> TrackChanges:
        return self._steps.between(self.model, self.track, later, earlier)

    @cached_property
    def last_changes(self) -> dict[str, Change]:
        """What the last step did, by language; nothing where the line broke there."""
        points = self.track.eras[-1].points
        return _by_language(self._between(points[-1], points[-2])) if len(points) > 1 else {}

    @cached_property
    def all_changes(self) -> dict[str, Change]:
        """From the first run that the last one can be joined with to the last one, by language."""
        points = self.track.eras[-1].points
        return _by_language(self._between(points[-1], points[0])) if len(points) > 1 else {}

    @property
    def since_first(self) -> Change | None:
        return self.all_changes.get(MACRO) or _only(self.all_changes)

    @property
    def first_mean(self) -> float | None:
        """Of the first run that the last one can be joined with."""
        return self.rows[-self.joinable].mean

    @cached_property
    def mean_spark(self) -> Markup:
        means = [row.mean for row in self.rows]
        known = [mean for mean in means if mean is not None]
        stretches: list[list[tuple[float, float]]] = []
        for place, row in enumerate(self.rows):
            if row.broken or not stretches:
                stretches.append([])
            if row.mean is not None:
                stretches[-1].append((place, row.mean))
        drawn = [stretch for stretch in stretches if stretch]
        return trend_spark(drawn, figures.axis(known), len(means) - 1) if drawn else Markup("")

    @property
    def last_step(self) -> Change | None:
        return self.last_changes.get(MACRO) or _only(self.last_changes)

    @property
    def last_counts(self) -> tuple[int, int, int]:
        """Languages better, worse, and compared, in the last step."""
        return self.rows[-1].languages

    @property
    def joinable(self) -> int:
        """Runs that the last run can be joined with, itself included."""
        return len(self.track.eras[-1].points)

    @property
    def basis(self) -> str:
        """How the steps were decided, in words."""
        return trend_words.basis({row.change.basis for row in self.rows if row.change is not None})

    @property
    def sentence(self) -> str:
        """What the last step did, in words."""
        last = self.rows[-1]
        kind = "directions" if self.directions else "languages"
        return trend_words.last_step(self.last_step, last.languages, last.broken, kind, self.signed)

    @property
    def legend(self) -> list[str]:
        """What the marks of the chart mean, those that are there."""
        return trend_words.legend(
            verdicts={row.change.verdict for row in self.rows if row.change is not None},
            changed=any(row.run.changed for row in self.rows),
            broken=any(row.broken for row in self.rows),
        )

    @cached_property
    def chart(self) -> Markup:
        rows = self.rows
        known = [end for row in rows for end in (row.mean, row.low, row.high) if end is not None]
        room = _AXIS_ROOM * (max(known) - min(known)) if known else 0.0
        lowest, highest = self.facts.bounds
        low = max(min(known) - room, -math.inf if lowest is None else lowest) if known else 0.0
        high = min(max(known) + room, math.inf if highest is None else highest) if known else 1.0
        scale = figures.axis([low, high])
        first, last = rows[0], rows[-1]
        title = (
            f"{self.facts.title} of {self.model} over {len(rows)} runs, {first.run.when} to {last.run.when}: "
            f"{self.number(first.mean) or 'no mean'} to {self.number(last.mean) or 'no mean'}; "
            "the table below has all values"
        )
        return trend_chart([self._chart_point(place) for place in range(len(rows))], scale, title)

    def _chart_point(self, place: int) -> ChartPoint:
        row = self.rows[place]
        verdict = row.change.verdict if row.change is not None and row.change.verdict in ("better", "worse") else ""
        told = f"{row.run.id}, {row.run.when}: {self.number(row.mean)}"
        return ChartPoint(
            label=row.run.short,
            told=told if row.low is None else f"{told} ({self.number(row.low)} to {self.number(row.high)})",
            value=row.mean,
            low=row.low,
            high=row.high,
            joined=not row.broken,
            step=verdict,
            change=self.signed(row.change.delta) if row.change is not None else "",
            changed=bool(row.run.changed),
        )

    @cached_property
    def languages(self) -> list[LanguageTrend]:
        """A row a language; those that got worse in the last step come first, the largest loss first."""
        return language_trends(self.track, self.last_changes, self.all_changes)


def _by_language(changes: TrackChanges) -> dict[str, Change]:
    return {change.language: change for change in changes.changes}


def _overall(changes: TrackChanges) -> Change | None:
    """The macro row; the only language's, where there is one."""
    first = changes.changes[:1]
    return first[0] if first and (first[0].language == MACRO or len(changes.changes) == 1) else None


def _only(found: dict[str, Change]) -> Change | None:
    return next(iter(found.values())) if len(found) == 1 else None
