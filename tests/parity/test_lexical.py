"""BLEU, chrF, chrF++ and TER against sacrebleu itself: scores equal to the last bit, signatures as text.

Bit for bit: corpus scores, sentence scores, and scores of many resamples against sacrebleu's scalar computation.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest
from sacrebleu.metrics.base import Metric as Oracle
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from metrics import registry
from metrics.base import Segment, TextMetric
from metrics.lexical import SacrebleuTextMetric
from metrics.tokenizers import BLEU_TOKENIZERS

TEXTS: dict[str, list[tuple[str, list[str]]]] = {
    "amharic": [
        ("ልጁ ትናንት ወደ ትምህርት ቤት ሄደ።", ["ልጁ ትናንት ወደ ትምህርት ቤት ሄዷል።"]),
        ("ዛሬ ዝናብ ይዘንባል፣ ጃንጥላ ያዝ።", ["ዛሬ ዝናብ ስለሚዘንብ ጃንጥላ ያዝ።"]),
        ("መጽሐፉ ጠረጴዛ ላይ ነው", ["መጽሐፉ በጠረጴዛው ላይ ነው።"]),
    ],
    "arabic": [
        ("ذهب الولد إلى المدرسة أمس.", ["ذهب الولد أمس إلى المدرسة."]),
        ("السماء تمطر اليوم، خذ المظلة!", ["إنها تمطر اليوم، فخذ المظلّة!"]),
        ("الكتاب على الطاولة؟", ["الكتاب على الطاولة."]),
    ],
    "burmese": [
        ("ကလေးသည်မနေ့ကကျောင်းသို့သွားခဲ့သည်။", ["ကလေးက မနေ့က ကျောင်းကို သွားခဲ့တယ်။"]),
        ("ဒီနေ့ မိုးရွာမယ်၊ ထီးယူသွားပါ။", ["ဒီနေ့ မိုးရွာမှာမို့ ထီးယူသွားပါ။"]),
        ("စာအုပ်က စားပွဲပေါ်မှာရှိတယ်", ["စာအုပ်သည် စားပွဲပေါ်တွင် ရှိသည်။"]),
    ],
    "thai": [
        ("เด็กไปโรงเรียนเมื่อวานนี้", ["เมื่อวานนี้เด็กไปโรงเรียน"]),
        ("วันนี้ฝนตก เอาร่มไปด้วย", ["วันนี้ฝนจะตก เอาร่มไปด้วยนะ"]),
        ("หนังสืออยู่บนโต๊ะ", ["หนังสือวางอยู่บนโต๊ะ"]),
    ],
    "japanese": [
        ("子供は昨日学校に行きました。", ["昨日、子どもは学校へ行った。"]),
        ("今日は雨が降るので、傘を持って行きなさい！", ["今日は雨だから傘を持っていってください!"]),
        ("本は机の上にあります", ["本は机の上にあります。"]),
    ],
    "nko": [
        ("ߘߋ߲ ߕߊ߯ߣߍ߲ ߞߊ߬ߙߊ߲߬ߕߊ ߟߊ߫ ߞߎߣߎ߲߬", ["ߘߋ߲ ߕߊ߯ߣߍ߲߫ ߞߊ߬ߙߊ߲߬ߕߊ߫ ߞߎߣߎ߲߬."]),
        ("ߖߌ ߦߋ߫ ߣߊ߫ ߟߊ߫ ߓߌ߬", ["ߓߌ߬ ߖߌ ߦߋ߫ ߣߊ߫ ߟߊ߫"]),
        ("ߞߊ߲ߓߏ ߦߋ߫ ߕߊߓߊߟߌ ߞߊ߲߬", ["ߞߊ߲ߓߏ߫ ߦߋ߫ ߕߊߓߊߟߌ ߞߊ߲߬"]),
    ],
    "emoji": [
        ("Bravo 👏🏽 👩‍👩‍👧 !", ["Bravo 👏🏽👩‍👩‍👧!"]),
        ("☔️ heute → 🌂", ["☔️ heute ➡️ 🌂"]),
        ("😀😃😄", ["😀😄😃"]),
    ],
    "yoruba": [
        ("Ọmọ náà lọ sí ilé-ìwé lánàá.", ["Ọmọ náà ti lọ sí ilé-ẹ̀kọ́ ní àná."]),
        ("Òjò yóò rọ̀ lónìí, mú agboòrùn dání.", ["Òjò máa rọ̀ lónìí, ẹ mú agbòjò."]),
        ('Ìwé wà lórí tábìlì ("tuntun").', ["Ìwé náà wà lórí tábìlì 'tuntun'."]),
    ],
    "empty": [
        ("", ["a reference"]),
        ("a hypothesis", [""]),
        ("", [""]),
        ("   ", ["\u200b"]),
        ("some words that match", ["some words that match"]),
    ],
    "several": [
        ("the cat sat on the mat", ["the cat sat on a mat", "a cat was sitting on the mat", "cat on mat"]),
        ("it rains", ["it is raining today", "rain falls today", "it rains"]),
        ("", ["nothing", "", "none at all"]),
        ("One, two; three.", ["one two three", "One, two, three.", "1 2 3 4 5 6 7"]),
    ],
    "variable": [
        ("the cat sat on the mat", ["the cat sat on a mat", "cat on mat"]),
        ("it rains", ["it is raining today"]),
        ("One, two; three.", ["one two three", "One, two, three.", "1 2 3 4 5 6 7"]),
    ],
}

SETTINGS: list[tuple[str, dict[str, registry.Option], Oracle]] = [
    ("bleu", {}, BLEU(force=True)),
    ("bleu", {"lowercase": True}, BLEU(lowercase=True)),
    ("bleu", {"effective_order": True}, BLEU(effective_order=True)),
    ("bleu", {"tokenize": "intl", "max_ngram_order": 2}, BLEU(tokenize="intl", max_ngram_order=2)),
    ("bleu", {"tokenize": "zh"}, BLEU(tokenize="zh")),
    ("bleu", {"tokenize": "char"}, BLEU(tokenize="char")),
    ("bleu", {"tokenize": "none", "smooth_method": "none"}, BLEU(tokenize="none", smooth_method="none")),
    ("bleu", {"smooth_method": "floor"}, BLEU(smooth_method="floor")),
    ("bleu", {"smooth_method": "floor", "smooth_value": 0.02}, BLEU(smooth_method="floor", smooth_value=0.02)),
    ("bleu", {"smooth_method": "add-k"}, BLEU(smooth_method="add-k")),
    ("bleu", {"smooth_method": "add-k", "smooth_value": 0.3}, BLEU(smooth_method="add-k", smooth_value=0.3)),
    ("chrf", {}, CHRF()),
    ("chrf", {"char_order": 4, "beta": 1, "lowercase": True}, CHRF(char_order=4, beta=1, lowercase=True)),
    ("chrf", {"whitespace": True}, CHRF(whitespace=True)),
    ("chrf", {"eps_smoothing": True}, CHRF(eps_smoothing=True)),
    ("chrf++", {}, CHRF(word_order=2)),
    ("chrf++", {"word_order": 1, "eps_smoothing": True, "beta": 3}, CHRF(word_order=1, eps_smoothing=True, beta=3)),
    ("ter", {}, TER()),
    ("ter", {"normalized": True, "asian_support": True}, TER(normalized=True, asian_support=True)),
    (
        "ter",
        {"no_punct": True, "asian_support": True, "case_sensitive": True},
        TER(no_punct=True, asian_support=True, case_sensitive=True),
    ),
]
IDS = [f"{name}-{options}" for name, options, _ in SETTINGS]


def text_metric(name: str, options: dict[str, registry.Option] | None = None) -> TextMetric:
    metric = registry.create(name, options)
    assert isinstance(metric, TextMetric)
    return metric


def as_segments(pairs: list[tuple[str, list[str]]]) -> list[Segment]:
    return [Segment(hypothesis=hypothesis, references=tuple(references)) for hypothesis, references in pairs]


def streams(pairs: list[tuple[str, list[str]]]) -> tuple[list[str], list[list[str]]]:
    """sacrebleu's layout: one list a reference, ``None`` where a segment has fewer."""
    most = max(len(references) for _, references in pairs)
    columns = [[references[i] if i < len(references) else None for _, references in pairs] for i in range(most)]
    # sacrebleu allows None, but its annotations do not say so.
    return [hypothesis for hypothesis, _ in pairs], cast(list[list[str]], columns)


