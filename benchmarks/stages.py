"""Where the time of the engine goes, part by part of the model and of what is around it. JSON out.

Run: python benchmarks/stages.py [--work NAME] [--questions 40] [--shape small] [--vocabulary N] [--device cpu]
[--dtype float32] [--clock wall|cpu] [--out FILE]. The work and the random models are those of benchmarks/engine.py.

Modules are timed from outside by hooks, on CUDA after waiting for the device, which makes the whole slower there:
shares are what counts. Products are linear modules; what is left of attention is scores, values, rotation and the
growing of the state, what is left of a layer norms, activations and sums. `softmax` is what is made of the logits,
`states` the copying of shared states, and `around` everything that is not the model: tokens, plans, batches. `--clock
cpu` counts seconds on the processor, which other programs on the machine disturb less.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np

from benchmarks.engine import WORK, answers, machine
from benchmarks.random_models import SHAPES, held, random_model
from harness.engine.models import load_model, parse_model
from harness.engine.softmax import Softmax
from harness.engine.work import Work


class Clock:
    """Seconds by name, of what is inside another counted for both.

    Args:
        device: Waited for before every look at the clock. clock: ``wall`` or ``cpu``.
    """

    def __init__(self, device: str, clock: str) -> None:
        self._device = device
        self._read = time.process_time if clock == "cpu" else time.perf_counter
        self.seconds: dict[str, float] = defaultdict(float)

    def now(self) -> float:
        if self._device.startswith("cuda"):
            import torch

            torch.cuda.synchronize()
        return self._read()

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        begin = self.now()
        yield
        self.seconds[name] += self.now() - begin

    def watch(self, module: Any, name: str) -> None:
        """Time every call of a module."""
        begun: list[float] = []
        module.register_forward_pre_hook(lambda *_: begun.append(self.now()))
        module.register_forward_hook(lambda *_: self._add(name, begun.pop()), always_call=True)

    def _add(self, name: str, begin: float) -> None:
        self.seconds[name] += self.now() - begin


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", default=next(iter(WORK)), choices=list(WORK))
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--shape", choices=SHAPES, default="small")
    parser.add_argument("--vocabulary", type=int)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    vocabulary, make = WORK[arguments.work]
    vocabulary = arguments.vocabulary or vocabulary
    width = 0.1 if arguments.work.startswith("generation") else 0.02
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        device, dtype = arguments.device, arguments.dtype
        model = random_model(folder, SHAPES[arguments.shape], vocabulary, width=width, device=device, dtype=dtype)
        with held(folder, model):
            engine: Any = load_model(parse_model(f"hf:{folder},device={device},dtype={dtype}"))
        requests = make(np.random.default_rng(1), vocabulary, arguments.questions)
        parts, total = timed(engine, requests, Clock(device, arguments.clock))
    result = {
        "machine": machine(device),
        "python": platform.python_version(),
        "work": arguments.work.partition(", vocabulary")[0],
        "vocabulary": vocabulary,
        "shape": arguments.shape,
        "dtype": dtype,
        "requests": len(requests),
        "clock": arguments.clock,
        "seconds": round(total, 2),
        "parts": {part: {"seconds": round(own, 3), "share": round(own / total, 4)} for part, own in parts.items()},
    }
    text = json.dumps(result, indent=1)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")


def timed(engine: Any, requests: Any, clock: Clock) -> tuple[dict[str, float], float]:
    """Seconds of every part, together those of the whole, and the whole."""
    from torch import nn

    model = engine._model
    clock.watch(model, "model")
    clock.watch(model.get_output_embeddings(), "output layer")
    for layer in model.base_model.layers:
        clock.watch(layer, "layer")
        clock.watch(layer.self_attn, "attention")
        for within, name in ((layer.self_attn, "products of attention"), (layer.mlp, "products of the middle")):
            for module in within.modules():
                if isinstance(module, nn.Linear):
                    clock.watch(module, name)
    softmax, other = Softmax.of, Work.timed

    def slow_softmax(self: Softmax, logits: Any, wanted: Any) -> Any:
        with clock.of("softmax"):
            return softmax(self, logits, wanted)

    @contextmanager
    def slow_other(self: Work) -> Iterator[None]:
        with clock.of("after passes"), other(self):
            yield

    with mock.patch.object(Softmax, "of", slow_softmax), mock.patch.object(Work, "timed", slow_other):
        begin = clock.now()
        answers(engine, requests)
        total = clock.now() - begin
    found = clock.seconds
    parts = {
        "products of the middle": found["products of the middle"],
        "products of attention": found["products of attention"],
        "attention without its products": found["attention"] - found["products of attention"],
        "rest of the layers": found["layer"] - found["attention"] - found["products of the middle"],
        "output layer": found["output layer"],
        "rest of the model": found["model"] - found["layer"] - found["output layer"],
        "softmax": found["softmax"],
        "states": found["after passes"] - found["softmax"],
        "around": total - found["model"] - found["after passes"],
    }
    return parts, total


if __name__ == "__main__":
    main()
