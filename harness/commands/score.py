"""``glotbench score``: score again, or files, without inference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.commands.output import PATH, listed, print_table

if TYPE_CHECKING:
    from harness.rescoring import SystemScore


@click.command()
@click.argument("run_folder", metavar="[RUN]", type=PATH, required=False)
@click.option("--hypotheses", type=PATH, multiple=True, help="File of a system's output; may be repeated.")
@click.option("--references", type=PATH, multiple=True, help="File of references; may be repeated.")
@click.option("--sources", type=PATH, help="File of sources.")
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
        if hypotheses or references or sources:
            raise click.UsageError("give a RUN, or --hypotheses with --references, not both")
        scores = score_run(RunFolder(run_folder), _metrics(metrics))
    elif hypotheses and (references or sources):
        scores = score_files(hypotheses, references, sources, _metrics(metrics), target_language=target_language)
    else:
        raise click.UsageError(
            "give a RUN, or --hypotheses with --references (or with --sources alone, for a metric that does without)"
        )
    _print_scores(scores, form)


def _metrics(text: str) -> list[str]:
    """Metrics of a comma-separated option; ``option=value`` after a comma belongs to the metric before it."""
    found: list[str] = []
    for part in listed(text):
        if found and "=" in part and ":" not in part.partition("=")[0]:
            found[-1] += f",{part}"
        else:
            found.append(part)
    return found


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
    print_table(["system", "metric", "score", "95 % interval", "n", "signature"], table)


def _interval(low: float | None, high: float | None, decimals: int) -> str:
    return "" if low is None or high is None else f"{low:.{decimals}f} to {high:.{decimals}f}"
