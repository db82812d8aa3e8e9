"""``glotbench mbr``: of several candidates for a segment, the one the others agree with most."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.output import PATH, emit, say


@click.command()
@click.option("--candidates", type=PATH, required=True, help="N lines a segment, or .jsonl with a list a line.")
@click.option("--n", type=click.IntRange(min=1), help="Candidates a segment.")
@click.option("--metric", "wanted", default="chrf", show_default=True, help="name[:option=value...], as for score.")
@click.option("--sources", type=PATH, help="File of sources, one a segment, where the metric needs them.")
@click.option("--target-language", default="", help="Code of the candidates' language; chooses BLEU's tokenizer.")
@click.option("--out", type=PATH, help="File for the chosen candidates, one a line; standard output without it.")
@click.option("--utilities", type=PATH, help="File for the expected utility of every candidate, as JSON lines.")
def mbr(
    candidates: Path,
    n: int | None,
    wanted: str,
    sources: Path | None,
    target_language: str,
    out: Path | None,
    utilities: Path | None,
) -> None:
    """Choose from n-best lists by minimum Bayes risk: the highest mean score with all candidates as references."""
    from harness.nbest import choices_jsonl, read_candidates, read_sources
    from harness.store import write_text_atomic
    from harness.target_options import text_metric
    from metrics.mbr import rerank

    metric = text_metric(wanted, target_language)
    texts = read_candidates(candidates, n)
    choices = rerank(metric, texts, read_sources(sources, len(texts)) if sources else None)
    if utilities:
        write_text_atomic(utilities, choices_jsonl(choices))
    chosen = "".join(choice.text + "\n" for choice in choices)
    if out:
        write_text_atomic(out, chosen)
    else:
        emit(chosen)
    mean = sum(float(choice.utilities[choice.index]) for choice in choices) / len(choices)
    say(f"{len(choices)} segments, mean expected utility {mean:.{metric.info.decimals}f}; {metric.signature()}")
