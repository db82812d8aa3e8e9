"""How long does ``glotbench --help`` take, as a whole process? Writes JSON; the target is under 0.5 s.

Run: python benchmarks/startup.py [--out FILE]. Both sides in turn: our help, and lm-eval's.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = {
    "glotbench --help": [sys.executable, "-m", "harness", "--help"],
    "lm-eval --help": [sys.executable, "-m", "lm_eval", "--help"],
    "python -c pass": [sys.executable, "-c", "pass"],
}


def main() -> None:
    """Time every command in turn, several rounds, and write the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(arguments.rounds + 1):
        for name, command in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(command, capture_output=True, check=True)
            times[name].append(time.perf_counter() - start)
    result = {
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        "rounds": arguments.rounds,
        "median_s": {name: round(statistics.median(values[1:]), 3) for name, values in times.items()},
    }
    text = json.dumps(result, indent=1)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
