"""Run folders -> rows of a report: means over languages, and over groups of them, with everything that was left out.

One section is one task in one metric, in one variant and prompt unless these are what is looked at. Knows no format;
``harness.summaries`` writes the rows down.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.boards import Board, MetricTable, Model
from harness.evidence import SegmentEvidence
from harness.groups import ALL, Group, groups_of, ungrouped, ways_of
from harness.markup import fixed
from harness.omissions import language_name, listed, omissions
from harness.prompt_spread import PromptSpread, prompt_spread
from harness.ranks import Ranking, Standing, field, ranking
from harness.records import ScoreRecord
from harness.report_scope import Scope, tables_in
from harness.stats import unpaired_detectable_effect
from harness.store import RunFolder

By = Literal["overview", "language", "family", "script", "resource", "region", "variant"]
GROUP_KINDS: Mapping[str, str] = {
    "family": "family",
    "script": "script",
    "resource": "resource class",
    "region": "region",
}
"""What people ask for -> kind of group."""

_WORST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One model in one group of languages.

    Attributes:
        variant, prompt: Where the scores come from.
        group: Code of a language or direction, name of a group, or ``all``. name: The same as people read it.
        standing: The numbers.
        of: Languages that the group has in the task, with and without scores.
        worst: Names and scores of the languages where the model does worst, worst first.
    """

    variant: str
    prompt: str
    group: str
    name: str
    standing: Standing
    of: int
    worst: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One table of a report.

    Attributes:
        variant, prompt: Empty where there is none, or where lines of several stand together.
        facts: Any score of it, for what the metric is.
        digits: Digits after the point.
        chance: Lowest and highest score of guessing over languages; ``None`` where it is not defined.
        pivot: Name of the language that gaps are measured to.
        directions: Whether rows are translation directions.
        others: Names of the metrics that the task has too and the report does not show.
        notes: What a reader must know: what was left out, and why a number is missing.
    """

    task: str
    variant: str
    prompt: str
    by: By
    facts: ScoreRecord
    digits: int
    chance: tuple[float, float] | None
    pivot: str
    directions: bool
    lines: tuple[Line, ...]
    others: tuple[str, ...]
    notes: tuple[str, ...]


def breakdown(runs: Sequence[RunFolder], by: By, scope: Scope) -> list[Section]:
    """Report runs as a table for each task and metric.

    Raises:
        UserError: The scope names what no run has, or leaves nothing.
        RecordError: The statistics of a run cannot be read.
    """
    sections = []
    chosen = tables_in(runs, scope, apart=by not in ("overview", "variant"))
    shown = {table.facts.metric for found in chosen for _, table in found}
    for found in chosen:
        section = _section([_Table(board, table, runs) for board, table in found], by)
        sections.append(replace(section, others=tuple(name for name in section.others if name not in shown)))
    return sections


def prompt_breakdown(runs: Sequence[RunFolder], scope: Scope) -> tuple[list[PromptSpread], list[str]]:
    """What the runs say of tasks in several prompts, and in words what has none to compare.

    Raises:
        UserError, RecordError: As :func:`breakdown`.
    """
    spreads, notes = [], []
    for found in tables_in(runs, scope, apart=False):
        by_variant: dict[str, list[tuple[Board, MetricTable]]] = {}
        for board, table in found:
            by_variant.setdefault(board.variant, []).append((board, table))
        for variant, own in by_variant.items():
            place = " ".join(filter(None, (own[0][0].task.name, variant)))
            spread = None
            if len(own) > 1:
                spread = prompt_spread([(board, table, SegmentEvidence(board, table, runs)) for board, table in own])
            if spread is not None:
                spreads.append(spread)
            elif len(own) > 1:
                notes.append(f"{place}: no model has a score in all prompts")
            else:
                notes.append(f"{place}: one prompt only ({own[0][0].prompt or 'it has no name'})")
    return spreads, notes


class _Table:
    """One metric of a board, with what its statistics say."""

    def __init__(self, board: Board, table: MetricTable, runs: Sequence[RunFolder]) -> None:
        self.board, self.table = board, table
        self.evidence = SegmentEvidence(board, table, runs)

    def ranking(self, within: Collection[str]) -> Ranking:
        return ranking(self.table, self.board.pivot, self.evidence.of(within), within)

    def lines(self, within: Collection[str], group: str, name: str, of: int) -> list[Line]:
        """Every model over some languages, in order."""
        found = self.ranking(within)
        return [self.line(row, group, name, of, self._worst(row.model, within)) for row in found.rows]

    def line(self, row: Standing, group: str, name: str, of: int, worst: tuple[tuple[str, float], ...] = ()) -> Line:
        return Line(
            variant=self.board.variant,
            prompt=self.board.prompt,
            group=group,
            name=name,
            standing=row,
            of=of,
            worst=worst,
        )

    def _worst(self, model: Model, within: Collection[str]) -> tuple[tuple[str, float], ...]:
        sign = 1 if self.table.facts.higher_is_better else -1
        scores = {
            language: self.table.value(model, language) for language in self.table.languages if language in within
        }
        known = sorted((sign * value, language) for language, value in scores.items() if value is not None)
        return tuple((language_name(language), sign * value) for value, language in known[:_WORST])


def _section(tables: Sequence[_Table], by: By) -> Section:
    notes: list[str] = []
    if by == "overview":
        lines = [line for own in tables for line in _overview_lines(own)]
    elif by == "variant":
        lines, notes = _variant_lines(tables)
    elif by == "language":
        lines = _language_lines(tables[0])
    else:
        lines, notes = _group_lines(tables[0], GROUP_KINDS[by])
    board, table = tables[0].board, tables[0].table
    together = len(tables) > 1
    whole = by not in ("language", "variant")
    settings = [(own.board, own.table, own.evidence) for own in tables]
    scores = [cell.score for own in tables for cell in own.table.cells]
    chances = [score.chance for score in scores if score.chance is not None]
    remarks = _detectable(lines, table.digits) if by == "overview" else ()
    return Section(
        task=board.task.name,
        variant="" if together else board.variant,
        prompt="" if together else board.prompt,
        by=by,
        facts=table.facts,
        digits=table.digits,
        chance=(min(chances), max(chances)) if chances else None,
        pivot=language_name(board.pivot),
        directions=board.directions,
        lines=tuple(lines),
        others=tuple(other.facts.metric for other in board.metrics if other is not table),
        notes=(*notes, *remarks, *omissions(settings, whole=whole)),
    )


def _detectable(lines: Sequence[Line], digits: int) -> Iterator[str]:
    """How far apart two models must be to be told apart on these items."""
    rows = [line.standing for line in lines if line.group == ALL]
    found = [effect for row in rows if (effect := unpaired_detectable_effect(row.low, row.high))]
    if found:
        ends = dict.fromkeys(fixed(effect, digits) for effect in (min(found), max(found)))
        yield (
            f"two models whose true means lie {' to '.join(ends)} apart are told apart four times in five by their "
            "intervals alone; 'glotbench compare' pairs items and sees smaller differences"
        )


def _overview_lines(own: _Table) -> list[Line]:
    board = own.board
    everything = Group(id=ALL, kind="", name="all", rows=frozenset(board.languages), codes=frozenset())
    lines: list[Line] = []
    for group in (everything, *ways_of(board)):
        extra = len(board.not_run) if group is everything else 0
        lines += own.lines(group.rows, group.id, group.name, len(group.rows) + extra)
    return lines


def _group_lines(own: _Table, kind: str) -> tuple[list[Line], list[str]]:
    order = _order(own)
    lines: list[Line] = []
    for group in groups_of(own.board):
        if group.kind == kind:
            found = own.lines(group.rows, group.id, group.name, len(group.rows))
            lines += sorted(found, key=lambda line: order[line.standing.model])
    rest = ungrouped(own.board, kind)
    return lines, [f"{listed(rest)}: no {kind} is known, in no group"] if rest else []


def _language_lines(own: _Table) -> list[Line]:
    """Every language on its own, worst first; intervals are those of the scores, gaps are paired."""
    order = _order(own)
    sign = 1 if own.table.facts.higher_is_better else -1
    found: list[tuple[tuple[bool, float, str], list[Line]]] = []
    for language in own.table.languages:
        alone = replace(own.table, languages=(language,))
        rows = [_with_gap(own, row, language) for row in ranking(alone, own.board.pivot).rows]
        values = [row.mean for row in rows if row.mean is not None]
        badness = sign * sum(values) / len(values) if values else 0.0
        lines = [own.line(row, language, language_name(language), 1) for row in rows]
        found.append(((not values, badness, language), sorted(lines, key=lambda line: order[line.standing.model])))
    return [line for _, lines in sorted(found, key=lambda item: item[0]) for line in lines]


def _with_gap(own: _Table, row: Standing, language: str) -> Standing:
    """A language's row with its gap on common items; the plain difference stays where there are no statistics."""
    known = own.evidence.samples(row.model, [language]) is not None
    return replace(row, gap=own.evidence.gap(row.model, [language])) if known else row


def _variant_lines(tables: Sequence[_Table]) -> tuple[list[Line], list[str]]:
    """Variants side by side over the languages that all of them share, for all models."""
    fields = [field(own.table) for own in tables]
    shared = set.intersection(*(set(ranked.languages) for ranked in fields))
    notes = []
    if len(tables) > 1 and shared:
        left_out = sorted({language for own in tables for language in own.board.languages} - shared)
        if left_out:
            rows = "directions" if tables[0].board.directions else "languages"
            notes.append(
                f"means are over the {len(shared)} {rows} that all models have in all variants; "
                f"without {listed(left_out)}"
            )
    elif len(tables) > 1:
        notes.append("the variants share no language in which all models have scores; each is over its own")
    lines: list[Line] = []
    for own in tables:
        within = frozenset(shared or own.board.languages)
        lines += own.lines(within, own.board.variant, own.board.variant or "–", len(within))
    return lines, notes


def _order(own: _Table) -> dict[Model, int]:
    """Place of every model in the ranking over all languages."""
    found = ranking(own.table, own.board.pivot)
    return {row.model: place for place, row in enumerate(found.rows)}
