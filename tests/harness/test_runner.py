"""The runner: resuming is exact, memory and disk stay flat, and what cannot be done is said."""

from __future__ import annotations

import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from harness.doctor import examine
from harness.engine.models import parse_model
from harness.errors import DataError, RecordError, UserError
from harness.export import CSV_COLUMNS, scores_csv
from harness.loader import load_tasks
from harness.runner import RunPlan, run
from harness.store import ResponseStore, RunFolder, request_key
from harness.tasks.base import Selection
from harness.types import Embed, Failed, GenerateResponse

SENTENCES = {
    "eng_Latn": [f"Sentence number {index} about water and bread." for index in range(40)],
    "amh_Ethi": [f"ስለ ውሃ እና ዳቦ ዓረፍተ ነገር {index}።" for index in range(40)],
    "arb_Arab": [f"الجملة رقم {index} عن الماء والخبز." for index in range(40)],
    "nqo_Nkoo": [f"ߞߎߡߊߘߋ߲ {index} ߖߌ ߣߌ߫ ߓߎ߬ߙߎ" for index in range(40)],
    "tha_Thai": [f"ประโยคที่ {index} เกี่ยวกับน้ำและขนมปัง" for index in range(40)],
}


def silent(*_: object) -> None:
    pass


@pytest.fixture(scope="module")
def task_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small tasks of several kinds over sentences in five scripts."""
    folder = tmp_path_factory.mktemp("tasks")
    for language, sentences in SENTENCES.items():
        rows = "".join(f"{index}\t{text}\n" for index, text in enumerate(sentences))
        (folder / f"{language}.tsv").write_text("id\ttext\n" + rows, encoding="utf-8")
    common = {
        "dataset": {"files": "{lang}.tsv", "key": "id"},
        "languages": list(SENTENCES),
    }
    specs = {
        "align": {"kind": "alignment", "metrics": ["mexa", "mexa_max"], **common},
        "mine": {"kind": "bitext_mining", "directions": "xx-eng", "metrics": ["bitext_f1"], **common},
        "translate": {"kind": "translation", "directions": "eng-xx", "metrics": ["bleu", "chrf++"], **common},
    }
    for name, spec in specs.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({"task": name, **spec}), encoding="utf-8")
    return folder


def plan(folder: Path, out: Path, *names: str, model: str = "echo:x", **selection: object) -> RunPlan:
    return RunPlan(
        tasks=load_tasks(names, [folder]),
        models=[parse_model(model)],
        selection=Selection(**selection),  # type: ignore[arg-type]
        out=out,
    )


def csv(path: Path) -> str:
    return scores_csv(RunFolder(path).record)


def test_a_run_is_complete_and_well(task_folder: Path, tmp_path: Path) -> None:
    folder = run(plan(task_folder, tmp_path, "align", "mine", "translate"), silent)
    record = RunFolder(folder).record
    assert {(score.task, score.language) for score in record.scores} == {
        *(("align", language) for language in SENTENCES if language != "eng_Latn"),
        *(("mine", f"{language}-eng_Latn") for language in SENTENCES if language != "eng_Latn"),
        *(("translate", f"eng_Latn-{language}") for language in SENTENCES if language != "eng_Latn"),
    }
    assert all(score.value is not None and score.n == 40 and score.n_failed == 0 for score in record.scores)
    assert list(examine(RunFolder(folder))) == []
    assert scores_csv(record).splitlines()[0] == ",".join(CSV_COLUMNS)
    rows = RunFolder(folder).segments(("x", "translate", "", "", "eng_Latn-nqo_Nkoo"))
    assert [row.references[0] for row in rows] == SENTENCES["nqo_Nkoo"]


def test_the_same_command_again_computes_nothing_and_gives_the_same_bytes(task_folder: Path, tmp_path: Path) -> None:
    first = run(plan(task_folder, tmp_path, "align", "mine", "translate"), silent)
    before = csv(first)
    second = run(plan(task_folder, tmp_path, "align", "mine", "translate"), silent)
    assert second == first
    assert csv(second) == before
    assert sum(stage.computed for stage in RunFolder(second).record.stages) == 0


def test_hidden_states_do_not_stay_in_the_store(task_folder: Path, tmp_path: Path) -> None:
    run(plan(task_folder, tmp_path, "align"), silent)
    with sqlite3.connect(tmp_path / "responses.sqlite") as store:
        assert store.execute("SELECT count(*) FROM responses").fetchone() == (0,)
        assert store.execute("SELECT count(*) FROM reductions").fetchone() == (4,)


def test_other_data_or_options_are_another_run(task_folder: Path, tmp_path: Path) -> None:
    runs = {
        run(plan(task_folder, tmp_path, "mine"), silent),
        run(plan(task_folder, tmp_path, "mine", limit=10), silent),
        run(plan(task_folder, tmp_path, "mine", languages=("amh_Ethi",)), silent),
        run(plan(task_folder, tmp_path, "mine", model="echo:y"), silent),
    }
    assert len(runs) == 4


_KILLED_RUN = """
import sys, time
from pathlib import Path
from harness import asking
from harness.engine import echo
from harness.engine.models import parse_model
from harness.loader import load_tasks
from harness.runner import RunPlan, run

