"""A model's series as the templates show it: what every run brought, the drawings, a row a language.

Everything here is text, numbers or ready markup; templates only place it. What was tested is ``trend_steps``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from harness.boards import digits_of
from harness.changes import Change, TrackChanges, averaged_ends
from harness.pairing import MACRO
from harness.series import Era, Point, Track
from leaderboard import figures
from leaderboard.figures import Axis
from leaderboard.figures_trend import ChartPoint, trend_chart, trend_spark
from leaderboard.labels import LanguageLabel, label
from leaderboard.step_results import Steps
from leaderboard.text import fold, short_hash
from leaderboard.trend_runs import RunView

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


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageTrend:
    """One language of a track: where it began, where it stands, what the last step did."""

    label: LanguageLabel
    spark: Markup
    first: float | None
    last: float | None
    since_first: Change | None
    last_step: Change | None
    remark: str


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
    def sentence(self) -> str:
        """What the last step did, in words."""
        last = self.rows[-1]
        if last.broken:
            return f"The last run cannot be compared with the one before it: {last.broken}."
        step, (better, worse, compared) = self.last_step, last.languages
        if step is None or step.delta is None:
            return "Whether the last run is better or worse than the one before it cannot be told."
        words = {
            "better": "Better than the run before",
            "worse": "Worse than the run before",
            "no difference shown": "No difference to the run before can be shown",
            "not known": "Without intervals nobody can tell whether it differs from the run before",
        }[step.verdict]
        mean = f"{words}: {self.signed(step.delta)}"
        if step.low is not None:
            mean += f" ({self.signed(step.low)} to {self.signed(step.high)})"
        if compared < 2:
            return f"{mean}."
        kind = "directions" if self.directions else "languages"
        return f"{mean} in the mean; {worse} of {compared} {kind} got worse, {better} got better."

    @property
    def legend(self) -> list[str]:
        """What the marks of the chart mean, those that are there."""
        rows = self.rows
        verdicts = {row.change.verdict for row in rows if row.change is not None}
        parts = ["● mean over languages, with its 95 % interval"]
        parts += ["◆ the system is another one than in the run before"] if any(row.run.changed for row in rows) else []
        parts += ["▲ surely better than the run before, by so much"] if "better" in verdicts else []
        parts += ["▼ surely worse"] if "worse" in verdicts else []
        parts += ["┆≠ not comparable across this line"] if any(row.broken for row in rows) else []
        return parts

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
        used = {row.change.basis for row in self.rows if row.change is not None}
        words = {
            "segments": "the two runs' scores of the same segments were compared (per language, p-values corrected "
            "over the languages after Benjamini and Hochberg, 5 %)",
            "intervals": "no common segments were kept or looked at: the two intervals decided, taken as independent, "
            "which misses small changes",
            "": "no interval is known: whether anything changed cannot be told",
        }
        return "; ".join(words[one] for one in ("segments", "intervals", "") if one in used)

    @cached_property
    def chart(self) -> Markup:
        rows = self.rows
        known = [end for row in rows for end in (row.mean, row.low, row.high) if end is not None]
        room = _AXIS_ROOM * (max(known) - min(known)) if known else 0.0
        scale = figures.axis([min(known) - room, max(known) + room] if known else [])
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
        codes = self.track.languages
        values = {
            code: [value for point in self.track.points if (value := point.value(code)) is not None] for code in codes
        }
        span = max((max(own) - min(own) for own in values.values() if own), default=0.0) or 1.0
        return sorted((self._language(code, _centred(values[code], span)) for code in codes), key=self._badness)

    def _badness(self, row: LanguageTrend) -> tuple[bool, bool, float, str, str]:
        step, whole = row.last_step, row.since_first
        sign = 1 if self.facts.higher_is_better else -1
        loss = sign * (step.delta or 0.0) if step is not None else 0.0
        worse = (step is not None and step.verdict == "worse", whole is not None and whole.verdict == "worse")
        return not worse[0], not worse[1], loss, fold(row.label.name), row.label.code

    def _language(self, code: str, scale: Axis) -> LanguageTrend:
        stretches: list[list[tuple[float, float]]] = []
        place = 0
        for era in self.track.eras:
            stretches.append([])
            for point in era.points:
                if (value := point.value(code)) is not None:
                    stretches[-1].append((place, value))
                place += 1
        whole, step = self.all_changes.get(code), self.last_changes.get(code)
        points = self.track.eras[-1].points
        drawn = [stretch for stretch in stretches if stretch]
        return LanguageTrend(
            label=label(code),
            spark=trend_spark(drawn, scale, place - 1) if drawn else Markup(""),
            first=points[0].value(code),
            last=points[-1].value(code),
            since_first=whole,
            last_step=step,
            remark=self._remark(code),
        )

    def _remark(self, code: str) -> str:
        era = self.track.eras[-1]
        if era.points[-1].value(code) is None:
            return "no score in the last run"
        return "" if code in era.common else "not in the mean: not in all runs on the same data"


def _by_language(changes: TrackChanges) -> dict[str, Change]:
    return {change.language: change for change in changes.changes}


def _overall(changes: TrackChanges) -> Change | None:
    """The macro row; the only language's, where there is one."""
    first = changes.changes[:1]
    return first[0] if first and (first[0].language == MACRO or len(changes.changes) == 1) else None


def _only(found: dict[str, Change]) -> Change | None:
    return next(iter(found.values())) if len(found) == 1 else None


def _centred(values: Sequence[float], span: float) -> Axis:
    """An axis of a height of ``span`` round the values, so that equal changes look equal in every language."""
    middle = (min(values) + max(values)) / 2 if values else 0.0
    return Axis(low=middle - span / 2, high=middle + span / 2, step=span)
