"""Run records -> ranked tables: which scores stand side by side, and in what order. Pure functions on records.

Three rules run through it. A missing score stays missing, never zero. Only comparable scores are ranked: where the
fingerprints of data, prompt or metric differ between models, the ones most models share count and the others are
marked. Models are ranked over the languages that all of them have, and what that leaves out is listed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from harness.records import RunRecord, ScoreRecord, TaskRecord
from harness.store import content_hash
from leaderboard.labels import sides_of

ENGLISH = "eng_Latn"
_WORST_SHARE = 0.1
_RANKED_SHARE = 0.5
_TAG_LENGTH = 6

Comparable = tuple[str, str, str]
"""``(dataset, prompt, metric)`` fingerprints: what must be equal for two models' scores to be comparable."""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Model:
    """One system under test. ``tag`` tells apart two systems of one name but different identity, else it is empty."""

    name: str
    tag: str = ""
    label: str = ""
    backend: str = ""
    identity: tuple[tuple[str, str], ...] = ()

    @property
    def title(self) -> str:
        return f"{self.name} #{self.tag}" if self.tag else self.name

    @property
    def full_title(self) -> str:
        """The name with its remark, for places that hold text only."""
        return f"{self.title} ({self.label})" if self.label else self.title


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One score, the run it comes from (a position in the records), and whether it may be ranked."""

    score: ScoreRecord
    run: int
    comparable: bool = True

    @property
    def value(self) -> float | None:
        """The score where it may be ranked and summed up, else ``None``."""
        return self.score.value if self.comparable else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricTable:
    """The scores of one metric: languages x models. The facts of the metric are those of ``facts``."""

    facts: ScoreRecord
    models: tuple[Model, ...]
    languages: tuple[str, ...]
    cells: Mapping[tuple[Model, str], Cell]

    @property
    def digits(self) -> int:
        """Digits after the point: three where the unit spans 0-1, else what the metric says is worth showing."""
        return max(self.facts.decimals, 0 if self.facts.unit == "points" else 3)

    @property
    def signatures(self) -> tuple[str, ...]:
        return tuple(sorted({cell.score.signature for cell in self.cells.values()}))

    def value(self, model: Model, language: str) -> float | None:
        """The comparable score of a cell, ``None`` where there is none."""
        cell = self.cells.get((model, language))
        return None if cell is None else cell.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One task in one variant and prompt. The first metric is the headline."""

    task: TaskRecord
    variant: str
    prompt: str
    models: tuple[Model, ...]
    languages: tuple[str, ...]
    not_run: tuple[str, ...]
    metrics: tuple[MetricTable, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.task.name, self.variant, self.prompt)

    @property
    def pivot(self) -> str:
        return self.task.pivot or ENGLISH


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One row of a ranking.

    Attributes:
        first, last: The ranks the model may have; ``None`` where it has too few languages to be ranked.
        mean, low, high: Macro mean over the common languages (its own ones when not ranked), with its 95 % interval.
        worst: Mean of the worst tenth of those languages.
        gap: Score in the pivot language minus the mean of the others; positive means the pivot is higher.
        scored: Languages with a score, of the board's languages.
        n, n_failed: Segments with and without a score, over all languages.
    """

    model: Model
    first: int | None
    last: int | None
    mean: float | None
    low: float | None
    high: float | None
    worst: float | None
    gap: float | None
    scored: int
    n: int
    n_failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Models in order, and over which languages they were ranked."""

    rows: tuple[Standing, ...]
    common: tuple[str, ...]
    left_out: tuple[str, ...]
    worst_count: int

    @property
    def told_apart(self) -> int:
        """How many neighbours in the order have separate intervals."""
        ranked = [row for row in self.rows if row.first is not None]
        return sum(_apart(above, below) for above, below in pairwise(ranked))


def boards(records: Sequence[RunRecord]) -> tuple[Board, ...]:
    """Everything the records hold, by task, variant and prompt in name order.

    Where two runs scored the same thing with the same model, the later run counts (by ``created``, then position).
    """
    named = _models(records)
    tasks: dict[str, TaskRecord] = {}
    scores: dict[tuple[str, str, str], dict[str, dict[tuple[Model, str], Cell]]] = {}
    for run in sorted(range(len(records)), key=lambda run: (records[run].created, run)):
        record = records[run]
        tasks |= {task.name: task for task in record.tasks}
        for score in record.scores:
            metrics = scores.setdefault((score.task, score.variant, score.prompt), {})
            cells = metrics.setdefault(score.metric, {})
            cells[named[run, score.model], score.language] = Cell(score=score, run=run)
    return tuple(
        _board(tasks.get(key[0]) or TaskRecord(name=key[0], kind=""), key[1:], metrics)
        for key, metrics in sorted(scores.items())
    )


def ranking(table: MetricTable, pivot: str) -> Ranking:
    """Rank the models of a table over the languages that all ranked models have.

    A model is ranked when it has at least half as many languages as the model that has most; one model with few
    languages would otherwise shrink the comparison of all others to those.
    """
    have = {
        model: {language for language in table.languages if table.value(model, language) is not None}
        for model in table.models
    }
    most = max((len(own) for own in have.values()), default=0)
    ranked = [model for model in table.models if have[model] and len(have[model]) >= _RANKED_SHARE * most]
    shared = set.intersection(*(have[model] for model in ranked)) if ranked else set()
    common = tuple(language for language in table.languages if language in shared)
    sign = 1 if table.facts.higher_is_better else -1
    rows = []
    for model in table.models:
        own = [language for language in table.languages if language in have[model]]
        rows.append(_standing(table, model, common if common and model in ranked else own, pivot))
    candidates = [row for row in rows if common and row.model in ranked]
    for position, row in enumerate(rows):
        if row in candidates:
            first, last = _rank_range(row, candidates, sign)
            rows[position] = replace(row, first=first, last=last)
    rows.sort(key=lambda row: (row.first is None, row.mean is None, -sign * (row.mean or 0.0), row.model))
    return Ranking(
        rows=tuple(rows),
        common=common,
        left_out=tuple(language for language in table.languages if language not in shared),
        worst_count=_worst_count(len(common)),
    )


