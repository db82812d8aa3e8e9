"""Run folders that are written again: what is damaged is put aside, and no moment leaves a folder that lies."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from harness.doctor import examine, examine_results, put_aside
from harness.engine.models import parse_model
from harness.errors import RecordError, StorageError
from harness.export import scores_csv
from harness.loader import load_tasks
from harness.records import RunRecord
from harness.repeat import differences, planned_differences
from harness.runner import RunPlan, run
from harness.store import RunFolder, alone
from harness.store import run_files as run_files_module
from harness.store.run_files import make_way, read_record, write_record

TEXTS = {"eng_Latn": "sentence {}", "amh_Ethi": "ዓረፍተ ነገር {}", "nqo_Nkoo": "ߞߎߡߊߘߋ߲ {}"}


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    for language, text in TEXTS.items():
        rows = "".join(f"{index}\t{text.format(index)}\n" for index in range(12))
        (folder / f"{language}.tsv").write_text("id\ttext\n" + rows, encoding="utf-8")
    spec = {
        "task": "translate",
        "kind": "translation",
        "directions": "eng-xx",
        "metrics": ["chrf++"],
        "dataset": {"files": "{lang}.tsv", "key": "id"},
        "languages": list(TEXTS),
    }
    (folder / "translate.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    return folder


def make(tasks: Path, out: Path, model: str = "echo:x") -> Path:
    plan = RunPlan(tasks=load_tasks(["translate"], [tasks]), models=[parse_model(model)], out=out)
    return run(plan, lambda *_: None)


@pytest.fixture(scope="module")
def finished(tasks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tasks, tmp_path_factory.mktemp("finished"))


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A copy of a run's folder, in a copy of its results folder."""
    shutil.copytree(finished.parent, tmp_path / "out")
    return tmp_path / "out" / finished.name


@pytest.mark.parametrize("name", ["run.json", "run.json.sha256", "segments.parquet", "statistics.parquet"])
@pytest.mark.parametrize("change", [lambda old: old[:-9], lambda old: b"", lambda old: old[:40] + b"\0" + old[41:]])
def test_damage_is_named_and_put_aside_when_the_run_is_made_again(
    tasks: Path, finished: Path, folder: Path, name: str, change: Callable[[bytes], bytes]
) -> None:
    damaged = change((folder / name).read_bytes())
    (folder / name).write_bytes(damaged)
    (line,) = examine_results(folder.parent)
    assert "damaged" in line or "no run record" in line
    assert make(tasks, folder.parent) == folder
    moved = "run.json" if name.startswith("run.json") else name
    record = RunFolder(folder).record
    assert record.notes == (f"{folder / moved}: was damaged; moved to {moved}.damaged-1 and made again",)
    assert scores_csv(record) == scores_csv(RunFolder(finished).record)
    assert list(examine_results(folder.parent)) == []
    assert [file.name for file in put_aside(folder.parent)] == [f"{moved}.damaged-1"]


def test_a_damaged_table_is_not_read(folder: Path) -> None:
    table = folder / "segments.parquet"
    content = bytearray(table.read_bytes())
    content[len(content) // 3] ^= 4
    table.write_bytes(content)
    with pytest.raises(RecordError, match=r"segments\.parquet: damaged \(sha256 .* run again to rebuild it"):
        RunFolder(folder).units()


def test_a_record_is_whole_at_every_moment_of_its_replacement(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (folder / "run.json").read_text("utf-8")
    text = RunFolder(folder).record.model_copy(update={"created": "2030"}).model_dump_json()
    write = run_files_module.write_text_atomic
    created = []

    def watched(path: Path, content: str) -> None:
        write(path, content)
        created.append(read_record(folder / "run.json")[0].created)

    monkeypatch.setattr(run_files_module, "write_text_atomic", watched)
    write_record(folder, text)
    assert created == [RunRecord.model_validate_json(before).created, "2030", "2030"]
    assert (folder / "run.json.sha256").read_text("utf-8").count("\n") == 1


def test_a_record_goes_before_tables_that_it_does_not_describe(folder: Path) -> None:
    files = RunFolder(folder).record.files
    assert make_way(folder, files) == []
    assert (folder / "run.json").exists()
    assert make_way(folder, {**files, "segments.parquet": "0" * 64}) == []
    assert not (folder / "run.json").exists()
    assert make_way(folder, files) == []


_HOLDER = """
import sys, time
from pathlib import Path
from harness.store import alone
with alone(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.mark.parametrize("killed", [True, False])
def test_one_process_works_in_a_folder_and_a_killed_one_holds_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, killed: bool
) -> None:
    command = [sys.executable, "-c", _HOLDER, str(tmp_path / "out" / ".running"), "30" if killed else "0.5"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        if killed:
            holder.send_signal(signal.SIGKILL)
            holder.wait()
        begun = time.monotonic()
        with alone(tmp_path / "out" / ".running"):
            assert time.monotonic() - begun < 20
        told = f"the same run is being made by process {holder.pid} on"
        assert (told in caplog.text) != killed


def test_who_waited_for_a_folder_that_went_makes_it_again(tmp_path: Path) -> None:
    with alone(tmp_path / "a"):
        shutil.rmtree(tmp_path / "a")
        with alone(tmp_path / "a"):
            assert (tmp_path / "a" / "holder").is_file()


def test_a_folder_that_cannot_be_written_is_named(tasks: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((StorageError, OSError)) as caught:
        make(tasks, tmp_path / "file" / "out")
    assert "file" in str(caught.value)


def test_what_is_different_now_is_said(tasks: Path, folder: Path, tmp_path: Path) -> None:
    record = RunFolder(folder).record
    files = load_tasks(["translate"], [tasks])
    assert planned_differences(record, files) == []
    assert differences(record, record) == ["all 2 scores are those of then, to the last digit"]
    task = record.tasks[0]
    other = record.model_copy(
        update={
            "tasks": (task.model_copy(update={"file_sha256": "0" * 64}), task.model_copy(update={"name": "gone"})),
            "glotbench": "0.0",
            "versions": {**record.versions, "torch": "1.0"},
            "hardware": {**record.hardware, "gpu": "NVIDIA H200"},
            "git_commit": "abc",
        }
    )
    lines = planned_differences(other, files)
    assert [line.partition(":")[0] for line in lines] == [
        "file of task translate",
        "task gone is not there any more",
        "glotbench",
        "torch",
        "hardware",
        "git commit",
    ]
    assert "hardware: gpu: nothing, was NVIDIA H200" in lines
    assert any(line.startswith("torch: ") and line.endswith("was 1.0") for line in lines)
    changed = tmp_path / "changed"
    shutil.copytree(tasks, changed)
    (changed / "nqo_Nkoo.tsv").write_text((tasks / "nqo_Nkoo.tsv").read_text("utf-8").replace(" 3", " ߃"), "utf-8")
    found = differences(record, RunFolder(make(changed, tmp_path / "out2")).record)
    assert found == [
        "task translate: the data changed in 1 languages (eng_Latn-nqo_Nkoo)",
        "1 of 2 scores are those of then, 1 are others, 0 are missing",
    ]
    spoiled = RunFolder(make(tasks, tmp_path / "out3", "echo:x,degrade=amh_Ethi")).record
    assert "model x: degrade: amh_Ethi, was nothing" in differences(record, spoiled)
    assert list(examine(RunFolder(folder))) == []
