"""``glotbench tasks``: list, show and validate task files."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.output import PATH, print_table, task_folders


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
def tasks_validate(names: tuple[str, ...], folders: tuple[Path, ...], data_root: Path | None) -> None:
    """Check task files (by default all): every mistake at once, with file and line."""
    from harness.errors import SpecError
    from harness.loader import load_tasks, task_index
    from harness.runner import check_data

    places = task_folders(folders)
    problems: list[str] = []
    checked = 0
    for name in names or sorted(task_index(places)):
        try:
            task = load_tasks([name], places)[0]
            if data_root is not None:
                check_data(task, data_root)
            checked += 1
        except SpecError as error:
            problems.extend(error.problems)
    if problems:
        raise SpecError(problems)
    click.echo(f"{checked} task files are valid" + (" and their data is there" if data_root else ""))


@tasks.command("schema")
def tasks_schema() -> None:
    """JSON Schema of a task file, for editors."""
    import json

    from harness.schema import task_schema

    click.echo(json.dumps(task_schema(), indent=2, ensure_ascii=False))
