"""Run records in the order they were made -> what each brought: models, tasks, languages, and who leads by mean now.

Every score is looked at once, whatever the number of runs: the scores so far stand in one array a task, and a run
changes some rows of it. A leader is the model with the best mean over the languages that all models share, as in
``harness.ranks`` (models with fewer than half of the languages do not count; of each language the data that most models
share do), without any test of whether the lead is sure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.records import RunRecord, ScoreRecord
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
        own: dict[Setting, dict[str, list[ScoreRecord]]] = {}
        languages = set()
        for score in record.scores:
            setting = (score.task, score.variant, score.prompt)
            standing = standings.get(setting)
            if standing is None:
                standing = standings[setting] = _Standing(score)
            languages.add(score.language)
            if score.metric == standing.facts.metric:
                own.setdefault(setting, {}).setdefault(score.model, []).append(score)
        leads = []
        for setting, models in own.items():
            standing = standings[setting]
            for model, scores in models.items():
                standing.put(titles[run, model], scores)
            lead = standing.lead(setting) if told else None
            leads += [lead] if lead is not None else []
        parts = (
            {titles[run, model.name] for model in record.models},
            {score.task for score in record.scores},
            languages,
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
        self._counts: dict[int, Counter[int]] = {}
        self._leader = ""

    def put(self, model: str, scores: Sequence[ScoreRecord]) -> None:
        """Take a model's scores; its earlier ones in the same languages no longer count."""
        row = self._models.setdefault(model, len(self._models))
        columns = [self._languages.setdefault(score.language, len(self._languages)) for score in scores]
        self._grow()
        for column, score in zip(columns, scores, strict=True):
            found = score.fingerprint
            number = self._numbers.setdefault((found.dataset, found.prompt, found.metric), len(self._numbers))
            counts = self._counts.setdefault(column, Counter())
            if self._prints[row, column] != number:
                counts[int(self._prints[row, column])] -= 1
                counts[number] += 1
                self._prints[row, column] = number
                self._usual[column] = max(counts, key=lambda one: (counts[one], one == self._usual[column]))
            self._values[row, column] = np.nan if score.value is None else score.value

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
