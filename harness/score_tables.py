"""Scores of systems as CSV, JSON, Markdown and LaTeX. Computes nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.export import csv_text
from harness.markup import fixed, json_text, plain_line, table_cell
from harness.rescoring import SystemScore

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: rf"\{character}" for character in "&%$#_{}"},
}


def scores_csv(scores: Sequence[SystemScore]) -> str:
    """A row a system and metric, unrounded."""
    rows: list[list[object]] = [
        [one.system, one.metric, one.value, one.interval.low, one.interval.high, one.n, one.signature] for one in scores
    ]
    return csv_text(("system", "metric", "score", "ci_low", "ci_high", "n", "signature"), rows)


def scores_json(scores: Sequence[SystemScore]) -> str:
    """The same as JSON; undefined numbers are null."""
    return json_text(
        {
            "scores": [
                {
                    "system": one.system,
                    "metric": one.metric,
                    "score": one.value,
                    "ci_low": one.interval.low,
                    "ci_high": one.interval.high,
                    "interval": one.interval.method,
                    "n": one.n,
                    "higher_is_better": one.higher_is_better,
                    "signature": one.signature,
                }
                for one in scores
            ]
        }
    )


def scores_markdown(scores: Sequence[SystemScore]) -> str:
    """A table with a row a system and a column a metric; signatures below."""
    systems, titles = _axes(scores)
    lines = [f"| system | {' | '.join(table_cell(title) for title in titles)} |", f"|---|{'--:|' * len(titles)}"]
    for system in systems:
        cells = [_cell(_find(scores, system, title), " to ") for title in titles]
        lines.append(f"| {table_cell(system)} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *_notes(scores, "`", "`")]) + "\n"


def scores_latex(scores: Sequence[SystemScore]) -> str:
    """The same as a LaTeX ``tabular`` (package booktabs), the best score of a column bold; signatures as comments.

    Bold marks the highest number, not a proven difference: for that there is ``--paired``.
    """
    systems, titles = _axes(scores)
    lines = [r"% \usepackage{booktabs}; intervals: 95 %", rf"\begin{{tabular}}{{l{'r' * len(titles)}}}", r"\toprule"]
    heads = [
        _latex(title) + (r" $\uparrow$" if one is None or one.higher_is_better else r" $\downarrow$")
        for title in titles
        for one in [next((score for score in scores if score.title == title), None)]
    ]
    lines += [f"System & {' & '.join(heads)} \\\\", r"\midrule"]
    best = {title: _best([score for score in scores if score.title == title]) for title in titles}
    for system in systems:
        cells = []
        for title in titles:
            one = _find(scores, system, title)
            text = _cell(one, "--")
            cells.append(rf"\textbf{{{text}}}" if one is not None and one.value == best[title] else text)
        lines.append(f"{_latex(system)} & {' & '.join(cells)} \\\\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", *_notes(scores, "% ", "")]) + "\n"


def _axes(scores: Sequence[SystemScore]) -> tuple[list[str], list[str]]:
    return list(dict.fromkeys(one.system for one in scores)), list(dict.fromkeys(one.title for one in scores))


def _find(scores: Sequence[SystemScore], system: str, title: str) -> SystemScore | None:
    return next((one for one in scores if (one.system, one.title) == (system, title)), None)


def _cell(one: SystemScore | None, to: str) -> str:
    if one is None or not math.isfinite(one.value):
        return "--" if to == "--" else "—"
    value = fixed(one.value, one.decimals)
    if one.interval.low is None or one.interval.high is None:
        return value
    return f"{value} ({fixed(one.interval.low, one.decimals)}{to}{fixed(one.interval.high, one.decimals)})"


def _best(scores: Sequence[SystemScore]) -> float:
    values = [one.value for one in scores if math.isfinite(one.value)]
    if not values:
        return math.nan
    return max(values) if scores[0].higher_is_better else min(values)


def _notes(scores: Sequence[SystemScore], before: str, after: str) -> list[str]:
    return [f"{before}{plain_line(text)}{after}" for text in dict.fromkeys(one.signature for one in scores)]


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in plain_line(text))
