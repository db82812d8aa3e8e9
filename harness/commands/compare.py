"""``glotbench compare``: every pair of systems."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from harness.commands.output import PATH, emit, listed, tell

if TYPE_CHECKING:
    from harness.compare import Correction

FORMATS = click.Choice(["table", "markdown", "matrix", "json", "csv"])
CORRECTIONS = {
    "bh": "Benjamini-Hochberg's correction over languages",
    "holm": "Holm's correction over languages",
    "none": "without correction",
}
LISTED = 5
"""Worst segments that are kept of every language where nobody says how many."""


@click.command()
@click.argument("runs", metavar="RUN...", type=PATH, nargs=-1, required=True)
@click.option("--models", default="", help="Comma-separated names of the only systems to compare.")
@click.option("--correction", type=click.Choice(["bh", "holm", "none"]), default="bh", show_default=True)
@click.option("--format", "form", type=FORMATS, default="table", show_default=True)
@click.option(
    "--worst",
    type=click.IntRange(min=0),
    help="Worst segments to show of every language; without it three, of the languages that lost most.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the resampling.")
def compare(runs: tuple[Path, ...], models: str, correction: str, form: str, worst: int | None, seed: int) -> None:
    """Compare every pair of systems in the runs: paired, per language, corrected for many tests.

    The later system is judged against the earlier one. What the columns say: docs/statistics.md.
    """
    from harness import reports
    from harness.compare import CompareOptions
    from harness.compare import compare as compare_runs
    from harness.store import RunFolder

    found = compare_runs(
        [RunFolder(path) for path in runs],
        models=listed(models),
        seed=seed,
        options=CompareOptions(correction=cast("Correction", correction), worst=LISTED if worst is None else worst),
    )
    if form == "csv":
        from harness.export import csv_text

        _, *rows = reports.comparison_rows(found)
        emit(csv_text(reports.COMPARE_COLUMNS, rows))
    elif form == "matrix":
        from harness.significance import matrices, matrices_markdown

        emit(matrices_markdown(matrices(found), CORRECTIONS[correction]))
    elif form == "json":
        emit(reports.comparison_json(found))
    elif form == "markdown":
        emit(reports.comparison_markdown(found, worst=worst))
    else:
        from harness.comparison_lines import comparison_lines

        tell("\n".join(comparison_lines(found, worst=worst)))
