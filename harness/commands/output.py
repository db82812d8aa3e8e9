"""What the commands share: printing, comma-separated options, where task files are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

PATH = click.Path(path_type=Path)
"""Type of every option that names a file or folder."""


def say(text: str) -> None:
    """A remark, on standard error."""
    click.echo(text, err=True)


def task_folders(folders: Sequence[Path]) -> list[Path]:
    """Folders of task files: those named, then the shipped one.

    Raises:
        UserError: There is no such folder.
    """
    from harness.errors import UserError
    from harness.resources import shipped_tasks

    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"--tasks {folder}: no such folder")
    return [*folders, shipped_tasks()]


def listed(text: str) -> tuple[str, ...]:
    """Parts of a comma-separated option."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def print_table(header: list[str], rows: list[list[str]]) -> None:
    """Columns by display width, so that wide and combining characters line up."""
    from rich.cells import cell_len

    widths = [max(cell_len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row in [header, *rows]:
        cells = [text + " " * (width - cell_len(text)) for text, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())
