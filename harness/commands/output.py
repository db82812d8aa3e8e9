"""What the commands share: printing, comma-separated options, where task files are."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.markup import plain_line, plain_lines

if TYPE_CHECKING:
    from harness.embedding_cache import EmbeddingCache
    from harness.task_file import TaskFile

PATH = click.Path(path_type=Path)
"""Type of every option that names a file or folder."""

TRUST_CODE = click.option(
    "--trust-task-code", "trust_code", is_flag=True, help="Let code run that lm-eval files in --tasks folders name."
)

CACHE_LIMIT = click.option(
    "--cache-limit",
    envvar="GLOTBENCH_CACHE_LIMIT",
    default="20GB",
    show_default=True,
    help="Most disk that the cache of embeddings may take; what was used longest ago goes first.",
)


LABELS = click.option(
    "--labels",
    multiple=True,
    metavar="NAME=FILE",
    help="File with a label a segment, such as document=docs.txt or domain=domains.txt; may be repeated.",
)


def say(text: str) -> None:
    """A remark, on standard error. Names and texts of others may stand in it."""
    click.echo(plain_lines(text), err=True)


def tell(text: str = "") -> None:
    """Lines for people, on standard output, harmless wherever they end up: logs of CI show escapes too."""
    click.echo(plain_lines(text))


def emit(text: object, *, nl: bool = False) -> None:
    """Data, on standard output: to programs and files as it is, but that UTF-8 holds it; to a terminal, harmless."""
    written = str(text).encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    click.echo(plain_lines(written) if sys.stdout.isatty() else written, nl=nl, color=True)  # or click would cut texts


def command_line() -> str:
    """The command as typed, for a record: without the secrets in it."""
    return without_secrets(" ".join(["glotbench", *sys.argv[1:]]))


def without_secrets(text: str) -> str:
    """A text to be printed or kept, without what looks like a secret or stands in a variable that is named like one."""
    from harness.redaction import environment_secrets, redacted

    return redacted(text, environment_secrets(os.environ))


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


def named_tasks(names: Sequence[str], folders: Sequence[Path], *, trust_code: bool = False) -> list[TaskFile]:
    """The tasks that are named on the command line.

    Args:
        folders: Users' folders of task files. trust_code: Whether code that files in them name may run.

    Raises:
        UserError: There is no such folder or task, or a file is wrong.
    """
    from harness.loader import load_tasks

    return load_tasks(names, task_folders(folders), trust_code=trust_code, cache=cache_folder())


def cache_folder() -> Path:
    """Where what takes long to make is kept between commands: ``GLOTBENCH_CACHE``, else in the user's cache."""
    if named := os.environ.get("GLOTBENCH_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "glotbench"


def embedding_cache(limit: str) -> EmbeddingCache:
    """The user's cache of sentence embeddings.

    Raises:
        UserError: ``limit`` is not a size.
    """
    from harness.embedding_cache import EmbeddingCache, size_in_bytes

    return EmbeddingCache(cache_folder() / "embeddings", size_in_bytes(limit))


def listed(text: str) -> tuple[str, ...]:
    """Parts of a comma-separated option."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def metric_list(text: str) -> list[str]:
    """Metrics of a comma-separated option; ``option=value`` after a comma belongs to the metric before it."""
    found: list[str] = []
    for part in listed(text):
        if found and "=" in part and ":" not in part.partition("=")[0]:
            found[-1] += f",{part}"
        else:
            found.append(part)
    return found


def label_files(options: Sequence[str]) -> dict[str, Path]:
    """``NAME=FILE`` options.

    Raises:
        UserError: One that is not of that form, or a name twice.
    """
    from harness.errors import UserError

    found: dict[str, Path] = {}
    for text in options:
        name, equals, path = text.partition("=")
        if not equals or not name or not path:
            raise UserError(f"--labels {text}: is not NAME=FILE; write for example document=docs.txt")
        if name in found or name in ("length", "flag"):
            raise UserError(f"--labels {text}: the name {name} is taken; give another one")
        found[name] = Path(path)
    return found


def print_table(header: list[str], rows: list[list[str]], right: Collection[int] = ()) -> None:
    """Columns by display width, so that wide and combining characters line up; those in ``right`` end together."""
    from rich.cells import cell_len

    lines = [[plain_line(cell) for cell in row] for row in [header, *rows]]
    widths = [max(cell_len(row[column]) for row in lines) for column in range(len(header))]
    for row in lines:
        cells = []
        for column, (text, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - cell_len(text))
            cells.append(space + text if column in right else text + space)
        tell("  ".join(cells).rstrip())
