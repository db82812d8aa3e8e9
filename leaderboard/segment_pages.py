"""A page for every model and language of a board whose run keeps texts: its segments, worst first."""

from __future__ import annotations

from leaderboard import paging
from leaderboard.folder import Writer
from leaderboard.jobs import Job
from leaderboard.labels import label
from leaderboard.pages import SegmentKey, segment_page
from leaderboard.rendering import Entry
from leaderboard.segments import fitting_texts, read, worst_first
from leaderboard.site_data import SegmentSource, Site
from leaderboard.views import BoardView

MAX_SEGMENTS = 200
"""Most rows of a segment page."""

MAX_FAILED = 50
"""Most failed segments among them."""


def entries(_: Site) -> list[Entry]:
    return []


def jobs(site: Site) -> list[Job]:
    """One a page."""
    by_board = {view.board.key: view for view in site.views}
    return [_job(site, key, source, by_board[key[1:4]]) for key, source in site.sources.items()]


def _job(site: Site, key: SegmentKey, source: SegmentSource, view: BoardView) -> Job:
    def make(writer: Writer) -> str:
        _write(site, writer, key, source, view)
        return ""

    own = [metric.table.cells.get((source.model, source.language)) for metric in view.metrics]
    return Job(
        name=f"segments {' / '.join(key)}",
        digest=site.digest(
            key, source.model, view.setting, [cell and cell.comparable for cell in own], runs=[source.folder]
        ),
        make=make,
    )


def _write(site: Site, writer: Writer, key: SegmentKey, source: SegmentSource, view: BoardView) -> None:
    facts = view.headline.facts
    segments = read(source.folder, source.unit)
    failed = [segment for segment in segments if segment.failed is not None]
    shown_failed = failed[:MAX_FAILED]
    scored = worst_first(segments, facts.metric, facts.higher_is_better)
    shown = fitting_texts([*scored[: MAX_SEGMENTS - len(shown_failed)], *shown_failed], paging.PAGE_TEXT)
    page = segment_page(key)
    text = site.render(
        page,
        "segments.html.j2",
        view=view,
        model=source.model,
        language=label(source.language),
        cells=[(metric, metric.table.cells.get((source.model, source.language))) for metric in view.metrics],
        scored=[segment for segment in shown if segment.failed is None],
        scored_total=len(scored),
        failed=[segment for segment in shown if segment.failed is not None],
        failed_total=len(failed),
        has={
            "source": any(segment.source is not None for segment in segments),
            "references": any(segment.references for segment in segments),
            "hypothesis": any(segment.hypothesis is not None for segment in segments),
        },
    )
    writer.write(page, text)
