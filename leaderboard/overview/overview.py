"""The first page: every task's models in order, and its scores by language as far as they fit."""

from __future__ import annotations

from harness.groups import together
from leaderboard.building import paging
from leaderboard.building.folder import Writer
from leaderboard.building.jobs import Job
from leaderboard.data.site_data import Site
from leaderboard.overview.overview_view import OverviewTable
from leaderboard.views import exports
from leaderboard.views.rendering import Entry


def entries(_: Site) -> list[Entry]:
    return [Entry(page="index.html", title="Overview")]


def jobs(site: Site) -> list[Job]:
    def make(writer: Writer) -> str:
        _write(site, writer)
        return ""

    return [Job(name="overview", digest=site.digest(), make=make)]


def _write(site: Site, writer: Writer) -> None:
    views, records = site.views, site.records
    rows = [
        dict(zip(exports.STANDING_COLUMNS, (*texts, *numbers), strict=True))
        for view in views
        for metric in view.metrics
        for texts, numbers in exports.all_standings(view, metric)
    ]
    exports.write_rows(writer, "overview", exports.STANDING_COLUMNS, rows)
    table = OverviewTable(views, site.models)
    exports.write_rows(writer, "models", table.data_columns, table.data())
    shown = [column.shown for column in table.columns]
    languages = {side.code for view in views for row in view.labels for side in row.sides}
    text = site.render(
        "index.html",
        "index.html.j2",
        views=views,
        table=table,
        tasks=len({view.board.task.name for view in views}),
        models=site.models,
        languages=len(languages),
        segments=sum(cell.score.n for view in views for cell in view.headline.table.cells),
        imported=sum(
            not cell.score.segments and records[cell.run].imported is not None
            for view in views
            for table in view.board.metrics
            for cell in table.cells
        ),
        incomplete=[record.run_id for record in records if not record.complete],
        groups=together(group for view in views for group in view.groups),
        grids=paging.fitting(
            [(view.headline.id, len(view.labels), len(view.board.models)) for view in shown if not view.is_matrix],
            limit=paging.OVERVIEW_CELLS,
        ),
        shown=paging.standings_shown(len(shown), limit=paging.OVERVIEW_STANDINGS),
    )
    writer.write("index.html", text)
