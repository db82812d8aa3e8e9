"""Decisions that flip in bfloat16: between our engine and HFLM, and between HFLM and itself. JSON out.

Run: python benchmarks/flips.py [--model FOLDER] [--shape small] [--vocabulary 32000] [--questions 200]
[--batch-sizes 1 8 32] [--device cpu] [--dtype bfloat16] [--out FILE].

A decision is which of four answers has the highest log-probability, and whether a continuation is the model's greedy
one. Half of the questions have answers of one token, half of six, all of a question equally long, so that they are as
close as random texts can be; a greedy continuation is written in float32, with one token of the prompt's own after it
or not. Every side answers all of it with the same weights: HFLM in the dtype at every batch size (with the softmax in
the dtype, its default, and in float32), our engine with ``softmax_dtype`` float32 and model, with and without
``sharing``, and HFLM in float32 as what is right. For every two sides the share of decisions that differ is told, and
the largest difference of a log-probability in nats. Without --model a random model is made, whose answers are closer
than a trained one's: its shares are upper bounds rather than what a real task shows.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import tempfile
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np

from benchmarks.random_models import SHAPES, held, random_model
from harness.engine.models import load_model, parse_model
from harness.types import Generate, LogLikelihood

RIGHT = "HFLM, float32"
ANSWERS = 4
Scores = list[tuple[float, bool]]


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a folder or a name; without it a random model is made")
    parser.add_argument("--shape", choices=SHAPES, default="small")
    parser.add_argument("--vocabulary", type=int, default=32_000)
    parser.add_argument("--width", type=float, default=0.05, help="standard deviation of random weights")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float16"])
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as made:
        if arguments.model:
            found = measured(arguments.model, arguments)
        else:
            folder, shape = Path(made), SHAPES[arguments.shape]
            size = {"width": arguments.width, "device": arguments.device, "dtype": arguments.dtype}
            with held(folder, random_model(folder, shape, arguments.vocabulary, **size)):
                found = measured(made, arguments)
    result = {
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "device": arguments.device,
        "dtype": arguments.dtype,
        "model": arguments.model or f"random, {arguments.shape}, vocabulary {arguments.vocabulary}",
        **found,
    }
    text = json.dumps(result, indent=1)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")


def measured(folder: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Decisions of all sides, compared."""
    requests = questions(folder, arguments)
    count = 2 * arguments.questions * ANSWERS
    options = f"hf:{folder},device={arguments.device},dtype={arguments.dtype}"
    sides: dict[str, Scores] = {RIGHT: hflm(folder, requests, 8, arguments.device, "float32")}
    for size in arguments.batch_sizes:
        sides[f"HFLM, batch {size}"] = hflm(folder, requests, size, arguments.device, arguments.dtype)
    sides[f"HFLM, batch {arguments.batch_sizes[-1]}, softmax in float32"] = hflm(
        folder, requests, arguments.batch_sizes[-1], arguments.device, arguments.dtype, softmax_dtype="float32"
    )
    for softmax in ("float32", "model"):
        for sharing in ("auto", "none"):
            name = f"here, softmax_dtype={softmax}, sharing={sharing}"
            sides[name] = ours(f"{options},softmax_dtype={softmax},sharing={sharing}", requests)
    choices = {name: [chosen(scores[place : place + ANSWERS]) for place in range(0, count, ANSWERS)]
               for name, scores in sides.items()}  # fmt: skip
    flags = {name: [flag for _, flag in scores[count:]] for name, scores in sides.items()}
    return {
        "questions": len(choices[RIGHT]),
        "continuations": len(flags[RIGHT]),
        "greedy_when_right": sum(flags[RIGHT]),
        "pairs": [
            {
                "sides": [one, other],
                "choices_that_differ": differing(choices, one, other),
                "flags_that_differ": differing(flags, one, other),
                "largest_difference_nats": max(
                    abs(a - b) for (a, _), (b, _) in zip(sides[one], sides[other], strict=True)
                ),
            }
            for one, other in combinations(sides, 2)
        ],
    }


def questions(folder: str, arguments: argparse.Namespace) -> list[LogLikelihood]:
    """Four answers to every question, of one token and of six; then continuations, every second one greedy."""
    from transformers import AutoTokenizer

    rng = np.random.default_rng(2)
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def text(count: int) -> str:
        return str(tokenizer.decode(rng.integers(10, len(tokenizer), count).tolist(), skip_special_tokens=True))

    shared = text(100)
    contexts = [f"{shared} {text(int(rng.integers(20, 60)))}" for _ in range(arguments.questions)]
    found = [
        LogLikelihood(context=context, continuation=f" {text(length)}")
        for length in (1, 6)
        for context in contexts
        for _ in range(ANSWERS)
    ]
    engine = load_model(parse_model(f"hf:{folder},device={arguments.device},dtype=float32"))
    asked = [Generate(prompt=context, max_tokens=1 + index % 6) for index, context in enumerate(contexts)]
    for batch in engine.plan(asked):
        for index, written in zip(batch, engine.answer([asked[place] for place in batch]), strict=True):
            greedy = f" {written.text.strip()}"
            found.append(LogLikelihood(context=contexts[index], continuation=greedy))
            found.append(LogLikelihood(context=contexts[index], continuation=f"{greedy} {text(1)}"))
    engine.close()
    return found


def hflm(folder: str, requests: Sequence[LogLikelihood], size: int, device: str, dtype: str, **options: str) -> Scores:
    """HFLM's answers."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    model = HFLM(pretrained=folder, batch_size=size, device=device, dtype=dtype, **options)
    asked = [
        Instance(request_type="loglikelihood", doc={}, arguments=(one.context, one.continuation), idx=index)
        for index, one in enumerate(requests)
    ]
    return list(model.loglikelihood(asked, disable_tqdm=True))


def ours(model: str, requests: Sequence[LogLikelihood]) -> Scores:
    """Our answers."""
    engine = load_model(parse_model(model))
    found: dict[int, tuple[float, bool]] = {}
    for batch in engine.plan(requests):
        for index, answer in zip(batch, engine.answer([requests[place] for place in batch]), strict=True):
            found[index] = (answer.logprob, answer.is_greedy)
    engine.close()
    return [found[index] for index in range(len(requests))]


def chosen(scores: Scores) -> int:
    """The first of the likeliest answers, as lm-eval's ``acc`` chooses."""
    return int(np.argmax([value for value, _ in scores]))


def differing(decisions: Mapping[str, Sequence[int]], one: str, other: str) -> float:
    return round(float(np.mean([a != b for a, b in zip(decisions[one], decisions[other], strict=True)])), 4)


if __name__ == "__main__":
    main()
