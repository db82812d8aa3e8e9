"""A candidate's and a baseline's scores, matched: which models, scores and waivers belong together in a gate.

Pairs statistics and gathers evidence once for all rules that ask for it. Knows no margin and no verdict; those are
``harness.gate``.
"""

from __future__ import annotations

import datetime

from harness.pairing import CreateMetric, PairedScores, ScoreSource, generator, incomparable, pair_statistics, recreate
from harness.records import ScoreRecord
from harness.resampling import Sample
from harness.spec import GatePolicy, Selector, Waiver
from harness.stats import PairedEvidence, paired_evidence
from harness.store import RunFolder
from metrics.base import Metric

Family = tuple[str, str, str, str, str]
"""``(model, task, variant, prompt, metric)``; the model by its name in the candidate."""


class MatchedRuns:
    """The two runs score by score, and their paired evidence, computed once for all rules that ask."""

    def __init__(
        self,
        candidate: RunFolder,
        baseline: RunFolder,
        policy: GatePolicy,
        *,
        seed: int,
        draws: int,
        create: CreateMetric | None,
        today: datetime.date,
    ) -> None:
        self.candidate, self.baseline, self.policy = candidate, baseline, policy
        self._seed, self._draws, self._create, self.today = seed, draws, create, today
        self.names = _matched_models(candidate, baseline)
        self.new = {(score.model, *score.key): score for score in candidate.record.scores}
        self.old = {(self.names.get(score.model, score.model), *score.key): score for score in baseline.record.scores}
        self._pairs: dict[tuple[Family, str, bool], PairedScores | str] = {}
        self._evidence: dict[tuple[Family, tuple[str, ...], bool], PairedEvidence] = {}

    def families(self, selector: Selector) -> dict[Family, list[str]]:
        """Languages, by family, of all that the selector matches in either run; the baseline's order first."""
        found: dict[Family, list[str]] = {}
        for key in dict.fromkeys((*self.old, *self.new)):
            model, task, variant, prompt, language, metric = key
            known = [run[key] for run in (self.old, self.new) if key in run]
            if any(_selects(selector, score, model) for score in known):
                found.setdefault((model, task, variant, prompt, metric), []).append(language)
        return found

    def scores(self, family: Family, language: str) -> tuple[ScoreRecord | None, ScoreRecord | None]:
        """Candidate's and baseline's score."""
        model, task, variant, prompt, metric = family
        key = (model, task, variant, prompt, language, metric)
        return self.new.get(key), self.old.get(key)

    def pair(self, family: Family, language: str, clustered: bool) -> PairedScores | str:
        """Paired statistics of two existing scores, or why they are not comparable."""
        key = (family, language, clustered)
        if key not in self._pairs:
            self._pairs[key] = self._pair(*self.scores(family, language), clustered)
        return self._pairs[key]

    def _pair(self, new: ScoreRecord | None, old: ScoreRecord | None, clustered: bool) -> PairedScores | str:
        assert new is not None
        assert old is not None
        if reason := incomparable(new, old, self.policy.baseline.require_same):
            return reason
        metric = recreate(new, self._create)
        if not isinstance(metric, Metric):
            return metric
        first = ScoreSource(folder=self.candidate, score=new).statistics()
        second = ScoreSource(folder=self.baseline, score=old).statistics()
        return pair_statistics(first, second, metric, clustered=clustered)

    def evidence(self, family: Family, pairs: dict[str, PairedScores], clustered: bool) -> PairedEvidence:
        """Evidence on languages of one family, oriented so that a negative delta is worse."""
        key = (family, tuple(pairs), clustered)
        if key not in self._evidence:
            samples = [_oriented(paired.sample) for paired in pairs.values()]
            rng = generator(self._seed, *family)
            self._evidence[key] = paired_evidence(samples, rng=rng, draws=self._draws)
        return self._evidence[key]

    def waivers(self, task: str, language: str) -> list[Waiver]:
        """Waivers in force for a language of a task (or for its macro mean)."""
        return [
            waiver for waiver in self.policy.waivers if waiver.expires >= self.today and covers(waiver, task, language)
        ]


def _matched_models(candidate: RunFolder, baseline: RunFolder) -> dict[str, str]:
    """Candidate's name of each of the baseline's models, where it has one."""
    new = [model.name for model in candidate.record.models]
    old = [model.name for model in baseline.record.models]
    if len(new) == len(old) == 1:
        return {old[0]: new[0]}
    return {name: name for name in old if name in new}


def _oriented(sample: Sample) -> Sample:
    if sample.metric.info.higher_is_better:
        return sample
    return Sample(metric=sample.metric, systems=sample.systems[::-1], clusters=sample.clusters)


def _selects(selector: Selector, score: ScoreRecord, model: str) -> bool:
    metric = None if selector.metric is None else selector.metric.casefold()
    return (
        selector.task in (None, score.task)
        and selector.variant in (None, score.variant)
        and selector.prompt in (None, score.prompt)
        and selector.model in (None, score.model, model)
        and metric in (None, score.metric.casefold(), score.title.casefold())
        and (selector.language is None or _is_language(selector.language, score.language))
    )


def _is_language(wanted: str, language: str) -> bool:
    """Whether a code is the language, or one side of the direction ``source-target``."""
    return wanted == language or wanted in language.split("-")


def covers(waiver: Waiver, task: str, language: str) -> bool:
    return waiver.task in (None, task) and (waiver.language is None or _is_language(waiver.language, language))
