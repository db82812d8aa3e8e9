"""``glotbench report``: means over languages, by group, and over prompts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from harness.commands.output import PATH, emit, print_table, say, tell

if TYPE_CHECKING:
    from harness.breakdown import By
    from harness.report_scope import Scope
    from harness.store import RunFolder
    from harness.summaries import TextTable

_BY = ["language", "family", "script", "resource", "region", "prompt", "variant", "alignment"]


@click.command()
@click.argument("runs", metavar="RUN...", type=PATH, nargs=-1, required=True)
@click.option("--by", type=click.Choice(_BY), help="What to break the means down by; without it, one line a model.")
@click.option("--task", "tasks", multiple=True, help="Only this task; may be given several times.")
@click.option("--metric", "metrics", multiple=True, help="This metric, or 'all'; by default each task's first.")
@click.option("--model", "models", multiple=True, help="Only this model; may be given several times.")
@click.option("--variant", "variants", multiple=True, help="Only this variant; may be given several times.")
@click.option("--prompt", "prompts", multiple=True, help="Only this prompt; may be given several times.")
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json", "markdown"]), default="table", show_default=True
)
def report(
    runs: tuple[Path, ...],
    by: str | None,
    tasks: tuple[str, ...],
    metrics: tuple[str, ...],
    models: tuple[str, ...],
    variants: tuple[str, ...],
    prompts: tuple[str, ...],
    form: str,
) -> None:
    """Mean over languages, worst languages, gap to English; by language, family, script, resource class, region,
    prompt or variant; or languages by alignment, and measured scores beside what MEXA expects.

    RUN is a run folder, or a folder of them. What the numbers mean: docs/reading-scores.md.
    """
    from harness.report_scope import Scope

    folders = _folders(runs)
    for folder in folders:
        if not folder.record.complete:
            say(f"{folder.path}: not complete; some of the scores that were asked for are missing")
    scope = Scope(tasks=tasks, metrics=metrics, models=models, variants=variants, prompts=prompts)
    if by == "alignment":
        _report_alignment(folders, scope, form)
    elif by == "prompt":
        _report_prompts(folders, scope, form)
    else:
        _report_groups(folders, cast("By", by or "overview"), scope, form)


def _folders(paths: tuple[Path, ...]) -> list[RunFolder]:
    """The runs named, or below the folders named, each once."""
    from harness.errors import RecordError
    from harness.store import RunFolder, find_runs

    found: dict[Path, Path] = {}
    for path in paths:
        own = [path] if path.name == "run.json" or (path / "run.json").is_file() else find_runs(path)
        if not own:
            raise RecordError(f"{path}: no run record there or below; make one with 'glotbench run'")
        for run in own:
            found.setdefault((run.parent if run.name == "run.json" else run).resolve(), run)
    return [RunFolder(run) for run in found.values()]


def _report_groups(folders: list[RunFolder], by: By, scope: Scope, form: str) -> None:
    from harness import summary_rows
    from harness.breakdown import breakdown
    from harness.export import csv_text
    from harness.summaries import section_table

    sections = breakdown(folders, by, scope)
    if form == "json":
        emit(summary_rows.sections_json(sections))
    elif form == "csv":
        rows = [list(row.values()) for section in sections for row in summary_rows.section_rows(section)]
        emit(csv_text(summary_rows.REPORT_COLUMNS, rows))
    else:
        _print_tables([section_table(section) for section in sections], form)


def _report_prompts(folders: list[RunFolder], scope: Scope, form: str) -> None:
    from harness import summary_rows
    from harness.breakdown import prompt_breakdown
    from harness.export import csv_text
    from harness.prompt_tables import prompt_tables

    spreads, notes = prompt_breakdown(folders, scope)
    if form == "json":
        emit(summary_rows.prompts_json(spreads, notes))
        return
    for note in notes:
        say(note)
    if form == "csv":
        rows = [list(row.values()) for spread in spreads for row in summary_rows.prompt_rows(spread)]
        emit(csv_text(summary_rows.PROMPT_COLUMNS, rows))
    else:
        _print_tables([table for spread in spreads for table in prompt_tables(spread)], form)


def _report_alignment(folders: list[RunFolder], scope: Scope, form: str) -> None:
    from harness import alignment_report
    from harness.alignment_tables import alignment_tables
    from harness.export import csv_text
    from harness.markup import json_text

    found = alignment_report.alignment_report(folders, scope)
    rows = list(alignment_report.rows(found))
    if form == "json":
        emit(json_text({"rows": rows}))
    elif form == "csv":
        emit(csv_text(alignment_report.COLUMNS, [list(row.values()) for row in rows]))
    else:
        _print_tables(list(alignment_tables(found)), form)


def _print_tables(tables: list[TextTable], form: str) -> None:
    from harness.summaries import markdown

    if form == "markdown":
        emit(markdown(tables))
        return
    for number, table in enumerate(tables):
        tell(f"\n{table.title}" if number else table.title)
        print_table(table.header, table.rows, right=table.numbers)
        for note in table.notes:
            tell(f"  {note}")
