"""The engine's benchmarks on one GPU, one after the other, each a process that writes its JSON into one folder.

Run: python benchmarks/gpu.py [--out bench-gpu] [--shapes 1b 8b] [--vocabularies 128000 262000] [--questions 200]
[--rounds 3] [--sib200 FOLDER] [--device cuda]; `make bench-gpu` is the same without options.

For every shape and vocabulary: the work of benchmarks/engine.py against HFLM in bfloat16, HFLM's batch size chosen on
64 requests, with the utilisation of the card's measured peak; then the decisions that flip in bfloat16
(benchmarks/flips.py) and where the model's time goes (benchmarks/stages.py). With --sib200 also MEXA
(benchmarks/alignment.py). Weights are random and made on the card; nothing but the results is written. What fails is
named at the end and the rest goes on; what there is already a result of is not run again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORK = (
    "five-shot, answers of 1-8 tokens, vocabulary 128k",
    "five-shot, answers of 1 token, vocabulary 128k",
    "zero-shot, answers of 1-8 tokens, vocabulary 128k",
    "rolling, vocabulary 128k",
    "generation, mixed stops and limits, vocabulary 128k",
    "generation, five-shot, mixed stops and limits, vocabulary 32k",
)
"""One name of each kind of work: vocabularies are given."""


def main() -> int:
    """Run what has no result yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("bench-gpu"))
    parser.add_argument("--shapes", nargs="+", default=["1b", "8b"])
    parser.add_argument("--vocabularies", type=int, nargs="+", default=[128_000, 262_000])
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[8, 32, 64, 128])
    parser.add_argument("--trial", type=int, default=64)
    parser.add_argument("--sib200", type=Path, help="SIB-200's folder, for the benchmark of alignment")
    parser.add_argument("--device", default="cuda", help="cpu, with --shapes tiny, tries the whole on a small scale")
    arguments = parser.parse_args()
    import torch

    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        print(
            "benchmarks/gpu.py: torch finds no CUDA device here; run it where there is one, or try it on a small scale "
            "with --device cpu --shapes tiny --vocabularies 2000 --questions 4 --rounds 1",
            file=sys.stderr,
        )
        return 2
    arguments.out.mkdir(parents=True, exist_ok=True)
    failed = []
    for name, command in commands(arguments):
        result = arguments.out / f"{name}.json"
        if result.exists():
            print(f"{name}: {result} is there; not run again", file=sys.stderr)
            continue
        print(f"{name} ...", file=sys.stderr, flush=True)
        done = subprocess.run([sys.executable, *command, "--out", str(result)], check=False)
        if done.returncode:
            failed.append(name)
    if failed:
        print(f"benchmarks/gpu.py: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def commands(arguments: argparse.Namespace) -> Iterator[tuple[str, list[str]]]:
    """Names of results, and what makes them."""
    device = ["--device", arguments.device]
    for shape in arguments.shapes:
        for vocabulary in arguments.vocabularies:
            size = ["--shape", shape, "--vocabulary", str(vocabulary), *device]
            asked = ["--questions", str(arguments.questions)]
            rounds = ["--rounds", str(arguments.rounds), "--trial", str(arguments.trial)]
            batches = ["--batch-sizes", *map(str, arguments.batch_sizes)]
            work = ["--work", *WORK, "--dtype", "bfloat16"]
            yield (
                f"engine-{shape}-{vocabulary}",
                [str(HERE / "engine.py"), *size, *asked, *rounds, *batches, *work],
            )
            yield f"flips-{shape}-{vocabulary}", [str(HERE / "flips.py"), *size, *asked]
            yield f"stages-{shape}-{vocabulary}", [str(HERE / "stages.py"), *size, *asked, "--dtype", "bfloat16"]
    if arguments.sib200:
        yield "alignment", [str(HERE / "alignment.py"), "--data", str(arguments.sib200), *device]


if __name__ == "__main__":
    sys.exit(main())
