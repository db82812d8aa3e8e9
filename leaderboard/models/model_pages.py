"""A page for every model: how does it do in every task and every language, and where does it stand out?"""

from __future__ import annotations

from harness.boards import Model
from leaderboard.building import paging
from leaderboard.building.folder import Writer
from leaderboard.building.jobs import Job
from leaderboard.data.model_pairs import others
from leaderboard.data.site_data import Site
from leaderboard.markup.pages import model_page
from leaderboard.models.model_view import ModelView
from leaderboard.models.parts import render_parts
from leaderboard.views.rendering import Entry


def entries(_: Site) -> list[Entry]:
    return []


def jobs(site: Site) -> list[Job]:
    """One a model."""
    digest = site.digest()
    return [_job(site, model, digest) for model in site.models]


def _job(site: Site, model: Model, digest: str) -> Job:
    def make(writer: Writer) -> str:
        page = model_page(model.title)
        stem = page.removesuffix(".html")
        own = ModelView(model, site.views)
        site.score_data.write_model(writer, stem, model)
        metrics = [(view, metric) for view in own.views for metric in view.metrics]
        many = bool(own.grid_views) and sum(len(view.labels) for view, _ in metrics) > paging.PAGE_ROWS
        sections = [((view, metric), view.rows(metric, model)) for view, metric in metrics if not many]
        render_parts(
            site,
            writer,
            page,
            "model.html.j2",
            sections,
            model=model,
            own=own,
            stem=stem,
            pairs=others(site.pairs, model),
            many=many,
        )
        return ""

    return Job(name=f"model {model.title}", digest=digest, make=make)
