"""A board as the templates show it: what it is called, its metrics, where its data come from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from harness.boards import Board, Cell, Model
from harness.groups import Group
from harness.ranks import Ranking
from leaderboard.markup.labels import LanguageLabel, label
from leaderboard.markup.pages import SegmentKey, task_page
from leaderboard.markup.text import fold, short_hash
from leaderboard.views.matrix_view import MatrixView, is_matrix
from leaderboard.views.metric_view import MetricView
from leaderboard.views.standings import StandingsView

_FEW = 3


class BoardView:
    """One board: where it stands, what it is called, its metrics with the headline first.

    Args:
        board: The board.
        rankings: For every metric of the board, in their order, its ranking over all languages (``groups.ALL``) and
            over those of every group.
        groups: The groups of the board's languages.
        linked: Which units have a segment page.
    """

    def __init__(
        self,
        board: Board,
        rankings: Sequence[Mapping[str, Ranking]],
        groups: Sequence[Group],
        linked: Collection[SegmentKey],
    ) -> None:
        self.board = board
        self.groups = tuple(groups)
        self.id = f"b-{short_hash(*board.key)}"
        self.page = task_page(board.task.name)
        labels = [label(language) for language in board.languages]
        self.labels = tuple(sorted(labels, key=lambda row: (fold(row.name), row.code)))
        named = {group.id: group for group in groups}
        self.metrics = tuple(
            MetricView(
                board,
                table,
                {name: StandingsView(table, ranking, named.get(name)) for name, ranking in own.items()},
                linked,
            )
            for table, own in zip(board.metrics, rankings, strict=True)
        )

    @property
    def headline(self) -> MetricView:
        return self.metrics[0]

    @property
    def setting(self) -> str:
        """Variant and prompt in words; empty for a task that has neither."""
        named = (("variant", self.board.variant), ("prompt", self.board.prompt))
        return ", ".join(f"{name} {value}" for name, value in named if value)

    @cached_property
    def pivot_name(self) -> str:
        return label(self.board.pivot).name

    @cached_property
    def directions(self) -> bool:
        """Whether rows are translation directions."""
        return self.board.directions

    @cached_property
    def names(self) -> dict[str, str]:
        """What each row is called, by code."""
        return {row.code: row.name for row in self.labels}

    @cached_property
    def groups_by_row(self) -> dict[str, str]:
        """The ids of the groups that a row belongs to, by its code."""
        return {row.code: " ".join(own.id for own in self.groups if row.code in own.rows) for row in self.labels}

    @cached_property
    def groups_by_kind(self) -> list[tuple[str, list[Group]]]:
        """The groups that are not all there is, by what they have in common."""
        found: dict[str, list[Group]] = {}
        for group in self.groups:
            if len(group.rows) < len(self.labels):
                found.setdefault(group.kind, []).append(group)
        return list(found.items())

    def matrices(self, metric: MetricView, models: Sequence[Model]) -> list[MatrixView]:
        """Tables of source by target languages for each of ``models``; none where directions do not fill them."""
        return [MatrixView(metric, model, self.labels) for model in models] if self.is_matrix else []

    @cached_property
    def is_matrix(self) -> bool:
        """Whether rows are directions that fill a table of source by target languages."""
        return is_matrix(self.labels)

    @property
    def hardest(self) -> list[tuple[LanguageLabel, float]]:
        """Where even the best model does worst by the headline metric, and what it scores there."""
        sign = 1 if self.headline.facts.higher_is_better else -1
        tops = ((self.headline.best(row.code), row) for row in self.labels)
        best = sorted(((sign * top, row) for top, row in tops if top is not None), key=lambda found: found[0])
        return [(row, sign * value) for value, row in best[:_FEW]] if len(best) > _FEW else []

    @property
    def missing(self) -> int:
        """How many pairs of a model and a language have no score by the headline metric."""
        table = self.headline.table
        scored = sum(cell.score.value is not None for cell in table.cells)
        return len(table.models) * len(table.languages) - scored

    def rows(self, metric: MetricView, model: Model | None = None) -> list[LanguageRow]:
        """The scores of one metric by language, models in the order of the ranking, or only those of ``model``."""
        return [
            LanguageRow(metric=metric, label=row, model=own, cell=cell)
            for row in self.labels
            for own in (metric.models if model is None else [model])
            if (cell := metric.table.cell(own, row.code)) is not None
        ]

    @property
    def provenance(self) -> list[tuple[str, str]]:
        """Where the task comes from, as far as its record says."""
        task = self.board.task
        known = (
            ("kind", task.kind),
            ("source", task.source),
            ("licence", task.license),
            ("pivot", task.pivot),
            ("task file, sha256", task.file_sha256),
        )
        return [(name, value or "not recorded") for name, value in known]

    @property
    def fingerprints(self) -> list[FingerprintRow]:
        """How the scores were made, every way once."""
        ways: dict[tuple[str, str, str, str, str, str], list[str]] = {}
        for metric in self.metrics:
            for cell in metric.table.cells:
                score = cell.score
                found = score.fingerprint
                way = (score.title, score.signature, score.ci_method, found.prompt, found.metric, found.decoding)
                ways.setdefault(way, []).append(found.dataset)
        return [
            FingerprintRow(
                title=title,
                signature=signature,
                interval=method or "none",
                dataset=_few(datasets),
                prompt=prompt or "–",
                decoding=decoding or "–",
                scores=len(datasets),
            )
            for (title, signature, method, prompt, _, decoding), datasets in ways.items()
        ]

    def rows_of(self, code: str) -> list[LanguageLabel]:
        """The language ``code``, or the directions from or into it."""
        return self._rows_by_code.get(code, [])

    @cached_property
    def _rows_by_code(self) -> dict[str, list[LanguageLabel]]:
        found: dict[str, list[LanguageLabel]] = {}
        for row in self.labels:
            for code in dict.fromkeys(side.code for side in row.sides):
                found.setdefault(code, []).append(row)
        return found

    def concerning(self, code: str, most: int | None = None) -> list[LanguageRow]:
        """The scores in the language ``code``, or from or into it, models in the order of each metric's ranking.

        Args:
            most: Of each metric, and direction, only those of the first models that have one.
        """
        rows = self.rows_of(code)
        return [found for metric in self.metrics for row in rows for found in islice(_in_language(metric, row), most)]


def _in_language(metric: MetricView, row: LanguageLabel) -> Iterator[LanguageRow]:
    for model in metric.models:
        if (cell := metric.table.cell(model, row.code)) is not None:
            yield LanguageRow(metric=metric, label=row, model=model, cell=cell)


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageRow:
    """One score as a language's page shows it."""

    metric: MetricView
    label: LanguageLabel
    model: Model
    cell: Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerprintRow:
    """One way of making scores, and how many were made so."""

    title: str
    signature: str
    interval: str
    dataset: str
    prompt: str
    decoding: str
    scores: int


def _few(values: Iterable[str]) -> str:
    """The distinct values while they are few, else how many there are and a hash of them all."""
    distinct = sorted(set(filter(None, values)))
    if len(distinct) <= _FEW:
        return " ".join(distinct) or "–"
    return f"{len(distinct)} data sets, together {short_hash(*distinct)}"