def _models(records: Sequence[RunRecord]) -> dict[tuple[int, str], Model]:
    """Model by run and name; one name with several identities gets tags, and the latest label of each counts."""
    identities: dict[str, set[str]] = {}
    labels: dict[tuple[str, str], str] = {}
    for record in sorted(records, key=lambda record: record.created):
        for model in record.models:
            tag = _tag(model.backend, model.identity)
            identities.setdefault(model.name, set()).add(tag)
            labels[model.name, tag] = model.label
    named: dict[tuple[int, str], Model] = {}
    for run, record in enumerate(records):
        named |= {(run, score.model): Model(name=score.model) for score in record.scores}
        for model in record.models:
            tag = _tag(model.backend, model.identity)
            named[run, model.name] = Model(
                name=model.name,
                tag=tag if len(identities[model.name]) > 1 else "",
                label=labels[model.name, tag],
                backend=model.backend,
                identity=tuple(sorted(model.identity.items())),
            )
    return named


def _tag(backend: str, identity: Mapping[str, str]) -> str:
    return content_hash([backend, dict(identity)])[:_TAG_LENGTH]


def _board(task: TaskRecord, setting: tuple[str, str], metrics: dict[str, dict[tuple[Model, str], Cell]]) -> Board:
    keys = {key for cells in metrics.values() for key in cells}
    models = tuple(sorted({model for model, _ in keys}))
    languages = tuple(sorted({language for _, language in keys}))
    tables = []
    for cells in metrics.values():
        facts = next(iter(cells.values())).score
        tables.append(MetricTable(facts=facts, models=models, languages=languages, cells=_compared(cells)))
    directions = any(len(sides_of(language)) == 2 for language in languages)
    not_run = () if directions else tuple(sorted({*task.languages} - {*languages, task.pivot}))
    return Board(
        task=task,
        variant=setting[0],
        prompt=setting[1],
        models=models,
        languages=languages,
        not_run=not_run,
        metrics=tuple(tables),
    )


def _compared(cells: Mapping[tuple[Model, str], Cell]) -> dict[tuple[Model, str], Cell]:
    """Mark the cells whose fingerprints are not the ones most models share in that language."""
    by_language: dict[str, Counter[Comparable]] = {}
    overall: Counter[Comparable] = Counter()
    for (_, language), cell in cells.items():
        by_language.setdefault(language, Counter())[_fingerprint(cell)] += 1
        overall[_fingerprint(cell)] += 1
    usual = {
        language: max(counts, key=lambda found: (counts[found], overall[found], found))
        for language, counts in by_language.items()
    }
    return {
        key: Cell(score=cell.score, run=cell.run, comparable=_fingerprint(cell) == usual[key[1]])
        for key, cell in cells.items()
    }


def _fingerprint(cell: Cell) -> Comparable:
    found = cell.score.fingerprint
    return (found.dataset, found.prompt, found.metric)


def _standing(table: MetricTable, model: Model, languages: Sequence[str], pivot: str) -> Standing:
    own = [table.cells[model, language] for language in table.languages if (model, language) in table.cells]
    cells = [table.cells[model, language] for language in languages]
    values = [cell.score.value for cell in cells if cell.score.value is not None]
    lows = [cell.score.ci_low for cell in cells if cell.score.ci_low is not None]
    highs = [cell.score.ci_high for cell in cells if cell.score.ci_high is not None]
    bounded = bool(cells) and len(lows) == len(highs) == len(cells)
    worst = sorted(values, reverse=not table.facts.higher_is_better)[: _worst_count(len(values))]
    at_pivot = table.value(model, pivot) if pivot in languages else None
    others = [cell.score.value for cell in cells if cell.score.value is not None and cell.score.language != pivot]
    return Standing(
        model=model,
        first=None,
        last=None,
        mean=_mean(values),
        low=_mean(lows) if bounded else None,
        high=_mean(highs) if bounded else None,
        worst=_mean(worst),
        gap=at_pivot - math.fsum(others) / len(others) if at_pivot is not None and others else None,
        scored=sum(cell.value is not None for cell in own),
        n=sum(cell.score.n for cell in own),
        n_failed=sum(cell.score.n_failed for cell in own),
    )


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _worst_count(languages: int) -> int:
    return math.ceil(_WORST_SHARE * languages)


def _apart(one: Standing, other: Standing) -> bool:
    """Whether two intervals do not touch. An unknown interval touches everything."""
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    return one.low > other.high or other.low > one.high


def _rank_range(row: Standing, rows: Sequence[Standing], sign: int) -> tuple[int, int]:
    """``[1 + models surely better, M - models surely worse]``; ``sign`` is 1 where higher is better, else -1."""
    differences = [sign * ((other.mean or 0.0) - (row.mean or 0.0)) for other in rows if _apart(row, other)]
    return 1 + sum(gain > 0 for gain in differences), len(rows) - sum(gain < 0 for gain in differences)
