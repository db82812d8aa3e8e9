"""Run records -> tables: which scores stand side by side. Pure functions on records; ``harness.ranks`` orders them.

A missing score stays missing, never zero. Where the fingerprints of data, prompt or metric differ between models, the
ones most models share count and the other scores are marked as not comparable.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby
from operator import attrgetter

from harness.records import RunRecord, ScoreRecord, TaskRecord
from harness.store import content_hash

ENGLISH = "eng_Latn"
_TAG_LENGTH = 6

_table_key = attrgetter("task", "variant", "prompt", "metric", "model")
_fingerprint = attrgetter("dataset", "prompt", "metric")

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

    def __hash__(self) -> int:
        return hash((self.name, self.tag))

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


_Cells = dict[Model, dict[str, Cell]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricTable:
    """The scores of one metric: languages x models. The facts of the metric are those of ``facts``.

    ``by_model`` has the cells that there are, by model and language, with every model in the order of ``models``.
    """

    facts: ScoreRecord
    models: tuple[Model, ...]
    languages: tuple[str, ...]
    by_model: Mapping[Model, Mapping[str, Cell]]

    @property
    def cells(self) -> Iterator[Cell]:
        """All cells, model by model."""
        return chain.from_iterable(own.values() for own in self.by_model.values())

    def items(self) -> Iterator[tuple[Model, str, Cell]]:
        """All cells with their models and languages, model by model."""
        return ((model, language, cell) for model, own in self.by_model.items() for language, cell in own.items())

    def __len__(self) -> int:
        return sum(map(len, self.by_model.values()))

    def cell(self, model: Model, language: str) -> Cell | None:
        """The score of a model in a language; ``None`` where there is none."""
        own = self.by_model.get(model)
        return None if own is None else own.get(language)

    @property
    def digits(self) -> int:
        """Digits after the point."""
        return digits_of(self.facts)

    @property
    def signatures(self) -> tuple[str, ...]:
        return tuple(sorted({cell.score.signature for cell in self.cells}))

    def value(self, model: Model, language: str) -> float | None:
        """The comparable score of a cell, ``None`` where there is none."""
        cell = self.cell(model, language)
        return None if cell is None else cell.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One task in one variant and prompt. The first metric is the headline.

    ``not_run`` are languages of the task without any score here, not even a missing one; none for directions, of which
    a task has more than anybody runs.
    """

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

    @property
    def directions(self) -> bool:
        """Whether rows are translation directions."""
        return any(len(sides_of(language)) == 2 for language in self.languages)


def digits_of(facts: ScoreRecord) -> int:
    """Digits after the point: three where the unit spans 0-1, else what the metric says is worth showing."""
    return max(facts.decimals, 0 if facts.unit == "points" else 3)


def sides_of(code: str) -> tuple[str, ...]:
    """Language codes of a record's language: one, or source and target of a direction."""
    parts = tuple(code.split("-"))
    return parts if len(parts) == 2 and all(parts) else (code,)


def boards(records: Sequence[RunRecord]) -> tuple[Board, ...]:
    """Everything the records hold, by task, variant and prompt in name order.

    Where two runs scored the same thing with the same model, the later run counts (by ``created``, then position).
    """
    named = named_models(records)
    tasks: dict[str, TaskRecord] = {}
    scores: dict[tuple[str, str, str], dict[str, _Cells]] = {}
    for run in sorted(range(len(records)), key=lambda run: (records[run].created, run)):
        record = records[run]
        tasks |= {task.name: task for task in record.tasks}
        for _, own in groupby(record.scores, key=_table_key):
            rows = list(own)
            first = rows[0]
            metrics = scores.setdefault((first.task, first.variant, first.prompt), {})
            cells = metrics.setdefault(first.metric, {}).setdefault(named[run, first.model], {})
            for score in rows:
                cells[score.language] = Cell(score=score, run=run)
    return tuple(
        _board(tasks.get(key[0]) or TaskRecord(name=key[0], kind=""), key[1:], metrics)
        for key, metrics in sorted(scores.items())
    )


def named_models(records: Sequence[RunRecord]) -> dict[tuple[int, str], Model]:
    """Model by run and name; one name with several identities gets tags, and the latest label of each counts."""
    identities: dict[str, set[str]] = {}
    labels: dict[tuple[str, str], str] = {}
    for record in sorted(records, key=lambda record: record.created):
        for model in record.models:
            tag = _tag(model.backend, model.identity)
            identities.setdefault(model.name, set()).add(tag)
            labels[model.name, tag] = model.label
    named: dict[tuple[int, str], Model] = {}
    same: dict[Model, Model] = {}  # one object for one model: what is looked up by it is found at once
    for run, record in enumerate(records):
        named |= {(run, name): Model(name=name) for name in dict.fromkeys(score.model for score in record.scores)}
        for model in record.models:
            tag = _tag(model.backend, model.identity)
            found = Model(
                name=model.name,
                tag=tag if len(identities[model.name]) > 1 else "",
                label=labels[model.name, tag],
                backend=model.backend,
                identity=tuple(sorted(model.identity.items())),
            )
            named[run, model.name] = same.setdefault(found, found)
    return named


def _tag(backend: str, identity: Mapping[str, str]) -> str:
    return content_hash([backend, dict(identity)])[:_TAG_LENGTH]


def _board(task: TaskRecord, setting: tuple[str, str], metrics: Mapping[str, _Cells]) -> Board:
    models = tuple(sorted({model for cells in metrics.values() for model in cells}))
    languages = tuple(sorted({language for cells in metrics.values() for own in cells.values() for language in own}))
    tables = []
    for cells in metrics.values():
        facts = next(iter(next(iter(cells.values())).values())).score
        compared = _compared(cells)
        known = {model: compared.get(model, {}) for model in models}
        tables.append(MetricTable(facts=facts, models=models, languages=languages, by_model=known))
    directions = any(len(sides_of(language)) == 2 for language in languages)
    measured_against = {task.pivot} if task.kind == "alignment" else set()
    not_run = () if directions else tuple(sorted({*task.languages} - {*languages, *measured_against}))
    return Board(
        task=task,
        variant=setting[0],
        prompt=setting[1],
        models=models,
        languages=languages,
        not_run=not_run,
        metrics=tuple(tables),
    )


def _compared(cells: _Cells) -> _Cells:
    """Mark the cells whose fingerprints are not the ones most models share in that language."""
    by_language: defaultdict[str, Counter[Comparable]] = defaultdict(Counter)
    for own in cells.values():
        for language, cell in own.items():
            by_language[language][_fingerprint(cell.score.fingerprint)] += 1
    if all(len(counts) == 1 for counts in by_language.values()):
        return cells
    overall: Counter[Comparable] = Counter()
    for counts in by_language.values():
        overall.update(counts)
    usual = {
        language: max(counts, key=lambda found: (counts[found], overall[found], found))
        for language, counts in by_language.items()
    }
    return {
        model: {
            language: cell
            if _fingerprint(cell.score.fingerprint) == usual[language]
            else replace(cell, comparable=False)
            for language, cell in own.items()
        }
        for model, own in cells.items()
    }
