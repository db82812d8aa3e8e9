"""Our COMET inference equals unbabel-comet 2.2.7: small checkpoints of every class, made and scored by the package.

The package runs in an environment of its own, which the first run makes (about a minute); where it cannot be made, the
tests skip with the reason. float32 on CPU; segment scores within 1e-5, error spans equal.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from metrics import registry
from metrics.base import MetricError, Segment
from metrics.comet.checkpoint import locate, read
from metrics.comet.metric import Comet
from metrics.comet.models import CometModel, Triple
from metrics.comet.original import OriginalComet, environment_python, make_environment
from tests.comet_checkpoints import MODELS

pytestmark = pytest.mark.xdist_group("comet")

TOLERANCE = 1e-5
LANGUAGES = (
    *("amh", "arb", "ben", "bod", "deu", "fas", "fra", "hau", "hin", "jpn"),
    *("khm", "kor", "mya", "rus", "tam", "tha", "urd", "zho-CN"),
)
"""Of NTREX-128: 13 scripts."""
OWN = [
    ("Water is life. 💧", "ውሃ ሕይወት ነው።", "ውሃ ማለት ሕይወት ነው።"),
    ("The sky is blue.", "السماء زرقاء", "لون السماء أزرق."),
    ("Bread 🍞 and salt", "ပေါင်မုန့် နဲ့ ဆား", "ပေါင်မုန့်နှင့် ဆား"),
    ("Good morning!", "สวัสดีตอนเช้า", "อรุณสวัสดิ์"),
    ("It rained all day.", "一日中雨が降った。", "一日中雨でした。"),
    ("This is water.", "ߖߌ ߟߋ߬", "ߖߌ ߟߋ߬ ߣߌ߲߬ ߘߌ߫"),
    ("", "", ""),
    ("Something", "", "ነገር"),
    ("", "ብቻ", ""),
    ("same", "same", "same"),
    ("word " * 700, "ቃል " * 650, "слово " * 900),
    ("short", "ቃል " * 650, "kurz"),
]


def real_samples(shared: Path | None) -> list[tuple[str, str, str]]:
    """Sentences of NTREX with their neighbour in the same language as a bad translation."""
    if shared is None:
        return []
    folder = shared / "ntrex128"
    source = (folder / "newstest2019-src.eng.txt").read_text(encoding="utf-8").split("\n")
    found = []
    for number, code in enumerate(LANGUAGES):
        lines = (folder / f"newstest2019-ref.{code}.txt").read_text(encoding="utf-8").split("\n")
        for index in range(number * 31, number * 31 + 31):
            found.append((source[index], lines[index + index % 2], lines[index]))
    return found


@pytest.fixture(scope="module")
def shared_data_or_none() -> Path | None:
    """The folder of public data sets, where it is."""
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    return folder if folder.is_dir() else None


@pytest.fixture(scope="module")
def samples(shared_data_or_none: Path | None) -> list[tuple[str, str, str]]:
    """Source, hypothesis, reference; over 500 where the real data is there."""
    return [*OWN, *real_samples(shared_data_or_none)]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory, samples: Sequence[tuple[str, str, str]]) -> Path:
    """Configuration and tokenizer of a small XLM-RoBERTa."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig

    folder = tmp_path_factory.mktemp("encoder")
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=2000, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator((text for sample in samples for text in sample), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "sep_token": "</s>"}
    names |= {"pad_token": "<pad>", "cls_token": "<s>", "mask_token": "<mask>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings["tokenizer_class"] = "XLMRobertaTokenizerFast"
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    XLMRobertaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=48,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=514,
        type_vocab_size=1,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        initializer_range=0.3,
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory, encoder: Path, samples: Sequence[tuple[str, str, str]]) -> Path:
    """Checkpoints of every class, and what the package makes of the samples."""
    try:
        make_environment(lambda _: None)
    except MetricError as error:
        pytest.skip(f"no environment with unbabel-comet: {error}")
    out = tmp_path_factory.mktemp("checkpoints")
    asked = out / "samples.json"
    rows = [{"src": source, "mt": hypothesis, "ref": reference} for source, hypothesis, reference in samples]
    asked.write_text(json.dumps(rows), encoding="utf-8")
    script = Path(__file__).parents[1] / "comet_checkpoints.py"
    done = subprocess.run(
        [str(environment_python()), str(script), str(encoder), str(asked), str(out)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": "", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return out


def load(folder: Path, encoder: Path, batch_tokens: int = 2048) -> CometModel:
    return CometModel(str(folder), encoder=str(encoder), device="cpu", dtype="float32", batch_tokens=batch_tokens)


def triples(samples: Sequence[tuple[str, str, str]], *, with_reference: bool = True) -> list[Triple]:
    return [
        Triple(source=source, hypothesis=hypothesis, reference=reference if with_reference else None)
        for source, hypothesis, reference in samples
    ]


@pytest.mark.parametrize("name", MODELS)
def test_segment_scores_and_spans_equal_the_original(
    originals: Path, encoder: Path, samples: Sequence[tuple[str, str, str]], name: str
) -> None:
    expected = json.loads((originals / "scores.json").read_text(encoding="utf-8"))
    model = load(originals / name, encoder)
    for setting in ("with", "without"):
        if f"{name}/{setting}" not in expected:
            continue
        found = model.judge(triples(samples, with_reference=setting == "with"))
        theirs = expected[f"{name}/{setting}"]
        assert found.scores.tolist() == pytest.approx(theirs["scores"], abs=TOLERANCE)
        assert found.scores.std() > 0.01
        if theirs["spans"] is not None:
            assert found.spans is not None
            ours = [[(span.start, span.end, span.severity) for span in own] for own in found.spans]
            assert ours == [[(span["start"], span["end"], span["severity"]) for span in own] for own in theirs["spans"]]
            assert any(ours)
            for own, their in zip(found.spans, theirs["spans"], strict=True):
                for span, other in zip(own, their, strict=True):
                    assert span.confidence == pytest.approx(other["confidence"], abs=TOLERANCE)


def test_enough_real_segments_in_many_scripts(
    samples: Sequence[tuple[str, str, str]], shared_data_or_none: Path | None
) -> None:
    if shared_data_or_none is None:
        pytest.skip("the shared data folder is not there: parity holds on our own sentences only")
    assert len(samples) >= 500


@pytest.mark.parametrize("name", ["wmt22-comet-da", "wmt22-cometkiwi-da", "xcomet"])
def test_scores_do_not_depend_on_batches(
    originals: Path, encoder: Path, samples: Sequence[tuple[str, str, str]], name: str
) -> None:
    few = triples(samples[:40])
    alone = load(originals / name, encoder, batch_tokens=1).judge(few).scores
    together = load(originals / name, encoder, batch_tokens=100_000).judge(few[::-1]).scores[::-1]
    assert together.tolist() == pytest.approx(alone.tolist(), abs=TOLERANCE)


def test_every_sentence_is_encoded_once(
    originals: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch, samples: Sequence[tuple[str, str, str]]
) -> None:
    model = load(originals / "wmt22-comet-da", encoder)
    encoded: list[int] = []
    batches = model._encoder.batches
    monkeypatch.setattr(
        model._encoder, "batches", lambda inputs, budget: (encoded.append(len(inputs)), batches(inputs, budget))[1]
    )
    first = triples(samples[:6])
    model.judge(first)
    model.judge([Triple(source=one.source, hypothesis=f"{one.hypothesis} 2", reference=one.reference) for one in first])
    model.judge(first)
    assert encoded == [18, 6, 0]


def test_the_worker_gives_the_originals_number(
    originals: Path, encoder: Path, samples: Sequence[tuple[str, str, str]]
) -> None:
    segments = [
        Segment(hypothesis=hypothesis, references=(reference,), source=source)
        for source, hypothesis, reference in samples[:6]
    ]
    place = str(originals / "wmt22-comet-da")
    ours = registry.create("comet", {"model": place, "encoder": str(encoder), "device": "cpu"})
    theirs = registry.create("comet", {"model": place, "implementation": "unbabel"})
    assert isinstance(ours, Comet)
    assert isinstance(theirs, Comet)
    value = ours.value(ours.segment_stats(segments))
    assert value == pytest.approx(theirs.value(theirs.segment_stats(segments)), abs=TOLERANCE)
    assert "implementation:glotbench" in ours.signature()
    assert "implementation:unbabel" in theirs.signature()
    assert OriginalComet(locate(place)).predict(triples(samples[:1]))["scores"]


def test_both_implementations_from_the_command_line(
    originals: Path, encoder: Path, samples: Sequence[tuple[str, str, str]], tmp_path: Path
) -> None:
    for column, name in enumerate(("sources", "hypotheses", "references")):
        lines = "".join(f"{sample[column]}\n" for sample in samples[:5])
        (tmp_path / name).write_text(lines, encoding="utf-8")
    place = originals / "wmt22-comet-da"
    metrics = f"chrf,comet:{place},encoder={encoder},comet:{place},implementation=unbabel"
    files = [part for name in ("sources", "hypotheses", "references") for part in (f"--{name}", str(tmp_path / name))]
    done = subprocess.run(
        [sys.executable, "-m", "harness", "score", *files, "--metrics", metrics, "--format", "csv"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [row["metric"] for row in rows] == ["chrf", "comet", "comet"]
    assert float(rows[1]["score"]) == pytest.approx(float(rows[2]["score"]), abs=TOLERANCE)


def test_several_references_are_averaged(originals: Path, encoder: Path) -> None:
    options = {"model": str(originals / "wmt22-comet-da"), "encoder": str(encoder), "device": "cpu"}
    metric = registry.create("comet", options)
    assert isinstance(metric, Comet)
    one, other = ("አንድ",), ("ሁለት",)
    stats = [
        metric.segment_stats([Segment(hypothesis="አንድ", references=references, source="one")])
        for references in (one, other, one + other)
    ]
    assert stats[2][0, 0] == pytest.approx((stats[0][0, 0] + stats[1][0, 0]) / 2, abs=TOLERANCE)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    import torch

    class Hostile:
        def __reduce__(self) -> tuple[object, ...]:
            return (os.system, ("touch " + str(tmp_path / "ran"),))

    file = tmp_path / "checkpoints" / "model.ckpt"
    file.parent.mkdir()
    torch.save({"state_dict": {}, "hyper_parameters": Hostile()}, file)
    with pytest.raises(MetricError, match="refused: the file holds more than weights and plain values"):
        read(file)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "not a readable checkpoint"), (b"PK\x03\x04 nothing", "not a readable checkpoint")],
)
def test_damaged_checkpoints_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "model.ckpt"
    file.write_bytes(content)
    with pytest.raises(MetricError, match=message):
        read(file)


def test_a_missing_model_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(MetricError, match="no checkpoints/model"):
        locate(str(tmp_path))
    with pytest.raises(MetricError, match="unknown value 'float23'"):
        registry.create("comet", {"dtype": "float23"})
