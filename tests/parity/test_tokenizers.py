"""BLEU with tokenizers that need packages or model files, against sacrebleu with the same ones, to the last bit."""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
from pathlib import Path

import pytest
from sacrebleu.metrics.bleu import BLEU

from metrics import registry
from metrics.base import MetricError, Segment, TextMetric
from metrics.tokenizers import SENTENCEPIECE_TOKENIZERS

HYPOTHESES = [
    "ልጁ ትናንት ወደ ትምህርት ቤት ሄደ።",
    "子供は昨日学校に行きました。",
    "ကလေးသည်မနေ့ကကျောင်းသို့သွားခဲ့သည်။",
    "아이는 어제 학교에 갔습니다.",
    "ߘߋ߲ ߕߊ߯ߣߍ߲ ߞߊ߬ߙߊ߲߬ߕߊ ߟߊ߫",
    "เด็กไปโรงเรียนเมื่อวานนี้ 👏🏽",
    "",
]
REFERENCES = [
    "ልጁ ትናንት ወደ ትምህርት ቤት ሄዷል።",
    "昨日、子どもは学校へ行った。",
    "ကလေးက မနေ့က ကျောင်းကို သွားခဲ့တယ်။",
    "어제 아이는 학교에 갔다.",
    "ߘߋ߲ ߕߊ߯ߣߍ߲߫ ߞߊ߬ߙߊ߲߬ߕߊ߫ ߟߊ߫.",
    "เมื่อวานนี้เด็กไปโรงเรียน 👏🏽",
    "🌂",
]
SECOND = ["ልጁ ትናንት ሄደ።", "子供は学校に行った。", "", "학교에 갔습니다.", "ߘߋ߲", "เด็กไปโรงเรียน", "☔️"]


@pytest.fixture(scope="module")
def piece_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small SentencePiece model of the texts above."""
    sentencepiece = pytest.importorskip("sentencepiece")
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([text for text in HYPOTHESES + REFERENCES if text] * 20),
        model_writer=model,
        vocab_size=170,
        hard_vocab_limit=False,
        character_coverage=1.0,
        num_threads=1,
        minloglevel=2,
    )
    path = tmp_path_factory.mktemp("pieces") / "small.model"
    path.write_bytes(model.getvalue())
    return path


def bleu(name: str = "bleu", **options: registry.Option) -> TextMetric:
    metric = registry.create(name, options)
    assert isinstance(metric, TextMetric)
    return metric


def segments() -> list[Segment]:
    return [
        Segment(hypothesis=hypothesis, references=(first, second))
        for hypothesis, first, second in zip(HYPOTHESES, REFERENCES, SECOND, strict=True)
    ]


@pytest.mark.parametrize("tokenizer", ["ja-mecab", "ko-mecab"])
def test_mecab(tokenizer: str) -> None:
    pytest.importorskip({"ja-mecab": "MeCab", "ko-mecab": "mecab_ko"}[tokenizer])
    oracle, metric = BLEU(tokenize=tokenizer), bleu(tokenize=tokenizer)
    stats = metric.segment_stats(segments())
    assert metric.value(stats) == oracle.corpus_score(HYPOTHESES, [REFERENCES, SECOND]).score
    assert metric.signature() == str(oracle.get_signature())
    assert f"|tok:{tokenizer}-" in metric.signature()


@pytest.mark.parametrize("tokenizer", SENTENCEPIECE_TOKENIZERS)
def test_sentencepiece_from_a_file_and_from_sacrebleus_folder(
    tokenizer: str, piece_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sacrebleu.tokenizers.tokenizer_spm import SPM_MODELS

    folder = tmp_path / "models"
    folder.mkdir()
    (folder / Path(SPM_MODELS[tokenizer]["url"]).name).write_bytes(piece_model.read_bytes())
    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_spm.SACREBLEU_DIR", str(tmp_path))
    monkeypatch.setattr("sacrebleu.utils.SACREBLEU_DIR", str(tmp_path))
    oracle = BLEU(tokenize=tokenizer)
    expected = oracle.corpus_score(HYPOTHESES, [REFERENCES, SECOND]).score
    assert expected != BLEU().corpus_score(HYPOTHESES, [REFERENCES, SECOND]).score, "the model cuts words"
    for name in ("bleu", "spbleu"):
        kept = bleu(name, tokenize=tokenizer)
        assert kept.value(kept.segment_stats(segments())) == expected
        assert kept.signature() == str(oracle.get_signature())
        given = bleu(name, tokenize=tokenizer, tokenizer_path=str(piece_model))
        assert given.value(given.segment_stats(segments())) == expected
        sha = hashlib.sha256(piece_model.read_bytes()).hexdigest()[:12]
        assert given.signature() == str(oracle.get_signature()).replace("|version", f"|model:{sha}|version")


def test_spbleu_is_flores200_by_default(piece_model: Path) -> None:
    metric = bleu("spbleu", tokenizer_path=str(piece_model))
    assert (metric.info.name, metric.info.title) == ("spbleu", "spBLEU")
    assert "|tok:flores200|" in metric.signature()
    with pytest.raises(MetricError, match=r"^spbleu: tokenize: unknown value '13a'; known: spm, flores101, flores200"):
        bleu("spbleu", tokenize="13a")


def test_a_metric_with_a_model_file_can_be_sent_to_another_process(piece_model: Path) -> None:
    metric = bleu("spbleu", tokenizer_path=str(piece_model))
    stats = metric.segment_stats(segments())
    sent = pickle.loads(pickle.dumps(metric))
    assert (sent.segment_stats(segments()) == stats).all()
    assert sent.signature() == metric.signature()


def test_model_file_missing_or_of_another_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MetricError, match=r"^bleu: tokenizer_path: /nowhere/ߞߊ: no such file; give the model of 'fl"):
        bleu("spbleu", tokenizer_path="/nowhere/ߞߊ").signature()
    wrong = tmp_path / "wrong.model"
    wrong.write_text("不是模型", encoding="utf-8")
    with pytest.raises(MetricError, match=r"not a SentencePiece model; give the [.]model file of 'flores200'$"):
        bleu("spbleu", tokenizer_path=str(wrong)).signature()
    with pytest.raises(MetricError, match="tokenizer '13a' has no model file; leave it out or choose"):
        bleu(tokenizer_path=str(wrong))
    monkeypatch.setattr("sacrebleu.utils.SACREBLEU_DIR", str(tmp_path))
    with pytest.raises(MetricError, match="say where it is with the option tokenizer_path=FILE") as found:
        bleu("spbleu").signature()
    assert "\n" not in str(found.value)
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    monkeypatch.setattr("metrics.tokenizers.find_spec", lambda name: None)
    with pytest.raises(MetricError, match=r"run: pip install sentencepiece$"):
        bleu("spbleu", tokenizer_path=str(wrong)).signature()
