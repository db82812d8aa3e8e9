"""Alignment beside what it is to tell: rankings of languages, and measured scores next to what MEXA expects of them.

MEXA's estimate of a task is the pivot's score times MEXA (Kargaran et al. 2024, https://arxiv.org/abs/2410.05873).
It is set beside the measured scores of the same model, with the correlations across languages that say how much the
alignment tells of them. Languages are ranked by an alignment metric with simultaneous rank intervals, sentences drawn
jointly, and the metric is correlated with their resource class (Joshi et al. 2020), as Language Ranker does
(Li et al. 2024, https://arxiv.org/abs/2404.11553). Records and statistics in, numbers out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from harness.boards import Board, MetricTable, Model, boards
from harness.errors import UserError
from harness.languages import lookup
from harness.pairing import ScoreSource, generator, recreate
from harness.records import ScoreRecord
from harness.report_scope import Scope
from harness.resampling import Sample
from harness.stats import bootstrap, rank_intervals
from harness.store import RunFolder
from metrics.base import FloatArray, Metric

ALIGNMENT = ("mexa", "mexa_max", "language_ranker", "alignment_topk", "alignment_margin")
ESTIMATING = ("mexa", "mexa_max")
FEWEST = 4
"""Languages that a correlation is computed from at least."""

UNKNOWN_RESOURCE = -1
"""Stands for the resource class of a language that the table of languages does not have."""

EVERYTHING = Scope()

_RESAMPLES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """A coefficient across ``n`` languages, -1 to 1, with a percentile interval over resampled languages."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedLanguage:
    """A language's alignment and its place, 1 the best.

    ``first`` and ``last`` are the ends of a simultaneous 95 % interval of the place; all places where there are no
    statistics of sentences to make it from.
    """

    language: str
    value: float
    place: int
    first: int
    last: int
    resource: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageRanking:
    """One model's languages by one alignment metric.

    Attributes:
        by_resource: Spearman's rho with the resource class.
        resampled: Whether there were statistics of sentences to make the intervals of places from.
    """

    model: str
    task: str
    variant: str
    metric: str
    title: str
    pivot: str
    languages: tuple[RankedLanguage, ...]
    by_resource: Correlation | None
    resampled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """A language's alignment, measured score, and what the first expects (``None`` without the pivot's score)."""

    language: str
    alignment: float
    measured: float
    estimate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One alignment metric beside one measured score of the same model.

    Attributes:
        setting: Task, variant and prompt that were measured.
        error: Mean of |estimate - measured|; ``None`` without an estimate.
    """

    model: str
    metric: str
    alignment_task: str
    setting: str
    measured_metric: str
    pivot_score: float | None
    languages: tuple[Estimated, ...]
    pearson: Correlation
    spearman: Correlation
    error: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentReport:
    """Everything the runs say of alignment."""

    rankings: tuple[LanguageRanking, ...]
    estimates: tuple[Estimate, ...]


def alignment_report(folders: Sequence[RunFolder], scope: Scope = EVERYTHING, *, seed: int = 0) -> AlignmentReport:
    """Rankings of every alignment score, and estimates wherever the same model has measured scores too.

    Args:
        folders: Where two runs scored the same thing with the same model, the later run counts. Models of one name
            and different identity are different models.
        scope: The only scores to look at, of alignment and measured ones alike.

    Raises:
        UserError: No run has a score of alignment, or none in the scope.
        RecordError: A run's statistics cannot be read.
    """
    found = report_of(boards([folder.record for folder in folders]), folders, scope, seed=seed)
    if not found.rankings:
        raise UserError(
            "report --by alignment: the runs have no scores of alignment, or none of those asked for; run a task of "
            "kind alignment, such as sib200_alignment"
        )
    return found


def report_of(
    found: Sequence[Board], folders: Sequence[RunFolder], scope: Scope = EVERYTHING, *, seed: int = 0
) -> AlignmentReport:
    """The same of boards that were put together already; empty where they have no score of alignment.

    Args:
        folders: The runs that the boards were made from, in the same order.
        scope: Models may be named by their title, which tells apart those of one name.
    """
    groups, _ = _groups(found, folders, scope)
    rankings = tuple(_ranking(key, sources, seed) for key, sources in groups.items())
    return AlignmentReport(rankings=rankings, estimates=estimates_of(found, folders, scope, seed=seed))


def estimates_of(
    found: Sequence[Board], folders: Sequence[RunFolder], scope: Scope = EVERYTHING, *, seed: int = 0
) -> tuple[Estimate, ...]:
    """The estimates of :func:`report_of` alone: from the scores, without their statistics."""
    groups, measured = _groups(found, folders, scope)
    return tuple(
        estimate
        for key, sources in groups.items()
        for other, scores in measured.items()
        if other[0] == key[0] and (estimate := _estimate(key, sources, other, scores, seed))
    )


_Groups = dict[tuple[str, ...], list[ScoreSource]]


def _groups(
    found: Sequence[Board], folders: Sequence[RunFolder], scope: Scope
) -> tuple[_Groups, dict[tuple[str, ...], list[ScoreRecord]]]:
    """Scores of alignment and measured ones, by model, task, variant, prompt and metric."""
    groups: _Groups = {}
    measured: dict[tuple[str, ...], list[ScoreRecord]] = {}
    for board in found:
        for table in board.metrics:
            for model in table.models:
                if not _within(scope, model, table.facts):
                    continue
                cells = [cell for code in table.languages if (cell := table.cell(model, code))]
                scored = [cell for cell in cells if cell.score.value is not None]
                key = (model.title, *board.key, table.facts.metric)
                if scored and table.facts.metric in ALIGNMENT:
                    groups[key] = [ScoreSource(folder=folders[cell.run], score=cell.score) for cell in scored]
                elif scored and _is_measured(board, table):
                    measured[key] = [cell.score for cell in scored]
    return groups, measured


def _is_measured(board: Board, table: MetricTable) -> bool:
    """Whether scores can be set beside alignment: accuracy-like ones of single languages."""
    return table.facts.unit in ("fraction", "points") and table.facts.higher_is_better and not board.directions


def _within(scope: Scope, model: Model, score: ScoreRecord) -> bool:
    """Whether a model's scores like ``score`` are asked for."""
    pairs = (
        (scope.models, {model.name, model.title}),
        (scope.tasks, {score.task}),
        (scope.metrics, {score.metric}),
        (scope.variants, {score.variant}),
        (scope.prompts, {score.prompt}),
    )
    return all(not wanted or not own.isdisjoint(wanted) for wanted, own in pairs)


