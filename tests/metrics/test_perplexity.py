"""Bits, perplexities, token rates and parities by hand on texts in many scripts."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from metrics import registry
from metrics.base import FloatArray, MetricError
from metrics.perplexity import CountMetric, TextCounts, count_texts

TEXTS = [
    "ጀልባው ጠዋት ይነሳል",
    "تغادر العبارة صباحا",
    "မနက်တိုင်း",
    "เรือออกทุกเช้า",
    "フェリー",
    "ߒߞߏ ߞߊ߲",
    "👩🏽‍🚀 hi",
    " two  spaces ",
    "",
]
LOGPROBS = [-31.5, -40.25, -55.0, -20.0, -8.0, -12.0, -30.0, -9.0, 0.0]
TOKENS = [12, 9, 30, 11, 4, 10, 9, 4, 0]


def count_metric(name: str) -> CountMetric:
    metric = registry.create(name)
    assert isinstance(metric, CountMetric)
    return metric


def counts() -> TextCounts:
    return count_texts(TEXTS, LOGPROBS, TOKENS)


def value(name: str, pivot: TextCounts | None = None) -> float:
    metric = count_metric(name)
    return metric.value(metric.count_stats(counts(), pivot))


def test_values_by_hand() -> None:
    nats, tokens = -sum(LOGPROBS), sum(TOKENS)
    size = sum(len(text.encode()) for text in TEXTS)
    characters = sum(map(len, TEXTS))
    words = 3 + 3 + 1 + 1 + 1 + 2 + 2 + 2
    pieces = sum(len(re.split(r"\s+", text)) for text in TEXTS)
    expected = {
        "bits_per_byte": nats / math.log(2) / size,
        "bits_per_char": nats / math.log(2) / characters,
        "byte_perplexity": math.exp(nats / size),
        "word_perplexity": math.exp(nats / pieces),
        "perplexity": math.exp(nats / len(TEXTS)),
        "fertility": tokens / words,
        "tokens_per_char": tokens / characters,
        "tokens_per_byte": tokens / size,
    }
    assert {name: pytest.approx(value(name), rel=1e-12) for name in expected} == expected
    assert value("byte_perplexity") == pytest.approx(2 ** value("bits_per_byte"))


def test_characters_are_code_points() -> None:
    """The astronaut is four code points, joiner included, and N'Ko tone marks count."""
    assert count_texts(["👩🏽‍🚀", "ߞߊ߲"], [0.0, 0.0], [1, 1]).characters.tolist() == [4.0, 3.0]


def test_parities_are_ratios_of_sums_and_one_for_the_pivot() -> None:
    pivot = count_texts(
        ["english"] * len(TEXTS), [-10.0 - index for index in range(9)], [3 + index for index in range(9)]
    )
    assert value("tokenizer_parity", pivot) == pytest.approx(sum(TOKENS) / sum(range(3, 12)))
    assert value("information_parity", pivot) == pytest.approx(sum(range(10, 19)) / -sum(LOGPROBS))
    assert value("tokenizer_parity", counts()) == 1.0
    assert value("information_parity", counts()) == 1.0


@pytest.mark.parametrize("name", ["tokenizer_parity", "information_parity"])
def test_a_resample_draws_both_sides_of_an_item(name: str) -> None:
    """One row holds both languages: the paired bootstrap is the ratio of the drawn items' sums."""
    metric = count_metric(name)
    pivot = count_texts(["x"] * 9, [-5.0 * (1 + index) for index in range(9)], [1 + index for index in range(9)])
    stats = metric.count_stats(counts(), pivot)
    rng = np.random.default_rng(0)
    draws = rng.integers(0, 8, (30, 9))  # the last text is empty, and a resample of it alone is undefined
    weights = np.array([np.bincount(row, minlength=9) for row in draws], dtype=np.float64)
    sides: dict[str, tuple[FloatArray, FloatArray]] = {
        "tokenizer_parity": (np.array(TOKENS, dtype=float), pivot.tokens),
        "information_parity": (pivot.logprob, np.array(LOGPROBS)),
    }
    above, below = sides[name]
    expected = [above[row].sum() / below[row].sum() for row in draws]
    np.testing.assert_allclose(metric.aggregate(stats, weights), expected, rtol=1e-12)


def test_parity_needs_the_pivots_texts() -> None:
    with pytest.raises(MetricError, match="needs the pivot's 9 texts, found 0"):
        value("information_parity")
    with pytest.raises(MetricError, match="needs the pivot's 9 texts, found 1"):
        value("tokenizer_parity", count_texts(["x"], [-1.0], [1]))


def test_texts_whose_tokens_are_not_known_have_no_token_rate_but_bits() -> None:
    partly = count_texts(TEXTS[:2], LOGPROBS[:2], [None, 9])
    rate = count_metric("tokens_per_char")
    assert rate.count_stats(partly).tolist() == [[0, 0], [9, len(TEXTS[1])]]
    assert rate.value(rate.count_stats(count_texts(TEXTS[:1], [-1.0], [None]))) is not None
    assert math.isnan(rate.value(rate.count_stats(count_texts(TEXTS[:1], [-1.0], [None]))))
    bits = count_metric("bits_per_char")
    assert bits.value(bits.count_stats(partly)) == pytest.approx(71.75 / math.log(2) / (len(TEXTS[0]) + len(TEXTS[1])))


def test_what_no_float_holds_is_undefined() -> None:
    metric = count_metric("word_perplexity")
    with np.errstate(all="raise"):
        assert math.isnan(metric.value(metric.count_stats(count_texts(["ยาวมาก"], [-800.0], [9]))))


def test_only_word_metrics_need_words_and_only_parities_the_pivot() -> None:
    made = [count_metric(name) for name in registry.BUILT_IN if isinstance(registry.create(name), CountMetric)]
    assert {metric.info.name for metric in made if metric.needs_words} == {"fertility", "word_perplexity"}
    assert {metric.info.name for metric in made if metric.needs_pivot} == {"tokenizer_parity", "information_parity"}


def test_lm_eval_statistics_give_the_same_score() -> None:
    """lm-eval hands over (log-probability, count); the same metric scores them, and says who counted."""
    metric = registry.create("bits_per_byte", {"computed_by": "lm-eval:0.4.13"})
    assert metric.value(np.array([[-10.0, 7.0], [-20.0, 8.0]])) == pytest.approx(2 / math.log(2))
    assert metric.signature() == "bits_per_byte|bytes:utf-8|lm-eval:0.4.13|v:glotbench-0.1.0"
    assert registry.create("bits_per_char").signature() == "bits_per_char|chars:code points|v:glotbench-0.1.0"
