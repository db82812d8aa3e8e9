"""One model in two processes: the first is the run, the other makes its passes; on CPU, through ``torchrun``."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.engine.models import load_model, parse_model
from harness.errors import BackendError
from harness.loader import load_tasks
from harness.runner import RunPlan, run
from harness.store import RunFolder

SENTENCES = {
    "eng_Latn": ["water", "bread and salt", "the moon 🌙"],
    "amh_Ethi": ["ውሃ", "ዳቦ እና ጨው", "ጨረቃ"],
    "tha_Thai": ["น้ำ", "ขนมปังและเกลือ", "ดวงจันทร์"],
}


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    for language, texts in SENTENCES.items():
        (tmp_path / f"{language}.txt").write_text("\n".join(texts), encoding="utf-8")
    common = {"dataset": {"files": "{lang}.txt", "format": "lines"}, "languages": list(SENTENCES)}
    prompt = {"doc_to_text": "{{source}} =", "generation_kwargs": {"until": ["\n"], "max_gen_toks": 5}}
    specs = {
        "surprise": {"kind": "perplexity", "metrics": ["bits_per_byte"], **common},
        "write": {
            "kind": "translation",
            "directions": "eng-xx",
            "metrics": ["chrf"],
            "prompts": {"p": prompt},
            **common,
        },
    }
    for name, spec in specs.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump({"task": name, **spec}), encoding="utf-8")
    return tmp_path


def test_two_processes_give_the_scores_of_one(tiny_causal_model: Path, tasks: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", port]
    command += ["-m", "harness", "run", "surprise", "write", "--tasks", str(tasks), "--out", str(tasks / "two")]
    command += ["--model", f"hf:{tiny_causal_model},tensor_parallel=true,degrade=tha_Thai"]
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.splitlines()) == 1, "one process speaks"
    two = RunFolder(Path(done.stdout.strip()))
    plan = RunPlan(
        tasks=load_tasks(["surprise", "write"], [tasks]),
        models=[parse_model(f"hf:{tiny_causal_model},device=cpu,degrade=tha_Thai")],
        out=tasks / "one",
    )
    one = RunFolder(run(plan, lambda *_: None))
    assert [score.key for score in two.record.scores] == [score.key for score in one.record.scores]
    expected = [score.value for score in one.record.scores]
    assert [score.value for score in two.record.scores] == pytest.approx(expected, rel=1e-5)
    (model,) = two.record.models
    assert model.identity["tensor_parallel"] == "2 processes"
    assert sum(stage.computed for stage in two.record.stages) == sum(stage.computed for stage in one.record.stages) > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("", "needs a process for every device; start the command with: torchrun --nproc-per-node N -m harness"),
        (",device=cpu", "tensor_parallel and device exclude each other; leave one out"),
        (",device_map=auto", "tensor_parallel and device_map exclude each other; leave one out"),
    ],
)
def test_one_process_is_told_how_to_start_several(tiny_causal_model: Path, options: str, message: str) -> None:
    with pytest.raises(BackendError, match=message):
        load_model(parse_model(f"hf:{tiny_causal_model},tensor_parallel=true{options}"))
