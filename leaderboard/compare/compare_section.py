"""One metric of one board for two models: words, formatted numbers, drawings. Computes no statistic.

``A`` is the system, ``B`` the one it is compared with; differences are A minus B.
"""

from __future__ import annotations

import math
from functools import cache, cached_property

import numpy as np
from markupsafe import Markup

from harness.comparison_words import p_words
from harness.groups import Group
from harness.markup import fixed
from harness.pairing import MACRO
from harness.untested import Differences
from leaderboard.compare.compare_rows import GroupRow, Row, Tally, Winner, mean_row, tested_row, untested_rows
from leaderboard.compare.comparisons import Comparisons
from leaderboard.data.model_pairs import Pair
from leaderboard.drawing import figures, figures_forest
from leaderboard.drawing.figures import Axis
from leaderboard.drawing.figures_forest import Dot
from leaderboard.markup.labels import label
from leaderboard.views.metric_view import MetricView
from leaderboard.views.rendering import environment
from leaderboard.views.views import BoardView

_FEWEST_DOTS = 3


class SectionView:
    """One metric of one board for a pair.

    Args:
        pair: The two models.
        board: The board.
        metric: Its metric.
        comparisons: What is known.
    """

    def __init__(self, pair: Pair, board: BoardView, metric: MetricView, comparisons: Comparisons) -> None:
        self.pair = pair
        self.board = board
        self.metric = metric
        self.id = metric.id
        self._contrasts = comparisons.contrasts(pair, board.board, metric.facts.metric)
        self.untested = comparisons.untested(metric.table).between(*pair.models)
        self._sign = 1 if metric.facts.higher_is_better else -1

    @cached_property
    def tally(self) -> Tally:
        verdicts = [row.verdict for row in self._contrasts if row.language != MACRO]
        gains = self._sign * self.untested.delta
        return Tally(
            first=verdicts.count("better"),
            second=verdicts.count("worse"),
            undecided=verdicts.count("no difference shown"),
            higher=int((gains > 0).sum()),
            lower=int((gains < 0).sum()),
            untested=len(gains),
        )

    @cached_property
    def macro(self) -> Row | None:
        """The mean over the tested languages, else over the untested ones; ``None`` of a single language."""
        if self._contrasts:
            first = self._contrasts[0]
            return tested_row(first, None) if first.language == MACRO else None
        return mean_row(self.untested) if len(self.untested.languages) > 1 else None

    @property
    def headline(self) -> Row:
        """The mean, or the only language."""
        return self.macro or self.rows[0]

    @cached_property
    def rows(self) -> list[Row]:
        """The languages, those in which A is better by most first; an undefined difference comes last."""
        return self._sorted(self.untested)

    def largest(self, most: int) -> list[Row]:
        """An even number of rows: those with the largest differences both ways; all where there are no more."""
        few = self.untested
        if len(few.languages) > 2 * most:
            order = np.argsort(few.delta, kind="stable")
            few = few.only(np.concatenate([order[:most], order[-most:]]))
        rows = self._sorted(few)
        return rows if len(rows) <= most else [*rows[: most // 2], *rows[-(most // 2) :]]

    def _sorted(self, untested: Differences) -> list[Row]:
        found = [tested_row(row, label(row.language)) for row in self._contrasts if row.language != MACRO]
        return sorted([*found, *untested_rows(untested)], key=self._place)

    @property
    def has_tests(self) -> bool:
        return bool(self._contrasts)

    @property
    def has_untested(self) -> bool:
        return bool(self.untested.languages)

    @property
    def has_intervals(self) -> bool:
        """Whether an untested difference has an interval."""
        return bool(np.isfinite(self.untested.low).any())

    @property
    def verdict(self) -> str:
        """What the mean, or the only language, says: in words about A."""
        row, digits = self.headline, self.metric.table.digits + 1
        if row.delta is None:
            return f"The difference is undefined on these {row.n} segments."
        over = f" on the mean over {row.languages} {self.rows_name(row.languages)}" if row.languages > 1 else ""
        if not row.tested:
            ahead = self._ahead(row.delta)
            size = fixed(abs(row.delta), digits)
            if not ahead:
                return f"Both have the same score{over}; it cannot be tested: no segments."
            return f"{ahead}’s score is the better one by {size}{over}; that cannot be tested: no segments."
        if not row.winner:
            if row.detectable is None:
                return f"No difference{over}: the two never differed."
            found = fixed(row.detectable, digits)
            return f"No difference shown{over}; one of {found} would have been found four times in five."
        ends = sorted(abs(end) for end in (row.low, row.high) if end is not None)
        interval = f" ({fixed(ends[0], digits)} to {fixed(ends[1], digits)})" if len(ends) == 2 else ""
        return f"{row.winner} is better by {fixed(abs(row.delta), digits)}{interval}{over}, {p_words(row.p or 0.0)}."

    @property
    def counts(self) -> str:
        """In how many languages who is better, in words; empty for a single language, of which the verdict is."""
        tally, parts = self.tally, []
        if tally.languages == 1:
            return ""
        name = self.rows_name(tally.tested)
        if tally.tested:
            parts.append(
                f"A is better in {tally.first} of {tally.tested} {name}, B in {tally.second}; "
                f"no difference was shown in {tally.undecided}."
            )
        if tally.untested:
            same = tally.untested - tally.higher - tally.lower
            parts.append(
                f"A’s score is the better one in {tally.higher} of {tally.untested} "
                f"{self.rows_name(tally.untested)}{' without segments' if tally.tested else ''}, B’s in {tally.lower}"
                + (f"; they are equal in {same}." if same else ".")
            )
        return " ".join(parts)

    def rows_name(self, count: int) -> str:
        """Languages or directions."""
        return self._name if count == 1 else f"{self._name}s"

    @cached_property
    def _name(self) -> str:
        return "direction" if self.board.directions else "language"

    @cached_property
    def scale(self) -> Axis:
        """The axis of the differences, of all languages."""
        tested = [end for row in self._contrasts for end in (row.delta, row.low, row.high) if end is not None]
        plain = np.concatenate([self.untested.delta, self.untested.low, self.untested.high])
        plain = plain[np.isfinite(plain)]
        ends = [float(plain.min()), float(plain.max())] if len(plain) else []
        return figures.axis([0.0, *tested, *ends])

    def drawing(self, row: Row) -> Markup:
        if row.delta is None:
            return Markup("")
        shown, macro = bool(row.winner), row.label is None
        return figures_forest.forest_row(row.delta, row.low, row.high, self.scale, shown=shown, macro=macro)

    def axis(self) -> Markup:
        return figures_forest.forest_scale(self.scale)

    @cached_property
    def scatter(self) -> Markup:
        """A against B, one dot a language; empty where there are too few to show anything."""
        dots = [
            Dot(name=row.label.name, value=row.value, value_against=row.value_against, shown=bool(row.winner))
            for row in self.rows
            if row.label is not None and row.value is not None and row.value_against is not None
        ]
        if len(dots) < _FEWEST_DOTS:
            return Markup("")
        scale = figures.axis([value for dot in dots for value in (dot.value, dot.value_against)])
        names = (f"A: {self.pair.system.title}", f"B: {self.pair.against.title}")
        title = f"{self.metric.facts.title} of A against that of B, {len(dots)} {self.rows_name(len(dots))}"
        return figures_forest.scatter(dots, scale, names, title)

    @cached_property
    def groups(self) -> list[tuple[str, list[GroupRow]]]:
        """The languages by what they have in common, kinds with one group left out."""
        found = []
        for kind, groups in self.board.groups_by_kind:
            own = [row for group in groups if (row := self._group(group)) is not None]
            if len(own) > 1:
                found.append((kind, sorted(own, key=lambda row: -self._sign * row.delta)))
        return found

    @cached_property
    def group_scale(self) -> Axis:
        return figures.axis([0.0, *(row.delta for _, own in self.groups for row in own)])

    def group_drawing(self, row: GroupRow) -> Markup:
        return figures_forest.forest_row(row.delta, None, None, self.group_scale, shown=True)

    def untested_row(self, row: Row) -> Markup:
        """A row of a table without tests, put together here: a large site has tens of thousands."""
        ends = "" if row.low is None else f' <span class="ci">{self.signed(row.low)} to {self.signed(row.high)}</span>'
        head = (
            Markup('<th scope="row">Mean over {}</th>').format(row.languages)
            if row.label is None
            else _language_head(row.label.code, self.board.board.pivot)
        )
        return head + Markup(
            f'<td class="num">{self.number(row.value)}</td><td class="num">{self.number(row.value_against)}</td>'
            f'<td class="num" data-v="{row.delta!r}"><b>{self.signed(row.delta)}</b>{ends}</td>'
            f'<td class="fig">{self.drawing(row)}</td>'
        )

    def number(self, value: float | None) -> str:
        return self.metric.number(value)

    def signed(self, value: float | None) -> str:
        """A difference, with its sign and one digit more than scores have."""
        if value is None:
            return ""
        text = figures.number(value, self.metric.table.digits + 1)
        return f"+{text}" if value > 0 and text.strip("0.") else text

    def detectable(self, value: float | None) -> str:
        return "" if value is None else figures.number(value, self.metric.table.digits + 1)

    def p(self, row: Row) -> str:
        return "" if row.p is None else "<0.001" if row.p < 0.001 else f"{row.p:.3f}"

    @property
    def right(self) -> Winner:
        """Who is better right of zero."""
        return "A" if self._sign > 0 else "B"

    def _ahead(self, delta: float) -> Winner:
        return "" if delta == 0 else "A" if self._sign * delta > 0 else "B"

    def _place(self, row: Row) -> tuple[bool, float, str]:
        return (row.delta is None, -self._sign * (row.delta or 0.0), row.label.code if row.label else "")

    def _group(self, group: Group) -> GroupRow | None:
        own = [row for row in self.rows if row.label is not None and row.label.code in group.rows]
        deltas = [row.delta for row in own if row.delta is not None]
        if not deltas:
            return None
        winners = [row.winner for row in own if row.tested]
        plain = [self._ahead(row.delta or 0.0) for row in own if not row.tested]
        return GroupRow(
            group=group,
            delta=math.fsum(deltas) / len(deltas),
            tally=Tally(
                first=winners.count("A"),
                second=winners.count("B"),
                undecided=winners.count(""),
                higher=plain.count("A"),
                lower=plain.count("B"),
                untested=len(plain),
            ),
        )


@cache
def _language_head(code: str, pivot: str) -> Markup:
    """The head of a row on a page at the site's root."""
    parts = environment().get_template("parts.html.j2").make_module({"root": "", "page": ""})
    return Markup(parts.language_head(label(code), pivot))  # type: ignore[attr-defined]
