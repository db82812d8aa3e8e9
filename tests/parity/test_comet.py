"""Our COMET inference equals unbabel-comet 2.2.7: small checkpoints of every class, made and scored by the package.

The package runs in an environment of its own, which the first run makes (a minute or more); where it cannot be made,
the tests skip with the reason. float32 on the CPU; segment scores within 1e-5, error spans equal. The models are small
and random: what is shown is that the computation is the same, on any weights.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from metrics import registry
from metrics.base import MetricError, Segment, TextMetric
from metrics.comet import sentencepiece_model
from metrics.comet.environment import environment_python, make_environment
from metrics.comet.judgement import CometModel, Triple
from metrics.comet.models import Loading, load
from metrics.comet.original import OriginalComet
from metrics.comet.places import checkpoint_file
from tests.comet_samples import FEW, LANGUAGES, MODELS, OTHER_MODELS, OWN, Sample, encoder_of, plan, real_samples

TOLERANCE = 1e-5
REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared" / "data"


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    """Over 500 where the public data sets are beside the project; else our own few."""
    return [*OWN, *(real_samples(SHARED) if SHARED.is_dir() else [])]


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory, samples: list[Sample]) -> Path:
    """Checkpoints, encoders, and what the package makes of the samples."""
    try:
        make_environment(lambda _: None)
    except MetricError as error:
        pytest.skip(f"no environment with unbabel-comet: {error}")
    folder = tmp_path_factory.mktemp("comet")
    (folder / "plan.json").write_text(json.dumps(plan(samples)), encoding="utf-8")
    script = REPOSITORY / "tests" / "comet_checkpoints.py"
    done = subprocess.run(
        [str(environment_python()), str(script), str(folder / "plan.json"), str(folder / "made")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": "", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "made"


def loaded(originals: Path, name: str, batch_tokens: int = 2048) -> CometModel:
    """Our own, new every time: nothing is remembered from another test."""
    load.cache_clear()
    encoder = str(originals / encoder_of(name))
    return load(Loading(model=str(originals / name), encoder=encoder, device="cpu", batch_tokens=batch_tokens))


def triples(samples: list[Sample], *, with_reference: bool = True) -> list[Triple]:
    return [
        Triple(source=source, hypothesis=hypothesis, reference=reference if with_reference else None)
        for source, hypothesis, reference in samples
    ]


@pytest.mark.parametrize("name", [*MODELS, *OTHER_MODELS])
def test_scores_and_error_spans_equal_the_original(originals: Path, samples: list[Sample], name: str) -> None:
    expected = json.loads((originals / "scores.json").read_text(encoding="utf-8"))
    settings = [setting for setting in ("with", "without") if f"{name}/{setting}" in expected]
    assert settings
    for setting in settings:
        theirs = expected[f"{name}/{setting}"]
        asked = triples(samples[: len(theirs["scores"])], with_reference=setting == "with")
        found = loaded(originals, name).judge(asked)
        assert found.scores.tolist() == pytest.approx(theirs["scores"], abs=TOLERANCE)
        assert found.scores.std() > 0.01
        if theirs["spans"] is None:
            assert found.spans is None
            continue
        assert found.spans is not None
        ours = [[(span.start, span.end, span.severity) for span in own] for own in found.spans]
        assert ours == [[(span["start"], span["end"], span["severity"]) for span in own] for own in theirs["spans"]]
        assert any(ours)
        for own, their in zip(found.spans, theirs["spans"], strict=True):
            assert [span.confidence for span in own] == pytest.approx(
                [span["confidence"] for span in their], abs=TOLERANCE
            )


def test_the_published_kinds_are_compared_on_enough_real_segments(originals: Path) -> None:
    if not SHARED.is_dir():
        pytest.skip(f"needs the public data sets in {SHARED}: parity was shown on our own segments only")
    expected = json.loads((originals / "scores.json").read_text(encoding="utf-8"))
    for name in MODELS:
        assert len(expected[f"{name}/with"]["scores"]) - len(OWN) >= 500
    assert len(LANGUAGES) >= 10
    assert len(OWN) < FEW


@pytest.mark.parametrize("encoder", ["xlm-r", "xlm-r-xl"])
def test_a_sentencepiece_model_gives_the_tokenizer_that_transformers_4_makes_of_it(
    originals: Path, samples: list[Sample], encoder: str
) -> None:
    from tokenizers import Tokenizer

    ours = sentencepiece_model.tokenizer(originals / encoder / "sentencepiece.bpe.model")
    theirs = Tokenizer.from_file(str(originals / encoder / "tokenizer.json"))
    texts = [text for sample in samples for text in sample]
    for text, one, other in zip(texts, ours.encode_batch(texts), theirs.encode_batch(texts), strict=True):
        assert (one.ids, one.offsets) == (other.ids, other.offsets), text


def test_the_package_itself_gives_its_own_numbers_through_the_worker(originals: Path, samples: list[Sample]) -> None:
    expected = json.loads((originals / "scores.json").read_text(encoding="utf-8"))["xcomet/with"]
    theirs = OriginalComet(checkpoint_file(str(originals / "xcomet")), str(originals / encoder_of("xcomet")))
    found = theirs.judge(triples(samples[:8]))
    assert found.scores.tolist() == pytest.approx(expected["scores"][:8], abs=TOLERANCE)
    assert found.spans is not None
    assert [len(own) for own in found.spans] == [len(own) for own in expected["spans"][:8]]
    without = theirs.judge(triples(samples[:2], with_reference=False)).scores
    mixed = theirs.judge([*triples(samples[:1]), *triples(samples[1:2], with_reference=False)]).scores
    assert mixed.tolist() == pytest.approx([found.scores[0], without[1]], abs=TOLERANCE)


def test_both_implementations_from_the_command_line(originals: Path, samples: list[Sample], tmp_path: Path) -> None:
    for column, name in enumerate(("sources", "hypotheses", "references")):
        lines = "".join(f"{sample[column]}\n" for sample in samples[:5])
        (tmp_path / name).write_text(lines, encoding="utf-8")
    ours = f"comet:{originals / 'wmt22-comet-da'},encoder={originals / 'xlm-r'},device=cpu"
    files = [part for name in ("sources", "hypotheses", "references") for part in (f"--{name}", str(tmp_path / name))]
    metrics = f"chrf,{ours},{ours},implementation=unbabel"
    done = subprocess.run(
        [sys.executable, "-m", "harness", "score", *files, "--metrics", metrics, "--format", "csv"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=REPOSITORY,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [row["metric"] for row in rows] == ["chrf", "comet", "comet"]
    assert float(rows[1]["score"]) == pytest.approx(float(rows[2]["score"]), abs=TOLERANCE)
    assert "implementation:glotbench|dtype:float32" in rows[1]["signature"]
    assert "implementation:unbabel|dtype:float32|refs:mean|v:unbabel-comet-2.2.7" in rows[2]["signature"]


def test_several_references_are_averaged_as_their_scores_are(originals: Path) -> None:
    options = {"model": str(originals / "wmt22-comet-da"), "encoder": str(originals / "xlm-r"), "device": "cpu"}
    metric = registry.create("comet", options)
    assert isinstance(metric, TextMetric)
    one, other = ("አንድ",), ("ሁለት",)
    values = [
        metric.segment_stats([Segment(hypothesis="አንድ", references=references, source="one")])[0, 0]
        for references in (one, other, one + other)
    ]
    assert values[2] == pytest.approx((values[0] + values[1]) / 2, abs=TOLERANCE)
