"""COMET's own behaviour on a toy checkpoint: what is encoded how often, what is refused, and what is said."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from metrics import registry
from metrics.base import MetricError, Segment
from metrics.comet.checkpoint import read
from metrics.comet.encoder import Encoder
from metrics.comet.judgement import CometModel, Remembered, Triple
from metrics.comet.layers import sparsemax
from metrics.comet.metric import Comet
from metrics.comet.models import Loading, load
from metrics.comet.original import OriginalComet
from metrics.comet.places import checkpoint_file, model_name, weights_hash
from metrics.comet.spans import error_spans, quality
from tests.comet_toy import write_checkpoint, write_encoder

TOLERANCE = 1e-5  # of two computations in batches of another composition
SOURCES = ["Water is life.", "The sky is blue.", "Bread and salt", "Good morning!", ""]
REFERENCES = ["ውሃ ሕይወት ነው።", "السماء زرقاء", "ပေါင်မုန့် နဲ့ ဆား", "ንጋት" * 60, "ብቻ"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory, encoder: Path) -> Path:
    """One checkpoint a class, in folders called after it; ``kiwi`` reads no references."""
    folder = tmp_path_factory.mktemp("toys")
    for kind in ("regression_metric", "referenceless_regression_metric", "unified_metric", "xcomet_metric"):
        write_checkpoint(folder / kind, encoder, kind)
    write_checkpoint(folder / "kiwi", encoder, "unified_metric", input_segments=["mt", "src"])
    return folder


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many inputs each call of the encoder was given."""
    counts: list[int] = []
    original = Encoder._encoded

    def counted(self: Encoder, inputs, members, width):
        counts.append(len(members))
        return original(self, inputs, members, width)

    monkeypatch.setattr(Encoder, "_encoded", counted)
    return counts


def fresh(toy: Path, **options: object) -> CometModel:
    load.cache_clear()
    return load(Loading(model=str(toy), device="cpu", **options))


def system(number: int, *, with_reference: bool = True) -> list[Triple]:
    return [
        Triple(source=source, hypothesis=f"{reference} {number}", reference=reference if with_reference else None)
        for source, reference in zip(SOURCES, REFERENCES, strict=True)
    ]


def metric(toy: Path, **options: str | int) -> Comet:
    made = registry.create("comet", {"model": str(toy), "device": "cpu", **options})
    assert isinstance(made, Comet)
    return made


def segments(number: int) -> list[Segment]:
    return [
        Segment(hypothesis=one.hypothesis, references=(one.reference or "",), source=one.source)
        for one in system(number)
    ]


@pytest.mark.parametrize("systems", [1, 4, 10])
def test_each_distinct_sentence_is_encoded_once(toys: Path, encoded: list[int], systems: int) -> None:
    model = fresh(toys / "regression_metric")
    for number in range(systems):
        model.judge(system(number))
    assert sum(encoded) == (systems + 2) * len(SOURCES)
    model.judge(system(0))
    assert sum(encoded) == (systems + 2) * len(SOURCES)


def test_systems_that_agree_and_repeated_sentences_cost_nothing(toys: Path, encoded: list[int]) -> None:
    model = fresh(toys / "regression_metric")
    scores = model.judge([Triple(source="ውሃ", hypothesis="ውሃ", reference="ውሃ")] * 3).scores
    assert sum(encoded) == 1
    assert scores[0] == scores[1] == scores[2]


def test_a_model_without_references_never_encodes_them(toys: Path, encoded: list[int]) -> None:
    model = fresh(toys / "referenceless_regression_metric")
    first, second = (model.judge(system(number)).scores for number in (0, 1))
    assert sum(encoded) == 3 * len(SOURCES)
    assert model.judge(system(0, with_reference=False)).scores.tolist() == first.tolist()
    assert not np.allclose(first, second)


@pytest.mark.parametrize(("name", "passes"), [("unified_metric", 3), ("xcomet_metric", 3), ("kiwi", 1)])
def test_joint_inputs_are_encoded_once_each(toys: Path, encoded: list[int], name: str, passes: int) -> None:
    model = fresh(toys / name)
    for number in (0, 1, 0, 1):
        model.judge(system(number))
    assert sum(encoded) == 2 * passes * len(SOURCES)


def test_systems_scored_one_by_one_through_the_metric_share_their_sources(toys: Path, encoded: list[int]) -> None:
    load.cache_clear()
    for number in range(4):
        metric(toys / "regression_metric").segment_stats(segments(number))
    assert sum(encoded) == 6 * len(SOURCES)


