"""Fuzz every reader: ``python -m tests.fuzz [--examples 100000] [--seed 1] [--start 0] [--target NAME] [--out FILE]``.

Prints and writes JSON: by target how many inputs were read, how many refused and by which errors, what else happened,
and the slowest input. Exit code 1 where anything else happened. ``--show TARGET:NUMBER`` prints one input and what it
ends in. Inputs are numbered, so that a long run can be made in parts: ``--start`` is the first number of each target's
share, given in inputs of all targets together.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
from pathlib import Path
from random import Random

from tests.fuzz.campaign import campaign
from tests.fuzz.target import Target
from tests.fuzz.targets import targets

_MEMORY = 24 * 2**30
"""Bytes of addresses that the process may have: an input that wants more than all that is a finding."""


def main() -> int:
    """Run, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100_000, help="Inputs of all targets together.")
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", action="append", default=[])
    parser.add_argument("--show", default="")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    with tempfile.TemporaryDirectory() as scratch:
        every = targets(Path(scratch))
        if arguments.show:
            return _show(every, arguments.show, arguments.seed)
        chosen = [one for one in every if not arguments.target or one.name in arguments.target]
        total = sum(one.share for one in chosen)
        found = {}
        for one in chosen:
            first = round(arguments.start * one.share / total)
            last = round((arguments.start + arguments.examples) * one.share / total)
            found[one.name] = campaign(one, range(first, last), arguments.seed).summary()
            print(f"{one.name}: {json.dumps(found[one.name], ensure_ascii=True)}", file=sys.stderr, flush=True)
    result = {
        "seed": arguments.seed,
        "start": arguments.start,
        "inputs": sum(int(str(one["inputs"])) for one in found.values()),
        "findings": sum(len(one["findings"]) for one in found.values()),  # type: ignore[arg-type]
        "slowest_seconds": max(float(str(one["slowest_seconds"])) for one in found.values()),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "targets": found,
    }
    text = json.dumps(result, indent=1)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)
    return 1 if result["findings"] else 0


def _show(every: list[Target], name: str, seed: int) -> int:
    wanted, _, number = name.rpartition(":")
    target = next(one for one in every if one.name == wanted)
    content = target.made(Random(f"{seed}/{wanted}:{int(number)}"))
    sys.stdout.buffer.write(content[:20_000] + b"\n")
    sys.stdout.flush()
    target.use(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
