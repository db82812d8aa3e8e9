"""Scoring and generation of a causal model against lm-eval's HFLM, side by side in one run. JSON out.

Run: python benchmarks/engine.py [--work NAME ...] [--questions 200] [--rounds 3] [--trial N] [--layers 8]
[--hidden 512] [--shape tiny|small|1b|8b] [--vocabulary N] [--device cpu] [--dtype float32] [--out FILE]. Random models
are made on the spot, in memory, with a tokenizer of one token a word; both sides have the same weights and get the same
texts, tokenise them and answer them all. A round runs both, one after the other; the ratio is the median over rounds.
HFLM runs at several batch sizes and its fastest counts (one that does not fit into memory is left out); with --trial N
the fastest is found on N requests spread over all, and it alone runs in full. Log-probabilities of the two are compared
in every round, and of texts how many differ. Utilisation is our model's: operations of positions without padding, by
the time in the model and by the device's peak, which a product of two matrices has shown just before.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np

from benchmarks.random_models import POSITIONS, SHAPES, held, of_size, random_model
from harness.engine.base import ModelSpec
from harness.engine.models import load_model
from harness.engine.work import work_of
from harness.types import (
    Generate,
    GenerateResponse,
    LogLikelihood,
    LogLikelihoodResponse,
    Request,
    RollingLogLikelihood,
)

BATCH_SIZES = (1, 8, 32, 64)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", nargs="*", default=list(WORK), choices=list(WORK))
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--shape", choices=SHAPES, help="a size by name, instead of --layers and --hidden")
    parser.add_argument("--vocabulary", type=int, help="instead of those that the work names")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--batch-sizes", type=int, nargs="*", default=list(BATCH_SIZES))
    parser.add_argument("--trial", type=int, default=0, help="requests on which HFLM's batch size is chosen; 0: all")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    shape = SHAPES[arguments.shape] if arguments.shape else of_size(arguments.layers, arguments.hidden)
    result: dict[str, Any] = {
        "machine": machine(arguments.device),
        "dtype": arguments.dtype,
        "shape": asdict(shape),
        "work": {},
    }
    kinds: dict[tuple[int, float], dict[str, list[Request]]] = {}
    for name in arguments.work:
        vocabulary, make = WORK[name]
        label = name if arguments.vocabulary is None else name.partition(", vocabulary")[0]
        vocabulary = arguments.vocabulary or vocabulary
        # At the usual 0.02, greedy text of random weights soon goes in circles.
        width = 0.1 if name.startswith("generation") else 0.02
        requests = make(np.random.default_rng(1), vocabulary, arguments.questions)
        kinds.setdefault((vocabulary, width), {}).setdefault(label, requests)
    for (vocabulary, width), work in kinds.items():
        with tempfile.TemporaryDirectory() as name:
            place = Path(name)
            model = random_model(place, shape, vocabulary, width=width, device=arguments.device, dtype=arguments.dtype)
            with held(place, model):
                for label, requests in work.items():
                    result["work"][label] = {"vocabulary": vocabulary, **compare(place, requests, arguments)}
                    print(label, json.dumps(result["work"][label]), flush=True)
                _LOADED.clear()
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def machine(device: str) -> str:
    """The processor, and the accelerator where one is used."""
    import torch

    name = f"{platform.machine()}, {os.cpu_count()} processors, torch {torch.__version__}"
    return f"{name}, {torch.cuda.get_device_name()}" if device.startswith("cuda") else name


def words(rng: np.random.Generator, vocabulary: int, count: int) -> str:
    """So many words, each one token."""
    return " ".join(f"w{index}" for index in rng.integers(3, vocabulary, count))


def choices(shots: int, longest: int) -> Callable[[np.random.Generator, int, int], list[Request]]:
    """Questions of 30 to 90 tokens with four answers each, after ``shots`` shared tokens."""

    def make(rng: np.random.Generator, vocabulary: int, count: int) -> list[Request]:
        shared = words(rng, vocabulary, shots)
        found: list[Request] = []
        for _ in range(count):
            question = words(rng, vocabulary, int(rng.integers(30, 90)))
            for _ in range(4):
                answer = words(rng, vocabulary, int(rng.integers(1, longest + 1)))
                context = f"{shared} {question}".strip()
                found.append(LogLikelihood(context=context, continuation=f" {answer}", language="eng_Latn"))
        return found

    return make


def documents(rng: np.random.Generator, vocabulary: int, count: int) -> list[Request]:
    """Documents of 20 to 400 tokens, scored whole."""
    return [
        RollingLogLikelihood(text=words(rng, vocabulary, int(rng.integers(20, 400))), language="eng_Latn")
        for _ in range(count)
    ]


def prompts(shots: int) -> Callable[[np.random.Generator, int, int], list[Request]]:
    """Prompts of 10 to 120 tokens after ``shots`` shared ones, 96 for 200 questions, with three stops and limits.

    A stop string of two digits is in about one word of 25, so that rows end at very different steps, or at the limit.
    """

    def make(rng: np.random.Generator, vocabulary: int, count: int) -> list[Request]:
        shared = words(rng, vocabulary, shots)
        found: list[Request] = []
        for index in range(max(6, count * 96 // 200)):
            until, limit = ((("77",), 48), (("19", "91"), 96), (("404", "88"), 128))[index % 3]
            prompt = f"{shared} {words(rng, vocabulary, int(rng.integers(10, 120)))}".strip()
            found.append(Generate(prompt=prompt, until=until, max_tokens=limit, target_language="eng_Latn"))
        return found

    return make


WORK: dict[str, tuple[int, Callable[[np.random.Generator, int, int], list[Request]]]] = {
    "five-shot, answers of 1-8 tokens, vocabulary 128k": (128_000, choices(600, 8)),
    "five-shot, answers of 1 token, vocabulary 128k": (128_000, choices(600, 1)),
    "zero-shot, answers of 1-8 tokens, vocabulary 128k": (128_000, choices(0, 8)),
    "five-shot, answers of 1-8 tokens, vocabulary 32k": (32_000, choices(600, 8)),
    "rolling, vocabulary 128k": (128_000, documents),
    "generation, mixed stops and limits, vocabulary 128k": (128_000, prompts(0)),
    "generation, mixed stops and limits, vocabulary 32k": (32_000, prompts(0)),
    "generation, five-shot, mixed stops and limits, vocabulary 32k": (32_000, prompts(600)),
}


def compare(folder: Path, requests: Sequence[Request], arguments: argparse.Namespace) -> dict[str, Any]:
    """Both sides, round by round."""
    spec = ModelSpec(backend="hf", target=str(folder), options={"dtype": arguments.dtype, "device": arguments.device})
    engine = load_model(spec)
    sizes, tried = list(arguments.batch_sizes), {}
    if arguments.trial:
        some = requests[:: max(1, len(requests) // arguments.trial)]
        tried = {size: round(oracle(folder, some, size, arguments)[1], 2) for size in sizes}
        sizes = [min(tried, key=lambda size: tried[size])]
    slow: dict[int, list[float]] = {size: [] for size in sizes}
    fast: list[float] = []
    worst = 0.0
    work = work_of(engine)
    assert work is not None, "a transformers model counts its work"
    before = work.counts()
    for _ in range(arguments.rounds):
        begin = time.perf_counter()
        ours = answers(engine, requests)
        fast.append(time.perf_counter() - begin)
        for size in sizes:
            theirs, seconds = oracle(folder, requests, size, arguments)
            slow[size].append(seconds)
            worst = max(worst, difference(ours, theirs) if theirs else 0.0)
    done = work.counts() - before
    engine.close()
    best = min(slow, key=lambda size: statistics.median(slow[size]))
    if math.isinf(statistics.median(slow[best])):
        raise SystemExit("benchmarks/engine.py: HFLM's batches do not fit into memory; give smaller --batch-sizes")
    ratios = [one / other for one, other in zip(slow[best], fast, strict=True)]
    return {
        "requests": len(requests),
        "hflm_s": round(statistics.median(slow[best]), 2),
        "hflm_batch_size": best,
        "hflm_trial_s": {size: None if math.isinf(seconds) else seconds for size, seconds in tried.items()},
        "ours_s": round(statistics.median(fast), 2),
        "ratio": round(statistics.median(ratios), 2),
        "largest_difference": worst,
        "sharing": engine.identity.get("sharing", ""),
        "positions": done.positions // arguments.rounds,
        "padded": round(done.padded / max(1, done.positions), 3),
        "peak_tflops": round(work.peak / 1e12, 3),
        "utilisation_of_model_time": round(done.flops / done.seconds / work.peak, 3),
        "utilisation_of_all_time": round(done.flops / sum(fast) / work.peak, 3),
        **(spread(folder, requests, ours, engine) if isinstance(ours[0], GenerateResponse) else {}),
    }


def spread(folder: Path, requests: Sequence[Request], ours: Sequence[Any], engine: Any) -> dict[str, Any]:
    """How many tokens rows wrote, stop words left out, and how many of them ran to their limit."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    lengths = [len(tokenizer(one.text)["input_ids"]) for one in ours]
    limits = [one.max_tokens for one in requests if isinstance(one, Generate)]
    return {
        "decoding": engine.identity.get("decoding", ""),
        "new_tokens": {f"p{part}": int(np.percentile(lengths, part)) for part in (0, 25, 50, 75, 100)},
        "mean_new_tokens": round(statistics.mean(lengths), 1),
        "at_limit": round(float(np.mean(np.array(lengths) >= np.array(limits))), 3),
    }


