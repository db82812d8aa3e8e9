"""The same code on CUDA: float32 agrees with the CPU, half precision within its own error. Skipped without a GPU."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from harness.engine.models import load_model, parse_model
from harness.engine.work import work_of
from harness.machine import peak_device_memory
from harness.types import (
    Embed,
    EmbedResponse,
    Generate,
    GenerateResponse,
    LogLikelihood,
    LogLikelihoodResponse,
    Request,
    Response,
)

pytestmark = pytest.mark.gpu

TEXTS = ["ሰላም ለዓለም", "مرحبا بالعالم", "မင်္ဂလာပါ", "สวัสดีชาวโลก", "こんにちは世界", "ߊߟߎ߫ ߣߌ߫ ߖߏ߬", "hi 🦁👩🏽‍🚀"]


@pytest.fixture(autouse=True)
def _needs_cuda() -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")


def answers(model: Path, requests: list[Request], **options: str) -> list[Response]:
    text = ",".join([f"hf:{model}", *(f"{key}={value}" for key, value in options.items())])
    engine = load_model(parse_model(text))
    found: dict[int, Response] = {}
    for batch in engine.plan(requests):
        found.update(zip(batch, engine.answer([requests[index] for index in batch]), strict=True))
    engine.close()
    return [found[index] for index in range(len(requests))]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-3), ("bfloat16", 0.1), ("float16", 0.02)])
def test_log_probabilities_agree_with_the_cpu(tiny_causal_model: Path, dtype: str, tolerance: float) -> None:
    requests: list[Request] = [LogLikelihood(context=text, continuation=f" {text}") for text in TEXTS]
    cpu = answers(tiny_causal_model, requests, device="cpu", dtype="float32")
    cuda = answers(tiny_causal_model, requests, device="cuda", dtype=dtype)
    for one, other in zip(cpu, cuda, strict=True):
        assert isinstance(one, LogLikelihoodResponse)
        assert isinstance(other, LogLikelihoodResponse)
        assert other.logprob == pytest.approx(one.logprob, rel=tolerance)


@pytest.mark.parametrize(("dtype", "cosine"), [("float32", 1 - 1e-5), ("bfloat16", 0.99), ("float16", 0.999)])
def test_hidden_states_agree_with_the_cpu(tiny_causal_model: Path, dtype: str, cosine: float) -> None:
    requests: list[Request] = [Embed(text=text, pooling=("weighted", "lasttoken")) for text in TEXTS]
    cpu = answers(tiny_causal_model, requests, device="cpu", dtype="float32")
    cuda = answers(tiny_causal_model, requests, device="cuda", dtype=dtype)
    for one, other in zip(cpu, cuda, strict=True):
        assert isinstance(one, EmbedResponse)
        assert isinstance(other, EmbedResponse)
        assert other.vectors.dtype == np.float32
        u, v = one.vectors.reshape(-1, 64), other.vectors.reshape(-1, 64)
        found = (u * v).sum(axis=1) / np.linalg.norm(u, axis=1) / np.linalg.norm(v, axis=1)
        assert found.min() > cosine


def test_greedy_text_agrees_with_the_cpu_in_float32(tiny_causal_model: Path) -> None:
    requests: list[Request] = [Generate(prompt=text, until=("\n",), max_tokens=8) for text in TEXTS]
    cpu = answers(tiny_causal_model, requests, device="cpu", dtype="float32")
    cuda = answers(tiny_causal_model, requests, device="cuda", dtype="float32")
    assert all(isinstance(response, GenerateResponse) for response in cuda)
    assert sum(one == other for one, other in zip(cpu, cuda, strict=True)) >= len(TEXTS) - 1


@pytest.mark.parametrize("option", [{"compile": "true"}, {"attention": "eager"}], ids=str)
def test_compiled_and_eager_models_agree(tiny_causal_model: Path, option: dict[str, str]) -> None:
    requests: list[Request] = [LogLikelihood(context=text, continuation=f" {text}") for text in TEXTS]
    plain = answers(tiny_causal_model, requests, device="cuda", dtype="float32")
    other = answers(tiny_causal_model, requests, device="cuda", dtype="float32", **option)
    for one, two in zip(plain, other, strict=True):
        assert isinstance(one, LogLikelihoodResponse)
        assert isinstance(two, LogLikelihoodResponse)
        assert two.logprob == pytest.approx(one.logprob, rel=1e-3)


def test_work_is_counted_as_on_the_cpu_and_timed_by_the_device(tiny_causal_model: Path) -> None:
    requests: list[Request] = [
        *[LogLikelihood(context=text, continuation=f" {answer}") for text in TEXTS for answer in TEXTS[:3]],
        *[Embed(text=text) for text in TEXTS],
    ]
    counted = []
    for device in ("cpu", "cuda"):
        engine = load_model(parse_model(f"hf:{tiny_causal_model},device={device},dtype=float32,batch_tokens=1024"))
        work = work_of(engine)
        assert work is not None
        before = work.counts()
        for batch in engine.plan(requests):
            engine.answer([requests[index] for index in batch])
        counted.append(work.counts() - before)
        assert counted[-1].seconds > 0
        assert work.peak > 1e9
    assert dataclasses.replace(counted[0], seconds=0.0) == dataclasses.replace(counted[1], seconds=0.0)
    assert peak_device_memory()
