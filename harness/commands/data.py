"""``glotbench data``: bring data sets to a local folder, check them, say where they are read from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.commands.output import PATH, TRUST_CODE, listed, named_tasks, print_table, say, tell

if TYPE_CHECKING:
    from harness.tasks.base import Selection


@click.group()
def data() -> None:
    """Fetch data sets into a local folder, check what is there, and say where tasks read from."""


_FOLDERS = click.option("--tasks", "folders", type=PATH, multiple=True, help="Folder of more task files.")
_LANGUAGES = click.option("--languages", default="", help="Comma-separated codes; by default all of the task's.")
_VARIANTS = click.option("--variants", default="", help="Comma-separated variants; by default all.")


@data.command("fetch")
@click.argument("names", metavar="TASK...", nargs=-1, required=True)
@click.option("--data-root", type=PATH, required=True, help="Folder to fill; made where it is missing.")
@_LANGUAGES
@_VARIANTS
@_FOLDERS
@TRUST_CODE
def data_fetch(
    names: tuple[str, ...],
    data_root: Path,
    languages: str,
    variants: str,
    folders: tuple[Path, ...],
    trust_code: bool,
) -> None:
    """Bring the data of TASK... into a folder, for --data-root on machines without network.

    The same command again goes on where an earlier one ended. Prints the files that were fetched; MANIFEST.json in the
    folder says where each came from, with its sha256.
    """
    from harness.errors import DataError
    from harness.fetch import fetch
    from harness.progress import TerminalProgress

    tasks = named_tasks(names, folders, trust_code=trust_code)
    with TerminalProgress() as progress:
        report = fetch(tasks, _selection(languages, variants), data_root, progress)
    for name in report.fetched:
        tell(name)
    say(f"{len(report.fetched)} files fetched, {len(report.kept)} were there already: {data_root}")
    if report.problems:
        raise DataError("\n".join(report.problems))


@data.command("verify")
@click.argument("names", metavar="[TASK...]", nargs=-1)
@click.option("--data-root", type=PATH, required=True, help="Folder that 'data fetch' filled.")
@_LANGUAGES
@_VARIANTS
@_FOLDERS
@TRUST_CODE
def data_verify(
    names: tuple[str, ...],
    data_root: Path,
    languages: str,
    variants: str,
    folders: tuple[Path, ...],
    trust_code: bool,
) -> None:
    """Check the sha256 of every file of the manifest, and that the data of TASK... is all there."""
    from harness.errors import DataError
    from harness.places import verify

    _must_be_folder(data_root)
    tasks = named_tasks(names, folders, trust_code=trust_code)
    right, problems, remarks = verify(tasks, _selection(languages, variants), data_root)
    for remark in remarks:
        say(f"remark: {remark}")
    if problems:
        raise DataError("\n".join(problems))
    tell(f"{right} files are as they were fetched" + (f"; the data of {', '.join(names)} is there" if names else ""))


@data.command("path")
@click.argument("names", metavar="TASK...", nargs=-1, required=True)
@click.option("--data-root", type=PATH, help="Local data.")
@_LANGUAGES
@_VARIANTS
@_FOLDERS
@TRUST_CODE
def data_path(
    names: tuple[str, ...],
    data_root: Path | None,
    languages: str,
    variants: str,
    folders: tuple[Path, ...],
    trust_code: bool,
) -> None:
    """Where each language and split of TASK... is read from."""
    from harness.errors import DataError
    from harness.places import places

    if data_root is not None:
        _must_be_folder(data_root)
    found = list(places(named_tasks(names, folders, trust_code=trust_code), _selection(languages, variants), data_root))
    rows = [[place.task, place.variant, place.language, place.split, str(place)] for place in found if place.source]
    if rows:
        print_table(["task", "variant", "language", "split", "read from"], rows)
    problems = dict.fromkeys(place.problem for place in found if place.source is None)
    if problems:
        raise DataError("\n".join(problems))


def _selection(languages: str, variants: str) -> Selection:
    from harness.languages import identify
    from harness.tasks.base import Selection

    return Selection(languages=tuple(identify(text).code for text in listed(languages)), variants=listed(variants))


def _must_be_folder(data_root: Path) -> None:
    from harness.errors import DataError

    if not data_root.is_dir():
        raise DataError(f"--data-root {data_root}: no such folder")