@pytest.mark.parametrize("texts", TEXTS)
@pytest.mark.parametrize(("name", "options", "oracle"), SETTINGS, ids=IDS)
def test_corpus_score_and_signature(name: str, options: dict[str, registry.Option], oracle: Oracle, texts: str) -> None:
    pairs = TEXTS[texts]
    metric = text_metric(name, options)
    stats = metric.segment_stats(as_segments(pairs))
    hypotheses, references = streams(pairs)
    expected = oracle.corpus_score(hypotheses, references)
    assert metric.value(stats) == expected.score
    ours, theirs = metric.signature().split("|"), str(oracle.get_signature()).split("|")
    extra = [part for part in ours if part not in theirs]
    assert [part for part in ours if part not in extra] == theirs
    assert all(part.startswith(("beta:", "order:")) for part in extra)
    assert bool(extra) == bool({"beta", "max_ngram_order"} & set(options))


@pytest.mark.parametrize(("name", "options", "oracle"), SETTINGS, ids=IDS)
def test_segment_scores_are_sentence_scores(name: str, options: dict[str, registry.Option], oracle: Oracle) -> None:
    pairs = [pair for texts in TEXTS.values() for pair in texts]
    metric = text_metric(name, options)
    if isinstance(oracle, BLEU):
        oracle = BLEU(
            lowercase=oracle.lowercase,
            tokenize=str(options.get("tokenize", "13a")),
            smooth_method=oracle.smooth_method,
            smooth_value=oracle.smooth_value,
            max_ngram_order=oracle.max_ngram_order,
            effective_order=True,
        )
    scores = metric.segment_scores(metric.segment_stats(as_segments(pairs)))
    expected = [oracle.sentence_score(hypothesis, references).score for hypothesis, references in pairs]
    assert scores.tolist() == expected


