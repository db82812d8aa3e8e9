"""Scores of labelled words are AfroBench's: the functions of lm-eval's task folders judge the same answers."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from metrics import registry
from metrics.base import MetricError, Segment
from metrics.tagging import SpanF1, TagAccuracy

ENTITIES = [
    "PER: ጴጥሮስ $$ LOC: አዲስ አበባ",
    "ORG: the University of Ìbàdàn $$ DATE: 12 Agẹmọ",
    "PER: الملك#\\ $ LOC: (القاهرة)",
    "LOC: Kampala, PER: Ssebo. ORG: A B",
    "per: ကိုကို   ကြီး\tသန့်",
    "PER: a $$ PER: a $$ PER: A b",
    "nothing said",
    "LOC: a: b $$ ORG: ߒߞߏ ~{x}• @y `z`",
    "",
    "DATE: 👩‍👧 12/3/2004 $$$ LOC: ",
]
TAGS = ("NOUN", "VERB", "PUNCT", "X", "DET")


def span_f1() -> SpanF1:
    metric = registry.create("span_f1")
    assert isinstance(metric, SpanF1)
    return metric


def tag_accuracy() -> TagAccuracy:
    metric = registry.create("tag_accuracy")
    assert isinstance(metric, TagAccuracy)
    return metric


@pytest.mark.parametrize("seed", range(20))
def test_entity_f1_is_that_of_lm_eval(seed: int) -> None:
    reference = importlib.import_module("lm_eval.tasks.afrobench.masakhaner.prompt_1.utils").span_f1_agg
    rng = np.random.default_rng(seed)
    gold = [str(text) for text in rng.choice(ENTITIES, 12)]
    predicted = [" $ ".join(rng.choice([text, *ENTITIES[:6]], 2)) for text in gold]
    ours = span_f1().value(span_f1().span_stats(gold, predicted))
    assert ours == pytest.approx(reference(list(zip(gold, predicted, strict=True))), abs=1e-12)
    assert 0 < ours < 1


def test_entities_without_any() -> None:
    metric = span_f1()
    assert metric.value(metric.span_stats(["", "nothing"], ["", "none"])) == 0
    assert metric.span_stats(["PER: ሰው $$ PER: ሰው"], ["PER: ሰው $$ LOC: ሀገር"]).tolist() == [[1, 1, 1, 1]]


@pytest.mark.parametrize("seed", range(20))
def test_tag_accuracy_is_that_of_lm_eval(seed: int) -> None:
    from lm_eval.filters.extraction import POSFilter

    reference = importlib.import_module("lm_eval.tasks.afrobench.masakhapos.prompt_1.utils").acc_score
    rng = np.random.default_rng(seed)
    segments = []
    for length in rng.integers(1, 9, 15):
        gold = rng.choice(TAGS, length)
        tagged = [("ߒߞߏ", str(tag)) for tag in rng.choice([*gold, "NOUN"], rng.integers(0, 10))]
        segments.append(Segment(hypothesis=f"Output: {tagged} 👍", references=tuple(map(str, gold))))
    answers = [next(iter(found)) for found in POSFilter().apply([[segment.hypothesis] for segment in segments], [])]
    pairs = [(list(segment.references), [answer]) for segment, answer in zip(segments, answers, strict=True)]
    metric = tag_accuracy()
    assert metric.value(metric.segment_stats(segments)) == pytest.approx(reference(pairs), abs=1e-12)


def test_a_sentence_without_tags_is_refused() -> None:
    with pytest.raises(MetricError, match="right tags of every sentence"):
        tag_accuracy().segment_stats([Segment(hypothesis="[('a', 'X')]", references=())])
