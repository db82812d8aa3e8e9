"""``glotbench compare``: every pair of systems."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from harness.commands.output import PATH, emit, listed

if TYPE_CHECKING:
    from harness.compare import Correction

FORMATS = click.Choice(["markdown", "matrix", "json", "csv"])
CORRECTIONS = {
    "bh": "Benjamini-Hochberg's correction over languages",
    "holm": "Holm's correction over languages",
    "none": "without correction",
}


@click.command()
@click.argument("runs", metavar="RUN...", type=PATH, nargs=-1, required=True)
@click.option("--models", default="", help="Comma-separated names of the only systems to compare.")
@click.option("--correction", type=click.Choice(["bh", "holm", "none"]), default="bh", show_default=True)
@click.option("--format", "form", type=FORMATS, default="markdown", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the resampling.")
def compare(runs: tuple[Path, ...], models: str, correction: str, form: str, seed: int) -> None:
    """Compare every pair of systems in the runs: paired, per language, corrected for many tests."""
    from harness import reports
    from harness.compare import CompareOptions
    from harness.compare import compare as compare_runs
    from harness.export import csv_text
    from harness.store import RunFolder

    found = compare_runs(
        [RunFolder(path) for path in runs],
        models=listed(models),
        seed=seed,
        options=CompareOptions(correction=cast("Correction", correction)),
    )
    if form == "csv":
        header, *rows = reports.comparison_rows(found)
        emit(csv_text(header, rows))
    elif form == "matrix":
        from harness.significance import matrices, matrices_markdown

        emit(matrices_markdown(matrices(found), CORRECTIONS[correction]))
    else:
        render = reports.comparison_json if form == "json" else reports.comparison_markdown
        emit(render(found).rstrip("\n"), nl=True)
