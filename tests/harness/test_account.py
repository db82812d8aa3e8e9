"""What a run did stands in its record and in the command's last lines, and adds up."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from harness.account import PARTS, Account
from harness.engine.models import load_model, parse_model
from harness.loader import load_tasks
from harness.machine import peak_memory
from harness.records import RunRecord, StageRecord
from harness.runner import RunPlan, run
from harness.stage_lines import run_lines, stage_lines
from harness.store import RunFolder
from harness.types import Embed

QUESTIONS = {
    "amh_Ethi": ["ውሃ ምን ይሆናል?", "ዳቦ ከምን ይሠራል?", "ፀሐይ መቼ ትወጣለች?"],
    "tha_Thai": ["น้ำกลายเป็นอะไร?", "ขนมปังทำจากอะไร?", "ดวงอาทิตย์ขึ้นเมื่อไร?"],
    "nqo_Nkoo": ["ߖߌ ߦߋ߫ ߡߎ߲߬ ߘߌ߫?", "ߓߎ߬ߙߎ ߦߋ߫ ߡߎ߲߬ ߘߌ߫?", "ߕߋ߬ߟߋ ߓߐ߫ ߖߎ߬ߡߊ߬?"],
}


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A task of three questions a language with two answers each."""
    folder = tmp_path_factory.mktemp("questions")
    for language, texts in QUESTIONS.items():
        lines = [f'{{"q": "{text}", "a": ["🧊", "🌾"], "gold": {number % 2}}}\n' for number, text in enumerate(texts)]
        (folder / f"{language}.jsonl").write_text("".join(lines), encoding="utf-8")
    spec = {
        "task": "ask",
        "kind": "multiple_choice",
        "dataset": {"files": "{lang}.jsonl"},
        "languages": list(QUESTIONS),
        "prompts": {"p1": {"doc_to_text": "{{q}}", "doc_to_choice": "{{a}}", "doc_to_target": "{{gold}}"}},
        "metrics": ["acc"],
    }
    (folder / "ask.yaml").write_text(yaml.safe_dump(spec, allow_unicode=True), encoding="utf-8")
    return folder


def plan(folder: Path, out: Path, model: str) -> RunPlan:
    return RunPlan(tasks=load_tasks(["ask"], [folder]), models=[parse_model(model)], out=out)


def silent(*_: object) -> None:
    pass


def test_a_run_says_what_it_did(questions: Path, tiny_causal_model: Path, tmp_path: Path) -> None:
    model = f"hf:{tiny_causal_model},device=cpu,dtype=float32,name=tiny"
    record = RunFolder(run(plan(questions, tmp_path, model), silent)).record
    (stage,) = record.stages
    assert (stage.requests, stage.computed, stage.known) == (18, 18, 0)
    assert tuple(stage.seconds_by_part) == PARTS
    assert all(spent > 0 for spent in stage.seconds_by_part.values())
    assert sum(stage.seconds_by_part.values()) <= stage.seconds + 0.01
    # A byte a token; of every row all but the last token is read, and the space before an answer is one.
    texts = [text for found in QUESTIONS.values() for text in found]
    tokens = sum(2 * (len(text.encode("utf-8")) + len(" 🧊".encode()) - 1) for text in texts)
    assert stage.tokens == tokens
    assert stage.positions is not None
    assert stage.padding_share is not None
    assert stage.saved_share is not None
    read = stage.positions * (1 - stage.padding_share)
    assert stage.saved_share == pytest.approx(1 - read / tokens, abs=1e-3)
    assert 0.3 < stage.saved_share < 0.5
    assert stage.utilisation is not None
    assert 0 < stage.utilisation < 1.5
    assert stage.peak_memory is not None
    assert stage.peak_memory > 10**8
    assert {"checking", "loading", "total"} == set(record.seconds)
    lines = list(run_lines(record))
    assert lines[0].startswith("tiny on ask: 18 requests, 18 computed, 0 known, ")
    assert f"{tokens:,} tokens" in lines[1]
    assert "of the tokens saved by sharing" in lines[1]
    assert "model" in lines[2]
    assert "GFLOP/s while it ran" in lines[3]
    (again,) = RunFolder(run(plan(questions, tmp_path, model), silent)).record.stages
    assert (again.requests, again.computed, again.known, again.tokens, again.utilisation) == (18, 0, 18, None, None)


def test_a_backend_that_counts_nothing_still_says_where_its_time_went(questions: Path, tmp_path: Path) -> None:
    (stage,) = RunFolder(run(plan(questions, tmp_path, "echo:x"), silent)).record.stages
    assert stage.tokens is stage.positions is stage.padding_share is stage.flops is None
    assert stage.seconds_by_part["model"] > 0
    assert [line.split(":")[0] for line in stage_lines(stage)][:2] == ["x on ask", "  time"]


def test_a_part_within_a_part_is_counted_once() -> None:
    account = Account(load_model(parse_model("echo:x")))
    with account.part("preparing"):
        time.sleep(0.02)
        with account.part("writing"):
            time.sleep(0.05)
        account.answered(lambda _: time.sleep(0.03), [Embed(text="ሰላም")])
    parts = account.record("t").seconds_by_part
    assert parts["writing"] >= 0.05
    assert parts["model"] >= 0.03
    assert 0.02 <= parts["preparing"] < parts["writing"] + parts["model"]
    assert parts["reading"] == parts["scoring"] == 0


def test_records_without_these_facts_are_read_and_told() -> None:
    old = '{"model": "m", "task": "t", "requests": 4, "computed": 3, "seconds": 150.0}'
    assert list(stage_lines(StageRecord.model_validate_json(old))) == [
        "m on t: 4 requests, 3 computed, 0 known, 2.5 min"
    ]
    assert "seconds" not in RunRecord.model_json_schema()["required"]


def test_memory_is_the_programs_own_and_not_its_parents() -> None:
    ballast = bytearray(300 * 10**6)
    code = "from harness.machine import peak_memory; print(peak_memory())"
    environment = {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert 10**6 < int(done.stdout) < 200 * 10**6 < len(ballast) < peak_memory()
