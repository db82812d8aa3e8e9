"""COMET on CUDA: float32 agrees with the CPU, half precision within its own error. Skipped without a GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from metrics.comet.judgement import Judgement, Triple
from metrics.comet.models import Loading, load
from tests.comet_toy import write_checkpoint, write_encoder

pytestmark = pytest.mark.gpu

WORDS = ["ውሃ", "ሕይወት", "ነው።", "السماء", "زرقاء", "ပေါင်မုန့်", "ဆား", "bread", "salt", "water"]


@pytest.fixture(autouse=True)
def _needs_cuda() -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toys")
    encoder = write_encoder(folder / "encoder")
    for kind in ("regression_metric", "unified_metric", "xcomet_metric"):
        write_checkpoint(folder / kind, encoder, kind)
    return folder


def judged(toy: Path, device: str, dtype: str) -> Judgement:
    rng = np.random.default_rng(3)
    triples = [
        Triple(**{name: " ".join(rng.choice(WORDS, rng.integers(1, 30))) for name in Triple.__slots__})
        for _ in range(200)
    ]
    return load(Loading(model=str(toy), device=device, dtype=dtype)).judge(triples)


@pytest.mark.parametrize(
    ("dtype", "tolerance", "correlation"),
    [("float32", 1e-3, 0.99999), ("float16", 0.02, 0.999), ("bfloat16", 0.1, 0.99)],
)
@pytest.mark.parametrize("kind", ["regression_metric", "unified_metric"])
def test_scores_agree_with_the_cpu(toys: Path, kind: str, dtype: str, tolerance: float, correlation: float) -> None:
    cpu = judged(toys / kind, "cpu", "float32").scores
    cuda = judged(toys / kind, "cuda", dtype).scores
    assert np.abs(cuda - cpu).mean() < tolerance * cpu.std()
    assert np.corrcoef(cpu, cuda)[0, 1] > correlation


@pytest.mark.parametrize(("dtype", "share"), [("float32", 0.999), ("float16", 0.98), ("bfloat16", 0.9)])
def test_error_spans_agree_with_the_cpu(toys: Path, dtype: str, share: float) -> None:
    """Letters marked as wrong, by severity; a label that is a near tie may fall on the other side."""
    cpu, cuda = (judged(toys / "xcomet_metric", *where).spans for where in (("cpu", "float32"), ("cuda", dtype)))
    assert cpu is not None
    assert cuda is not None
    letters = [
        {
            (row, place, span.severity)
            for row, own in enumerate(found)
            for span in own
            for place in range(span.start, span.end)
        }
        for found in (cpu, cuda)
    ]
    assert len(letters[0] & letters[1]) / len(letters[0] | letters[1]) > share


def test_sentences_of_earlier_systems_are_kept_off_the_device(toys: Path) -> None:
    import torch

    load.cache_clear()
    judged(toys / "regression_metric", "cuda", "float32")
    held = torch.cuda.memory_allocated()
    judged(toys / "regression_metric", "cuda", "float32")
    assert torch.cuda.memory_allocated() == held
