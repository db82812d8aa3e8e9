"""Which tables of some runs a report is about, by the names people give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.boards import Board, MetricTable, boards
from harness.errors import UserError
from harness.records import RunRecord
from harness.store import RunFolder
from metrics.spelling import did_you_mean

EVERY = "all"
"""Stands for every metric where one could be named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What of the runs is reported; an empty field means everything, and for metrics the first of each task."""

    tasks: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()


def tables_in(runs: Sequence[RunFolder], scope: Scope, *, apart: bool) -> list[list[tuple[Board, MetricTable]]]:
    """The tables of the scope, those of one task and metric together; every table by itself if ``apart``.

    Raises:
        UserError: The scope names what no run has, or leaves nothing.
    """
    wanted = {metric.casefold() for metric in scope.metrics}
    found: dict[tuple[str, ...], list[tuple[Board, MetricTable]]] = {}
    known: dict[str, None] = {}
    for board in boards(_records_in(runs, scope)):
        for number, table in enumerate(board.metrics):
            names = (table.facts.metric, table.facts.title)
            known |= dict.fromkeys(names)
            if wanted.intersection(map(str.casefold, names)) or EVERY in wanted or (not wanted and number == 0):
                setting = (board.variant, board.prompt) if apart else ()
                found.setdefault((board.task.name, table.facts.metric, *setting), []).append((board, table))
    for metric in scope.metrics:
        if metric.casefold() not in {EVERY, *map(str.casefold, known)}:
            raise UserError(_unknown("metric", metric, list(known)))
    return list(found.values())


def _records_in(runs: Sequence[RunFolder], scope: Scope) -> list[RunRecord]:
    """The records, in their order, with the scores of the scope only."""
    records = [folder.record for folder in runs]
    facets = {"task": scope.tasks, "variant": scope.variants, "prompt": scope.prompts, "model": scope.models}
    for facet, names in facets.items():
        known = list(dict.fromkeys(getattr(score, facet) for record in records for score in record.scores))
        for name in names:
            if name not in known:
                raise UserError(_unknown(facet, name, known))
    chosen = [
        tuple(
            score
            for score in record.scores
            if all(not names or getattr(score, facet) in names for facet, names in facets.items())
        )
        for record in records
    ]
    if not any(chosen):
        raise UserError("report: the runs have no score of all that was asked for together; leave an option out")
    return [record.model_copy(update={"scores": scores}) for record, scores in zip(records, chosen, strict=True)]


def _unknown(facet: str, name: str, known: Sequence[str]) -> str:
    there = ", ".join(filter(None, known)) or "none"
    return f"report: no {facet} {name!r} in the runs{did_you_mean(name, known)}; they have {there}"
