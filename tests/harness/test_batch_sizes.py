"""Batches that do not fit the device's memory: halved, answered all the same, and remembered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.batch_sizes import FILE, remember
from harness.engine.faults import told_of_device
from harness.engine.fitting import Fitting
from harness.engine.hf import HuggingFaceEngine
from harness.engine.models import load_model, parse_model
from harness.errors import BackendError, DeviceError
from harness.types import Embed, EmbedResponse, Generate, LogLikelihood, LogLikelihoodResponse

TEXTS = ["ሰላም ለዓለም", "สวัสดีชาวโลก", "ߊߟߎ߫ ߣߌ߫ ߛߐ߲߬", "こんにちは世界", "مرحبا بالعالم", "hello 👩🏽‍🔬", "a", "b c"]


def lengths(rows: Sequence[str]) -> list[int]:
    return [len(row) for row in rows]


class Device:
    """Takes so many padded positions, and writes down the passes."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.passes: list[int] = []

    def answer(self, rows: Sequence[str]) -> list[str]:
        import torch

        positions = len(rows) * max(map(len, rows))
        if positions > self.most:
            raise torch.OutOfMemoryError
        self.passes.append(positions)
        return [row.upper() for row in rows]


def test_batches_are_halved_until_they_fit_and_the_next_ones_begin_there() -> None:
    fitting, device = Fitting("m"), Device(40)
    rows = ["a" * length for length in (10, 9, 9, 8, 8, 8, 3, 3, 2, 1)]
    learned: list[dict[Any, int]] = []
    fitting.learned = lambda: learned.append(dict(fitting.limits))
    assert fitting.answered("embedded", rows, device.answer, lengths) == [row.upper() for row in rows]
    assert learned == [{"embedded": 50}, {"embedded": 25}]
    assert max(device.passes) <= 25
    device.passes.clear()
    assert fitting.answered("embedded", rows, device.answer, lengths) == [row.upper() for row in rows]
    assert len(learned) == 2
    many = ["ab"] * 12
    device.passes.clear()
    assert len(fitting.answered("embedded", many, device.answer, lengths)) == 12
    assert device.passes == [24], "short rows stay together"
    device.passes.clear()
    assert fitting.answered("scored", ["a" * 9] * 4, device.answer, lengths)
    assert device.passes == [36], "another kind of work has a limit of its own"


def test_a_row_that_does_not_fit_alone_is_an_error() -> None:
    with pytest.raises(BackendError, match=r"m: a row of 50 tokens does not fit .* give max_length=N"):
        Fitting("m").answered("scored", ["a" * 50, "b"], Device(40).answer, lengths)


REQUESTS = {
    "embedded": [Embed(text=text) for text in TEXTS],
    "layers": [Embed(text=text, pooling=("mean", "lasttoken")) for text in TEXTS],
    "scored": [LogLikelihood(context=text, continuation=" yes") for text in TEXTS],
    "written": [Generate(prompt=text, max_tokens=4, until=()) for text in TEXTS],
}


@pytest.fixture(scope="module")
def engine(tiny_causal_model: Path) -> HuggingFaceEngine:
    found = load_model(parse_model(f"hf:{tiny_causal_model},name=tiny,batch_size=8"))
    assert isinstance(found, HuggingFaceEngine)
    return found


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_model_that_ran_out_of_memory_knows_it_in_the_next_run(
    engine: HuggingFaceEngine, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    requests: list[Any] = REQUESTS[kind]
    expected = engine.answer(requests)
    passes: list[int] = []
    forward = engine._backbone.forward

    def small(*args: Any, **named: Any) -> Any:
        first = next(iter([*args, *named.values()]))
        taken, most = (first.numel(), 60) if kind == "scored" else (len(first), 3)  # what is scored stands in one line
        if taken > most:
            passes.append(-taken)
            raise torch.OutOfMemoryError
        passes.append(taken)
        return forward(*args, **named)

    monkeypatch.setattr(engine._backbone, "forward", small)
    for fresh in (True, False):
        engine.fitting.limits.clear()
        remember(engine, tmp_path)
        assert bool(engine.fitting.limits) != fresh
        found = engine.answer(requests)
        assert any(count < 0 for count in passes) == fresh
        passes.clear()
        for one, other in zip(found, expected, strict=True):
            if isinstance(one, EmbedResponse) and isinstance(other, EmbedResponse):
                np.testing.assert_allclose(one.vectors, other.vectors, atol=1e-5)
            elif isinstance(one, LogLikelihoodResponse) and isinstance(other, LogLikelihoodResponse):
                assert one.logprob == pytest.approx(other.logprob, abs=1e-4)
            else:
                assert one == other
    (entry,) = json.loads((tmp_path / FILE).read_text(encoding="utf-8")).values()
    assert entry["model"] == "tiny"
    assert list(entry["positions"]) == ["embedded" if kind == "layers" else kind]
    (tmp_path / FILE).write_bytes(b"{broken")
    engine.fitting.limits.clear()
    remember(engine, tmp_path)
    assert not engine.fitting.limits


def test_a_lost_gpu_is_one_clear_line() -> None:
    said = r"the GPU stopped working \(CUDA error: unspecified launch failure\); .* goes on where"
    with pytest.raises(DeviceError, match=said) as caught, told_of_device():
        raise RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might be ...")
    assert caught.value.exit_code == 5
    with pytest.raises(RuntimeError, match="shape"), told_of_device():
        raise RuntimeError("shape '[2]' is invalid")
