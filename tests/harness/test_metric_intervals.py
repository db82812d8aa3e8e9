"""Every registered metric has an interval that fits it: its statistics drawn, its method named, or a reason given."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence

import numpy as np
import pytest

from harness import stats
from metrics import registry
from metrics.accuracy import exact_match
from metrics.alignment import LayerMetric
from metrics.answers import TokenF1
from metrics.base import FloatArray, MeanMetric, Metric, MetricError, Segment, TextMetric, VectorMetric
from metrics.classification import Brier, ClassMetric
from metrics.clustering import VMeasure
from metrics.contrastive import CATEGORIES, AcesScore, ContrastiveMetric
from metrics.perplexity import CountMetric, count_texts
from metrics.preference import PreferenceMetric
from metrics.probing import ProbeAccuracy, ProbeF1
from metrics.ranking import PairAveragePrecision, Ranking, RankingMetric
from metrics.tagging import SpanF1, TagAccuracy
from tests.metric_statistics import COMPLETE, random_statistics

N = 80

NOT_MADE_HERE = {
    "comet": "needs a checkpoint; it is a mean without ends over segments (metrics.base.MeanMetric), as `mean` is",
    "spbleu": "needs a SentencePiece model; it is metrics.bleu.Bleu, as `bleu` is",
}
"""Metrics that cannot be made without a file, and which other one's interval is theirs."""

OPTIONS: dict[str, dict[str, registry.Option]] = {
    "wrong_script": {"script": "Latn"},
    "off_target": {"language": "yor", "script": "Latn"},
}

RNG = np.random.default_rng
WORDS = ("ọjọ́", "ilé", "omi", "ሰላም", "บ้าน", "水", "the", "market", "2026", "ߒߞߏ")


def _text(rng: np.random.Generator) -> str:
    return " ".join(rng.choice(WORDS, rng.integers(3, 12)))


def _segments(rng: np.random.Generator) -> list[Segment]:
    made = []
    for _ in range(N):
        reference = _text(rng)
        words = [word if rng.random() < 0.7 else str(rng.choice(WORDS)) for word in reference.split()]
        made.append(Segment(hypothesis=" ".join(words), references=(reference,), source=_text(rng)))
    return made


def _tags(rng: np.random.Generator) -> list[Segment]:
    return [
        Segment(hypothesis=str([(f"w{word}", str(rng.choice(["NOUN", "VERB"]))) for word in range(6)]),
                references=tuple(rng.choice(["NOUN", "VERB"], 6)))
        for _ in range(N)
    ]  # fmt: skip


def _vectors(rng: np.random.Generator, *shape: int) -> tuple[np.ndarray, np.ndarray]:
    one = rng.normal(size=shape)
    other = one + 0.8 * rng.normal(size=shape)
    return one.astype(np.float32), other.astype(np.float32)


def _rankings(rng: np.random.Generator) -> list[Ranking]:
    return [Ranking(gains=(rng.random(20) < 0.15).astype(float), ideal=np.ones(3)) for _ in range(N)]


def _labels(rng: np.random.Generator) -> tuple[Sequence[Hashable], Sequence[Hashable]]:
    gold = rng.integers(0, 3, N)
    return gold.tolist(), np.where(rng.random(N) < 0.7, gold, rng.integers(0, 3, N)).tolist()


