"""``glotbench demo``: the whole line on sample data."""

from __future__ import annotations

import os
from pathlib import Path

import click

from harness.commands.output import PATH, say, tell


@click.command()
@click.option("--out", type=PATH, default=Path("results/demo"), show_default=True, help="Where results and page go.")
@click.option(
    "--break",
    "broken",
    is_flag=False,
    flag_value="fra_Latn",
    help="Spoil one language (default French) to see the gate fail.",
)
def demo(out: Path, broken: str | None) -> int:
    """The whole line on sample data: real systems, a page, and a gate. No network."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from harness import gate_reports
    from harness.demo import demo as run_demo
    from harness.progress import TerminalProgress
    from harness.verdicts import exit_code

    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    with TerminalProgress() as progress:
        result = run_demo(out, home / "glotbench", progress, say, broken_language=broken)
    for line in gate_reports.gate_lines(result.report):
        tell(line)
    tell(f"run:  {result.run}")
    tell(f"page: {result.page.resolve()}")
    return exit_code(result.report)
