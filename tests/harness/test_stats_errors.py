"""Paired tests raise a false alarm in 5 % of comparisons, and find a minimum detectable effect in 80 %: simulated.

2,000 null comparisons (standard error half a point) and 1,000 with a true difference (1.3 points) a kind of score.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.coverage_clusters import binary_pair, chrf_pair
from benchmarks.coverage_models import metric_of
from harness import stats
from harness.resampling import Sample
from metrics.base import MeanMetric

NULLS = 2000
EFFECTS = 1000
DRAWS = 400

Generator = np.random.Generator
Make = Callable[[Generator, float], list[Sample]]


def _graded(rng: Generator, loss: float) -> list[Sample]:
    """COMET-like, 80 segments."""
    easy = rng.normal(0.8, 0.1, 80)
    one, other = (MeanMetric.stats(easy - shift + rng.normal(0, 0.05, 80)) for shift in (loss, 0.0))
    return [Sample(metric=metric_of("graded"), systems=(one, other))]


def _documents(rng: Generator, loss: float) -> list[Sample]:
    """The same in 30 documents of unequal length, on each of which one system may be better by chance."""
    labels = np.repeat(np.arange(30), rng.integers(1, 12, 30))
    taste = rng.normal(0, 0.05, 30)[labels]
    noise = rng.normal(0, 0.05, len(labels))
    one, other = MeanMetric.stats(0.8 - loss + taste + noise), MeanMetric.stats(np.full(len(labels), 0.8))
    names = [str(label) for label in labels]
    return [Sample(metric=metric_of("graded"), systems=(one, other), clusters=names)]


def _binary(rng: Generator, loss: float) -> list[Sample]:
    """500 right or wrong answers, one in ten of which differs."""
    return [Sample(metric=metric_of("acc"), systems=binary_pair(rng, 500, 0.1, loss))]


def _chrf(rng: Generator, loss: float) -> list[Sample]:
    return [Sample(metric=metric_of("chrf"), systems=chrf_pair(rng, 60, loss))]


def _macro(rng: Generator, loss: float) -> list[Sample]:
    """Accuracy in eight languages on the same 120 questions: what one system finds hard, it finds hard in all."""
    labels = [str(item) for item in range(120)]
    chances = [np.clip(0.5 - shift + rng.normal(0, 0.2, 120), 0, 1) for shift in (loss, 0.0)]
    return [
        Sample(
            metric=metric_of("acc"),
            systems=tuple(MeanMetric.stats((rng.random(120) < chance) * 1.0) for chance in chances),  # type: ignore[arg-type]
            clusters=labels,
        )
        for _ in range(8)
    ]


MAKES: dict[str, Make] = {
    "graded": _graded,
    "documents": _documents,
    "binary": _binary,
    "chrF": _chrf,
    "macro": _macro,
}


def _p(samples: list[Sample], rng: Generator) -> float:
    return stats.paired_evidence(samples, rng=rng, draws=DRAWS, resamples=2).macro().p


@pytest.mark.parametrize("kind", MAKES)
def test_false_alarms_are_as_rare_as_the_level(kind: str) -> None:
    rng = np.random.default_rng(11)
    alarms = sum(_p(MAKES[kind](rng, 0.0), rng) <= 0.05 for _ in range(NULLS)) / NULLS
    assert alarms <= 0.0625
    # McNemar's test is exact, and its steps are coarse: with fifty items that differ it raises fewer alarms.
    assert alarms >= (0.025 if kind == "binary" else 0.0375)


def test_items_taken_for_independent_raise_many() -> None:
    """What the clusters are for: the same documents and languages without their labels."""
    for kind in ("documents", "macro"):
        rng = np.random.default_rng(12)
        alarms = 0
        for _ in range(300):
            apart = [Sample(metric=one.metric, systems=one.systems) for one in MAKES[kind](rng, 0.0)]
            alarms += _p(apart, rng) <= 0.05
        assert alarms / 300 > 0.12, kind


def test_false_alarms_at_a_margin() -> None:
    """A loss of exactly the margin: there the shifted null is an approximation, for chrF and for right and wrong."""
    rng = np.random.default_rng(13)
    one, other = chrf_pair(np.random.default_rng(96), 200_000, 0.03)
    margin = metric_of("chrf").value(other) - metric_of("chrf").value(one)
    alarms = {"chrF": 0, "binary": 0}
    for _ in range(600):
        found = stats.paired_evidence(_chrf(rng, 0.03), rng=rng, draws=DRAWS, resamples=2)
        alarms["chrF"] += found.sample(0, margin=margin).p_worse <= 0.05
        found = stats.paired_evidence(_binary(rng, 0.03), rng=rng, draws=1)
        alarms["binary"] += found.sample(0, margin=0.03).p_worse <= 0.05
    for kind, count in alarms.items():
        assert count / 600 < 0.08, kind


@pytest.mark.parametrize("kind", ["graded", "documents", "binary", "macro"])
def test_a_minimum_detectable_effect_is_found_four_times_in_five(kind: str) -> None:
    """The effect is what one data set without a difference promises on average, put into others."""
    rng = np.random.default_rng(14)
    promised = []
    for _ in range(200):
        delta = stats.paired_evidence(MAKES[kind](rng, 0.0), rng=rng, draws=1).macro()
        found = stats.minimum_detectable_effect(delta.stderr, sides=2, clusters=delta.clusters)
        assert found is not None
        promised.append(found)
    effect = float(np.sqrt(np.mean(np.square(promised))))
    power = sum(_p(MAKES[kind](rng, effect), rng) <= 0.05 for _ in range(EFFECTS)) / EFFECTS
    assert 0.76 <= power <= 0.84


def test_the_promise_is_one_sided_for_the_gate() -> None:
    rng = np.random.default_rng(15)
    effect = stats.minimum_detectable_effect(float(np.sqrt(0.1 / 500)))
    assert effect is not None
    found = [
        stats.paired_evidence(_binary(rng, effect), rng=rng, draws=1).sample(0).p_worse <= 0.05 for _ in range(2000)
    ]
    assert 0.76 <= np.mean(found) <= 0.83


def test_corrections_keep_their_promises() -> None:
    """Forty languages, four truly worse: Holm's chance of any false alarm, and the share of false ones among BH's."""
    rng = np.random.default_rng(16)
    any_false, shares, power = [], [], []
    for _ in range(1500):
        z = rng.normal(size=40)
        z[:4] += 3.5
        from scipy.stats import norm

        p = 2 * norm.sf(np.abs(z))
        any_false.append((stats.holm(p)[4:] <= 0.05).any())
        alarms = stats.benjamini_hochberg(p) <= 0.05
        shares.append(alarms[4:].sum() / max(alarms.sum(), 1))
        power.append(alarms[:4].mean())
    assert np.mean(any_false) <= 0.065
    assert np.mean(shares) <= 0.06
    assert np.mean(power) > 0.6
