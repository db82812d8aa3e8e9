"""What every run brought, in sentences: for the page, the feed, and as data."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.boards import digits_of, named_models
from harness.changes import Change
from harness.pairing import MACRO
from harness.run_news import Lead, RunNews, run_news
from harness.series import Point, Series, Track, identity_changes, in_order, moment
from leaderboard.data.site_data import Site
from leaderboard.data.step_results import Steps
from leaderboard.drawing import figures
from leaderboard.markup.labels import label
from leaderboard.markup.pages import trend_page
from leaderboard.markup.text import plain, short_hash
from leaderboard.trend.trend_runs import SYMBOLS

LATEST = 100
"""Most entries, the latest runs."""

_NAMED = 5
_LINES = 40


@dataclass(frozen=True, slots=True)
class Name:
    """A part of a sentence that somebody else wrote: a model's, a task's, a run's name."""

    text: str


Sentence = tuple[str | Name, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One run.

    Attributes:
        id: The same for this run in every site and build. anchor: Its place in the page.
        created: RFC 3339. alert: Whether something got worse.
    """

    id: str
    anchor: str
    run: str
    created: str
    title: Sentence
    sentences: tuple[Sentence, ...]
    alert: bool
    pages: tuple[tuple[str, str], ...]


def said(sentence: Sentence) -> str:
    """As plain text that is safe to look at."""
    return plain("".join(part.text if isinstance(part, Name) else part for part in sentence))


def change_entries(site: Site) -> list[Entry]:
    """The latest runs, newest first."""
    records = site.records
    order = in_order(records, [folder.digest for folder in site.folders])
    titles = {key: model.title for key, model in named_models(records).items()}
    news = run_news(records, order, titles, LATEST)
    told = {one.run for one in news}
    steps: dict[int, list[tuple[Series, Track, Point, Point | None]]] = {}
    for series in site.series:
        for track in series.tracks:
            for earlier, later in pairwise(track.points):
                if later.run in told:
                    era = next(era for era in track.eras if later in era.points)
                    before = earlier if earlier in era.points else None
                    steps.setdefault(later.run, []).append((series, track, later, before))
    return [_entry(site, one, steps.get(one.run, []), first=one.run == order[0]) for one in reversed(news)]


def _entry(
    site: Site, news: RunNews, steps: Sequence[tuple[Series, Track, Point, Point | None]], *, first: bool
) -> Entry:
    folder = site.folders[news.run]
    record = folder.record
    gates = [
        (model, verdict)
        for model in dict.fromkeys(series.model for series, *_ in steps)
        for _, verdict in site.steps.gates.get((model, news.run), ())
    ]
    changes = [_step(site.steps, *step) for step in steps]
    sentences: list[Sentence] = []
    for model, verdict in gates:
        counted = ", ".join(f"{n} {kind}" for kind, n in verdict.counts)
        why = f" ({counted})" if counted else ""
        sentences.append(("Gate: ", Name(model), f" {SYMBOLS[verdict.outcome]} {verdict.outcome}{why}."))
    sentences += _told(changes)
    sentences += _identity(site, news.run, steps)
    if not first:
        sentences += _new("New model", news.new_models) + _new("New task", news.new_tasks)
        sentences += _new("New language", [label(code).name for code in news.new_languages])
    sentences += [_lead(lead) for lead in sorted(news.leads, key=lambda lead: lead.leader == lead.before)]
    if len(sentences) > _LINES:
        sentences = [*sentences[:_LINES], (f"And {len(sentences) - _LINES} more.",)]
    worse = any("worse" in change.verdicts for change in changes) or any(
        verdict.outcome == "regressed" for _, verdict in gates
    )
    models = dict.fromkeys(series.model for series, *_ in steps)
    return Entry(
        id=uuid.uuid5(uuid.NAMESPACE_OID, f"glotbench run {folder.digest}").urn,
        anchor=f"r-{short_hash(folder.digest)}",
        run=record.run_id,
        created=moment(record.created).isoformat(),
        title=(*_names(news.models), " on ", *_names(news.tasks)),
        sentences=tuple(sentences),
        alert=worse,
        pages=tuple((model, trend_page(model)) for model in models),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What happened to one model in one task by one metric; ``verdicts`` are those of the mean and the languages."""

    about: Sentence
    said: str
    verdicts: frozenset[str]


def _step(steps: Steps, series: Series, track: Track, later: Point, earlier: Point | None) -> _Step:
    task, _, prompt, _ = track.family
    setting = (" (", Name(prompt), ")") if prompt else ()
    about = (Name(series.model), " on ", Name(task), *setting, f", {track.facts.title}")
    if earlier is None:
        return _Step(about=about, said="not comparable with the run before", verdicts=frozenset({"not comparable"}))
    found = steps.between(series.model, track, later, earlier).changes
    own = [change for change in found if change.language != MACRO]
    overall = next((change for change in found if change.language == MACRO), own[0] if len(own) == 1 else None)
    digits = digits_of(track.facts) + 1
    parts: list[str] = []
    if overall is not None and overall.delta is not None:
        parts.append(f"{overall.verdict}, {_signed(overall.delta, digits)}{_interval(overall, digits)}")
    for verdict in ("worse", "better"):
        hit = sorted((one for one in own if one.verdict == verdict), key=lambda one: -abs(one.delta or 0.0))
        if hit and len(own) > 1:
            named = ", ".join(f"{label(one.language).name} {_signed(one.delta or 0.0, digits)}" for one in hit[:_NAMED])
            more = f" and {len(hit) - _NAMED} more" if len(hit) > _NAMED else ""
            parts.append(f"{verdict} in {len(hit)} of {len(own)} ({named}{more})")
    return _Step(about=about, said="; ".join(parts), verdicts=frozenset(change.verdict for change in found))


def _told(steps: Sequence[_Step]) -> list[Sentence]:
    """What got worse, then what got better, then what else there is to say; what stayed is only counted."""
    first = [step for step in steps if "worse" in step.verdicts]
    second = [step for step in steps if "better" in step.verdicts and step not in first]
    third = [step for step in steps if "not comparable" in step.verdicts]
    told = [*first, *second, *third]
    found: list[Sentence] = [(*step.about, f": {step.said}.") for step in told]
    rest = [step for step in steps if step not in told]
    if rest:
        listed = [part for step in rest[:_NAMED] for part in ("; ", *step.about)][1:]
        more = f" and {len(rest) - _NAMED} more" if len(rest) > _NAMED else ""
        found.append(("No difference shown: ", *listed, f"{more}."))
    return found


def _identity(site: Site, run: int, steps: Sequence[tuple[Series, Track, Point, Point | None]]) -> list[Sentence]:
    """Models that are other systems than in the run before."""
    found: list[Sentence] = []
    for series in {series.model: series for series, *_ in steps}.values():
        before = series.runs[series.runs.index(run) - 1]
        changed = identity_changes(site.folders[before].record, site.folders[run].record, series.model)
        if changed:
            what = [part for name, _, _ in changed[:_NAMED] for part in (", ", Name(name))][1:]
            found.append((Name(series.model), " is another system than before: other ", *what, "."))
    return found


def _lead(lead: Lead) -> Sentence:
    task, variant, prompt = lead.setting
    setting = [part for name in (variant, prompt) if name for part in (", ", Name(name))]
    score = f"{figures.number(lead.mean, digits_of(lead.metric))} {lead.metric.title}"
    over = f"{lead.languages} {'language' if lead.languages == 1 else 'languages'}"
    if lead.models == 1:
        return (Name(lead.leader), " is the only model on ", Name(task), *setting, f": {score}, mean over {over}.")
    words = " still leads " if lead.leader == lead.before else " now leads " if lead.before else " leads "
    before = (", before it ", Name(lead.before)) if lead.before and lead.before != lead.leader else ()
    return (
        *(Name(lead.leader), words, Name(task), *setting, " by mean"),
        *(f" over {over}, {lead.models} models: {score}", *before, "."),
    )


def _new(what: str, names: Sequence[str]) -> list[Sentence]:
    plural = "" if len(names) == 1 else "s"
    return [(f"{what}{plural}: ", *_names(names), ".")] if names else []


def _names(names: Sequence[str]) -> Sentence:
    more = (f" and {len(names) - _NAMED} more",) if len(names) > _NAMED else ()
    listed: list[str | Name] = [part for name in names[:_NAMED] for part in (", ", Name(name))]
    return (*listed[1:], *more) if names else ("nothing",)


def _signed(value: float, digits: int) -> str:
    text = figures.number(value, digits)
    return f"+{text}" if text[0].isdigit() and text.strip("0.") else text


def _interval(change: Change, digits: int) -> str:
    if change.low is None or change.high is None:
        return ""
    return f" ({_signed(change.low, digits)} to {_signed(change.high, digits)})"