def answers(engine: Any, requests: Sequence[Request]) -> list[Any]:
    """Everything answered by our engine, batch by batch as the runner asks."""
    found: dict[int, Any] = {}
    for batch in engine.plan(requests):
        found.update(zip(batch, engine.answer([requests[position] for position in batch]), strict=True))
    return [found[position] for position in range(len(requests))]


def oracle(
    folder: Path, requests: Sequence[Request], size: int, arguments: argparse.Namespace
) -> tuple[list[Any], float]:
    """The same by HFLM, and the seconds it took without loading: infinite where it does not fit into memory."""
    import torch
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    key = (folder, size)
    if key not in _LOADED:
        _LOADED.clear()
        _LOADED[key] = HFLM(
            pretrained=str(folder),
            batch_size=size,
            device=arguments.device,
            dtype=arguments.dtype,
            max_length=POSITIONS,
        )
    model = _LOADED[key]
    first = requests[0]
    if isinstance(first, LogLikelihood):
        kind, method, parts = (
            "loglikelihood",
            model.loglikelihood,
            [(one.context, one.continuation) for one in requests],
        )
    elif isinstance(first, RollingLogLikelihood):
        kind, method, parts = "loglikelihood_rolling", model.loglikelihood_rolling, [(one.text,) for one in requests]
    else:
        kind, method, parts = "generate_until", model.generate_until, [_asked(one) for one in requests]
    instances = [Instance(request_type=kind, doc={}, arguments=part, idx=index) for index, part in enumerate(parts)]
    begin = time.perf_counter()
    try:
        found = method(instances, disable_tqdm=True)
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        return [], math.inf
    return list(found), time.perf_counter() - begin


def _asked(request: Request) -> tuple[str, dict[str, Any]]:
    """A request for text as HFLM takes it."""
    assert isinstance(request, Generate)
    return request.prompt, {"until": list(request.until), "max_gen_toks": request.max_tokens, "do_sample": False}


_LOADED: dict[tuple[Path, int], Any] = {}


def difference(ours: Sequence[Any], theirs: Sequence[Any]) -> float:
    """Largest difference of two log-probabilities; for text the share of texts that differ."""
    if isinstance(ours[0], GenerateResponse):
        return sum(one.text != other for one, other in zip(ours, theirs, strict=True)) / len(ours)
    expected = [other[0] if isinstance(other, tuple) else other for other in theirs]
    assert all(isinstance(one, LogLikelihoodResponse) for one in ours)
    return max(abs(one.logprob - value) for one, value in zip(ours, expected, strict=True))


if __name__ == "__main__":
    main()
