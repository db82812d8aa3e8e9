"""``glotbench leaderboard``: static pages from records."""

from __future__ import annotations

import gc
from pathlib import Path

import click

from harness.commands.output import PATH, emit


@click.group()
def leaderboard() -> None:
    """Static pages from run records."""


@leaderboard.command("build")
@click.argument("results", metavar="[RESULTS...]", type=PATH, nargs=-1)
@click.option("--out", type=PATH, default=Path("site"), show_default=True, help="Folder of the site.")
@click.option("--policy", type=PATH, help="Gate policy for the pages about trends; by default that of 'gate policy'.")
@click.option("--base-url", default="", help="Address the site will have, for absolute links in its feed.")
def leaderboard_build(results: tuple[Path, ...], out: Path, policy: Path | None, base_url: str) -> None:
    """Build the site from every run below RESULTS (by default ./results). Prints the page's path."""
    from harness.errors import RecordError
    from harness.progress import TerminalProgress
    from harness.store import find_runs
    from leaderboard.site import build

    roots = results or (Path("results"),)
    runs = [run for root in roots for run in find_runs(root)]
    if not runs:
        raise RecordError(f"{', '.join(map(str, roots))}: no run record below; make one with 'glotbench run'")
    with TerminalProgress(thread=False) as progress:
        page = build(runs, out, policy=policy, base_url=base_url, progress=progress)
    emit(page, nl=True)
    gc.freeze()  # the process ends: to look through half a gigabyte for garbage would take another second