slow, pause = echo.EchoEngine.answer, float(sys.argv[3])
def answer(self, batch):
    time.sleep(pause)
    print("batch", flush=True)
    return slow(self, batch)
echo.EchoEngine.answer = answer
asking.WINDOW = 30  # less than a unit asks
folder, out = map(Path, sys.argv[1:3])
plan = RunPlan(tasks=load_tasks(["align", "mine", "translate"], [folder]),
               models=[parse_model("echo:x,batch_size=4")], out=out)
print(run(plan, lambda *_: None), flush=True)
"""


@pytest.fixture(scope="module")
def calm(task_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that others are killed in, left alone."""
    out = tmp_path_factory.mktemp("calm")
    return run(plan(task_folder, out, "align", "mine", "translate", model="echo:x,batch_size=4"), silent)


@pytest.mark.parametrize("batches", [1, 7, 30, 55, 100])
def test_a_killed_run_resumes_to_the_same_bytes(task_folder: Path, calm: Path, tmp_path: Path, batches: int) -> None:
    """SIGKILL after some batches; the same command finishes, computes at most one stored batch's worth again."""
    total = sum(stage.computed for stage in RunFolder(calm).record.stages)
    command = [sys.executable, "-c", _KILLED_RUN, str(task_folder), str(tmp_path / "killed")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    with subprocess.Popen([*command, "0.02"], stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        seen = 0
        for line in process.stdout:
            seen += line == "batch\n"
            if seen == batches:
                time.sleep(0.01)
                process.send_signal(signal.SIGKILL)
                break
        process.wait()
    assert not list((tmp_path / "killed").rglob("run.json"))
    finished = subprocess.run([*command, "0"], capture_output=True, text=True, env=environment, check=True)
    resumed = Path(finished.stdout.splitlines()[-1])
    assert csv(resumed) == csv(calm)
    computed = sum(stage.computed for stage in RunFolder(resumed).record.stages)
    assert computed <= total - 4 * (batches - 1)
    assert list(examine(RunFolder(resumed))) == []


def test_a_system_that_changed_under_its_name_is_another_run(task_folder: Path, tmp_path: Path) -> None:
    finished = tmp_path / "finished"
    finished.mkdir()
    for language, sentences in SENTENCES.items():
        (finished / f"{language}.txt").write_text("".join(f"{line}\n" for line in sentences), encoding="utf-8")
    model = f"outputs:{finished}/{{target}}.txt,name=mine"
    first = run(plan(task_folder, tmp_path / "out", "translate", model=model), silent)
    before = csv(first)
    (finished / "tha_Thai.txt").write_text("".join(f"{line}!\n" for line in SENTENCES["tha_Thai"]), encoding="utf-8")
    second = run(plan(task_folder, tmp_path / "out", "translate", model=model), silent)
    assert second != first
    assert csv(first) == before != csv(second)
    assert not list((tmp_path / "out").glob(".running-*"))


def test_mistakes_are_found_before_anything_is_computed(task_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no language 'yor_Latn'"):
        run(plan(task_folder, tmp_path, "mine", languages=("yor_Latn",)), silent)
    (tmp_path / "task").mkdir()
    spec = (task_folder / "mine.yaml").read_text(encoding="utf-8")
    (tmp_path / "task" / "mine.yaml").write_text(spec, encoding="utf-8")
    with pytest.raises(DataError, match="no file"):
        run(plan(tmp_path / "task", tmp_path, "mine"), silent)
    twice = RunPlan(
        tasks=load_tasks(["mine"], [task_folder]), models=[parse_model("echo:x"), parse_model("echo:x")], out=tmp_path
    )
    with pytest.raises(UserError, match="two models are called 'x'"):
        run(twice, silent)
    assert not list(tmp_path.rglob("*.sqlite"))


def test_a_model_that_answers_none_of_the_tasks_is_an_error(task_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot answer task mine"):
        run(plan(task_folder, tmp_path, "mine", model="command:cat"), silent)


def test_failed_segments_are_counted_and_not_scored(task_folder: Path, tmp_path: Path) -> None:
    program = (
        f"""{sys.executable} -c 'import sys; t = sys.stdin.read(); """
        """sys.exit("seven is unlucky") if "7" in t else print(t, end="")'"""
    )
    asked = plan(task_folder, tmp_path, "translate", model=f"command:{program},name=c,batch_size=10")
    folder = run(dataclasses.replace(asked, max_error_rate=0.1), silent)
    record = RunFolder(folder).record
    assert {(score.n, score.n_failed) for score in record.scores} == {(36, 4)}
    rows = RunFolder(folder).segments(("c", "translate", "", "", "eng_Latn-tha_Thai"))
    assert [row.failed for row in rows if "7" in (row.source or "")] == ["exit code 1: seven is unlucky"] * 4


def test_damage_is_named(task_folder: Path, tmp_path: Path) -> None:
    folder = run(plan(task_folder, tmp_path, "mine"), silent)
    table = folder / "statistics.parquet"
    table.write_bytes(table.read_bytes()[:-7] + b"garbage")
    assert any("statistics.parquet: damaged" in problem for problem in examine(RunFolder(folder)))
    text = (folder / "run.json").read_text(encoding="utf-8")
    (folder / "run.json").write_text(text.replace('"n": 40', '"n": 41', 1), encoding="utf-8")
    with pytest.raises(RecordError, match="damaged"):
        RunFolder(folder)


def test_a_score_that_does_not_follow_from_its_statistics_is_found(task_folder: Path, tmp_path: Path) -> None:
    folder = RunFolder(run(plan(task_folder, tmp_path, "mine"), silent))
    first, *rest = folder.record.scores
    assert first.value is not None
    folder.record = folder.record.model_copy(update={"scores": (replace(first, value=first.value - 0.25), *rest)})
    assert len([problem for problem in examine(folder) if "the statistics give" in problem]) == 1


def test_the_store_keeps_answers_and_forgets_failures(tmp_path: Path) -> None:
    request = Embed(text="ሰላም 🦁 \ud800")
    key = request_key("model", request)
    assert key == request_key("model", Embed(text="ሰላም 🦁 \ud800", language="amh_Ethi"))
    assert key != request_key("other", request)
    with ResponseStore(tmp_path / "s.sqlite") as store:
        store.put([(key, GenerateResponse(text="ߒߞߏ \ud800")), ("failed", Failed(reason="out of memory"))])
        assert store.get([key, "failed"]) == {key: GenerateResponse(text="ߒߞߏ \ud800")}
