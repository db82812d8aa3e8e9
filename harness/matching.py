"""A candidate's and a baseline's scores, matched: which models, scores and waivers belong together in a gate.

Pairs statistics and gathers evidence once for all rules that ask for it. Knows no margin and no verdict; those are
``harness.quality_rules``.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from harness.boards import ENGLISH
from harness.groups import Group, groups_among, languages_about
from harness.pairing import CreateMetric, PairedScores, ScoreSource, generator, incomparable, pair_statistics, recreate
from harness.policy import GatePolicy, Selector, Waiver
from harness.records import ScoreRecord
from harness.reruns import averaged, averaging_metric, mean_value
from harness.resampling import Sample
from harness.stats import PairedEvidence, paired_evidence
from harness.store import RunFolder, UnitStatistics
from metrics.base import Metric

Family = tuple[str, str, str, str, str]
"""``(model, task, variant, prompt, metric)``; the model by its name in the candidate."""


class MatchedRuns:
    """The two runs score by score, and their paired evidence, computed once for all rules that ask.

    Args:
        reruns: Further runs of the candidate; scores of sampled text are averaged over all of them.
    """

    def __init__(
        self,
        candidate: RunFolder,
        baseline: RunFolder,
        policy: GatePolicy,
        *,
        reruns: Sequence[RunFolder] = (),
        seed: int,
        draws: int,
        create: CreateMetric | None,
        today: datetime.date,
    ) -> None:
        self.candidate, self.baseline, self.policy, self.reruns = candidate, baseline, policy, reruns
        self._seed, self._draws, self._create, self.today = seed, draws, create, today
        self.names = _matched_models(candidate, baseline)
        self.new = {(score.model, *score.key): score for score in candidate.record.scores}
        self.old = {(self.names.get(score.model, score.model), *score.key): score for score in baseline.record.scores}
        self._again = [{(score.model, *score.key): score for score in rerun.record.scores} for rerun in reruns]
        pivots = [task for run in (baseline, candidate) for task in run.record.tasks]
        self._pivots = {task.name: task.pivot or ENGLISH for task in pivots}
        self._pairs: dict[tuple[Family, str, bool], PairedScores | str] = {}
        self._evidence: dict[tuple[Family, tuple[str, ...], bool], PairedEvidence] = {}

    def families(self, selector: Selector) -> dict[Family, list[str]]:
        """Languages, by family, of all that the selector matches in either run; the baseline's order first."""
        found: dict[Family, list[str]] = {}
        for key in dict.fromkeys((*self.old, *self.new)):
            model, task, variant, prompt, language, metric = key
            known = [run[key] for run in (self.old, self.new) if key in run]
            if any(self._selects(selector, score, model) for score in known):
                found.setdefault((model, task, variant, prompt, metric), []).append(language)
        return found

    def groups(self, family: Family, languages: Sequence[str], by: str) -> list[Group]:
        """Groups of some languages of a family, by ``script``, ``family``, ``resource_class`` or ``region``."""
        kind = by.replace("_", " ")
        return [group for group in groups_among(languages, self._pivot(family[1])) if group.kind == kind]

    def scores(self, family: Family, language: str) -> tuple[ScoreRecord | None, ScoreRecord | None]:
        """Candidate's and baseline's score."""
        model, task, variant, prompt, metric = family
        key = (model, task, variant, prompt, language, metric)
        return self.new.get(key), self.old.get(key)

    def unconfirmed(self, new: ScoreRecord) -> int:
        """How many reruns are missing before a regression of this score counts."""
        confirm = self.policy.confirm
        if confirm is None or not (new.fingerprint.sampled or confirm.only == "all"):
            return 0
        return max(0, confirm.reruns - len(self._repeated(new)))

    def value(self, new: ScoreRecord) -> float | None:
        """The candidate's recorded score; of what is averaged over reruns, the mean."""
        return mean_value([new, *(score for _, score in self._repeated(new))])

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
        repeated = self._repeated(new)
        if repeated:
            pooled = averaging_metric(metric)
            if pooled is None:
                return f"{new.metric} cannot be averaged over reruns; gate each of them alone"
            metric, found = pooled, self._all_runs(first, new, repeated)
            if isinstance(found, str):
                return found
            first = averaged(found, metric)
        second = ScoreSource(folder=self.baseline, score=old).statistics()
        return pair_statistics(first, second, metric, clustered=clustered)

    def _repeated(self, new: ScoreRecord) -> list[tuple[RunFolder, ScoreRecord]]:
        """The same score in the reruns, where it differs from draw to draw."""
        confirm = self.policy.confirm
        if not (new.fingerprint.sampled or (confirm is not None and confirm.only == "all")):
            return []
        key = (new.model, *new.key)
        return [
            (rerun, again[key])
            for rerun, again in zip(self.reruns, self._again, strict=True)
            if key in again and again[key].segments
        ]

    def _all_runs(
        self, first: UnitStatistics, new: ScoreRecord, repeated: Sequence[tuple[RunFolder, ScoreRecord]]
    ) -> list[UnitStatistics] | str:
        found = [first]
        for rerun, score in repeated:
            if reason := incomparable(score, new, self.policy.baseline.require_same):
                return f"rerun {rerun.record.run_id}: {reason}"
            found.append(ScoreSource(folder=rerun, score=score).statistics())
        return found

    def evidence(self, family: Family, pairs: Mapping[str, PairedScores], clustered: bool) -> PairedEvidence:
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

    def _pivot(self, task: str) -> str:
        return self._pivots.get(task, ENGLISH)

    def _selects(self, selector: Selector, score: ScoreRecord, model: str) -> bool:
        metric = None if selector.metric is None else selector.metric.casefold()
        return (
            selector.task in (None, score.task)
            and selector.variant in (None, score.variant)
            and selector.prompt in (None, score.prompt)
            and selector.model in (None, score.model, model)
            and metric in (None, score.metric.casefold(), score.title.casefold())
            and (not selector.language or any(_is_language(one, score.language) for one in selector.language))
            and self._has_language(selector, score)
        )

    def _has_language(self, selector: Selector, score: ScoreRecord) -> bool:
        """Whether a language that the score is about has the script, family, resource class and region wanted."""
        classes = selector.resource_classes
        if not (selector.script or selector.family or selector.region or classes):
            return True
        return any(
            (not selector.script or language.script in selector.script)
            and (not selector.family or language.family in selector.family)
            and (not selector.region or language.region in selector.region)
            and (not classes or language.resource in classes)
            for _, language in languages_about(score.language, self._pivot(score.task))
        )


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


def _is_language(wanted: str, language: str) -> bool:
    """Whether a code is the language, or one side of the direction ``source-target``."""
    return wanted == language or wanted in language.split("-")


def covers(waiver: Waiver, task: str, language: str) -> bool:
    """Whether a waiver speaks of a language (or macro mean) of a task."""
    return waiver.task in (None, task) and (waiver.language is None or _is_language(waiver.language, language))
