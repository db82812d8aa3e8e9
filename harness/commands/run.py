"""``glotbench run``: infer and score."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from harness.embedding_cache import EmbeddingCache
    from harness.records import RunArguments, RunRecord
    from harness.runner import RunPlan

from harness.commands.output import (
    CACHE_LIMIT,
    PATH,
    TRUST_CODE,
    command_line,
    embedding_cache,
    emit,
    listed,
    named_tasks,
    say,
    tell,
    without_secrets,
)


@click.command()
@click.argument("task_names", metavar="TASK...", nargs=-1)
@click.option("--from", "source", type=PATH, metavar="RUN", help="Repeat a run, with the tasks and options it had.")
@click.option("--model", "models", multiple=True, help="BACKEND:NAME[,key=value...]; may be repeated.")
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
    "--sampling-seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Another draw of sampled text: added to the task's seed.",
)
@click.option(
    "--max-error-rate",
    type=click.FloatRange(0, 1),
    default=0.05,
    show_default=True,
    help="Share of a model's answers to a task that may fail before the run stops; 1 never stops.",
)
@click.option("--plan", "dry", is_flag=True, help="Say what would be done and about how long it takes; run nothing.")
@click.option("--price-per-hour", "price", type=click.FloatRange(min=0), help="Of the machine, for --plan.")
@click.pass_context
def run(
    context: click.Context,
    task_names: tuple[str, ...],
    source: Path | None,
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
    sampling_seed: int,
    max_error_rate: float,
    dry: bool,
    price: float | None,
) -> None:
    """Infer and score TASK... on every model; the same command again resumes.

    With --from RUN everything but places and the cache is as it was in RUN; what is different now is said.

    Prints the run folder's path, alone, on standard output. With --plan prints what it would do instead: models are
    loaded, and where no earlier run tells their speed a few requests are answered and forgotten.
    """
    from harness.engine.models import load_model
    from harness.engine.tensor_parallel import follow, is_follower
    from harness.errors import DataError, UserError
    from harness.languages import identify
    from harness.progress import TerminalProgress
    from harness.records import RunArguments
    from harness.repeat import planned_differences
    from harness.runner import run as run_plan
    from harness.store import RunFolder

    if data_root is not None and not data_root.is_dir():
        raise DataError(f"--data-root {data_root}: no such folder")
    if price is not None and not dry:
        raise UserError("--price-per-hour: means nothing without --plan; add it")
    earlier = None
    if source is not None:
        _refuse_beside_from(context)
        earlier = RunFolder(source).record
        arguments, seed = _arguments_again(earlier, source, folders, data_root), earlier.seed
    else:
        _require(context, "task_names", "models")
        arguments = RunArguments(
            tasks=task_names,
            task_folders=tuple(map(str, folders)),
            models=models,
            languages=tuple(identify(text).code for text in listed(languages)),
            directions=listed(directions),
            variants=listed(variants),
            prompts=listed(prompts),
            limit=limit,
            num_fewshot=num_fewshot,
            sampling_seed=sampling_seed,
            data_root=str(data_root or ""),
        )
    cache = None if no_cache else embedding_cache(cache_limit)
    plan = _plan(
        arguments,
        source,
        trust_code=trust_code,
        out=out,
        seed=seed,
        cache=cache,
        max_error_rate=max_error_rate,
    )
    if earlier is not None:
        for line in planned_differences(earlier, plan.tasks):
            say(f"different now: {line}")
    if dry:
        _say_plan(plan, price)
        return
    if is_follower():
        follow(plan.models, load_model)
        return
    with TerminalProgress() as progress:
        folder = run_plan(plan, progress)
    _say_run(folder, earlier, sampled=plan.selection.sampling_seed > 0)


_BESIDE_FROM = frozenset(
    ["source", "out", "folders", "data_root", "trust_code", "cache_limit", "no_cache", "max_error_rate", "dry", "price"]
)


def _refuse_beside_from(context: click.Context) -> None:
    """Raise a usage error for what would make it another run than the one to be repeated."""
    from click.core import ParameterSource

    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if given and parameter.name not in _BESIDE_FROM:
            raise click.UsageError(f"--from repeats a run as it was; leave out {parameter.get_error_hint(context)}")


def _require(context: click.Context, *names: str) -> None:
    """What is required without ``--from``."""
    for parameter in context.command.params:
        if parameter.name in names and not context.params[parameter.name]:
            raise click.MissingParameter(ctx=context, param=parameter)


def _arguments_again(
    record: RunRecord, source: Path, folders: tuple[Path, ...], data_root: Path | None
) -> RunArguments:
    """What a run was given, with places that are other now."""
    from harness.errors import RecordError

    if record.arguments is None:
        raise RecordError(f"{source}: does not say what it was given, as it was not made by 'glotbench run'")
    places: dict[str, object] = {}
    if folders:
        places["task_folders"] = tuple(map(str, folders))
    if data_root is not None:
        places["data_root"] = str(data_root)
    return record.arguments.model_copy(update=places)


def _plan(
    arguments: RunArguments,
    source: Path | None,
    *,
    trust_code: bool,
    out: Path,
    seed: int,
    cache: EmbeddingCache | None,
    max_error_rate: float,
) -> RunPlan:
    """What to run.

    Args:
        source: The run that is repeated, which errors then name.
    """
    from harness.engine.models import parse_model
    from harness.errors import UserError
    from harness.runner import RunPlan
    from harness.tasks.base import Selection

    folders = tuple(map(Path, arguments.task_folders))
    try:
        tasks = named_tasks(arguments.tasks, folders, trust_code=trust_code)
    except UserError as error:
        if source is None:
            raise
        raise UserError(f"{source}: cannot be repeated, as a task of it cannot be loaded:\n{error}") from error
    return RunPlan(
        tasks=tasks,
        models=[parse_model(text) for text in arguments.models],
        selection=Selection(
            languages=arguments.languages,
            directions=arguments.directions,
            variants=arguments.variants,
            prompts=arguments.prompts,
            limit=arguments.limit,
            num_fewshot=arguments.num_fewshot,
            sampling_seed=arguments.sampling_seed,
        ),
        out=out,
        data_root=Path(arguments.data_root) if arguments.data_root else None,
        seed=seed,
        cache=cache,
        max_error_rate=max_error_rate,
        command=command_line(),
        arguments=arguments.model_copy(update={"models": tuple(map(without_secrets, arguments.models))}),
    )


def _say_run(folder: Path, earlier: RunRecord | None, *, sampled: bool) -> None:
    """What a run did, on standard error, and its folder on standard output.

    Args:
        earlier: The run that it repeats. sampled: Whether another draw of sampled text was asked for.

    Raises:
        RunIncompleteError: Some scores could not be made.
    """
    from harness.repeat import differences
    from harness.stage_lines import run_lines
    from harness.store import RunFolder

    record = RunFolder(folder).record
    for note in record.notes:
        say(f"note: {note}")
    if earlier is not None:
        for line in differences(earlier, record):
            say(f"repeated: {line}")
    if sampled and not any(score.fingerprint.sampled for score in record.scores):
        say("note: --sampling-seed changed nothing: no task of this run samples text")
    for line in run_lines(record):
        say(line)
    emit(folder, nl=True)
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
            tell(line)
    tell(total_line(found, price))