def _ranking(key: tuple[str, ...], sources: Sequence[ScoreSource], seed: int) -> LanguageRanking:
    metric = recreate(sources[0].score)
    values = np.array([_value(source.score) for source in sources])
    complete = all(source.score.metric in source.folder.metrics(source.score.unit_key) for source in sources)
    resampled = complete and len(sources) > 1
    intervals = _intervals(metric, sources, values, seed) if resampled and isinstance(metric, Metric) else None
    order = sorted(range(len(sources)), key=lambda index: -values[index])
    languages = []
    for place, index in enumerate(order, start=1):
        code = sources[index].score.language
        first, last = intervals[index] if intervals else (1, len(sources))
        languages.append(
            RankedLanguage(
                language=code,
                value=float(values[index]),
                place=place,
                first=first,
                last=last,
                resource=language.resource if (language := lookup(code)) else UNKNOWN_RESOURCE,
            )
        )
    classed = [one for one in languages if one.resource > UNKNOWN_RESOURCE]
    return LanguageRanking(
        model=key[0],
        task=key[1],
        variant=key[2],
        metric=key[4],
        title=sources[0].score.title,
        pivot=_pivot(sources[0].score),
        languages=tuple(languages),
        resampled=intervals is not None,
        by_resource=_correlation(
            [one.value for one in classed], [float(one.resource) for one in classed], spearman, seed, *key
        ),
    )


def _intervals(metric: Metric, sources: Sequence[ScoreSource], values: FloatArray, seed: int) -> list[tuple[int, int]]:
    """Simultaneous rank intervals; the same sentences are drawn in every language."""
    samples = []
    for source in sources:
        unit = source.statistics()
        samples.append(Sample(metric=metric, systems=(unit.stats,), clusters=unit.clusters))
    scores = bootstrap(samples, rng=generator(seed, "alignment"), resamples=_RESAMPLES)[:, :, 0]
    drawn = {cluster for sample in samples for cluster in sample.clusters or ()}
    return rank_intervals(scores, values=values, clusters=len(drawn))


