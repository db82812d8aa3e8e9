"""What a table of a report leaves out, and why numbers are missing or weaker than they could be, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness import languages
from harness.boards import Board, MetricTable, sides_of
from harness.evidence import SegmentEvidence
from harness.ranks import own_languages, ranking

_MOST_NAMED = 8


def omissions(tables: Sequence[tuple[Board, MetricTable, SegmentEvidence]], *, whole: bool) -> tuple[str, ...]:
    """Notes on tables that stand together, each said once, with the variants and prompts it is about unless it is all.

    Args:
        whole: Whether there are means over all languages of a table, so that what they leave out is worth saying.
    """
    found: dict[str, list[str]] = {}
    for board, table, evidence in tables:
        for note in (*(_left_out(board, table) if whole else ()), *_weaknesses(board, table, evidence)):
            found.setdefault(note, []).append(" ".join(filter(None, (board.variant, board.prompt))))
    return tuple(note if len(where) == len(tables) else f"{', '.join(where)}: {note}" for note, where in found.items())


def language_name(code: str) -> str:
    """English name of a language or direction of a record; the code itself where nobody knows it."""
    found = [(languages.lookup(side), side) for side in sides_of(code)]
    return " → ".join(side if language is None else language.name for language, side in found)


def listed(codes: Sequence[str]) -> str:
    """Names while they are few, then how many more."""
    names = [language_name(code) for code in codes[:_MOST_NAMED]]
    more = len(codes) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _left_out(board: Board, table: MetricTable) -> Iterator[str]:
    found = ranking(table, board.pivot)
    rows = "directions" if board.directions else "languages"
    ranked = [row for row in found.rows if row.first is not None]
    if found.left_out and len(found.rows) > 1 and ranked:
        yield (
            f"means are over the {len(found.common)} {rows} that all ranked models have; "
            f"without {listed(found.left_out)}"
        )
    for row in found.rows:
        missing = set(table.languages) - set(own_languages(table, row.model))
        if len(found.rows) == 1 and missing:
            yield f"no score in {listed(sorted(missing))}: left out, not zero"
        if row.first is None and row.mean is not None and ranked:
            yield f"{row.model.title} has too few {rows} to be ranked; its mean is over its own {row.counted}"
    if not ranked and len(found.rows) > 1:
        yield f"the models share no {rows.removesuffix('s')}: means are over a model's own {rows}; do not compare them"
    if board.not_run:
        yield f"not run: {listed(board.not_run)}"


def _weaknesses(board: Board, table: MetricTable, evidence: SegmentEvidence) -> Iterator[str]:
    foreign = sum(not cell.comparable for cell in table.cells)
    if foreign:
        yield f"{foreign} scores rest on other data, another prompt or another metric than the other models': left out"
    pivot = language_name(board.pivot)
    without = [model.title for model in table.models if table.value(model, board.pivot) is None]
    if board.directions:
        yield f"no gap to {pivot}: in a direction both sides change, so that no score is that of {pivot} alone"
    elif len(without) == len(table.models):
        yield f"no gap to {pivot}: it has no score here"
    elif evidence.has_statistics and not evidence.has_pairs:
        yield f"no gap to {pivot}: no other language shares items with it that are scored the same way"
    elif without:
        yield f"no gap to {pivot} for {', '.join(without)}: no score in {pivot}"
    if not evidence.has_statistics:
        yield (
            "no statistics of segments: intervals of means are the languages' intervals averaged (too wide), "
            "gaps are differences of scores without an interval"
        )
