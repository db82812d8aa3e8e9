"""``glotbench export`` and ``glotbench doctor``: a run as a table, a run examined."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.output import PATH, cache_folder, emit, say, tell


@click.group()
def export() -> None:
    """Scores for other programs."""


@export.command("csv")
@click.argument("run_folder", metavar="RUN", type=PATH)
def export_csv(run_folder: Path) -> None:
    """One line a score, at full precision."""
    from harness.export import scores_csv
    from harness.store import RunFolder

    emit(scores_csv(RunFolder(run_folder).record))


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
        emit(out / path, nl=True)


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
        emit(out / path, nl=True)


@export.command("model-card")
@click.argument("run_folder", metavar="RUN", type=PATH)
@click.option("--model", default="", help="Name of the model, where the run has several.")
def export_model_card(run_folder: Path, model: str) -> None:
    """The model-index of a Hugging Face model card, as YAML on standard output."""
    from harness.exchange.model_card import model_card
    from harness.store import RunFolder

    emit(model_card(RunFolder(run_folder).record, model))


@click.command()
@click.argument("path", metavar="RUN|RESULTS", type=PATH)
def doctor(path: Path) -> None:
    """Check a run: the record, its checksums, and that every score follows from its statistics.

    Of a results folder all runs are checked, and the response store; a response store may be named alone.
    """
    from harness.doctor import STORE, examine, examine_results, examine_store, put_aside
    from harness.errors import RecordError
    from harness.store import RunFolder, find_runs

    if path.suffix == ".sqlite" and path.is_file():
        problems, well = list(examine_store(path)), "every row fits its checksum"
    elif path.is_dir() and not (path / "run.json").exists() and ((path / STORE).is_file() or find_runs(path)):
        problems, well = list(examine_results(path)), f"{len(find_runs(path))} runs and the responses they rest on"
        for file in put_aside(path):
            say(f"{file}: put aside by a run that found it damaged; delete it when you do not need it")
    else:
        folder = RunFolder(path)
        problems, well = list(examine(folder)), f"{len(folder.record.scores)} scores follow from their statistics"
    if problems:
        raise RecordError("\n".join(problems))
    tell(f"{path}: well; {well}")