@pytest.mark.parametrize(
    "name", ["regression_metric", "referenceless_regression_metric", "unified_metric", "xcomet_metric", "kiwi"]
)
def test_scores_do_not_depend_on_batches_or_order(toys: Path, name: str) -> None:
    asked = [*system(0), *system(1)]
    alone = fresh(toys / name, batch_tokens=1).judge(asked)
    together = fresh(toys / name, batch_tokens=100_000).judge(asked[::-1])
    assert together.scores[::-1].tolist() == pytest.approx(alone.scores.tolist(), abs=TOLERANCE)
    assert alone.scores.std() > 0.01
    if name == "xcomet_metric":
        assert alone.spans is not None
        assert together.spans is not None
        places = [[(span.start, span.end, span.severity) for span in own] for own in alone.spans]
        assert places == [[(span.start, span.end, span.severity) for span in own] for own in together.spans[::-1]]
        assert any(places)


def test_references_and_none_may_stand_side_by_side(toys: Path) -> None:
    asked = [system(0)[0], system(0, with_reference=False)[1]]
    mixed = fresh(toys / "unified_metric").judge(asked).scores
    apart = [fresh(toys / "unified_metric").judge([one]).scores[0] for one in asked]
    assert mixed.tolist() == pytest.approx(apart, abs=TOLERANCE)


def test_no_segments_have_no_scores(toys: Path) -> None:
    for name in ("regression_metric", "xcomet_metric"):
        assert fresh(toys / name).judge([]).scores.shape == (0,)
    assert metric(toys / "kiwi").segment_stats([]).shape == (0, 2)


