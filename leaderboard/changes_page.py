"""What changed: a page, an Atom feed and a JSON feed with an entry a run, newest first."""

from __future__ import annotations

from leaderboard import feed
from leaderboard.changes_view import LATEST, change_entries
from leaderboard.folder import Writer
from leaderboard.jobs import Job
from leaderboard.pages import CHANGES, FEED
from leaderboard.rendering import Entry
from leaderboard.site_data import Site


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
