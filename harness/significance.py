"""Every system against every other in one table a metric: who beats whom, and by how much. Computes no statistic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.compare import Comparison, Contrast
from harness.markup import fixed, signed, table_cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Systems by systems, best first.

    Attributes:
        title: What was scored: task, language, metric.
        scores: System -> its score, best first.
        contrasts: ``(row, column)`` -> the row's system against the column's, for pairs in one of the two orders.
        decimals: Digits worth showing.
    """

    title: str
    scores: Mapping[str, float]
    contrasts: Mapping[tuple[str, str], Contrast]
    decimals: int

    def rows(self) -> Iterator[list[str]]:
        """Header, then a row a system: name, score, and the difference to every other one with its verdict."""
        yield ["", "score", *self.scores]
        for row, score in self.scores.items():
            yield [row, fixed(score, self.decimals), *(self._cell(row, column) for column in self.scores)]

    def _cell(self, row: str, column: str) -> str:
        if row == column:
            return "·"
        sign, found = 1, self.contrasts.get((row, column))
        if found is None:
            sign, found = -1, self.contrasts.get((column, row))
        if found is None or found.delta is None:
            return "?"
        verdict = {"better": sign, "worse": -sign}.get(found.verdict, 0)
        return signed(sign * found.delta, self.decimals + 1) + {1: " ▲", -1: " ▼", 0: ""}[verdict]


def matrices(comparison: Comparison) -> list[Matrix]:
    """One matrix for every task, variant, prompt, language (and mean of languages) and metric that was compared."""
    groups: dict[tuple[str, ...], list[Contrast]] = {}
    for one in comparison.contrasts:
        place = (one.task, one.variant, one.prompt, one.language, one.title)
        groups.setdefault(place, []).append(one)
    return [_matrix(" ".join(filter(None, place)), found) for place, found in groups.items()]


def matrices_markdown(found: Sequence[Matrix], correction: str) -> str:
    """All matrices, with what the marks say.

    Args:
        correction: How p-values were corrected, in words.
    """
    lines = [
        "# Systems against systems",
        "",
        "Row minus column. ▲ the row's system is better, ▼ it is worse: paired on the same segments, "
        f"p at most 0.05, {correction}. Without a mark no difference was shown.",
    ]
    for matrix in found:
        header, *rows = list(matrix.rows())
        lines += ["", f"## {table_cell(matrix.title)}", "", f"| {' | '.join(table_cell(name) for name in header)} |"]
        lines += [f"|---|{'--:|' * (len(header) - 1)}"]
        lines += [f"| {' | '.join([table_cell(row[0]), *row[1:]])} |" for row in rows]
    return "\n".join(lines) + "\n"


def _matrix(title: str, contrasts: Sequence[Contrast]) -> Matrix:
    scores: dict[str, float] = {}
    for one in contrasts:
        for name, value in ((one.against, one.value_against), (one.system, one.value)):
            if value is not None:
                scores.setdefault(name, value)
    ordered = sorted(scores, key=lambda name: scores[name], reverse=contrasts[0].higher_is_better)
    return Matrix(
        title=title,
        scores={name: scores[name] for name in ordered},
        contrasts={(one.system, one.against): one for one in contrasts},
        decimals=contrasts[0].decimals,
    )
