"""``glotbench tasks``: list, show and validate task files."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.output import PATH, listed, print_table, say, task_folders


@click.group()
def tasks() -> None:
    """List, show and validate task files."""


_FOLDERS = click.option("--tasks", "folders", type=PATH, multiple=True, help="Folder of more task files.")


@tasks.command("list")
@_FOLDERS
def tasks_list(folders: tuple[Path, ...]) -> None:
    """Every task with its kind, number of languages and description."""
    from harness.loader import load_tasks, task_index

    places = task_folders(folders)
    found = load_tasks(sorted(task_index(places)), places)
    rows = [
        [task.spec.task, task.spec.kind, str(len(task.spec.languages)), task.spec.description.strip()] for task in found
    ]
    print_table(["task", "kind", "languages", "description"], rows)


@tasks.command("show")
@click.argument("name", metavar="TASK")
@_FOLDERS
def tasks_show(name: str, folders: tuple[Path, ...]) -> None:
    """One task, whole: its file as loaded, languages spelled out."""
    from harness.languages import find
    from harness.loader import load_tasks

    task = load_tasks([name], task_folders(folders))[0]
    spec = task.spec
    click.echo(f"{spec.task}: {spec.description.strip()}")
    for label, value in (
        ("file", str(task.path)),
        ("kind", spec.kind),
        ("source", spec.source),
        ("license", spec.license),
        ("pivot", spec.pivot),
        ("metrics", ", ".join(metric.name for metric in spec.metrics)),
        ("variants", ", ".join(spec.variants)),
        ("prompts", ", ".join(spec.prompts)),
    ):
        if value:
            click.echo(f"{label + ':':10}{value}")
    click.echo("languages:")
    for code, own in spec.languages.items():
        language = find(code)
        click.echo(f"  {code:10} {language.name}" + (f"  (in the data: {own})" if own != code else ""))


@tasks.command("validate")
@click.argument("names", metavar="[TASK|FILE...]", nargs=-1)
@_FOLDERS
@click.option("--data-root", type=PATH, help="Also read the data from here, and check it.")
@click.option("--languages", default="", help="Comma-separated codes whose data is read; by default all.")
def tasks_validate(names: tuple[str, ...], folders: tuple[Path, ...], data_root: Path | None, languages: str) -> None:
    """Check task files (by default all): every mistake at once, with file and line.

    With --data-root the data is read too, and every prompt filled in with every row. What is a mistake ends the command
    with exit code 2; what may well be so in real data is a remark.
    """
    from harness.data_checks import check_data
    from harness.errors import DataError, SpecError, UserError
    from harness.languages import canonical
    from harness.loader import load_tasks, task_index
    from harness.tasks.base import Selection

    if data_root is not None and not data_root.is_dir():
        raise DataError(f"--data-root {data_root}: no such folder")
    places = task_folders(folders)
    part = Selection(languages=tuple(canonical(code) for code in listed(languages)))
    wanted = names or sorted(task_index(places))
    problems: list[str] = []
    for name in wanted:
        try:
            task = load_tasks([name], places)[0]
            report = check_data(task, data_root, part) if data_root is not None else None
        except SpecError as error:
            problems += error.problems
        except UserError as error:
            problems += str(error).splitlines()
        else:
            problems += report.problems if report else ()
            for remark in report.remarks if report else ():
                say(f"remark: {remark}")
    if problems:
        raise SpecError(problems)
    files = "1 task file is valid" if len(wanted) == 1 else f"{len(wanted)} task files are valid"
    click.echo(files + (" and the data is there" if data_root else ""))


@tasks.command("schema")
def tasks_schema() -> None:
    """JSON Schema of a task file, for editors."""
    import json

    from harness.schema import task_schema

    click.echo(json.dumps(task_schema(), indent=2, ensure_ascii=False))
