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
from typing import TYPE_CHECKING, cast

import click

from harness import __version__

if TYPE_CHECKING:
    from harness.compare import Correction
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
        raise RunIncompleteError(
            f"{folder}: {missing} of {len(record.scores)} scores could not be made; see their notes"
        )


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
        scores = score_files(hypotheses, references, sources, _listed(metrics), target_language=target_language)
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
@click.option("--models", default="", help="Comma-separated names of the only systems to compare.")
@click.option("--correction", type=click.Choice(["bh", "holm", "none"]), default="bh", show_default=True)
@click.option("--format", "form", type=click.Choice(["markdown", "json", "csv"]), default="markdown", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the resampling.")
def compare(runs: tuple[Path, ...], models: str, correction: str, form: str, seed: int) -> None:
    """Compare every pair of systems in the runs: paired, per language, corrected for many tests."""
    from harness import reports
    from harness.compare import CompareOptions
    from harness.compare import compare as compare_runs
    from harness.export import csv_text
    from harness.store import RunFolder

    found = compare_runs(
        [RunFolder(path) for path in runs],
        models=_listed(models),
        seed=seed,
        options=CompareOptions(correction=cast("Correction", correction)),
    )
    if form == "csv":
        header, *rows = reports.comparison_rows(found)
        click.echo(csv_text(header, rows), nl=False)
    else:
        render = reports.comparison_json if form == "json" else reports.comparison_markdown
        click.echo(render(found).rstrip("\n"))


class _RunOrCommand(click.Group):
    """A group whose first argument may be a run: ``gate RUN ...`` is ``gate check RUN ...``."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = ["check", *args]
        return super().parse_args(context, args)


@cli.group(cls=_RunOrCommand)
def gate() -> None:
    """Fail when a run is worse than its baseline: `gate RUN --baseline RUN --policy FILE`."""


@gate.command("check", hidden=True)
@click.argument("run_folder", metavar="RUN", type=_PATH)
@click.option("--baseline", type=_PATH, help="Baseline run; by default the policy's.")
@click.option("--policy", "policy_file", type=_PATH, required=True, help="Policy file.")
@click.option("--junit", type=_PATH, help="Also write JUnit XML to this file.")
@click.option("--summary", type=_PATH, help="Also append a Markdown summary to this file.")
@click.option("--json", "json_file", type=_PATH, help="Also write the report as JSON to this file.")
@click.option("--strict", is_flag=True, help="Inconclusive rules fail, with exit code 3.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the resampling.")
def gate_check(
    run_folder: Path,
    baseline: Path | None,
    policy_file: Path,
    junit: Path | None,
    summary: Path | None,
    json_file: Path | None,
    strict: bool,
    seed: int,
) -> int:
    """Judge a run against a baseline. Exit code 1: regression, 3: inconclusive (strict), 4: not comparable."""
    import datetime

    from harness import reports
    from harness.baseline import open_baseline
    from harness.errors import NotComparableError
    from harness.gate import exit_code, judge
    from harness.loader import load_policy
    from harness.store import RunFolder, write_text_atomic

    policy = load_policy(policy_file)
    place = baseline or (Path(policy.baseline.path) if policy.baseline.path else None)
    if place is None:
        raise NotComparableError(f"{policy_file}: no baseline: give --baseline RUN, or baseline.path in the policy")
    today = datetime.datetime.now(datetime.UTC).date()
    report = judge(RunFolder(run_folder), open_baseline(place), policy, seed=seed, today=today)
    for line in reports.gate_lines(report, strict=strict):
        click.echo(line)
    if junit:
        write_text_atomic(junit, reports.gate_junit(report, strict=strict))
    if json_file:
        write_text_atomic(json_file, reports.gate_json(report, strict=strict))
    if summary:
        command = " ".join(["glotbench", *sys.argv[1:]])
        with summary.open("a", encoding="utf-8") as stream:
            stream.write(reports.gate_markdown(report, command=command, strict=strict))
    return exit_code(report, strict=strict)


@gate.command("bless")
@click.argument("run_folder", metavar="RUN", type=_PATH)
@click.option("--baseline", type=_PATH, required=True, help="Folder of the baseline.")
@click.option("--reason", required=True, help="Why the baseline changes; kept beside it.")
def gate_bless(run_folder: Path, baseline: Path, reason: str) -> None:
    """Make RUN the baseline. There is no other way to change one."""
    import datetime

    from harness.baseline import bless
    from harness.store import RunFolder

    click.echo(bless(RunFolder(run_folder), baseline, reason=reason, today=datetime.datetime.now(datetime.UTC).date()))


@cli.group()
def leaderboard() -> None:
    """Static pages from run records."""


@leaderboard.command("build")
@click.argument("results", metavar="[RESULTS...]", type=_PATH, nargs=-1)
@click.option("--out", type=_PATH, default=Path("site"), show_default=True, help="Folder of the site.")
def leaderboard_build(results: tuple[Path, ...], out: Path) -> None:
    """Build the site from every run below RESULTS (by default ./results). Prints the page's path."""
    from harness.errors import RecordError
    from harness.store import find_runs
    from leaderboard.site import build

    roots = results or (Path("results"),)
    runs = [run for root in roots for run in find_runs(root)]
    if not runs:
        raise RecordError(f"{', '.join(map(str, roots))}: no run record below; make one with 'glotbench run'")
    click.echo(build(runs, out))


# ------------------------------------------------------------------------------------------------ tasks, export, doctor


@cli.group()
def tasks() -> None:
    """List, show and validate task files."""


_FOLDERS = click.option("--tasks", "folders", type=_PATH, multiple=True, help="Folder of more task files.")


@tasks.command("list")
@_FOLDERS
def tasks_list(folders: tuple[Path, ...]) -> None:
    """Every task with its kind, number of languages and description."""
    from harness.loader import load_tasks, task_index

    places = _task_folders(folders)
    found = load_tasks(sorted(task_index(places)), places)
    rows = [
        [task.spec.task, task.spec.kind, str(len(task.spec.languages)), task.spec.description.strip()] for task in found
    ]
    _print_table(["task", "kind", "languages", "description"], rows)


@tasks.command("show")
@click.argument("name", metavar="TASK")
@_FOLDERS
def tasks_show(name: str, folders: tuple[Path, ...]) -> None:
    """One task, whole: its file as loaded, languages spelled out."""
    from harness.languages import find
    from harness.loader import load_tasks

    task = load_tasks([name], _task_folders(folders))[0]
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
@click.option("--data-root", type=_PATH, help="Also read the data from here, and check it.")
def tasks_validate(names: tuple[str, ...], folders: tuple[Path, ...], data_root: Path | None) -> None:
    """Check task files (by default all): every mistake at once, with file and line."""
    from harness.errors import SpecError
    from harness.loader import load_tasks, task_index
    from harness.runner import check_data

    places = _task_folders(folders)
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

    from harness.loader import task_schema

    click.echo(json.dumps(task_schema(), indent=2, ensure_ascii=False))


@cli.group()
def export() -> None:
    """Scores for other programs."""


@export.command("csv")
@click.argument("run_folder", metavar="RUN", type=_PATH)
def export_csv(run_folder: Path) -> None:
    """One line a score, at full precision."""
    from harness.export import scores_csv
    from harness.store import RunFolder

    click.echo(scores_csv(RunFolder(run_folder).record), nl=False)


@cli.command()
@click.argument("run_folder", metavar="RUN", type=_PATH)
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


@cli.command()
@click.option("--out", type=_PATH, default=Path("results/demo"), show_default=True, help="Where results and page go.")
@click.option(
    "--break",
    "broken",
    is_flag=False,
    flag_value="fra_Latn",
    help="Spoil one language (default French) to see the gate fail.",
)
def demo(out: Path, broken: str | None) -> int:
    """The whole line on sample data: real systems, a page, and a gate. No network."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from harness import reports
    from harness.demo import demo as run_demo
    from harness.gate import exit_code
    from harness.progress import TerminalProgress

    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    with TerminalProgress() as progress:
        result = run_demo(out, home / "glotbench", progress, _say, broken_language=broken)
    for line in reports.gate_lines(result.report):
        click.echo(line)
    click.echo(f"run:  {result.run}")
    click.echo(f"page: {result.page.resolve()}")
    return exit_code(result.report)


def _task_folders(folders: tuple[Path, ...]) -> list[Path]:
    from harness.errors import UserError
    from harness.resources import shipped_tasks

    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"--tasks {folder}: no such folder")
    return [*folders, shipped_tasks()]


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _print_table(header: list[str], rows: list[list[str]]) -> None:
    """Columns by display width, so that wide and combining characters line up."""
    from rich.cells import cell_len

    widths = [max(cell_len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row in [header, *rows]:
        cells = [text + " " * (width - cell_len(text)) for text, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())
