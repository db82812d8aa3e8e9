"""A page that may be too long for one file: its parts lead to each other."""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.building import paging
from leaderboard.building.folder import Writer
from leaderboard.data.site_data import Site
from leaderboard.markup.pages import numbered
from leaderboard.views.views import LanguageRow


def render_parts(
    site: Site,
    writer: Writer,
    page: str,
    template: str,
    sections: Sequence[tuple[object, Sequence[LanguageRow]]],
    **context: object,
) -> None:
    """Render sections of rows on as many pages as they need."""
    found = paging.paginate(sections)
    pages = [numbered(page, number) for number in range(1, len(found) + 1)]
    for name, sections_here in zip(pages, found, strict=True):
        writer.write(name, site.render(name, template, sections=sections_here, part_pages=pages, **context))