def _estimate(
    key: tuple[str, ...],
    sources: Sequence[ScoreSource],
    other: tuple[str, ...],
    scores: Sequence[ScoreRecord],
    seed: int,
) -> Estimate | None:
    """``None`` where fewer than :data:`FEWEST` languages have both."""
    aligned = {source.score.language: _value(source.score) for source in sources}
    found = {score.language: _value(score) for score in scores}
    pivot = found.get(_pivot(sources[0].score)) if key[4] in ESTIMATING else None
    common = [language for language in aligned if language in found]
    first, second = [aligned[code] for code in common], [found[code] for code in common]
    names = (*key, *other)
    by_value, by_rank = (_correlation(first, second, how, seed, *names) for how in (pearson, spearman))
    if by_value is None or by_rank is None:
        return None
    languages = tuple(
        Estimated(
            language=code,
            alignment=aligned[code],
            measured=found[code],
            estimate=None if pivot is None else pivot * aligned[code],
        )
        for code in common
    )
    errors = [abs(one.estimate - one.measured) for one in languages if one.estimate is not None]
    return Estimate(
        model=key[0],
        metric=key[4],
        alignment_task=" ".join(filter(None, (key[1], key[2]))),
        setting=" ".join(filter(None, other[1:4])),
        measured_metric=other[4],
        pivot_score=pivot,
        languages=languages,
        pearson=by_value,
        spearman=by_rank,
        error=sum(errors) / len(errors) if errors else None,
    )


Coefficient = Callable[[FloatArray, FloatArray], FloatArray]
"""``[B, n]`` and ``[B, n]`` to ``[B]``; ``nan`` where one side is constant."""


def pearson(first: FloatArray, second: FloatArray) -> FloatArray:
    """Pearson's correlation of every row."""
    one, other = first - first.mean(axis=1, keepdims=True), second - second.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: FloatArray = (one * other).sum(axis=1) / np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    return found


def spearman(first: FloatArray, second: FloatArray) -> FloatArray:
    """Spearman's correlation of every row: Pearson's of the ranks, ties sharing their mean rank."""
    from scipy.stats import rankdata

    return pearson(rankdata(first, axis=1), rankdata(second, axis=1))


def _correlation(
    first: Sequence[float], second: Sequence[float], how: Coefficient, seed: int, *names: str
) -> Correlation | None:
    """With the interval of resampled languages; ``None`` for too few, or where one side is constant."""
    if len(first) < FEWEST:
        return None
    one, other = np.array(first), np.array(second)
    value = float(how(one[None], other[None])[0])
    if math.isnan(value):
        return None
    drawn = generator(seed, *names).integers(len(one), size=(_RESAMPLES, len(one)))
    resampled = how(one[drawn], other[drawn])
    low, high = np.quantile(resampled[np.isfinite(resampled)], [0.025, 0.975])
    return Correlation(value=value, low=float(low), high=float(high), n=len(one))


def _value(score: ScoreRecord) -> float:
    assert score.value is not None
    return score.value


def _pivot(score: ScoreRecord) -> str:
    return str(score.metric_options.get("pivot", "eng_Latn"))


Row = dict[str, str | int | float | None]


def rows(report: AlignmentReport) -> Iterator[Row]:
    """Every number with what it is, for CSV: rankings first, then estimates."""
    for ranking in report.rankings:
        for one in ranking.languages:
            yield _row(
                what="alignment", model=ranking.model, task=_setting(ranking), metric=ranking.metric,
                language=one.language, value=one.value, low=one.first, high=one.last, n=one.place,
            )  # fmt: skip
        if ranking.by_resource:
            yield _correlation_row(
                "resource_spearman", ranking.model, _setting(ranking), ranking.metric, ranking.by_resource
            )
    for found in report.estimates:
        names = (found.model, f"{found.alignment_task} / {found.setting}", f"{found.metric} / {found.measured_metric}")
        yield _correlation_row("pearson", *names, found.pearson)
        yield _correlation_row("spearman", *names, found.spearman)
        for pair in found.languages:
            for what, value in (("measured", pair.measured), ("estimate", pair.estimate)):
                yield _row(
                    what=what, model=names[0], task=names[1], metric=names[2], language=pair.language, value=value
                )


COLUMNS = ("what", "model", "task", "metric", "language", "value", "low", "high", "n")
"""One row a number. Of ``alignment``, ``low`` and ``high`` are the interval of the place and ``n`` is the place; of
correlations they are the interval of the coefficient and the number of languages."""


def _row(**cells: str | int | float | None) -> Row:
    return {column: cells.get(column) for column in COLUMNS}


def _correlation_row(what: str, model: str, task: str, metric: str, found: Correlation) -> Row:
    return _row(
        what=what, model=model, task=task, metric=metric, value=found.value, low=found.low, high=found.high, n=found.n
    )


def _setting(ranking: LanguageRanking) -> str:
    return " ".join(filter(None, (ranking.task, ranking.variant)))
