"""``glotbench export`` and ``glotbench doctor``: a run as a table, a run examined."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.output import PATH, cache_folder


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


@export.command("mteb")
@click.argument("run_folder", metavar="RUN", type=PATH)
@click.option("--out", type=PATH, required=True, help="Folder; files go to MODEL/REVISION/TASK.json in it.")
def export_mteb(run_folder: Path, out: Path) -> None:
    """mteb's result file of every task, with our intervals inside; prints the paths."""
    from harness.errors import UserError
    from harness.mteb_results import result_files, result_text
    from harness.store import RunFolder, write_text_atomic

    for path, result in result_files(RunFolder(run_folder).record, cache_folder()):
        try:
            write_text_atomic(out / path, result_text(result))
        except OSError as error:
            raise UserError(f"{out / path}: cannot be written ({error.strerror}); check the folder") from error
        click.echo(out / path)


@export.command("lm-eval")
@click.argument("run_folder", metavar="RUN", type=PATH)
@click.option("--out", type=PATH, required=True, help="Folder; files go to MODEL/ in it, as lm_eval writes them.")
def export_lm_eval(run_folder: Path, out: Path) -> None:
    """lm-eval's results and samples files, with all that our record says inside; prints the paths."""
    from harness.errors import UserError
    from harness.exchange.lm_eval_export import result_files
    from harness.store import RunFolder, write_text_atomic

    for path, lines in result_files(RunFolder(run_folder)):
        try:
            write_text_atomic(out / path, "".join(lines))
        except OSError as error:
            raise UserError(f"{out / path}: cannot be written ({error.strerror}); check the folder") from error
        click.echo(out / path)


@export.command("model-card")
@click.argument("run_folder", metavar="RUN", type=PATH)
@click.option("--model", default="", help="Name of the model, where the run has several.")
def export_model_card(run_folder: Path, model: str) -> None:
    """The model-index of a Hugging Face model card, as YAML on standard output."""
    from harness.exchange.model_card import model_card
    from harness.store import RunFolder

    click.echo(model_card(RunFolder(run_folder).record, model), nl=False)


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
