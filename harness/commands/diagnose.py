"""``glotbench diagnose``: where translation systems do well and badly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.commands.output import LABELS, PATH, emit, label_files, listed, metric_list

if TYPE_CHECKING:
    from harness.scored_outputs import Scored
    from harness.system_outputs import SystemOutputs


@click.command()
@click.argument("runs", metavar="[RUN]...", type=PATH, nargs=-1)
@click.option("--hypotheses", type=PATH, multiple=True, help="File of a system's output; may be repeated.")
@click.option("--references", type=PATH, multiple=True, help="File of references; may be repeated.")
@click.option("--sources", type=PATH, help="File of sources.")
@LABELS
@click.option("--target-language", default="", help="Code of the hypotheses' language, for files.")
@click.option(
    "--metrics", default="", help="Comma-separated, as for score; by default the runs' own, chrf++ for files."
)
@click.option("--models", default="", help="Comma-separated names of the only systems of the runs.")
@click.option("--languages", default="", help="Comma-separated languages, or directions such as eng-hau, of the runs.")
@click.option("--by", default="", help="Comma-separated: length, flag, names of labels; by default all there are.")
@click.option("--baseline", default="", help="System the others are compared with; by default the first.")
@click.option(
    "--segments", type=click.IntRange(min=0), default=5, show_default=True, help="Losses, and gains, to list a system."
)
@click.option("--format", "form", type=click.Choice(["markdown", "json", "csv"]), default="markdown", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the resampling.")
def diagnose(
    runs: tuple[Path, ...],
    hypotheses: tuple[Path, ...],
    references: tuple[Path, ...],
    sources: Path | None,
    labels: tuple[str, ...],
    target_language: str,
    metrics: str,
    models: str,
    languages: str,
    by: str,
    baseline: str,
    segments: int,
    form: str,
    seed: int,
) -> None:
    """Where translation systems do well and badly: by length, document, domain, flag; and where they differ most."""
    from harness import diagnosis_reports as reports
    from harness.diagnosis import DiagnosisOptions
    from harness.diagnosis import diagnose as diagnose_outputs
    from harness.export import csv_text
    from harness.scored_outputs import scored_outputs
    from harness.system_outputs import OutputFiles, read_outputs

    if bool(runs) == bool(hypotheses):
        raise click.UsageError("give RUN folders, or --hypotheses")
    if runs and (references or sources or labels or target_language):
        raise click.UsageError("--references, --sources, --labels and --target-language go with --hypotheses")
    options = DiagnosisOptions(by=listed(by), baseline=baseline, segments=segments, seed=seed)
    if runs:
        found = _of_runs(runs, metric_list(metrics), listed(models), listed(languages))
    else:
        files = OutputFiles(
            hypotheses=hypotheses,
            references=references,
            sources=sources,
            labels=label_files(labels),
            target_language=target_language,
        )
        outputs = read_outputs(files)
        found = iter([(outputs, scored_outputs(outputs, metric_list(metrics or "chrf++")))])
    diagnoses = (diagnose_outputs(outputs, scored, options) for outputs, scored in found)
    if form == "json":
        emit(reports.diagnosis_json(list(diagnoses)))
    elif form == "csv":
        header = reports.COLUMNS
        rows = [row for one in diagnoses for row in list(reports.diagnosis_rows(one))[1:]]
        emit(csv_text(header, rows))
    else:
        for number, one in enumerate(diagnoses):
            emit(("\n" if number else "") + reports.diagnosis_markdown(one))


def _of_runs(
    runs: tuple[Path, ...], metrics: list[str], models: tuple[str, ...], languages: tuple[str, ...]
) -> Iterator[tuple[SystemOutputs, list[Scored]]]:
    from harness.outputs_of_runs import outputs_of_runs
    from harness.scored_outputs import scored_outputs
    from harness.store import RunFolder

    wanted = [_side_or_direction(text) for text in languages]
    for outputs, scored in outputs_of_runs([RunFolder(path) for path in runs], models=models, languages=wanted):
        yield outputs, scored_outputs(outputs, metrics) if metrics else scored


def _side_or_direction(text: str) -> str:
    """Canonical code of a language, or of both sides of a direction written ``eng-hau``."""
    from harness.languages import identify, lookup

    source, hyphen, target = text.partition("-")
    if hyphen and not lookup(text) and (one := lookup(source)) and (other := lookup(target)):
        return f"{one.code}-{other.code}"
    return identify(text).code
