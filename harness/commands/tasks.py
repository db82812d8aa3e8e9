"""``glotbench tasks``: list, show and validate task files."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.output import PATH, TRUST_CODE, emit, listed, named_tasks, print_table, say, task_folders, tell


@click.group()
def tasks() -> None:
    """List, show and validate task files."""


_SOURCES = ["glotbench", "lm-eval", "mteb", "all"]
_FOLDERS = click.option("--tasks", "folders", type=PATH, multiple=True, help="Folder of more task files.")


@tasks.command("list")
@_FOLDERS
@click.option("--source", type=click.Choice(_SOURCES), default="glotbench", show_default=True)
@click.option("--search", default="", help="Only tasks with this text in their name or description.")
def tasks_list(folders: tuple[Path, ...], source: str, search: str) -> None:
    """Every task with its kind, number of languages and description.

    Of lm-eval's tasks, groups and tags come first, then tasks that are in none of them; --search finds the others too.
    Of mteb's, those that can run here; what mteb itself must load is marked so.
    """
    from harness.commands.task_list import lm_eval_rows, mteb_rows, own_rows

    places = task_folders(folders)
    if source in ("glotbench", "all"):
        print_table(["task", "kind", "languages", "description"], own_rows(places, search))
    if source == "all":
        tell()
    if source in ("lm-eval", "all"):
        rows, inside = lm_eval_rows(folders, search)
        print_table(["task", "kind", "tasks", "languages"], rows)
        if inside:
            say(f"{inside} more tasks are in these groups and tags; --search TEXT finds them")
    if source == "all":
        tell()
    if source in ("mteb", "all"):
        rows, others = mteb_rows(search)
        print_table(["task", "kind", "languages", "loaded by"], rows)
        if others:
            say(f"{others} more cannot run here; 'glotbench tasks show mteb:NAME' says why")


@tasks.command("show")
@click.argument("name", metavar="TASK")
@_FOLDERS
@TRUST_CODE
def tasks_show(name: str, folders: tuple[Path, ...], trust_code: bool) -> None:
    """One task, whole: its file as loaded, languages spelled out. A group of lm-eval's may be several."""
    from harness.languages import find

    for number, task in enumerate(named_tasks([name], folders, trust_code=trust_code)):
        if number:
            tell()
        spec = task.spec
        tell(f"{spec.task}: {spec.description.strip()}")
        for label, value in (
            ("file", str(task.path)),
            ("kind", spec.kind),
            ("source", spec.source),
            ("license", spec.license),
            ("pivot", spec.pivot),
            ("lm-eval", spec.lm_eval),
            ("metrics", ", ".join(metric.label for metric in spec.metrics)),
            ("variants", ", ".join(spec.variants)),
            ("prompts", ", ".join(spec.prompts)),
        ):
            if value:
                tell(f"{label + ':':10}{value}")
        tell("languages:")
        for code, own in spec.languages.items():
            language = find(code)
            tell(f"  {code:10} {language.name}" + (f"  (in the data: {own})" if own != code else ""))


@tasks.command("validate")
@click.argument("names", metavar="[TASK|FILE...]", nargs=-1)
@_FOLDERS
@click.option("--data-root", type=PATH, help="Also read the data from here, and check it.")
@click.option("--languages", default="", help="Comma-separated codes whose data is read; by default all.")
@TRUST_CODE
def tasks_validate(
    names: tuple[str, ...], folders: tuple[Path, ...], data_root: Path | None, languages: str, trust_code: bool
) -> None:
    """Check task files (by default all): every mistake at once, with file and line.

    With --data-root the data is read too, and every prompt filled in with every row. What is a mistake ends the command
    with exit code 2; what may well be so in real data is a remark.
    """
    from harness.data_checks import check_data
    from harness.errors import DataError, SpecError, UserError
    from harness.languages import identify
    from harness.lm_eval_tasks import worth_a_look
    from harness.loader import task_names
    from harness.tasks.base import Selection

    if data_root is not None and not data_root.is_dir():
        raise DataError(f"--data-root {data_root}: no such folder")
    part = Selection(languages=tuple(identify(text).code for text in listed(languages)))
    wanted = names or task_names(task_folders(folders))
    problems: list[str] = []
    for name in wanted:
        try:
            found = named_tasks([name], folders, trust_code=trust_code)
            reports = [check_data(task, data_root, part) for task in found] if data_root is not None else []
            looks = [text for task in found for text in worth_a_look(task)]
        except SpecError as error:
            problems += error.problems
        except UserError as error:
            problems += str(error).splitlines()
        else:
            for report in reports:
                problems += report.problems
                looks += report.remarks
            for remark in looks:
                say(f"remark: {remark}")
    if problems:
        raise SpecError(problems)
    files = "1 task file is valid" if len(wanted) == 1 else f"{len(wanted)} task files are valid"
    tell(files + (" and the data is there" if data_root else ""))


@tasks.command("schema")
def tasks_schema() -> None:
    """JSON Schema of a task file, for editors."""
    import json

    from harness.schema import task_schema

    tell(json.dumps(task_schema(), indent=2, ensure_ascii=False))


@tasks.command("new")
@click.argument("kind")
@click.argument("name")
@click.option("--languages", default="eng_Latn,yor_Latn", show_default=True, help="Comma-separated codes.")
@click.option("--out", type=PATH, help="The file to write; by default NAME.yaml here. One that exists is left alone.")
def tasks_new(kind: str, name: str, languages: str, out: Path | None) -> None:
    """Write a first file for a task of some KIND, with remarks; it is valid as it stands.

    Prints the file's path, alone, on standard output.
    """
    from typing import get_args

    from harness.errors import UserError
    from harness.spec import Kind
    from harness.task_templates import new_task
    from metrics.spelling import did_you_mean

    kinds: tuple[Kind, ...] = get_args(Kind)
    found = next((known for known in kinds if known == kind), None)
    if found is None:
        raise UserError(f"no kind '{kind}'{did_you_mean(kind, kinds)}; there are {', '.join(kinds)}")
    path = out or Path(f"{name}.yaml")
    text = new_task(found, name, listed(languages), path.name)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as handle:
            handle.write(text)
    except FileExistsError as error:
        raise UserError(f"{path}: is there already; name another file with --out") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); check the folder") from error
    say(f"next: put the data where the file says, then: glotbench tasks validate {path} --data-root .")
    emit(path, nl=True)
