"""What changed: a page, an Atom feed and a JSON feed with an entry a run, newest first."""

from __future__ import annotations

from leaderboard.building.folder import Writer
from leaderboard.building.jobs import Job
from leaderboard.data.site_data import Site
from leaderboard.markup.pages import CHANGES, FEED
from leaderboard.trend import feed
from leaderboard.trend.changes_view import LATEST, change_entries
from leaderboard.views.rendering import Entry


def entries(_: Site) -> list[Entry]:
    return []


def jobs(site: Site) -> list[Job]:
    def make(writer: Writer) -> str:
        found = change_entries(site)
        writer.write(FEED, feed.atom(found, site.base_url))
        writer.write(feed.JSON_FEED, feed.json_feed(found, site.base_url))
        text = site.render(
            CHANGES, "changes.html.j2", changes=found, more=max(0, len(site.folders) - LATEST), policy=site.policy
        )
        writer.write(CHANGES, text)
        return ""

    return [Job(name="changes", digest=site.digest(site.policy.sha256, site.policy.name, site.base_url), make=make)]
