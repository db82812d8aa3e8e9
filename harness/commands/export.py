"""``glotbench export`` and ``glotbench doctor``: a run as a table, a run examined."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.output import PATH


@click.group()
def export() -> None:
    """Scores for other programs."""


@export.command("csv")
@click.argument("run_folder", metavar="RUN", type=PATH)
def export_csv(run_folder: Path) -> None:
    """One line a score, at full precision."""
    from harness.export import scores_csv
    from harness.store import RunFolder

    click.echo(scores_csv(RunFolder(run_folder).record), nl=False)


@click.command()
@click.argument("run_folder", metavar="RUN", type=PATH)
def doctor(run_folder: Path) -> None:
    """Check a run: the record, its checksums, and that every score follows from its statistics."""
    from harness.doctor import examine
    from harness.errors import RecordError
    from harness.store import RunFolder

    folder = RunFolder(run_folder)
    problems = list(examine(folder))
    if problems:
        raise RecordError("\n".join(problems))
    click.echo(f"{run_folder}: well; {len(folder.record.scores)} scores follow from their statistics")
