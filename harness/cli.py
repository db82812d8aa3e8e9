"""The command line: parses, calls, prints. The only place that prints or reads the environment.

Data goes to standard output, progress and remarks to standard error. Exit codes: 0 done, 1 regression, 2 mistake of the
user, 3 inconclusive (strict gate), 4 baseline missing or not comparable, 5 run incomplete, 70 our bug. Everything heavy
is imported by the command that needs it.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness import __version__

if TYPE_CHECKING:
    from harness.rescoring import SystemScore

_PATH = click.Path(path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="glotbench")
def cli() -> None:
    """How well does a model work in every language, how sure are we, and did it get worse?"""


def main() -> None:
    """Entry point: runs a command and turns errors into one clear message and an exit code."""
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from harness.errors import GlotbenchError
    from metrics.base import MetricError

    try:
        code = cli(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("stopped; the same command goes on where this one ended", err=True)
        code = 130
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except GlotbenchError as error:
        click.echo(f"error: {error}", err=True)
        code = error.exit_code
    except MetricError as error:
        click.echo(f"error: {error}", err=True)
        code = 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception:
        traceback.print_exc()
        click.echo("error: this is a bug in glotbench; please report it with the lines above", err=True)
        code = 70
    sys.exit(code)


def _say(text: str) -> None:
    click.echo(text, err=True)


# ------------------------------------------------------------------------------------------------ run and score


@cli.command()
@click.argument("task_names", metavar="TASK...", nargs=-1, required=True)
@click.option("--model", "models", multiple=True, required=True, help="BACKEND:NAME[,key=value...]; may be repeated.")
@click.option("--languages", default="", help="Comma-separated codes; by default all of the task's.")
@click.option("--variants", default="", help="Comma-separated variants; by default all.")
@click.option("--prompts", default="", help="Comma-separated prompts; by default all.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many documents a language.")
@click.option("--out", type=_PATH, default=Path("results"), show_default=True, help="Results folder.")
@click.option("--tasks", "folders", type=_PATH, multiple=True, help="Folder of more task files; may be repeated.")
@click.option("--data-root", type=_PATH, help="Local data, laid out as the task files say.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the bootstrap.")
def run(
    task_names: tuple[str, ...],
    models: tuple[str, ...],
    languages: str,
    variants: str,
    prompts: str,
    limit: int | None,
    out: Path,
    folders: tuple[Path, ...],
    data_root: Path | None,
    seed: int,
) -> None:
    """Infer and score TASK... on every model; the same command again resumes.

    Prints the run folder's path, alone, on standard output.
    """
    from harness.engine.models import parse_model
    from harness.errors import DataError
    from harness.languages import canonical
    from harness.loader import load_tasks
    from harness.progress import TerminalProgress
    from harness.runner import RunPlan
    from harness.runner import run as run_plan
    from harness.store import RunFolder
    from harness.tasks.base import Selection

    if data_root is not None and not data_root.is_dir():
        raise DataError(f"--data-root {data_root}: no such folder")
    plan = RunPlan(
        tasks=load_tasks(task_names, _task_folders(folders)),
        models=[parse_model(text) for text in models],
        selection=Selection(
            languages=tuple(canonical(code) for code in _listed(languages)),
            variants=_listed(variants),
            prompts=_listed(prompts),
            limit=limit,
        ),
        out=out,
        data_root=data_root,
        seed=seed,
        command=" ".join(["glotbench", *sys.argv[1:]]),
    )
    with TerminalProgress() as progress:
        folder = run_plan(plan, progress)
    record = RunFolder(folder).record
    for note in record.notes:
        _say(f"note: {note}")
    for stage in record.stages:
        rate = f", {stage.computed / stage.seconds:.0f} a second" if stage.computed and stage.seconds else ""
        _say(
            f"{stage.model} on {stage.task}: {stage.requests} requests, {stage.computed} computed "
            f"in {stage.seconds:.1f} s{rate}"
        )
    click.echo(folder)
    if any(score.value is None for score in record.scores):
        from harness.errors import RunIncompleteError

        missing = sum(score.value is None for score in record.scores)
        raise RunIncompleteError(f"{folder}: {missing} of {len(record.scores)} scores could not be made; see their notes")


@cli.command()
@click.argument("run_folder", metavar="[RUN]", type=_PATH, required=False)
@click.option("--hypotheses", type=_PATH, multiple=True, help="File of a system's output; may be repeated.")
@click.option("--references", type=_PATH, multiple=True, help="File of references; may be repeated.")
@click.option("--sources", type=_PATH, help="File of sources.")
@click.option("--metrics", default="bleu,chrf++", show_default=True, help="Comma-separated, name[:option=value...].")
@click.option("--target-language", default="", help="Code of the hypotheses' language; chooses BLEU's tokenizer.")
@click.option("--format", "form", type=click.Choice(["table", "csv"]), default="table", show_default=True)
def score(
    run_folder: Path | None,
    hypotheses: tuple[Path, ...],
    references: tuple[Path, ...],
    sources: Path | None,
    metrics: str,
    target_language: str,
    form: str,
) -> None:
    """Score a run's hypotheses again, or files of hypotheses, without inference."""
    from harness.rescoring import score_files, score_run
    from harness.store import RunFolder

    if run_folder is not None:
        if hypotheses or references:
            raise click.UsageError("give a RUN, or --hypotheses with --references, not both")
        scores = score_run(RunFolder(run_folder), _listed(metrics))
    elif hypotheses and references:
        scores = score_files(
            hypotheses, references, sources, _listed(metrics), target_language=target_language
        )
    else:
        raise click.UsageError("give a RUN, or --hypotheses with --references")
    _print_scores(scores, form)


def _print_scores(scores: list[SystemScore], form: str) -> None:
    from harness.export import csv_text

    if form == "csv":
        rows: list[list[object]] = [[found.system, found.metric, found.value, found.signature] for found in scores]
        click.echo(csv_text(("system", "metric", "score", "signature"), rows), nl=False)
        return
    table = [
        [
            found.system,
            found.metric,
            f"{found.value:.{found.decimals}f}",
            _interval(found.interval.low, found.interval.high, found.decimals),
            str(found.n),
            found.signature,
        ]
        for found in scores
    ]
    _print_table(["system", "metric", "score", "95 % interval", "n", "signature"], table)


def _interval(low: float | None, high: float | None, decimals: int) -> str:
    return "" if low is None or high is None else f"{low:.{decimals}f} to {high:.{decimals}f}"


# ---------------------------------------------------------------------------------------- compare, gate, leaderboard


@cli.command()
@click.argument("runs", metavar="RUN...", type=_PATH, nargs=-1, required=True)
@click.option("--correction", type=click.Choice(["bh", "holm", "none"]), default="bh", show_default=True)
@click.option("--format", "form", type=click.Choice(["table", "json", "markdown", "csv"]), default="table", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the resampling.")
def compare(runs: tuple[Path, ...], correction: str, form: str, seed: int) -> None:
    """Compare every pair of systems in the runs: paired, per language, corrected for many tests."""
    from harness import compare as comparing
    from harness.store import RunFolder

    found = comparing.compare([RunFolder(path) for path in runs], correction=correction, seed=seed)
    renderers = {
        "table": comparing.to_text,
        "json": comparing.to_json,
        "markdown": comparing.to_markdown,
        "csv": comparing.to_csv,
    }
    click.echo(renderers[form](found), nl=False)


@cli.group(invoke_without_command=True)
@click.pass_context
def gate(context: click.Context) -> None:
    """Fail when a run is worse than its baseline."""
