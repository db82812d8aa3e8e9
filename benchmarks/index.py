"""How long do lm-eval's 14,000 files take to list, first and later? Writes JSON; the targets are 10 s and 1 s.

Run: python benchmarks/index.py [--out FILE]. Whole processes, start included: cold is with an empty cache folder, warm
with a full one; beside them lm-eval's own listing. The operating system's file cache is warm in all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIST = [sys.executable, "-m", "harness", "tasks", "list", "--source", "lm-eval"]
SHOW = [sys.executable, "-m", "harness", "tasks", "show", "lm-eval:xcopa"]
THEIRS = [sys.executable, "-m", "lm_eval", "ls", "tasks"]


def seconds(command: list[str], cache: Path) -> float:
    """Wall time of a command that must succeed."""
    start = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True, env={**os.environ, "XDG_CACHE_HOME": str(cache)})
    return time.perf_counter() - start


def main() -> None:
    """Time listing and showing, cold and warm in turn, and write the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"
        for _ in range(arguments.rounds):
            shutil.rmtree(cache, ignore_errors=True)
            times.setdefault("tasks list --source lm-eval, cold", []).append(seconds(LIST, cache))
            times.setdefault("tasks list --source lm-eval, warm", []).append(seconds(LIST, cache))
            times.setdefault("tasks show lm-eval:xcopa, warm", []).append(seconds(SHOW, cache))
            times.setdefault("lm-eval ls tasks", []).append(seconds(THEIRS, cache))
        size = sum(file.stat().st_size for file in cache.rglob("*.json"))
    result = {
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        "cpus": os.cpu_count(),
        "load": [round(value, 1) for value in os.getloadavg()],
        "rounds": arguments.rounds,
        "index_bytes": size,
        "median_s": {name: round(statistics.median(values), 3) for name, values in times.items()},
        "slowest_s": {name: round(max(values), 3) for name, values in times.items()},
    }
    text = json.dumps(result, indent=1)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