def test_memory_that_runs_out_halves_the_batches(toys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = fresh(toys / "regression_metric", batch_tokens=10_000).judge(system(0)).scores
    model = fresh(toys / "regression_metric", batch_tokens=10_000)
    original = Encoder._encoded

    def small(self: Encoder, inputs, members, width):
        if len(members) > 2:
            raise torch.OutOfMemoryError("no room")
        return original(self, inputs, members, width)

    monkeypatch.setattr(Encoder, "_encoded", small)
    assert model.judge(system(0)).scores.tolist() == pytest.approx(expected.tolist(), abs=TOLERANCE)

    def none(self: Encoder, inputs, members, width):
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(Encoder, "_encoded", none)
    with pytest.raises(MetricError, match=r"cpu has no memory for one segment of \d+ tokens; give dtype=bfloat16"):
        fresh(toys / "regression_metric").judge(system(0))


def test_half_precision_is_close_and_says_so(toys: Path) -> None:
    exact = metric(toys / "regression_metric").segment_stats(segments(0))[:, 0]
    half = metric(toys / "regression_metric", dtype="bfloat16")
    found = half.segment_stats(segments(0))[:, 0]
    assert not np.array_equal(found, exact)
    assert np.abs(found - exact).max() < 0.1 * exact.std() + 0.05
    assert "|dtype:bfloat16|" in half.signature()


def test_the_signature_names_model_weights_and_settings(toys: Path) -> None:
    named = metric(toys / "kiwi").signature()
    digest = weights_hash(toys / "kiwi" / "checkpoints" / "model.ckpt")
    assert named.startswith(f"comet|model:kiwi|weights:{digest}|implementation:glotbench|dtype:float32|refs:mean|v:")
    assert metric(toys / "kiwi" / "checkpoints" / "model.ckpt").signature() == named
    assert metric(toys / "unified_metric").signature() != named


def test_a_model_in_the_hubs_cache_keeps_its_name_and_hash(tmp_path: Path) -> None:
    repository = tmp_path / "models--Unbabel--wmt22-comet-da"
    blob, snapshot = repository / "blobs" / ("ab" * 32), repository / "snapshots" / "0123" / "checkpoints"
    for folder in (blob.parent, snapshot):
        folder.mkdir(parents=True)
    blob.write_bytes(b"weights")
    (snapshot / "model.ckpt").symlink_to(blob)
    assert model_name(str(snapshot.parent)) == "Unbabel/wmt22-comet-da"
    assert weights_hash(snapshot / "model.ckpt") == ("ab" * 32)[:12]


def test_error_spans_start_end_and_cost_what_mqm_says() -> None:
    chances = np.eye(4, dtype=np.float32)[[0, 1, 3, 0, 2, 0, 3, 3]]  # </s>, the last, stands in an open span
    offsets = [(0, 0), (0, 2), (3, 5), (6, 7), (8, 9), (9, 10), (10, 12), (0, 0)]
    spans = error_spans(chances, offsets, ("minor", "major", "critical"))
    assert [(span.start, span.end, span.severity, span.confidence) for span in spans] == [
        (0, 5, "minor", 1.0),
        (8, 9, "major", 1.0),
    ]
    assert quality(spans) == (25 - 6) / 25
    assert quality([]) == 1
    assert quality(spans * 10) == 0


def test_error_spans_of_the_metric(toys: Path) -> None:
    found = metric(toys / "xcomet_metric").error_spans(segments(0))
    assert [len(one) for one in found] == [
        len(one) for one in fresh(toys / "xcomet_metric").judge(system(0)).spans or []
    ]
    with pytest.raises(MetricError, match="kiwi does not tag words; name an xCOMET model"):
        metric(write_checkpoint(toys / "untagged" / "kiwi", write_encoder(toys / "e"), "unified_metric")).error_spans(
            segments(0)
        )


def test_sparsemax_projects_onto_the_simplex() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        scores = torch.tensor(rng.normal(size=7) * 2, dtype=torch.float64)
        shares = sparsemax(scores)
        assert float(shares.sum()) == pytest.approx(1)
        assert float(shares.min()) >= 0
        for _ in range(50):  # no other point of the simplex is nearer
            other = torch.tensor(rng.dirichlet(np.ones(7)))
            assert (scores - shares).norm() <= (scores - other).norm() + 1e-12


def test_what_was_used_longest_ago_is_forgotten_first() -> None:
    held: Remembered[str, int] = Remembered(2)
    held.put("a", 1)
    held.put("b", 2)
    assert held.get("a") == 1
    held.put("c", 3)
    assert (held.get("a"), held.get("b"), held.get("c"), len(held)) == (1, None, 3, 2)


class Hostile:
    """A value whose unpickling makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return (os.system, (f"touch {self.mark}",))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("place", ["state_dict", "hyper_parameters", "beside"])
def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path, place: str, zipped: bool) -> None:
    mark = tmp_path / "ran"
    content: dict[str, object] = {"state_dict": {}, "hyper_parameters": {}}
    content[place] = Hostile(mark)
    file = tmp_path / "model.ckpt"
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    with pytest.raises(MetricError) as caught:
        read(file)
    assert "refused: the file holds more than weights" in str(caught.value) or "not a readable" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not mark.exists()


def test_settings_that_would_run_code_are_refused(toys: Path, encoder: Path, tmp_path: Path) -> None:
    toy = write_checkpoint(tmp_path / "toy", encoder)
    (toy / "hparams.yaml").write_text(f"a: !!python/object/apply:os.system ['touch {tmp_path / 'ran'}']\n")
    with pytest.raises(MetricError, match=r"hparams.yaml: not readable YAML"):
        read(toy / "checkpoints" / "model.ckpt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nothing", b"<html>404</html>", bytes(200), "ውሃ".encode()])
def test_damaged_checkpoints_are_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "model.ckpt"
    file.write_bytes(content)
    with pytest.raises(MetricError, match=r"^comet: .*model\.ckpt: [^\n]+$"):
        read(file)


def test_a_cut_off_download_is_named(toys: Path, tmp_path: Path) -> None:
    whole = (toys / "kiwi" / "checkpoints" / "model.ckpt").read_bytes()
    (tmp_path / "model.ckpt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MetricError, match=r"model.ckpt: not a readable checkpoint \([^\n]+\)$"):
        read(tmp_path / "model.ckpt")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoder_model": "XLM-RoBERTA"}, r"unknown encoder 'XLM-RoBERTA' \(did you mean 'XLM-RoBERTa'\?\)"),
        ({"pool": "median"}, "pools by 'median'; known: avg, cls, default, max"),
        ({"layer": 9}, "wants layer 9, its encoder has 0 to 2"),
        ({"layer": "last"}, "its settings cannot be read"),
        ({"activations": "Tan"}, "the checkpoint's activation 'Tan' is not one of torch's"),
        ({"pretrained_model": "/nowhere/encoder"}, "'/nowhere/encoder' has no configuration here"),
    ],
)
def test_settings_that_make_no_model(tmp_path: Path, encoder: Path, settings: dict[str, object], message: str) -> None:
    with pytest.raises(MetricError, match=message) as caught:
        fresh(write_checkpoint(tmp_path / "toy", encoder, **settings))
    assert "\n" not in str(caught.value)


def test_a_class_that_is_not_known(tmp_path: Path, encoder: Path) -> None:
    toy = write_checkpoint(tmp_path / "toy", encoder)
    (toy / "hparams.yaml").write_text(yaml.safe_dump({"class_identifier": "ranking_metric"}))
    with pytest.raises(MetricError, match="class_identifier: found 'ranking_metric'; known: regression_metric, "):
        read(toy / "checkpoints" / "model.ckpt")


def test_weights_that_do_not_fit_the_encoder(tmp_path: Path, encoder: Path) -> None:
    toy = write_checkpoint(tmp_path / "toy", encoder)
    other = write_encoder(tmp_path / "other")
    config = (other / "config.json").read_text(encoding="utf-8")
    (other / "config.json").write_text(config.replace('"hidden_size": 32', '"hidden_size": 64'), encoding="utf-8")
    with pytest.raises(MetricError, match=r"does not fit the encoder '.*other': embeddings.word_embeddings.weight is"):
        fresh(toy, encoder=str(other))


def test_an_encoder_without_its_tokenizer(tmp_path: Path, encoder: Path) -> None:
    toy = write_checkpoint(tmp_path / "toy", encoder)
    bare = write_encoder(tmp_path / "bare")
    (bare / "tokenizer.json").unlink()
    with pytest.raises(MetricError, match=r"has no tokenizer.json .* give encoder=FOLDER"):
        fresh(toy, encoder=str(bare))
    (bare / "sentencepiece.bpe.model").write_bytes(b"\x0a\xff\x01 not one")
    with pytest.raises(MetricError, match=r"sentencepiece.bpe.model: not a sentencepiece model \(cut off\)"):
        fresh(toy, encoder=str(bare))
    (bare / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(MetricError, match=r"tokenizer.json: not a readable tokenizer"):
        fresh(toy, encoder=str(bare))


def test_a_missing_model_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(MetricError, match=r"no checkpoints/model\.ckpt in this folder; name the \.ckpt file itself"):
        checkpoint_file(str(tmp_path))
    with pytest.raises(
        MetricError,
        match=r"^comet: .*no-such: no such file or folder; name a \.ckpt file, a folder or a model on the hub$",
    ):
        checkpoint_file(str(tmp_path / "no-such"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "float23"}, r"dtype: unknown value 'float23' \(did you mean 'float32'\?\)"),
        ({"implementation": "unbable"}, r"implementation: unknown value 'unbable' \(did you mean 'unbabel'\?\)"),
        ({"batch_tokens": -1}, "batch_tokens: needs a whole number of at least 0, found -1"),
        ({"modle": "x"}, "modle"),
    ],
)
def test_options_that_are_not_known(options: dict[str, str | int], message: str) -> None:
    with pytest.raises(MetricError, match=message):
        registry.create("comet", options)


def test_a_device_that_is_not_there(toys: Path) -> None:
    with pytest.raises(MetricError, match="device: 'cuda:99' is not to be had here"):
        metric(toys / "kiwi", device="cuda:99").segment_stats(segments(0))


def test_missing_sources_and_references_are_said(toys: Path) -> None:
    with pytest.raises(MetricError, match="comet: needs the source of every segment; give the sources"):
        metric(toys / "kiwi").segment_stats([Segment(hypothesis="ውሃ", references=("ውሃ",))])
    with pytest.raises(MetricError, match="this model needs a reference for every segment; name one that does without"):
        metric(toys / "regression_metric").segment_stats([Segment(hypothesis="ውሃ", references=(), source="water")])
    alone, with_reference = (
        metric(toys / "kiwi").segment_stats([Segment(hypothesis="ውሃ", references=references, source="water")])
        for references in ((), ("ውሃ",))
    )
    assert alone.tolist() == with_reference.tolist()


def stand_in(folder: Path, script: str) -> None:
    """An environment whose Python is a shell script."""
    (folder / "bin").mkdir(parents=True)
    (folder / "complete").touch()
    python = folder / "bin" / "python"
    python.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    python.chmod(0o755)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo Traceback >&2; echo 'ImportError: no comet' >&2; exit 1", r"failed on .*: ImportError: no comet"),
        (r"""read line; printf '%s\n' '{"error": "ValueError: bad\nand more"}'""", r"failed on .*: ValueError: bad$"),
    ],
)
def test_what_goes_wrong_in_the_original_is_one_line(
    toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    stand_in(tmp_path / "env", script)
    monkeypatch.setenv("GLOTBENCH_COMET_ENV", str(tmp_path / "env"))
    with pytest.raises(MetricError, match=message):
        OriginalComet(checkpoint_file(str(toys / "kiwi"))).judge(system(0))


def test_the_original_needs_its_environment(toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOTBENCH_COMET_ENV", str(tmp_path / "none"))
    with pytest.raises(MetricError, match="make it with 'glotbench env comet'"):
        metric(toys / "kiwi", implementation="unbabel").segment_stats(segments(0))


def test_the_original_is_never_given_a_checkpoint_that_runs_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path / "env", f"touch {tmp_path / 'started'}")
    monkeypatch.setenv("GLOTBENCH_COMET_ENV", str(tmp_path / "env"))
    torch.save({"state_dict": {}, "hyper_parameters": Hostile(tmp_path / "ran")}, tmp_path / "model.ckpt")
    with pytest.raises(MetricError, match="refused"):
        OriginalComet(tmp_path / "model.ckpt")
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "started").exists()
