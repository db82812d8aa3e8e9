"""Run records in the order they were made -> what each brought: models, tasks, languages, and who leads by mean now.

Every score is looked at once, whatever the number of runs: the scores so far stand in one array a task, and a run
changes some rows of it. A leader is the model with the best mean over the languages that all models share, as in
``harness.ranks`` (models with fewer than half of the languages do not count; of each language the data that most models
share do), without any test of whether the lead is sure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.records import Fingerprint, RunRecord, ScoreRecord
from harness.resampling import IntArray
from metrics.base import FloatArray

Setting = tuple[str, str, str]
"""``(task, variant, prompt)``."""

_RANKED_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """Who is first by mean in a task after a run.

    Attributes:
        metric: Facts of the task's first metric. mean: Over ``languages`` common languages of ``models`` models.
        before: Who led before the run; empty where nobody did.
    """

    setting: Setting
    metric: ScoreRecord
    leader: str
    mean: float
    languages: int
    models: int
    before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNews:
    """What one run brought; ``run`` is its position in the records. Languages are codes, or directions."""

    run: int
    models: tuple[str, ...]
    new_models: tuple[str, ...]
    tasks: tuple[str, ...]
    new_tasks: tuple[str, ...]
    new_languages: tuple[str, ...]
    scores: int
    leads: tuple[Lead, ...]


def run_news(
    records: Sequence[RunRecord], order: Sequence[int], titles: Mapping[tuple[int, str], str], latest: int
) -> list[RunNews]:
    """News of the ``latest`` last runs, in order.

    Args:
        order: Positions of the records, as they were made.
        titles: What a model of a run is called, by position and name; systems of one title replace each other.
    """
    standings: dict[Setting, _Standing] = {}
    known: tuple[set[str], set[str], set[str]] = (set(), set(), set())
    found = []
    for place, run in enumerate(order):
        told = place >= len(order) - latest
        if place == len(order) - latest:
            for setting, standing in standings.items():
                standing.lead(setting)  # who led before the first run that is told
        record = records[run]
        scores: dict[tuple[str, str, str, str, str], list[ScoreRecord]] = {}
        for score in record.scores:
            key = (score.task, score.variant, score.prompt, score.metric, score.model)
            if key in scores:
                scores[key].append(score)
            else:
                scores[key] = [score]
        touched: dict[Setting, None] = {}
        for (task, variant, prompt, metric, model), own in scores.items():
            setting = (task, variant, prompt)
            standing = standings.setdefault(setting, _Standing(own[0]))
            if metric == standing.facts.metric:
                standing.put(titles[run, model], own)
                touched[setting] = None
        leads = [lead for setting in touched if told and (lead := standings[setting].lead(setting)) is not None]
        parts = (
            {model.name for model in record.models},
            {task for task, *_ in scores},
            {score.language for score in record.scores},
        )
        new = [tuple(sorted(part - before)) for part, before in zip(parts, known, strict=True)]
        for part, before in zip(parts, known, strict=True):
            before.update(part)
        if told:
            found.append(
                RunNews(
                    run=run,
                    models=tuple(sorted(parts[0])),
                    new_models=new[0],
                    tasks=tuple(sorted(parts[1])),
                    new_tasks=new[1],
                    new_languages=new[2],
                    scores=len(record.scores),
                    leads=tuple(leads),
                )
            )
    return found


class _Standing:
    """The latest scores of all models in one task: ``values`` and numbers of fingerprints, models x languages."""

    def __init__(self, facts: ScoreRecord) -> None:
        self.facts = facts
        self._models: dict[str, int] = {}
        self._languages: dict[str, int] = {}
        self._values: FloatArray = np.full((4, 8), np.nan)
        self._prints = np.full((4, 8), -1)
        self._usual = np.full(8, -1)
        self._numbers: dict[tuple[str, str, str], int] = {}
        self._leader = ""

    def put(self, model: str, scores: Sequence[ScoreRecord]) -> None:
        """Take a model's scores; its earlier ones in the same languages no longer count."""
        row = self._models.setdefault(model, len(self._models))
        for score in scores:
            if score.language not in self._languages:
                self._languages[score.language] = len(self._languages)
        self._grow()
        columns = np.array([self._languages[score.language] for score in scores])
        prints = np.array([self._number(score.fingerprint) for score in scores])
        former = self._prints[row, columns]
        self._prints[row, columns] = prints
        self._values[row, columns] = [np.nan if score.value is None else score.value for score in scores]
        self._settle(columns, prints)
        for column in columns[(former != prints) & (former == self._usual[columns])]:
            known = self._prints[:, column]
            found, counts = np.unique(known[known >= 0], return_counts=True)
            self._usual[column] = found[counts.argmax()]

    def _settle(self, columns: IntArray, prints: IntArray) -> None:
        """Let new fingerprints be the usual ones of their columns where more models have them than the usual ones."""
        other = columns[prints != self._usual[columns]]
        new = prints[prints != self._usual[columns]]
        rows = self._prints[: len(self._models), other]
        more = (rows == new).sum(axis=0) > (rows == self._usual[other]).sum(axis=0)
        fresh = self._usual[other] == -1
        self._usual[other[more | fresh]] = new[more | fresh]

    def _number(self, found: Fingerprint) -> int:
        return self._numbers.setdefault((found.dataset, found.prompt, found.metric), len(self._numbers))

    def lead(self, setting: Setting) -> Lead | None:
        """Who leads now; ``None`` where no language is common to those that count."""
        values = self._values[: len(self._models), : len(self._languages)]
        usual = self._prints[: len(self._models), : len(self._languages)] == self._usual[: len(self._languages)]
        have = usual & np.isfinite(values)
        counts = have.sum(axis=1)
        ranked = np.flatnonzero((counts > 0) & (counts >= _RANKED_SHARE * counts.max(initial=0)))
        common = have[ranked].all(axis=0) if len(ranked) else np.zeros(0, dtype=bool)
        before = self._leader
        if not common.any():
            return None
        means = values[ranked][:, common].mean(axis=1)
        best = int(means.argmax() if self.facts.higher_is_better else means.argmin())
        self._leader = list(self._models)[ranked[best]]
        return Lead(
            setting=setting,
            metric=self.facts,
            leader=self._leader,
            mean=float(means[best]),
            languages=int(common.sum()),
            models=len(ranked),
            before=before,
        )

    def _grow(self) -> None:
        rows, columns = self._values.shape
        more = (max(rows, 2 * len(self._models)), max(columns, 2 * len(self._languages)))
        if len(self._models) <= rows and len(self._languages) <= columns:
            return
        values, prints, usual = np.full(more, np.nan), np.full(more, -1), np.full(more[1], -1)
        values[:rows, :columns] = self._values
        prints[:rows, :columns] = self._prints
        usual[:columns] = self._usual
        self._values, self._prints, self._usual = values, prints, usual
