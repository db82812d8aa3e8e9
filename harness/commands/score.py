"""``glotbench score``: score again, or files, without inference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.commands.output import LABELS, PATH, emit, label_files, metric_list, print_table

if TYPE_CHECKING:
    from harness.rescoring import SystemScore


@click.command()
@click.argument("run_folder", metavar="[RUN]", type=PATH, required=False)
@click.option("--hypotheses", type=PATH, multiple=True, help="File of a system's output; may be repeated.")
@click.option("--references", type=PATH, multiple=True, help="File of references; may be repeated, or left out for QE.")
@click.option("--sources", type=PATH, help="File of sources.")
@LABELS
@click.option("--metrics", default="bleu,chrf++", show_default=True, help="Comma-separated, name[:option=value...].")
@click.option("--target-language", default="", help="Code of the hypotheses' language; chooses BLEU's tokenizer.")
@click.option("--paired", is_flag=True, help="Also every system against every other, with significance.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "markdown", "latex"]),
    default="table",
    show_default=True,
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the resampling.")
def score(
    run_folder: Path | None,
    hypotheses: tuple[Path, ...],
    references: tuple[Path, ...],
    sources: Path | None,
    labels: tuple[str, ...],
    metrics: str,
    target_language: str,
    paired: bool,
    form: str,
    seed: int,
) -> None:
    """Score a run's hypotheses again, or files of hypotheses, without inference."""
    from harness.rescoring import compare_outputs, score_outputs, score_run
    from harness.scored_outputs import scored_outputs
    from harness.store import RunFolder
    from harness.system_outputs import OutputFiles, read_outputs

    if bool(run_folder) == bool(hypotheses) or (run_folder and (references or sources or labels)):
        raise click.UsageError("give a RUN, or --hypotheses with --references, not both")
    if run_folder is not None:
        if paired:
            raise click.UsageError("--paired is for files; for runs there is: glotbench compare RUN... --format matrix")
        _print_scores(score_run(RunFolder(run_folder), metric_list(metrics), seed=seed), form)
        return
    if paired and form not in ("table", "markdown"):
        raise click.UsageError("--paired goes with --format table or markdown; compare runs for csv and json")
    files = OutputFiles(
        hypotheses=hypotheses,
        references=references,
        sources=sources,
        labels=label_files(labels),
        target_language=target_language,
    )
    outputs = read_outputs(files)
    scored = scored_outputs(outputs, metric_list(metrics))
    _print_scores(score_outputs(outputs, scored, seed=seed), form)
    if paired:
        from harness.significance import matrices, matrices_markdown

        found = matrices(compare_outputs(outputs, scored, seed=seed))
        emit("\n" + matrices_markdown(found, "Holm's correction over the pairs"))


def _print_scores(scores: list[SystemScore], form: str) -> None:
    if form != "table":
        from harness import score_tables

        written = {
            "csv": score_tables.scores_csv,
            "json": score_tables.scores_json,
            "markdown": score_tables.scores_markdown,
            "latex": score_tables.scores_latex,
        }[form]
        emit(written(scores))
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
