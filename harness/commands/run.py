"""``glotbench run``: infer and score."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from harness.runner import RunPlan

from harness.commands.output import (
    CACHE_LIMIT,
    PATH,
    TRUST_CODE,
    command_line,
    embedding_cache,
    listed,
    named_tasks,
    say,
)


@click.command()
@click.argument("task_names", metavar="TASK...", nargs=-1, required=True)
@click.option("--model", "models", multiple=True, required=True, help="BACKEND:NAME[,key=value...]; may be repeated.")
@click.option("--languages", default="", help="Comma-separated codes or names; by default all of the task's.")
@click.option("--directions", default="", help="Comma-separated source-target, xx-target or all; else the task's.")
@click.option("--variants", default="", help="Comma-separated variants; by default all.")
@click.option("--prompts", default="", help="Comma-separated prompts; by default all.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many documents a language.")
@click.option("--num-fewshot", type=click.IntRange(min=0), help="Examples in every prompt, whatever the tasks say.")
@click.option("--out", type=PATH, default=Path("results"), show_default=True, help="Results folder.")
@click.option("--tasks", "folders", type=PATH, multiple=True, help="Folder of more task files; may be repeated.")
@click.option("--data-root", type=PATH, help="Local data, laid out as the task files say.")
@TRUST_CODE
@CACHE_LIMIT
@click.option("--no-cache", is_flag=True, help="Keep embeddings in the results folder instead of the user's cache.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the bootstrap.")
@click.option(
    "--max-error-rate",
    type=click.FloatRange(0, 1),
    default=0.05,
    show_default=True,
    help="Share of a model's answers to a task that may fail before the run stops; 1 never stops.",
)
@click.option("--plan", "dry", is_flag=True, help="Say what would be done and about how long it takes; run nothing.")
@click.option("--price-per-hour", "price", type=click.FloatRange(min=0), help="Of the machine, for --plan.")
def run(
    task_names: tuple[str, ...],
    models: tuple[str, ...],
    languages: str,
    directions: str,
    variants: str,
    prompts: str,
    limit: int | None,
    num_fewshot: int | None,
    out: Path,
    folders: tuple[Path, ...],
    data_root: Path | None,
    trust_code: bool,
    cache_limit: str,
    no_cache: bool,
    seed: int,
    max_error_rate: float,
    dry: bool,
    price: float | None,
) -> None:
    """Infer and score TASK... on every model; the same command again resumes.

    Prints the run folder's path, alone, on standard output. With --plan prints what it would do instead: models are
    loaded, and where no earlier run tells their speed a few requests are answered and forgotten.
    """
    from harness.engine.models import parse_model
    from harness.errors import DataError, UserError
    from harness.languages import identify
    from harness.progress import TerminalProgress
    from harness.runner import RunPlan
    from harness.runner import run as run_plan
    from harness.stage_lines import run_lines
    from harness.store import RunFolder
    from harness.tasks.base import Selection

    if data_root is not None and not data_root.is_dir():
        raise DataError(f"--data-root {data_root}: no such folder")
    if price is not None and not dry:
        raise UserError("--price-per-hour: means nothing without --plan; add it")
    plan = RunPlan(
        tasks=named_tasks(task_names, folders, trust_code=trust_code),
        models=[parse_model(text) for text in models],
        selection=Selection(
            languages=tuple(identify(text).code for text in listed(languages)),
            directions=listed(directions),
            variants=listed(variants),
            prompts=listed(prompts),
            limit=limit,
            num_fewshot=num_fewshot,
        ),
        out=out,
        data_root=data_root,
        seed=seed,
        cache=None if no_cache else embedding_cache(cache_limit),
        command=command_line(),
        max_error_rate=max_error_rate,
    )
    if dry:
        _say_plan(plan, price)
        return
    with TerminalProgress() as progress:
        folder = run_plan(plan, progress)
    record = RunFolder(folder).record
    for note in record.notes:
        say(f"note: {note}")
    for line in run_lines(record):
        say(line)
    click.echo(folder)
    if any(score.value is None for score in record.scores):
        from harness.errors import RunIncompleteError

        missing = sum(score.value is None for score in record.scores)
        raise RunIncompleteError(
            f"{folder}: {missing} of {len(record.scores)} scores could not be made; see their notes"
        )


def _say_plan(plan: RunPlan, price: float | None) -> None:
    """What a run would do, on standard output, model by model and task by task."""
    from harness.forecast import forecast
    from harness.forecast_lines import forecast_lines, total_line

    found = []
    for one in forecast(plan):
        found.append(one)
        for line in forecast_lines(one, price):
            click.echo(line)
    click.echo(total_line(found, price))
