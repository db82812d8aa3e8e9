"""The pages about trends: every model name that stands in several runs, and a page for each. Did it get worse?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.series import Series
from leaderboard.building import paging
from leaderboard.building.folder import Writer
from leaderboard.building.jobs import Job
from leaderboard.data.site_data import Site
from leaderboard.markup.pages import TREND, numbered, trend_data, trend_page
from leaderboard.trend.trend_exports import TREND_COLUMNS, gate_rows, trend_rows
from leaderboard.trend.trend_languages import LanguageTrend
from leaderboard.trend.trend_runs import Judged, RunView, judged, run_views
from leaderboard.trend.trend_steps import RUNS_TESTED, STEPS_TESTED
from leaderboard.trend.trend_view import TrackView
from leaderboard.views import exports
from leaderboard.views.rendering import Entry

TRACKS_SHOWN = 600
"""Most rows of the first page; one is about 1.5 kB."""

CHARTS = 12
"""Most charts there."""

_PAGE_TRACKS = 30
_PAGE_ROWS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesView:
    """One model name: its runs, what the gate said about each, its tracks with the headline metrics named."""

    model: str
    page: str
    runs: Mapping[int, RunView]
    judged: Mapping[int, Sequence[Judged]]
    tracks: Sequence[TrackView]
    headlines: Sequence[TrackView]

    @property
    def latest(self) -> RunView:
        return list(self.runs.values())[-1]

    @property
    def first(self) -> RunView:
        return next(iter(self.runs.values()))

    @property
    def last_judged(self) -> Sequence[Judged]:
        return self.judged.get(self.latest.run, ())

    @property
    def untested(self) -> int:
        """Runs that are too old to be compared on segments and judged."""
        return sum(run not in self.judged for run in list(self.runs)[1:])


def entries(site: Site) -> list[Entry]:
    return [Entry(page=TREND, title="Trend")] if site.series else []


def jobs(site: Site) -> list[Job]:
    """The first page, and one a model name."""
    if not site.series:
        return []
    return [_overview(site), *(_job(site, own) for own in site.series)]


def view_of(site: Site, series: Series) -> SeriesView:
    """A series with everything that is known of it, ready to show."""
    runs = run_views(site, series)
    order = {
        (*board.key, table.facts.metric): (place, number)
        for place, board in enumerate(site.boards)
        for number, table in enumerate(board.metrics)
    }
    tracks = sorted(series.tracks, key=lambda track: order[track.family])
    views = [TrackView(series.model, track, runs, site.steps) for track in tracks]
    headlines = list({view.track.family[:3]: view for view in reversed(views)}.values())[::-1]
    return SeriesView(
        model=series.model,
        page=trend_page(series.model),
        runs=runs,
        judged=judged(site, site.steps, series.model, runs),
        tracks=views,
        headlines=headlines,
    )


def _overview(site: Site) -> Job:
    def make(writer: Writer) -> str:
        views = [view_of(site, own) for own in site.series]
        rows = [(view, track) for view in views for track in view.headlines]
        text = site.render(
            TREND,
            "trend.html.j2",
            rows=rows[:TRACKS_SHOWN],
            left_out=max(0, len(rows) - TRACKS_SHOWN),
            charts=CHARTS,
            series=views,
            policy=site.policy,
        )
        writer.write(TREND, text)
        return ""

    return Job(name="trend", digest=_digest(site, *site.series), make=make)


def _job(site: Site, series: Series) -> Job:
    def make(writer: Writer) -> str:
        _write(site, writer, view_of(site, series))
        return ""

    return Job(name=f"trend {series.model}", digest=_digest(site, series), make=make)


def _digest(site: Site, *series: Series) -> str:
    """Of the runs, and of what is linked: a page of segments is that of the latest run of a system."""
    runs = dict.fromkeys(run for own in series for run in own.runs)
    names = {own.model for own in series}
    linked = sorted((*key, source.folder.digest) for key, source in site.sources.items() if source.model.name in names)
    order = [(board.key, [table.facts.metric for table in board.metrics]) for board in site.boards]
    return site.digest(site.policy.sha256, site.policy.name, linked, order, runs=[site.folders[run] for run in runs])


def _write(site: Site, writer: Writer, view: SeriesView) -> None:
    """The pages of a model name, and its data."""
    stem = view.page.removesuffix(".html")
    tasks: dict[str, list[TrackView]] = {}
    for track in view.tracks:
        tasks.setdefault(track.task, []).append(track)
    data = {stem: trend_rows(view.tracks, means_only=True)}
    data |= {trend_data(view.model, task): trend_rows(own) for task, own in tasks.items()}
    for name, rows in data.items():
        exports.write_rows(writer, name, TREND_COLUMNS, rows)
    writer.write(f"{stem}-gate.json", exports.as_json(gate_rows(site.policy, view.runs, view.judged)))
    parts = _parts(view.tracks)
    pages = [numbered(view.page, number) for number in range(1, len(parts) + 1)]
    for name, sections in zip(pages, parts, strict=True):
        text = site.render(
            name,
            "trend_model.html.j2",
            view=view,
            sections=sections,
            part_pages=pages,
            stem=stem,
            data={task: trend_data(view.model, task) for task in tasks},
            policy=site.policy,
            steps_tested=STEPS_TESTED,
            runs_tested=RUNS_TESTED,
            pivots={board.key: board.pivot for board in site.boards},
        )
        writer.write(name, text)


def _parts(tracks: Sequence[TrackView]) -> list[list[tuple[TrackView, Sequence[LanguageTrend]]]]:
    """Tracks with their languages, on as many pages as they need."""
    sections = [(track, track.languages) for track in tracks]
    return [
        part
        for start in range(0, len(sections), _PAGE_TRACKS)
        for part in paging.paginate(sections[start : start + _PAGE_TRACKS], _PAGE_ROWS)
    ]
