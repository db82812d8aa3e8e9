"""Comparisons of models as data: what the page of a pair shows, and what the index shows, at full precision."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from harness.compare import Comparison
from harness.export import csv_text
from harness.markup import json_text
from harness.pairing import MACRO
from harness.reports import COMPARE_COLUMNS, comparison_body, comparison_rows
from harness.summary_rows import Cells
from harness.untested import VERDICT
from leaderboard.compare.compare_rows import Row
from leaderboard.compare.compare_section import SectionView
from leaderboard.compare.compare_view import PairView

INDEX_COLUMNS = (
    *("system", "against", "task", "variant", "prompt", "metric", "languages"),
    *("value", "value_against", "delta", "ci_low", "ci_high", "p", "verdict", "minimum_detectable_effect"),
    *("better", "worse", "no_difference_shown", "untested_higher", "untested_lower", "untested", "page"),
)
"""Columns of the index's CSV: one row a pair, board and metric; counts of languages are about ``system``."""

_NUMBERS = ("value", "value_against", "delta", "ci_low", "ci_high")


def pair_csv(view: PairView, comparison: Comparison) -> str:
    """What ``glotbench compare --format csv`` has, and what cannot be tested, as far as the page shows it."""
    compared = dataclasses.replace(comparison, not_compared=tuple(view.not_compared))
    _, *rows = comparison_rows(compared)
    untested = [[cells.get(column) for column in COMPARE_COLUMNS] for cells in _untested(view)]
    return csv_text(COMPARE_COLUMNS, [*rows, *untested])


def pair_json(view: PairView, comparison: Comparison) -> str:
    """What ``glotbench compare --format json`` has without texts, and as ``untested`` what cannot be tested, as far as
    the page shows it; on one line where that is much."""
    compared = dataclasses.replace(comparison, not_compared=tuple(view.not_compared))
    body = comparison_body(compared, texts=False) | {"untested": list(_untested(view))}
    return json_text(body, indent=None if view.is_cut else 1)


def index_row(view: PairView, section: SectionView) -> Cells:
    """A pair on one metric of one board as a row of ``INDEX_COLUMNS``."""
    row, tally = section.headline, section.tally
    return (
        _where(view, section)
        | {"languages": tally.languages, "page": view.pair.page}
        | _numbers(row)
        | {"p": row.p, "verdict": row.verdict or VERDICT, "minimum_detectable_effect": row.detectable}
        | {"better": tally.first, "worse": tally.second, "no_difference_shown": tally.undecided}
        | {"untested_higher": tally.higher, "untested_lower": tally.lower, "untested": tally.untested}
    )


def _untested(view: PairView) -> Iterator[Cells]:
    for section in view.sections:
        if section.has_untested:
            where = _where(view, section) | {"verdict": VERDICT}
            if section.macro is not None and not section.macro.tested:
                yield where | {"language": MACRO} | _numbers(section.macro)
            for row in view.shown(section):
                if not row.tested and row.label is not None:
                    yield where | {"language": row.label.code} | _numbers(row)


def _where(view: PairView, section: SectionView) -> Cells:
    board, facts = section.board.board, section.metric.facts
    names: Cells = {"system": view.a.title, "against": view.b.title}
    return names | {"task": board.task.name, "variant": board.variant, "prompt": board.prompt, "metric": facts.metric}


def _numbers(row: Row) -> Cells:
    return dict(zip(_NUMBERS, (row.value, row.value_against, row.delta, row.low, row.high), strict=True))
