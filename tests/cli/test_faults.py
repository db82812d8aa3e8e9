"""Real runs are killed, damaged, starved of disk and begun twice; they end with the scores of a run left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What ``benchmarks/faults.py`` found in its smallest form, by the fault's name."""
    out = tmp_path_factory.mktemp("faults") / "faults.json"
    counts = ["--kills", "12", "--damages", "1", "--disks", "2", "--pairs", "1", "--model-kills", "0", "--no-steps"]
    command = [sys.executable, ROOT / "benchmarks" / "faults.py", *counts, "--sentences", "12", "--out", out]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return {fault["name"]: fault for fault in json.loads(out.read_text(encoding="utf-8"))["faults"]}


def test_nothing_is_lost(faults: dict[str, Any]) -> None:
    assert len(faults) == 17
    assert all(fault["times"] > 0 for fault in faults.values())
    assert [(fault["name"], fault["problems"]) for fault in faults.values() if fault["lost"]] == []


def test_a_kill_costs_at_most_a_batch(faults: dict[str, Any]) -> None:
    fault = faults["SIGKILL at a random moment"]
    assert fault["times"] >= 12
    assert fault["again"] <= fault["allowed"] == 4


def test_damage_and_full_disks_are_named(faults: dict[str, Any]) -> None:
    for name in ("run.json", "segments.parquet", "statistics.parquet", "responses.sqlite"):
        fault = faults[f"{name}: cut short"]
        assert fault["named"] == fault["hit"] == fault["times"]
    fault = faults["disk full at a random size"]
    assert fault["named"] == fault["hit"]
