"""Laws of the metric contract: order of segments, merging of shards and resampling do not matter to the statistics."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from metrics import registry
from metrics.alignment import mexa_stats
from metrics.base import FloatArray, Metric, MetricError, Segment, TextMetric
from metrics.embedding import sts_stats
from tests.metric_statistics import COMPLETE, random_statistics

SETTINGS = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])

WORDS = st.sampled_from(["a", "bá", "ጤና", "ကျောင်း", "โรงเรียน", "学校", "ߞߊ߲", "👩‍👧", "b.", "(c)", " ", "", "a", "bá"])
TEXT = st.lists(WORDS, max_size=7).map(" ".join)
SEGMENT = st.builds(
    lambda hypothesis, references, source: Segment(hypothesis=hypothesis, references=tuple(references), source=source),
    TEXT,
    st.lists(TEXT, min_size=1, max_size=3),
    TEXT,
)
SEGMENTS = st.lists(SEGMENT, min_size=1, max_size=8)
LEXICAL = st.sampled_from(["bleu", "chrf", "chrf++", "ter"])


def text_metric(name: str) -> TextMetric:
    metric = registry.create(name)
    assert isinstance(metric, TextMetric)
    return metric


@st.composite
def statistics(draw: st.DrawFn) -> tuple[Metric, FloatArray]:
    """A metric, and statistics of it for one to eight segments."""
    name = draw(st.sampled_from(COMPLETE))
    metric = registry.create(name)
    if isinstance(metric, TextMetric):
        return metric, metric.segment_stats(draw(SEGMENTS))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return metric, random_statistics(metric, rng, draw(st.integers(1, 8)))


@SETTINGS
@given(statistics(), st.randoms(use_true_random=False))
def test_order_of_segments_does_not_matter(drawn: tuple[Metric, FloatArray], random: np.random.Generator) -> None:
    metric, stats = drawn
    order = list(range(len(stats)))
    random.shuffle(order)
    np.testing.assert_allclose(metric.value(stats[order]), metric.value(stats), rtol=1e-12, atol=1e-12)


@SETTINGS
@given(statistics(), st.integers(0, 2**32 - 1))
def test_counts_are_explicit_resamples(drawn: tuple[Metric, FloatArray], seed: int) -> None:
    metric, stats = drawn
    chosen = np.random.default_rng(seed).integers(0, len(stats), size=(6, len(stats)))
    counts = np.array([np.bincount(row, minlength=len(stats)) for row in chosen], dtype=np.float64)
    explicit = [metric.value(stats[row]) for row in chosen]
    np.testing.assert_allclose(metric.aggregate(stats, counts), explicit, rtol=1e-12, atol=1e-12)


@SETTINGS
@given(statistics())
def test_scores_stay_in_bounds(drawn: tuple[Metric, FloatArray]) -> None:
    metric, stats = drawn
    low, high = metric.info.bounds
    scores = np.array([metric.value(stats), *metric.segment_scores(stats)])
    scores = scores[~np.isnan(scores)]
    assert ((scores >= low) & (scores <= high + 1e-9)).all()


@SETTINGS
@given(LEXICAL, SEGMENTS, SEGMENTS)
def test_statistics_of_shards_are_statistics_of_the_whole(
    name: str, first: list[Segment], second: list[Segment]
) -> None:
    shards = np.concatenate([text_metric(name).segment_stats(first), text_metric(name).segment_stats(second)])
    assert (shards == text_metric(name).segment_stats([*first, *second])).all()


@SETTINGS
@given(LEXICAL, SEGMENTS)
def test_a_segment_alone_scores_as_in_the_batch(name: str, segments: list[Segment]) -> None:
    metric = text_metric(name)
    batch = metric.segment_scores(metric.segment_stats(segments))
    assert [metric.segment_scores(metric.segment_stats([one]))[0] for one in segments] == batch.tolist()


@SETTINGS
@given(st.integers(2, 9), st.integers(0, 2**32 - 1))
def test_mexa_follows_the_items(items: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pivot = rng.integers(-2, 3, size=(3, items, 4)).astype(np.float32)
    language = rng.integers(-2, 3, size=(3, items, 4)).astype(np.float32)
    order = rng.permutation(items)
    assert (mexa_stats(pivot[:, order], language[:, order]) == mexa_stats(pivot, language)[order]).all()
    assert (mexa_stats(language, pivot) == mexa_stats(pivot, language)).all()


@SETTINGS
@given(st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_similarity_ignores_length_and_order(items: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    u, v = rng.normal(size=(2, items, 6)).astype(np.float32)
    gold = rng.normal(size=items)
    stats = sts_stats(u, v, gold)
    order = rng.permutation(items)
    assert (sts_stats(u[order], v[order], gold[order]) == stats[order]).all()
    assert (sts_stats(np.float32(4) * u, v, gold) == stats).all()


@SETTINGS
@given(st.text(max_size=8))
def test_any_unknown_name_is_a_metric_error(name: str) -> None:
    assume(name not in registry.names())
    with pytest.raises(MetricError, match="^" + re.escape(f"{name}: unknown metric")):
        registry.create(name)
