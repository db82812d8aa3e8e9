"""``glotbench run --from`` and ``glotbench doctor`` of a results folder, in subprocesses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.export import scores_csv
from harness.store import RunFolder
from tests.cli.test_command_line import TASK, TEXTS, glotbench


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a task in ``tasks``, and a run of a part of it in ``results``; paths are given relative to it."""
    folder = tmp_path_factory.mktemp("repeat")
    (folder / "tasks").mkdir()
    (folder / "tasks" / "mini.yaml").write_text(TASK, encoding="utf-8")
    for language, text in TEXTS.items():
        (folder / "tasks" / f"{language}.tsv").write_text(text, encoding="utf-8")
    options = ["--languages", "nqo", "--limit", "2", "--seed", "5", "--model", "echo:x,name=ሀ,batch_size=1"]
    done = glotbench("run", "mini", "--tasks", "tasks", *options, "--out", "results", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def run_of(workplace: Path) -> str:
    (run,) = (path.parent for path in (workplace / "results").glob("*/run.json"))
    return f"results/{run.name}"


def test_a_run_is_repeated_byte_for_byte(workplace: Path) -> None:
    done = glotbench("run", "--from", run_of(workplace), "--out", "again", cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert "repeated: all 2 scores are those of then, to the last digit" in done.stderr
    assert "different now" not in done.stderr
    first, second = RunFolder(workplace / run_of(workplace)).record, RunFolder(workplace / done.stdout.strip()).record
    assert scores_csv(first) == scores_csv(second)
    assert (second.seed, second.arguments) == (5, first.arguments)
    assert second.arguments is not None
    assert second.arguments.languages == ("nqo_Nkoo",)


def test_what_changed_since_is_said_in_a_line_each(workplace: Path, tmp_path: Path) -> None:
    shutil.copytree(workplace, tmp_path / "w")
    changed = tmp_path / "w"
    with (changed / "tasks" / "mini.yaml").open("a", encoding="utf-8") as file:
        file.write("# ተቀይሯል\n")
    text = TEXTS["nqo_Nkoo"].replace("ߖߌ", "ߖߌ ߖߌ")
    (changed / "tasks" / "nqo_Nkoo.tsv").write_text(text, encoding="utf-8")
    done = glotbench("run", "--from", run_of(changed), "--out", "again", cwd=changed)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert any(line.startswith("different now: file of task mini: ") for line in lines)
    assert "repeated: task mini: the data changed in 1 languages (eng_Latn-nqo_Nkoo)" in lines
    (changed / "tasks" / "mini.yaml").unlink()
    done = glotbench("run", "--from", run_of(changed), "--out", "again", cwd=changed)
    assert done.returncode == 2
    assert f"error: {run_of(changed)}: cannot be repeated, as a task of it cannot be loaded" in done.stderr
    moved = changed / "moved"
    shutil.copytree(workplace / "tasks", moved)
    done = glotbench("run", "--from", run_of(changed), "--tasks", "moved", "--out", "third", cwd=changed)
    assert (done.returncode, "all 2 scores are those of then" in done.stderr) == (0, True)


@pytest.mark.parametrize("option", [["--limit", "3"], ["mini"], ["--model", "echo:y"], ["--seed", "5"]])
def test_what_would_make_it_another_run_is_refused(workplace: Path, option: list[str]) -> None:
    done = glotbench("run", "--from", run_of(workplace), *option, "--out", "never", cwd=workplace)
    assert done.returncode == 2
    assert "--from repeats a run as it was; leave out" in done.stderr
    assert not (workplace / "never").exists()


def test_a_record_that_does_not_say_what_it_was_given_is_refused(workplace: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(workplace / run_of(workplace), run)
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    del record["arguments"]
    (run / "run.json").write_text(json.dumps(record), encoding="utf-8")
    (run / "run.json.sha256").unlink()
    done = glotbench("run", "--from", run)
    assert (done.returncode, "does not say what it was given" in done.stderr) == (2, True)
    assert glotbench("run", "--model", "echo:x").returncode == 2
    assert "Missing option '--model'" in glotbench("run", "mini").stderr


def test_doctor_looks_at_all_of_a_results_folder(workplace: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(workplace / "results", results)
    done = glotbench("doctor", results)
    assert (done.returncode, done.stdout) == (0, f"{results}: well; 1 runs and the responses they rest on\n")
    store = results / "responses.sqlite"
    assert "every row fits its checksum" in glotbench("doctor", store).stdout
    content = bytearray(store.read_bytes())
    place = content.rindex(TEXTS["eng_Latn"].split("\t")[2].partition("\n")[0].encode())
    content[place] ^= 1
    store.write_bytes(content)
    for path in (results, store):
        done = glotbench("doctor", path)
        assert done.returncode == 2
        assert f"{store}: 1 of its responses do not fit their checksum" in done.stderr
    done = glotbench("run", "--from", next(iter(results.glob("mini*"))), "--out", results, cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert f"note: {store}: damaged entries: 1;" in done.stderr
    assert glotbench("doctor", results).returncode == 0
    store.write_bytes(b"no database")
    assert (
        glotbench("run", "--from", next(iter(results.glob("mini*"))), "--out", results, cwd=workplace).returncode == 0
    )
    done = glotbench("doctor", results)
    assert (done.returncode, "responses.sqlite.damaged-1: put aside" in done.stderr) == (0, True)
