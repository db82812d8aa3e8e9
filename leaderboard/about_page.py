"""What was measured, on which data, by which code, and how to repeat it."""

from __future__ import annotations

from leaderboard.building.folder import Writer
from leaderboard.building.jobs import Job
from leaderboard.data.site_data import Site
from leaderboard.views.rendering import Entry


def entries(_: Site) -> list[Entry]:
    return [Entry(page="about.html", title="About")]


def jobs(site: Site) -> list[Job]:
    def make(writer: Writer) -> str:
        text = site.render("about.html", "about.html.j2", runs=site.records, views=site.views, models=site.models)
        writer.write("about.html", text)
        return ""

    return [Job(name="about", digest=site.digest(), make=make)]
