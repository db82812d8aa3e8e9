"""What the paired tests of all pairs with a page say: worked out task by task, so that pairs share their draws."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import groupby
from typing import TypeVar

from pydantic import TypeAdapter

from harness.boards import Board, Cell, MetricTable, Model
from harness.compare import CompareOptions, Comparison, Contrast, NotCompared, compare_pairs
from harness.pairing import ScoreSource
from harness.systems import Key, System
from harness.untested import UntestedScores
from leaderboard.building.folder import Writer
from leaderboard.building.jobs import Job
from leaderboard.data.model_pairs import Pair
from leaderboard.data.site_data import Site

LISTED = 3
"""Segments that are listed of every language in which a system loses, and in which it gains."""

_COMPARISON = TypeAdapter(Comparison)
_Found = TypeVar("_Found", Contrast, NotCompared)


def jobs(site: Site) -> list[Job]:
    """One a task that has segments and pairs; its summary is the comparison."""
    found, bare = [], _bare(site)
    for task, own in groupby(site.boards, key=lambda board: board.task.name):
        boards = list(own)
        pairs = [pair for pair in site.pairs if any(set(pair.models) <= set(board.models) for board in boards)]
        if pairs and any(cell.score.segments and cell.run not in bare for board in boards for cell in _cells(board)):
            found.append(_job(site, task, boards, pairs))
    return found


class Comparisons:
    """What is known of every pair: contrasts where there are segments, else the scores to be subtracted.

    Read and worked out when first asked for, in whatever process that is.

    Args:
        site: The site.
        summaries: Of all jobs.
    """

    def __init__(self, site: Site, summaries: Mapping[str, str]) -> None:
        tasks = {board.task.name for board in site.boards}
        self._summaries = {task: summaries[_name(task)] for task in tasks if _name(task) in summaries}
        self._untested: dict[int, UntestedScores] = {}
        self._bare = _bare(site)

    def contrasts(self, pair: Pair, board: Board, metric: str) -> list[Contrast]:
        """The macro row, where there is one, and the languages, in the order of ``glotbench compare``."""
        return self._contrasts.get((*_names(pair), *board.key, metric), [])

    def comparison(self, pair: Pair) -> Comparison:
        """Everything that ``glotbench compare`` finds of two systems, in tasks that have segments."""
        own = [self._parsed[task] for task in sorted(self._parsed)]
        names = _names(pair)
        facts = own[0] if own else Comparison(
            systems=(), correction="bh", alpha=0.05, seed=0, contrasts=(), not_compared=()
        )  # fmt: skip
        return replace(
            facts,
            systems=(pair.against.title, pair.system.title),
            contrasts=tuple(row for one in own for row in one.contrasts if (row.system, row.against) == names),
            not_compared=tuple(row for one in own for row in one.not_compared if (row.system, row.against) == names),
            imported=tuple(dict.fromkeys(row for one in own for row in one.imported if row[0] in names)),
        )

    def untested(self, table: MetricTable) -> UntestedScores:
        """The scores of a table without their segments."""
        key = id(table)
        if key not in self._untested:
            self._untested[key] = UntestedScores(table, self._bare)
        return self._untested[key]

    def refused(self, pair: Pair, board: Board, table: MetricTable) -> list[NotCompared]:
        """The scores of a table that are not compared, with the reasons."""
        untested = self.untested(table)
        if board.task.name not in self._summaries:
            found = untested.refused(*pair.models)
            return [_refused(pair, board, table.facts.metric, language, reason) for language, reason in found]
        known = set(untested.between(*pair.models).languages)
        rows = self._refused.get((*_names(pair), *board.key, table.facts.metric), [])
        return [row for row in rows if row.language not in known]

    @cached_property
    def _parsed(self) -> dict[str, Comparison]:
        return {task: _COMPARISON.validate_json(text) for task, text in self._summaries.items()}

    @cached_property
    def _contrasts(self) -> dict[tuple[str, ...], list[Contrast]]:
        return _grouped([row for one in self._parsed.values() for row in one.contrasts])

    @cached_property
    def _refused(self) -> dict[tuple[str, ...], list[NotCompared]]:
        return _grouped([row for one in self._parsed.values() for row in one.not_compared])


def _job(site: Site, task: str, boards: Sequence[Board], pairs: Sequence[Pair]) -> Job:
    def make(_: Writer) -> str:
        systems = _systems(site, boards, pairs)
        options = CompareOptions(worst=LISTED, best=LISTED)
        found = compare_pairs([(systems[pair.against], systems[pair.system]) for pair in pairs], options=options)
        return _COMPARISON.dump_json(found).decode("utf-8")

    names = [_names(pair) for pair in pairs]
    return Job(name=_name(task), digest=site.digest(task, names, runs=site.runs_of(*boards)), make=make)


def _systems(site: Site, boards: Sequence[Board], pairs: Sequence[Pair]) -> dict[Model, System]:
    """The models of the pairs with their scores in a task, in the order of the records."""
    bare = _bare(site)
    scores: dict[Model, dict[Key, ScoreSource]] = {model: {} for pair in pairs for model in pair.models}
    for board in boards:
        for table in board.metrics:
            for model, _, cell in table.items():
                if model in scores:
                    score = replace(cell.score, segments=False) if cell.run in bare else cell.score
                    scores[model][score.key] = ScoreSource(folder=site.folders[cell.run], score=score)
    return {model: System(name=model.title, scores=own) for model, own in scores.items()}


def _bare(site: Site) -> frozenset[int]:
    """The runs that do not keep the statistics of their scores."""
    return frozenset(run for run, folder in enumerate(site.folders) if not folder.has_statistics)


def _name(task: str) -> str:
    return f"compare {task}"


def _names(pair: Pair) -> tuple[str, str]:
    return pair.system.title, pair.against.title


def _cells(board: Board) -> list[Cell]:
    return [cell for table in board.metrics for cell in table.cells]


def _grouped(rows: Iterable[_Found]) -> dict[tuple[str, ...], list[_Found]]:
    found: dict[tuple[str, ...], list[_Found]] = {}
    for row in rows:
        found.setdefault((row.system, row.against, row.task, row.variant, row.prompt, row.metric), []).append(row)
    return found


def _refused(pair: Pair, board: Board, metric: str, language: str, reason: str) -> NotCompared:
    return NotCompared(
        system=pair.system.title,
        against=pair.against.title,
        task=board.task.name,
        variant=board.variant,
        prompt=board.prompt,
        language=language,
        metric=metric,
        reason=reason,
    )