@pytest.mark.parametrize(("name", "options", "oracle"), SETTINGS, ids=IDS)
def test_resamples_equal_scalar_scores(name: str, options: dict[str, registry.Option], oracle: Oracle) -> None:
    pairs = [pair for texts in TEXTS.values() for pair in texts if len(pair[1]) == 1]
    metric = text_metric(name, options)
    stats = metric.segment_stats(as_segments(pairs))
    counts = np.random.default_rng(7).multinomial(4, np.full(len(pairs), 1 / len(pairs)), size=60).astype(np.float64)
    summed = counts @ stats
    scalar = [oracle._compute_score_from_stats(row[:-1].tolist()).score for row in summed]
    assert metric.aggregate(stats, counts).tolist() == scalar
    assert metric.score(summed.reshape(3, 20, -1)).reshape(-1).tolist() == scalar


def test_ter_fractional_reference_lengths_add_up_as_in_sacrebleu() -> None:
    rng = np.random.default_rng(3)
    words = ["a", "b", "c", "d", "e", "f", "g"]
    pairs = [
        (
            " ".join(rng.choice(words, rng.integers(0, 6))),
            [" ".join(rng.choice(words, rng.integers(0, 6))) for _ in range(3)],
        )
        for _ in range(301)
    ]
    metric = text_metric("ter")
    assert metric.value(metric.segment_stats(as_segments(pairs))) == TER().corpus_score(*streams(pairs)).score


def test_tokenizers_are_sacrebleus() -> None:
    assert set(BLEU_TOKENIZERS) == set(BLEU.TOKENIZERS)


@pytest.mark.shared_data
@pytest.mark.parametrize("language", ["hau", "swa", "yor"])
def test_mafand_outputs(shared_data: Path, language: str) -> None:
    folder = shared_data / "mafand" / language
    if not folder.is_dir():
        pytest.skip(f"needs {folder}, which is missing")
    references = (folder / f"test.{language}").read_text(encoding="utf-8").split("\n")[:50]
    hypotheses = (folder / f"m2m100_en_{language}_news.txt").read_text(encoding="utf-8").split("\n")[:50]
    pairs = [(hypothesis, [reference]) for hypothesis, reference in zip(hypotheses, references, strict=True)]
    for name, oracle in (("bleu", BLEU()), ("chrf", CHRF()), ("chrf++", CHRF(word_order=2)), ("ter", TER())):
        metric = text_metric(name)
        stats = metric.segment_stats(as_segments(pairs))
        assert metric.value(stats) == oracle.corpus_score(hypotheses, [references]).score
        assert metric.signature() == str(oracle.get_signature())
        assert 0 < metric.value(stats) < 200


def test_statistics_are_sacrebleus_and_a_one() -> None:
    pairs = TEXTS["yoruba"]
    hypotheses, references = streams(pairs)
    for name, oracle in (("bleu", BLEU()), ("chrf", CHRF()), ("ter", TER())):
        metric = text_metric(name)
        assert isinstance(metric, SacrebleuTextMetric)
        stats = metric.segment_stats(as_segments(pairs))
        assert stats[:, :-1].tolist() == oracle._extract_corpus_statistics(hypotheses, references)
        assert (stats[:, -1] == 1).all()
