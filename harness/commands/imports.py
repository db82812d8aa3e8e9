"""``glotbench import``: other programs' results as run records."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.output import PATH, cache_folder, command_line


@click.group("import")
def import_() -> None:
    """Results of other programs as run records."""


@import_.command("mteb")
@click.argument("files", metavar="FILE...", type=PATH, nargs=-1, required=True)
@click.option("--model", default="", help="Name of the model; by default as the file or its folder says.")
@click.option("--out", type=PATH, default=Path("results"), show_default=True, help="Results folder.")
def import_mteb(files: tuple[Path, ...], model: str, out: Path) -> None:
    """mteb's result files, or folders of them.

    Prints the run folder's path, alone, on standard output. Scores are known without segments: they are shown and
    ranked, but no test can tell two of them apart.
    """
    from harness.mteb_results import imported_run

    click.echo(imported_run(files, model, out, cache_folder(), command_line()))
