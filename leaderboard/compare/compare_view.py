"""Two models on everything both have, as the templates show it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from harness.compare import NotCompared
from leaderboard.compare.compare_rows import Row
from leaderboard.compare.compare_section import SectionView
from leaderboard.compare.comparisons import Comparisons
from leaderboard.data.model_pairs import Pair
from leaderboard.markup.labels import LanguageLabel, label
from leaderboard.markup.text import fold
from leaderboard.views.views import BoardView

MOST_ROWS = 1200
"""Most languages, over all tasks, that the page of a pair lists one by one; a row is about 1.3 kB."""

FEW_ROWS = 20
"""Most languages a table where there are more: those with the largest differences, half of them each way."""


class PairView:
    """A pair of models on all boards.

    Args:
        pair: The two.
        boards: All boards of the site.
        comparisons: What is known.
    """

    def __init__(self, pair: Pair, boards: Iterable[BoardView], comparisons: Comparisons) -> None:
        self.pair = pair
        self.a, self.b = pair.system, pair.against
        own = [board for board in boards if set(pair.models) <= set(board.board.models)]
        found = [SectionView(pair, board, metric, comparisons) for board in own for metric in board.metrics]
        self._cut: dict[str, list[Row]] = {}
        self.sections = [section for section in found if section.tally.languages]
        self.refused = [
            (board, metric, row)
            for board in own
            for metric in board.metrics
            for row in comparisons.refused(pair, board.board, metric.table)
        ]

    @cached_property
    def is_cut(self) -> bool:
        """Whether there are too many languages to list them all."""
        return sum(section.tally.languages for section in self.sections) > MOST_ROWS

    def shown(self, section: SectionView) -> list[Row]:
        """The rows of a section that its table has."""
        if not self.is_cut:
            return section.rows
        if section.id not in self._cut:
            self._cut[section.id] = section.largest(self.few)
        return self._cut[section.id]

    @property
    def few(self) -> int:
        """How many rows a table has where there are too many."""
        return min(FEW_ROWS, max(2, MOST_ROWS // len(self.sections) // 2 * 2))

    @property
    def has_tests(self) -> bool:
        return any(section.has_tests for section in self.sections)

    @property
    def has_untested(self) -> bool:
        return any(section.has_untested for section in self.sections)

    @property
    def reasons(self) -> list[tuple[str, str, list[LanguageLabel]]]:
        """``(what, reason, languages)`` of the scores that were not compared, those of one reason together."""
        found: dict[tuple[str, str], list[LanguageLabel]] = {}
        for board, metric, row in self.refused:
            what = ", ".join(filter(None, (board.board.task.name, board.setting, metric.facts.title)))
            found.setdefault((what, row.reason), []).append(label(row.language))
        return [(what, reason, sorted(own, key=_by_name)) for (what, reason), own in found.items()]

    @property
    def not_compared(self) -> list[NotCompared]:
        return [row for _, _, row in self.refused]


def _by_name(row: LanguageLabel) -> tuple[str, str]:
    return fold(row.name), row.code
