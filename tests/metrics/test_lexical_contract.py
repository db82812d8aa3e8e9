"""What the lexical metrics do beyond sacrebleu's numbers; those are compared in ``tests/parity/test_lexical.py``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from metrics import registry, tokenizers
from metrics.base import MetricError, Segment, TextMetric

NAMES = ("bleu", "chrf", "chrf++", "ter")


def make(name: str, **options: registry.Option) -> TextMetric:
    metric = registry.create(name, options)
    assert isinstance(metric, TextMetric)
    return metric


def segment(hypothesis: str, *references: str) -> Segment:
    return Segment(hypothesis=hypothesis, references=references)


@pytest.mark.parametrize("name", NAMES)
def test_missing_reference_is_an_error(name: str) -> None:
    with pytest.raises(MetricError, match=rf"^{name.replace('+', '[+]')}: segment 1: no reference; give at least one"):
        make(name).segment_stats([segment("a", "a"), segment("a")])


@pytest.mark.parametrize("name", NAMES)
def test_no_segments(name: str) -> None:
    metric = make(name)
    stats = metric.segment_stats([])
    assert stats.shape == (0, metric.segment_stats([segment("a", "a")]).shape[1])
    assert np.isnan(metric.value(stats))


@pytest.mark.parametrize("name", NAMES)
def test_perfect_and_empty(name: str) -> None:
    metric = make(name)
    text = "all of this is exactly the same"
    best, worst = (0, 100) if name == "ter" else (100, 0)
    scores = metric.segment_scores(metric.segment_stats([segment(text, text), segment("", text)]))
    assert scores == pytest.approx([best, worst], abs=1e-9)


def test_nrefs_in_the_signature() -> None:
    metric = make("chrf")
    assert metric.signature().startswith("nrefs:1|")
    metric.segment_stats([segment("a", "b", "c")])
    assert metric.signature().startswith("nrefs:2|")
    metric.segment_stats([segment("a", "b")])
    assert metric.signature().startswith("nrefs:var|")
    assert make("chrf", nrefs=3).signature().startswith("nrefs:3|")
    assert make("chrf", nrefs=-1).signature().startswith("nrefs:var|")


def test_settings_sacrebleu_leaves_out_are_in_the_signature() -> None:
    assert "|beta:3|" in make("chrf", beta=3).signature()
    assert "|order:2|" in make("bleu", max_ngram_order=2).signature()
    assert "beta" not in make("chrf").signature()


def test_titles() -> None:
    assert [make(name).info.title for name in NAMES] == ["BLEU", "chrF", "chrF++", "TER"]
    assert make("chrf", beta=3).info.title == "chrF3"


@pytest.mark.parametrize("tokenizer", ["ja-mecab", "ko-mecab"])
def test_missing_mecab(tokenizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = f"sacrebleu.tokenizers.tokenizer_{tokenizer.replace('-', '_')}"
    __import__(module)
    monkeypatch.setattr(sys.modules[module], "MeCab", None)
    metric = make("bleu", tokenize=tokenizer)
    extra = tokenizer.removesuffix("-mecab")
    message = rf"^bleu: tokenize: '{tokenizer}' needs .* pip install 'sacrebleu\[{extra}\]'"
    with pytest.raises(MetricError, match=message):
        metric.signature()
    with pytest.raises(MetricError, match=message):
        metric.segment_stats([segment("a", "a")])


@pytest.mark.parametrize("tokenizer", ["spm", "flores101", "flores200", "spBLEU-1K"])
def test_missing_sentencepiece_model_is_never_fetched(
    tokenizer: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError(f"a download was tried: {arguments}")

    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_spm.download_file", refuse)
    monkeypatch.setattr("sacrebleu.utils.SACREBLEU_DIR", str(tmp_path))
    monkeypatch.setattr(tokenizers, "find_spec", lambda name: None)
    with pytest.raises(
        MetricError, match=rf"^bleu: tokenize: '{tokenizer}' .*pip install sentencepiece; its model file"
    ):
        make("bleu", tokenize=tokenizer).segment_stats([segment("a", "a")])


def test_stored_statistics_need_no_tokenizer() -> None:
    stats = make("bleu").segment_stats([segment("one two three four five", "one two three four six")])
    assert make("bleu", tokenize="ja-mecab").value(stats) == make("bleu").value(stats)
