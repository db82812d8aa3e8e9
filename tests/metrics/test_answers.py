"""SQuAD's exact match on the words of an answer; word F1 is compared in ``test_classification``."""

from __future__ import annotations

import importlib
from itertools import product

import pytest

from metrics import registry
from metrics.answers import TokenMatch
from metrics.base import MetricError, Segment

ANSWERS = (
    "The year 1829.",
    "year 1829",
    "1829 year",
    "a YEAR, 1829",
    "",
    "the",
    "ዓመት 1829",
    "Ọ̀yọ́ - Ìbàdàn",
    "Ọ̀yọ́ Ìbàdàn",
    "👍",
)


def token_match() -> TokenMatch:
    metric = registry.create("token_match")
    assert isinstance(metric, TokenMatch)
    return metric


def test_token_match_equals_mlqa_in_english() -> None:
    reference = importlib.import_module("lm_eval.tasks.mlqa.utils").exact_match_score
    pairs = list(product(ANSWERS, repeat=2))
    stats = token_match().segment_stats([Segment(hypothesis=first, references=(second,)) for first, second in pairs])
    assert stats[:, 0].tolist() == [float(reference(first, second, "en")) for first, second in pairs]
    assert 0 < stats[:, 0].mean() < 1


def test_any_reference_will_do_and_one_is_needed() -> None:
    metric = token_match()
    assert metric.value(metric.segment_stats([Segment(hypothesis="ውሃ!", references=("ወንዝ", "ውሃ"))])) == 1
    with pytest.raises(MetricError, match="needs a reference"):
        metric.segment_stats([Segment(hypothesis="ውሃ", references=())])
