"""A page for every language: how does every model do in it, in every task?"""

from __future__ import annotations

from leaderboard.building import paging
from leaderboard.building.folder import Writer
from leaderboard.building.jobs import Job
from leaderboard.data.site_data import Site
from leaderboard.languages.language_view import LanguageView
from leaderboard.markup.labels import label
from leaderboard.markup.pages import language_page
from leaderboard.models.parts import render_parts
from leaderboard.views.rendering import Entry


def entries(_: Site) -> list[Entry]:
    return []


def jobs(site: Site) -> list[Job]:
    """One a language."""
    codes = sorted({side.code for view in site.views for row in view.labels for side in row.sides})
    digest = site.digest()
    return [_job(site, code, digest) for code in codes]


def _job(site: Site, code: str, digest: str) -> Job:
    def make(writer: Writer) -> str:
        page = language_page(code)
        stem = page.removesuffix(".html")
        rows = {row.code for view in site.views for row in view.rows_of(code)}
        site.score_data.write_languages(writer, stem, rows)
        own = LanguageView(code, site.views)
        scores = sum(len(view.rows_of(code)) * len(view.metrics) * len(view.board.models) for view in site.views)
        most = paging.LANGUAGE_MODELS if own.columns and scores > paging.PAGE_ROWS else None
        found = [(view, view.concerning(code, most)) for view in site.views]
        render_parts(
            site,
            writer,
            page,
            "language.html.j2",
            [(view, rows) for view, rows in found if rows],
            language=label(code).sides[0],
            stem=stem,
            own=own,
            most=most,
            without=[view for view, rows in found if not rows],
        )
        return ""

    return Job(name=f"language {code}", digest=digest, make=make)
