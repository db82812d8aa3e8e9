"""Class metrics are scikit-learn's, on pairs and on every resample; token F1 is SQuAD's; Brier is lm-eval's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score, matthews_corrcoef

from metrics import registry
from metrics.answers import TokenF1
from metrics.base import MetricError, Segment
from metrics.classification import BinaryF1, Brier, ClassMetric

Reference = Callable[[Any, Any], float]

REFERENCES: dict[str, Reference] = {
    "f1_weighted": lambda gold, predicted: f1_score(gold, predicted, average="weighted", zero_division=0),
    "f1_macro": lambda gold, predicted: f1_score(gold, predicted, average="macro", zero_division=0),
    "f1_binary": lambda gold, predicted: f1_score(gold, predicted, labels=[1], average="micro", zero_division=0),
    "mcc": matthews_corrcoef,
    "balanced_acc": balanced_accuracy_score,
}
LABELS = ("ሰላም", "مرحبا", "မင်္ဂလာပါ", "ߌ ߣߌ߫", "🦁")


def class_metric(name: str, **options: int | str) -> ClassMetric:
    metric = registry.create(name, options)
    assert isinstance(metric, ClassMetric)
    return metric


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("classes", [2, 3, 7])
def test_scores_equal_sklearn(name: str, classes: int) -> None:
    """Random pairs, some of them without some of the classes on one side or both."""
    metric = class_metric(name)
    rng = np.random.default_rng(classes)
    for size in (1, 2, 5, 40, 300):
        for _ in range(12):
            gold = rng.choice(rng.integers(0, classes, 3), size)
            predicted = np.where(rng.random(size) < 0.5, gold, rng.choice(rng.integers(0, classes, 3), size))
            stats = metric.pair_stats(gold, predicted, classes)
            assert metric.value(stats) == pytest.approx(REFERENCES[name](gold, predicted), abs=1e-12)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", REFERENCES)
def test_resamples_equal_sklearn_on_the_drawn_documents(name: str) -> None:
    metric = class_metric(name)
    rng = np.random.default_rng(5)
    gold, predicted = rng.integers(0, 4, (2, 30))
    draws = rng.integers(0, 30, (20, 30))
    counts = np.array([np.bincount(row, minlength=30) for row in draws], dtype=np.float64)
    found = metric.aggregate(metric.pair_stats(gold, predicted, 4), counts)
    expected = [REFERENCES[name](gold[row], predicted[row]) for row in draws]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_binary_f1_is_sklearns_binary_average_of_the_positive_class() -> None:
    rng = np.random.default_rng(3)
    gold, predicted = rng.integers(0, 2, (2, 50))
    metric = class_metric("f1_binary", positive=0)
    expected = f1_score(gold, predicted, average="binary", pos_label=0)
    assert metric.value(metric.pair_stats(gold, predicted, 2)) == pytest.approx(expected, abs=1e-12)
    named = class_metric("f1_binary", positive="ሰላም")
    assert named.value(named.label_stats(["ሰላም", "ሰላም", "🦁"], ["ሰላም", "🦁", "ሰላም"])) == 0.5
    with pytest.raises(MetricError, match="positive: 'ሰላም' is a label"):
        named.pair_stats(gold, predicted, 2)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from((*LABELS, "?"))), min_size=1, max_size=25))
@pytest.mark.filterwarnings("ignore")
def test_labels_are_classes(pairs: list[tuple[str, str]]) -> None:
    """With at most one text that is no label, every score is scikit-learn's on the bare labels."""
    gold, predicted = zip(*pairs, strict=True)
    for name in ("f1_weighted", "f1_macro", "mcc", "balanced_acc"):
        metric = class_metric(name)
        stats = metric.label_stats(gold, predicted, LABELS)
        assert metric.value(stats) == pytest.approx(REFERENCES[name](gold, predicted), abs=1e-12)


@pytest.mark.filterwarnings("ignore")
def test_many_texts_that_are_no_label_are_one_class() -> None:
    gold = ["ߌ ߣߌ߫", "🦁", "🦁", "ߌ ߣߌ߫"]
    predicted = ["ߌ ߣߌ߫", "ህም", "ဟင်", "🦁"]
    for name in ("f1_weighted", "balanced_acc"):
        metric = class_metric(name)
        assert metric.value(metric.label_stats(gold, predicted)) == pytest.approx(REFERENCES[name](gold, predicted))
    macro = class_metric("f1_macro")
    other = [answer if answer in gold else "other" for answer in predicted]
    assert macro.value(macro.label_stats(gold, predicted)) == pytest.approx(REFERENCES["f1_macro"](gold, other))


