"""``glotbench import``: other programs' results as run records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from harness.commands.output import PATH, TRUST_CODE, cache_folder, command_line, emit, listed, say, task_folders

if TYPE_CHECKING:
    from harness.exchange.tables import Scale


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

    emit(imported_run(files, model, out, cache_folder(), command_line()), nl=True)


@import_.command("lm-eval")
@click.argument("files", metavar="PATH...", type=PATH, nargs=-1, required=True)
@click.option("--model", default="", help="Name of the model; by default as the file says.")
@click.option(
    "--task", "tasks", default="", help="Comma-separated tasks or groups, ours or lm-eval's, to read names as."
)
@click.option(
    "--tasks", "folders", type=PATH, multiple=True, help="Folder of lm-eval files of your own; may be repeated."
)
@TRUST_CODE
@click.option("--out", type=PATH, default=Path("results"), show_default=True, help="Results folder.")
def import_lm_eval(
    files: tuple[Path, ...], model: str, tasks: str, folders: tuple[Path, ...], trust_code: bool, out: Path
) -> None:
    """lm-eval's results_*.json with the samples_*.jsonl beside them, or folders of them.

    With samples (lm_eval --log_samples) intervals, compare and gate work as with a run of ours. Prints the run folder's
    path, alone, on standard output.
    """
    from harness.exchange import lm_eval_import
    from harness.exchange.lm_eval_known import KnownTasks
    from harness.resources import shipped_tasks

    task_folders(folders)
    known = KnownTasks(folders, shipped_tasks(), cache_folder(), trusted=trust_code)
    options = lm_eval_import.LmEvalOptions(model=model, tasks=listed(tasks))
    emit(lm_eval_import.import_lm_eval(files, out, command_line(), known, options), nl=True)


@import_.command("sacrebleu")
@click.argument("files", metavar="PATH...", type=PATH, nargs=-1, required=True)
@click.option("--task", default="", help="What was translated; by default the file's name.")
@click.option("--language", default="", help="Direction, such as eng-yor, or the language translated into.")
@click.option("--model", default="", help="The system, where the file is of one.")
@click.option("--out", type=PATH, default=Path("results"), show_default=True, help="Results folder.")
def import_sacrebleu(files: tuple[Path, ...], task: str, language: str, model: str, out: Path) -> None:
    """sacrebleu's JSON: one score, several metrics, or systems side by side (--paired-bs, --paired-ar).

    Scores come without segments; an interval is what sacrebleu reported. Prints the run folder's path, alone, on
    standard output.
    """
    from harness.exchange import sacrebleu_scores

    options = sacrebleu_scores.ScoreOptions(task=task, language=language, model=model)
    emit(sacrebleu_scores.import_sacrebleu(files, out, command_line(), options), nl=True)


@import_.command("csv")
@click.argument("files", metavar="FILE...", type=PATH, nargs=-1, required=True)
@click.option("--columns", default="", metavar="ROLE=HEADER,...", help="Which column is what, e.g. model=System.")
@click.option("--ignore", default="", help="Comma-separated headers of columns to leave out.")
@click.option("--model", default="", help="Model of a table without a column for it.")
@click.option("--task", default="", help="Task of a table without a column for it; by default the file's name.")
@click.option("--language", default="", help="Language of a long table without a column for it.")
@click.option("--metric", default="", help="Metric of a table without a column for it, ours or any name [score].")
@click.option("--prompt", default="", help="Prompt of a table without a column for it.")
@click.option("--variant", default="", help="Variant of a table without a column for it.")
@click.option("--scale", type=click.Choice(["auto", "1", "100", "raw"]), default="auto", show_default=True)
@click.option("--rename", multiple=True, metavar="OLD=NEW", help="Another name for a model; may be repeated.")
@click.option("--out", type=PATH, default=Path("results"), show_default=True, help="Results folder.")
def import_csv(
    files: tuple[Path, ...], columns: str, ignore: str, scale: str, rename: tuple[str, ...], out: Path, **given: str
) -> None:
    """Tables of scores: long (a column of scores) or wide (a column for each language), .csv or .tsv.

    Scores are 0-1 where none of a table is above 1, else 0-100, unless --scale says otherwise. An empty cell is a
    missing score. Prints the run folder's path, alone, on standard output.
    """
    from harness.exchange.tables import TableOptions, import_tables

    options = TableOptions(
        columns=_pairs("--columns", listed(columns)),
        given={role: text for role, text in given.items() if text},
        ignore=listed(ignore),
        scale=cast("Scale", scale),
        rename=_pairs("--rename", rename),
    )
    folder, remarks = import_tables(files, out, command_line(), options)
    for remark in remarks:
        say(remark)
    emit(folder, nl=True)


def _pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    """``NAME=VALUE`` texts.

    Raises:
        UserError: One is not of that form.
    """
    from harness.errors import UserError

    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise UserError(f"{option} {text}: is not NAME=VALUE")
        found[name] = value
    return found
