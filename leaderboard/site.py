"""Run folders -> a folder of static pages that opens by double click.

Wires what makes the pages; nothing in a page asks any host for anything. The same runs give the same bytes. A later
build into the same folder makes again what depends on what changed, removes the pages of the former one that no longer
exist, and touches no other file.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from harness.errors import UserError
from harness.types import Progress
from leaderboard import about_page
from leaderboard.alignment import alignment_pages
from leaderboard.building import jobs
from leaderboard.building.folder import SiteFolder, Writer
from leaderboard.building.jobs import Job, silent
from leaderboard.compare import compare_pages, comparisons
from leaderboard.compare.comparisons import Comparisons
from leaderboard.data.site_data import Site, site_data
from leaderboard.languages import language_pages, languages_index
from leaderboard.models import model_pages
from leaderboard.overview import overview
from leaderboard.segments import segment_pages
from leaderboard.tasks import task_pages
from leaderboard.trend import changes_page, trend_pages, trend_steps
from leaderboard.views.score_data import ScoreData

_STYLES = ("style.css", "segments.css", "compare.css", "alignment.css", "languages.css", "trend.css")
"""Put together into one sheet, in this order."""

_SCRIPTS = ("table.js", "segments.js", "languages.js")
_FAMILIES = (
    overview,
    languages_index,
    model_pages,
    language_pages,
    compare_pages,
    alignment_pages,
    trend_pages,
    changes_page,
    about_page,
    segment_pages,
)
"""Modules that make pages: each knows the links in the head it needs and the jobs that write its files."""


def build(
    runs: Sequence[Path],
    out: Path,
    *,
    workers: int | None = None,
    policy: Path | None = None,
    base_url: str = "",
    progress: Progress = silent,
) -> Path:
    """Write the leaderboard of one or more runs as static files.

    Args:
        runs: Run folders (or their ``run.json``); see ``harness.store.find_runs``.
        out: The folder to write; made when missing.
        workers: Processes at most; by default one a processor.
        policy: The gate policy that steps from run to run are judged by; by default the one that comes with glotbench.
        base_url: Where the site will be published, for the links of its feed; relative ones without it.
        progress: Is told what goes on.

    Returns:
        The path of ``index.html`` in ``out``.

    Raises:
        UserError: No run is named, or ``out`` is a file.
        RecordError: A run cannot be read.
        SpecError: The policy is wrong.
    """
    if not runs:
        raise UserError(f"{out}: no run to build a leaderboard of; name at least one folder that holds a run.json")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; name a folder for the site")
    try:
        site = site_data(runs, policy=policy, base_url=base_url, progress=progress)
        _build(site, SiteFolder(out), workers, progress)
    finally:
        gc.unfreeze()
    return out / "index.html"


def _build(site: Site, folder: SiteFolder, workers: int | None, progress: Progress) -> None:
    site.entries = [entry for family in _FAMILIES for entry in family.entries(site)]
    first = [*task_pages.jobs(site), *comparisons.jobs(site), *trend_steps.jobs(site)]
    summaries = jobs.run(folder, first, "ranking models", workers=workers, progress=progress)
    site.views = task_pages.views(site, summaries)
    site.score_data = ScoreData(site.boards)
    site.comparisons = Comparisons(site, summaries)
    site.steps = trend_steps.steps(site, summaries)
    pages = [_assets(site), *(job for family in _FAMILIES for job in family.jobs(site))]
    jobs.run(folder, pages, "writing pages", workers=workers, progress=progress)
    folder.finish()


def assets() -> dict[str, str]:
    """What pages load beside themselves: text by its path below the site."""
    return {"assets/style.css": "\n".join(map(_asset, _STYLES))} | {f"assets/{name}": _asset(name) for name in _SCRIPTS}


def _assets(site: Site) -> Job:
    def make(writer: Writer) -> str:
        for name, text in assets().items():
            writer.write(name, text)
        return ""

    return Job(name="assets", digest=site.digest(runs=()), make=make)


def _asset(name: str) -> str:
    return resources.files("leaderboard").joinpath("assets", name).read_text("utf-8")
