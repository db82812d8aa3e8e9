"""Run records -> series: the runs of every model name in the order they were made, and what may be joined in them.

A *series* is a model name that stands in two or more runs; its identity may differ between them, since new weights are
what one wants to see. A *track* is its scores of one task, variant, prompt and metric. Where data, prompt, metric or
decoding settings changed, a track breaks into *eras*: what lies on the two sides of a break is never joined. Pure
functions on records; ``harness.steps`` tests what changed from run to run.
"""

from __future__ import annotations

import datetime
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.pairing import FACETS
from harness.records import ModelRecord, RunRecord, ScoreRecord
from harness.systems import Family

_FACET_WORDS = dict(zip(FACETS, ("the data", "the prompt", "the metric", "the decoding settings"), strict=True))
_COUNTED_SHARE = 0.5  # a run with fewer of its era's languages would shrink the mean of all others to its own
_BREAKING_SHARE = 0.5
_START = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One run's scores in a track: ``run`` is a position in the records, ``scores`` are by language."""

    run: int
    scores: Mapping[str, ScoreRecord]

    def value(self, language: str) -> float | None:
        score = self.scores.get(language)
        return None if score is None else score.value

    def mean(self, languages: Sequence[str]) -> float | None:
        """The plain mean over ``languages``; ``None`` where one of them has no score."""
        values = [self.value(language) for language in languages]
        known = [value for value in values if value is not None]
        return math.fsum(known) / len(known) if known and len(known) == len(values) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Era:
    """Points on comparable data.

    Attributes:
        common: The languages that all points have on the same data; the means are over these.
        left_out: The other languages. Points that have fewer than half as many languages as the fullest one do not
            count here, and have no mean.
    """

    points: tuple[Point, ...]
    common: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A model's scores in one family of scores, run by run.

    Attributes:
        facts: The latest score, for what the metric is.
        eras: At least one. breaks: Why each era but the first begins.
    """

    family: Family
    facts: ScoreRecord
    eras: tuple[Era, ...]
    breaks: tuple[str, ...]

    @property
    def points(self) -> tuple[Point, ...]:
        return tuple(point for era in self.eras for point in era.points)

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(sorted({language for point in self.points for language in point.scores}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A model name with its runs (positions in the records) in order, and its tracks of two or more points."""

    model: str
    runs: tuple[int, ...]
    tracks: tuple[Track, ...]


def in_order(records: Sequence[RunRecord], digests: Sequence[str]) -> list[int]:
    """Positions of the runs by ``created``, then position; a run given twice counts once."""
    first = {digest: run for run, digest in reversed(list(enumerate(digests)))}
    return sorted(first.values(), key=lambda run: (records[run].created, run))


def all_series(records: Sequence[RunRecord], digests: Sequence[str]) -> tuple[Series, ...]:
    """Every model name that has scores of one family in two runs, by name.

    Args:
        digests: What tells the same run given twice, one a record.
    """
    order = in_order(records, digests)
    runs: dict[str, list[int]] = {}
    for run in order:
        for model in records[run].models:
            runs.setdefault(model.name, []).append(run)
    repeated = {name for name, own in runs.items() if len(own) > 1}
    if not repeated:
        return ()
    scores: dict[str, dict[Family, dict[int, dict[str, ScoreRecord]]]] = {}
    for run in order:
        for score in records[run].scores:
            if score.model in repeated:
                family = (score.task, score.variant, score.prompt, score.metric)
                scores.setdefault(score.model, {}).setdefault(family, {}).setdefault(run, {})[score.language] = score
    found = []
    for name, families in sorted(scores.items()):
        tracks = tuple(
            _track(family, [Point(run=run, scores=own) for run, own in points.items()])
            for family, points in sorted(families.items(), key=lambda item: item[0][:3])
            if len(points) > 1
        )
        if tracks:
            found.append(Series(model=name, runs=tuple(runs[name]), tracks=tracks))
    return tuple(found)


def facets(score: ScoreRecord) -> tuple[str, ...]:
    """What must be equal for two scores to stand in one line, in the order of ``pairing.FACETS``."""
    found = score.fingerprint
    return found.dataset, found.prompt, found.metric or score.signature, found.decoding_settings


def model_record(record: RunRecord, name: str) -> ModelRecord | None:
    return next((model for model in record.models if model.name == name), None)


def identity_changes(earlier: RunRecord, later: RunRecord, name: str) -> list[tuple[str, str, str]]:
    """What of a model's identity differs between two runs, ``(what, before, after)``; empty for what was not there."""
    before, after = (_identity(record, name) for record in (earlier, later))
    keys = dict.fromkeys((*before, *after))
    return [(key, before.get(key, ""), after.get(key, "")) for key in keys if before.get(key) != after.get(key)]


def moment(created: str) -> datetime.datetime:
    """When a run was made, with a time zone (UTC where the record names none); the start of 1970 where it says nothing
    that can be read: pages must not depend on the clock."""
    try:
        found = datetime.datetime.fromisoformat(created)
    except ValueError:
        return _START
    return found if found.tzinfo is not None else found.replace(tzinfo=datetime.UTC)


def _identity(record: RunRecord, name: str) -> dict[str, str]:
    model = model_record(record, name)
    own = {} if model is None else {"backend": model.backend} | model.identity
    return own | {"glotbench": record.glotbench}


def _track(family: Family, points: Sequence[Point]) -> Track:
    parts: list[list[Point]] = [[points[0]]]
    breaks = []
    for earlier, later in pairwise(points):
        if why := _break(earlier, later):
            breaks.append(why)
            parts.append([])
        parts[-1].append(later)
    facts = next(iter(points[-1].scores.values()))
    return Track(family=family, facts=facts, eras=tuple(map(_era, parts)), breaks=tuple(breaks))


def _break(earlier: Point, later: Point) -> str:
    """Why two points next to each other may not be joined; empty when they may."""
    shared = [language for language in later.scores if language in earlier.scores]
    if not shared:
        return "no language is the same"
    changed: Counter[str] = Counter()
    differing = 0
    for language in shared:
        before, after = facets(earlier.scores[language]), facets(later.scores[language])
        if before != after:
            differing += 1
            changed.update(name for name, one, other in zip(FACETS, before, after, strict=True) if one != other)
    if differing <= _BREAKING_SHARE * len(shared):
        return ""
    words = " and ".join(_FACET_WORDS[name] for name in FACETS if changed[name])
    return f"{words} changed (in {differing} of {len(shared)} {'language' if len(shared) == 1 else 'languages'})"


def _era(points: Sequence[Point]) -> Era:
    have = [
        {language for language, score in point.scores.items() if score.value is not None and math.isfinite(score.value)}
        for point in points
    ]
    fullest = max(map(len, have))
    counted = [place for place, own in enumerate(have) if own and len(own) >= _COUNTED_SHARE * fullest]
    shared = set.intersection(*(have[place] for place in counted)) if counted else set()
    common = {
        language for language in shared if len({facets(points[place].scores[language]) for place in counted}) == 1
    }
    languages = {language for point in points for language in point.scores}
    return Era(points=tuple(points), common=tuple(sorted(common)), left_out=tuple(sorted(languages - common)))
