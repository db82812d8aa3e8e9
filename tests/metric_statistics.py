"""Random statistics of any registered metric, of the shape and range its own functions make."""

from __future__ import annotations

import numpy as np

from metrics import registry
from metrics.alignment import LayerMetric
from metrics.base import FloatArray, Metric, PooledMetric, Segment, TextMetric
from metrics.classification import Brier, ClassMetric
from metrics.clustering import VMeasure
from metrics.contrastive import CATEGORIES, AcesScore
from metrics.perplexity import CountMetric, TextCounts, count_texts
from metrics.preference import PreferenceMetric
from metrics.probing import ProbeF1
from metrics.tagging import SpanF1

INCOMPLETE = {"spbleu", "comet", "off_target", "wrong_script"}
"""Metrics that need a model's file or a target language; what they compute is tested where there is one."""

COMPLETE = tuple(name for name in registry.BUILT_IN if name not in INCOMPLETE)

WORDS = ("a", "bá", "ጤና", "ကျောင်း", "โรงเรียน", "学校", "ߞߊ߲", "👩‍👧", "b.", "(c)", " ", "")


def random_statistics(metric: Metric, rng: np.random.Generator, segments: int) -> FloatArray:
    """Statistics ``[segments, k]``."""
    match metric:
        case TextMetric():
            texts = [[_text(rng) for _ in range(3)] for _ in range(segments)]
            found = [Segment(hypothesis=one, references=(two,), source=three) for one, two, three in texts]
            stats = metric.segment_stats(found)
        case AcesScore():
            phenomena = [name for _, members in CATEGORIES.values() for name in members]
            stats = np.zeros((segments, 2 * len(phenomena)))
            drawn = rng.integers(0, len(phenomena), segments)
            stats[np.arange(segments), drawn] = rng.choice([-1.0, 1.0], segments)
            stats[np.arange(segments), drawn + len(phenomena)] = 1
        case ClassMetric():
            stats = metric.pair_stats(rng.integers(0, 3, segments), rng.integers(0, 4, segments), 4)
        case SpanF1():
            stats = metric.span_stats([f"PER: {_text(rng)}" for _ in range(segments)], ["PER: á $ LOC: b"] * segments)
        case CountMetric():
            stats = metric.count_stats(_counts(rng, segments), _counts(rng, segments))
        case PreferenceMetric():
            stats = metric.score_stats(rng.integers(0, 3, (segments, 3)).astype(float).tolist())
        case Brier():
            shares = rng.dirichlet(np.ones(3), segments)
            stats = metric.pair_stats(rng.integers(0, 3, segments).tolist(), shares.tolist())
        case ProbeF1():
            predicted = rng.integers(0, 3, (metric.settings.experiments, segments))
            stats = metric.prediction_stats(predicted, rng.integers(0, 3, segments))
        case LayerMetric():
            stats = np.column_stack([rng.integers(0, 2, (segments, 4)), np.ones(segments)]).astype(np.float64)
        case VMeasure():  # ten experiments by default
            stats = rng.integers(0, 3, (segments, 1 + 2 * 10)).astype(np.float64)
        case PooledMetric():
            stats = rng.choice([0.0, 0.5, 1.0], (segments, 2))
        case _:
            stats = np.column_stack([rng.choice([0.0, 0.5, 1.0], segments), np.ones(segments)])
    return stats


def _counts(rng: np.random.Generator, segments: int) -> TextCounts:
    texts = [_text(rng) for _ in range(segments)]
    sizes = [len(text.encode("utf-8")) for text in texts]
    return count_texts(texts, [-size * float(rng.random()) for size in sizes], sizes)


def _text(rng: np.random.Generator) -> str:
    return " ".join(rng.choice(WORDS, rng.integers(0, 7)))