def _phenomena() -> list[str]:
    found = [phenomenon for _, members in CATEGORIES.values() for phenomenon in members]
    return (found * (N * 4 // len(found) + 1))[: N * 4]


def statistics_of(metric: Metric, rng: np.random.Generator) -> FloatArray:  # noqa: PLR0911, PLR0912 - one line a kind
    """Statistics of about ``N`` items, made as the metric's task makes them."""
    match metric:
        case TagAccuracy():
            return metric.segment_stats(_tags(rng))
        case TokenF1() | TextMetric():
            return metric.segment_stats(_segments(rng))
        case SpanF1():
            gold = [f"PER: {rng.choice(WORDS)} $$ LOC: {rng.choice(WORDS)}" for _ in range(N)]
            return metric.span_stats(gold, [one if rng.random() < 0.6 else "PER: x" for one in gold])
        case LayerMetric():
            return metric.vector_stats(*_vectors(rng, 4, N, 16))
        case VectorMetric():
            return metric.vector_stats(*_vectors(rng, N, 4), rng.integers(0, 6, N).astype(np.float64))
        case RankingMetric():
            return metric.ranking_stats(_rankings(rng))
        case PairAveragePrecision():
            return metric.pair_stats(*_vectors(rng, N, 8), (rng.random(N) < 0.5).astype(float))
        case VMeasure():
            return metric.cluster_stats(_vectors(rng, N, 8)[0], rng.integers(0, 4, N), [1])
        case ProbeAccuracy() | ProbeF1():
            gold = rng.integers(0, 3, N)
            return metric.prediction_stats(np.where(rng.random((10, N)) < 0.6, gold, rng.integers(0, 3, (10, N))), gold)
        case ClassMetric():
            return metric.label_stats(*_labels(rng), labels=(0, 1, 2))
        case Brier():
            return metric.pair_stats(rng.integers(0, 3, N).tolist(), rng.dirichlet([1, 1, 1], N).tolist())
        case PreferenceMetric():
            return metric.score_stats(rng.normal(size=(N, 2)).round(1).tolist())
        case ContrastiveMetric() | AcesScore():
            names = _phenomena()
            found = metric.win_stats((rng.random(len(names)) < 0.7).tolist(), names)
            assert found is not None
            return found
        case CountMetric():
            texts, pivots = [_text(rng) for _ in range(N)], [_text(rng) for _ in range(N)]
            of = [
                count_texts(
                    side, [-3.0 * len(text) * rng.gamma(9, 1 / 9) for text in side], rng.integers(4, 30, N).tolist()
                )
                for side in (texts, pivots)
            ]
            return metric.count_stats(of[0], of[1])
        case MeanMetric():  # a value an lm-eval task computed
            values = rng.random(N)
            return metric.stats((values < 0.7).astype(float) if metric.info.binary else values)
    raise AssertionError(f"{metric.info.name}: a new kind of metric; say here how its statistics are made")


@pytest.mark.parametrize("name", registry.BUILT_IN)
@pytest.mark.parametrize("clustered", [False, True])
def test_every_metric_has_an_interval_that_fits(name: str, clustered: bool) -> None:
    if name in NOT_MADE_HERE:
        with pytest.raises(MetricError):
            registry.create(name).value(registry.create(name).segment_stats(_segments(RNG(0))))  # type: ignore[attr-defined]
        return
    metric = registry.create(name, OPTIONS.get(name, {}))
    rows = statistics_of(metric, RNG(1))
    labels = [str(row // 2) for row in range(len(rows))] if clustered else None
    found = stats.interval(metric, rows, labels, rng=RNG(2), resamples=200)
    value = metric.value(rows)
    assert found.method.removeprefix("cluster ") in stats.METHODS, f"{name} has no interval"
    assert found.method.startswith("cluster ") == clustered
    assert found.stderr is not None
    assert found.low is not None
    assert found.high is not None
    assert metric.info.bounds[0] <= found.low <= value <= found.high <= metric.info.bounds[1]
    assert found.low < found.high, "an interval without a width promises too much"
    assert expected_method(metric) in found.method


def expected_method(metric: Metric) -> str:
    """By kind of score, as docs/statistics.md has it; ``bounded`` also where what is graded is all 0 or 1 by chance."""
    if stats.is_mean(metric):
        if not all(map(math.isfinite, metric.info.bounds)):
            return "clt"
        return ""  # wilson or bounded, by what the values are
    return {"fraction": "bounded bootstrap", "correlation": "fisher bootstrap"}.get(metric.info.unit, "bootstrap")


@pytest.mark.parametrize("name", COMPLETE)
@pytest.mark.filterwarnings("error::RuntimeWarning:harness")
def test_few_items_give_an_interval_or_none(name: str) -> None:
    """One to twelve items at random, alone or in clusters: ends in order, inside the scale, around the score."""
    metric, rng = registry.create(name), RNG(3)
    low_end, high_end = metric.info.bounds
    for n in (1, 2, 3, 5, 12):
        rows = random_statistics(metric, rng, n)
        for labels in (None, [str(row // 2) for row in range(n)], ["one"] * n):
            found = stats.interval(metric, rows, labels, rng=rng, resamples=50)
            if not found.method:
                assert (found.stderr, found.low, found.high) == (None, None, None)
                continue
            assert found.low is not None
            assert found.high is not None
            assert low_end <= found.low <= found.high <= high_end
            if not metric.resampling_shifts and "fisher" not in found.method and found.method != "bootstrap":
                assert found.low - 1e-9 <= metric.value(rows) <= found.high + 1e-9


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("make", [lambda: registry.create("token_f1"), exact_match, lambda: registry.create("ndcg")])
def test_a_perfect_score_is_not_certain(make: Callable[[], Metric], value: float) -> None:
    for labels in (None, [str(row // 2) for row in range(40)]):
        found = stats.interval(make(), MeanMetric.stats(np.full(40, value)), labels, rng=RNG(0))
        assert found.low is not None
        assert found.high is not None
        assert found.high - found.low > 0.05
        assert value in (found.low, found.high)


def test_third_parties_metrics_are_not_forgotten() -> None:
    assert set(registry.names()) >= set(registry.BUILT_IN)
    assert set(NOT_MADE_HERE) <= set(registry.BUILT_IN)