def test_columns_depend_on_the_gold_labels_alone() -> None:
    """Two systems with other mistakes have statistics of the same columns, so that their rows can be swapped."""
    metric = class_metric("f1_macro")
    gold = ["سلام", "ውሃ", "سلام"]
    first, second = metric.label_stats(gold, gold), metric.label_stats(gold, ["x", "y", "z"])
    assert first.shape == second.shape == (3, 9)
    assert (first[:, :3] == second[:, :3]).all()


def test_segments_are_right_or_wrong_where_one_document_has_a_score() -> None:
    gold, predicted = np.array([0, 1, 2]), np.array([0, 2, 2])
    for name in ("f1_weighted", "f1_macro", "balanced_acc"):
        metric = class_metric(name)
        assert metric.segment_scores(metric.pair_stats(gold, predicted, 3)).tolist() == [1, 0, 1]
    for name in ("mcc", "f1_binary"):
        metric = class_metric(name)
        assert np.isnan(metric.segment_scores(metric.pair_stats(gold, predicted, 3))).all()


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        ([0, 1], [0], r"found \[2\] and \[1\]"),
        ([0, 3], [0, 1], "gold classes must be 0 to 2, found 0 to 3"),
        ([0, 1], [0, -1], "predicted classes must be 0 to 2, found -1 to 0"),
    ],
)
def test_pairs_that_are_no_classes_are_explained(gold: list[int], predicted: list[int], message: str) -> None:
    for name in ("f1_macro", "f1_binary"):
        with pytest.raises(MetricError, match=message):
            class_metric(name).pair_stats(np.array(gold), np.array(predicted), 3)


def test_gold_labels_must_be_known() -> None:
    with pytest.raises(MetricError, match="gold label 'ሐ' is not among 'ሀ', 'ለ'"):
        class_metric("mcc").label_stats(["ሀ", "ሐ"], ["ሀ", "ሀ"], ["ሀ", "ለ"])


def test_all_negatives_are_zero_and_nothing_is_nan() -> None:
    metric = registry.create("f1_binary")
    assert isinstance(metric, BinaryF1)
    stats = metric.pair_stats(np.array([0, 0]), np.array([0, 0]), 2)
    assert metric.value(stats) == 0.0
    assert np.isnan(metric.value(stats[:0]))


def test_brier_equals_lm_eval() -> None:
    from lm_eval.api.metrics import brier_score

    rng = np.random.default_rng(1)
    gold = rng.integers(0, 4, 25)
    shares = rng.dirichlet(np.ones(4), 25)
    metric = registry.create("brier_score")
    assert isinstance(metric, Brier)
    found = metric.value(metric.pair_stats(gold.tolist(), shares.tolist()))
    assert found == pytest.approx(brier_score(list(zip(gold, shares, strict=True))), abs=1e-12)
    assert metric.value(metric.pair_stats([1, 0], [[1.0, 0.0], [1.0, 0.0]])) == 1.0


ANSWERS = [
    ("The ferry, at 7:45!", "a ferry at 745"),
    ("ወደ ደሴቱ የሚሄደው ጀልባ", "ጀልባ ወደ ደሴቱ"),
    ("ferry", "የጀልባ ጉዞ"),
    ("フェリーは毎朝", "フェリーは毎朝"),
    ("مرحبا بالعالم", "مرحبا يا عالم"),
    ("ߒ ߞߊ߲ ߒ", "ߒ ߒ ߒ"),
    ("👩🏽‍🚀 lands", "lands"),
]


def test_token_f1_equals_squad() -> None:
    """As lm-eval's Qasper task has it; and, by the rule of 2018, nothing is equal to nothing."""
    from lm_eval.tasks.qasper.metrics import f1_abstractive

    metric = registry.create("token_f1")
    assert isinstance(metric, TokenF1)
    segments = [Segment(hypothesis=answer, references=(reference,)) for reference, answer in ANSWERS]
    expected = [float(f1_abstractive([answer], [reference])) for reference, answer in ANSWERS]
    assert metric.segment_scores(metric.segment_stats(segments)).tolist() == pytest.approx(expected, abs=1e-12)
    assert metric.value(metric.segment_stats(segments)) == pytest.approx(np.mean(expected), abs=1e-12)
    nothing = [Segment(hypothesis="The a!", references=(reference,)) for reference in ("", "?", "ጀልባ")]
    assert metric.segment_scores(metric.segment_stats(nothing)).tolist() == [1.0, 1.0, 0.0]


def test_token_f1_takes_the_reference_that_fits_best() -> None:
    metric = registry.create("token_f1")
    assert isinstance(metric, TokenF1)
    found = metric.segment_stats([Segment(hypothesis="ጀልባ ጠዋት", references=("ማታ", "ጀልባ ጠዋት ይነሳል", ""))])
    assert found.tolist() == [[pytest.approx(0.8), 1.0]]
    with pytest.raises(MetricError, match="needs a reference"):
        metric.segment_stats([Segment(hypothesis="x", references=())])
