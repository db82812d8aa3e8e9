"""mteb's result files, written and read: round trips, files of mteb's own, and files that are none."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import cli
from harness.compare import compare
from harness.doctor import examine
from harness.engine.models import parse_model
from harness.errors import RecordError
from harness.loader import load_tasks
from harness.runner import RunPlan, run
from harness.store import RunFolder

TASK = """\
task: my_pairs
kind: bitext_mining
dataset: {files: "{lang}.txt", format: lines}
directions: xx-eng
languages: [eng_Latn, amh_Ethi, nqo_Nkoo, mya_Mymr]
metrics: [bitext_f1, bitext_accuracy]
"""

ENTRY = {"main_score": 0.5, "f1": 0.5, "hf_subset": "ara-eng", "languages": ["ara-Arab", "eng-Latn"]}
RESULT = {
    "dataset_revision": "abc",
    "task_name": "Tatoeba",
    "mteb_version": "2.26.24",
    "scores": {"test": [ENTRY]},
    "evaluation_time": 1.5,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a small bitext task on two models."""
    folder = tmp_path_factory.mktemp("mteb-results")
    (folder / "my_pairs.yaml").write_text(TASK, encoding="utf-8")
    for code, word in (("eng_Latn", "water"), ("amh_Ethi", "ውሃ"), ("nqo_Nkoo", "ߖߌ"), ("mya_Mymr", "ရေ")):
        lines = [f"{word} {number * 37 % 11} {number * 53 % 97} 🌊" for number in range(30)]
        (folder / f"{code}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    plan = RunPlan(
        tasks=load_tasks(["my_pairs"], [folder]),
        models=[parse_model("echo:mine,name=org/mine"), parse_model("echo:other,degrade=mya_Mymr")],
        out=folder / "out",
        data_root=folder,
    )
    return run(plan, lambda *_: None)


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], standalone_mode=False)


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_round_trip_keeps_scores_and_intervals(finished: Path, tmp_path: Path) -> None:
    done = invoke("export", "mteb", finished, "--out", tmp_path / "mteb")
    assert done.exit_code == 0, done.output
    files = [Path(line) for line in done.output.splitlines()]
    assert len(files) == 2
    back = invoke("import", "mteb", *files, "--out", tmp_path / "runs")
    assert back.exit_code == 0, back.output
    record, own = RunFolder(Path(back.output.strip())).record, RunFolder(finished).record
    assert [replace(score, segments=True) for score in record.scores] == list(own.scores)
    assert not any(score.segments for score in record.scores)
    assert record.models == own.models
    assert record.tasks == own.tasks
    assert "no segments are known" in record.notes[0]
    assert not list(examine(RunFolder(Path(back.output.strip()))))


def test_mteb_reads_what_is_written(finished: Path, tmp_path: Path) -> None:
    results = pytest.importorskip("mteb.results", reason="mteb is not installed (pip install 'glotbench[mteb]')")
    done = invoke("export", "mteb", finished, "--out", tmp_path)
    own = RunFolder(finished).record
    for line in done.output.splitlines():
        read = results.TaskResult.from_disk(Path(line))
        entry = next(one for one in read.scores["test"] if one["hf_subset"] == "nqo_Nkoo-eng_Latn")
        model = entry["glotbench"]["model"]["name"]
        score = next(
            one
            for one in own.scores
            if (one.model, one.language, one.metric) == (model, "nqo_Nkoo-eng_Latn", "bitext_f1")
        )
        assert entry["main_score"] == entry["f1"] == score.value
        assert entry["glotbench"]["scores"][0]["ci_low"] == score.ci_low
        assert entry["languages"] == ["nqo-Nkoo", "eng-Latn"]
        saved = tmp_path / "saved.json"
        read.to_disk(saved)  # mteb keeps what it does not know
        again = RunFolder(Path(invoke("import", "mteb", saved, "--out", tmp_path / "runs").output.strip())).record
        found = next(one for one in again.scores if one.key == score.key)
        assert found.value == pytest.approx(score.value, abs=1e-6)
        assert found.ci_low == pytest.approx(score.ci_low, abs=1e-6)


def test_files_of_mtebs_own_are_compared_gated_and_shown(tmp_path: Path) -> None:
    pytest.importorskip("mteb", reason="mteb is not installed (pip install 'glotbench[mteb]')")
    runs = []
    for name, value in (("org__first", 0.8), ("org__second", 0.6)):
        entries = [
            {**ENTRY, "main_score": value},
            {**ENTRY, "hf_subset": "amh-eng", "languages": ["amh-Ethi", "eng-Latn"], "main_score": value / 2},
        ]
        path = write(tmp_path / name / "rev" / "Tatoeba.json", {**RESULT, "scores": {"test": entries}})
        done = invoke("import", "mteb", path, "--out", tmp_path / "runs")
        assert done.exit_code == 0, done.output
        runs.append(Path(done.output.strip()))
    record = RunFolder(runs[0]).record
    assert [model.name for model in record.models] == ["org/first"]
    assert {(score.language, score.metric, score.value) for score in record.scores} == {
        ("arb_Arab-eng_Latn", "bitext_f1", 0.8),
        ("amh_Ethi-eng_Latn", "bitext_f1", 0.4),
    }
    assert all(score.ci_low is None and not score.segments and score.note for score in record.scores)
    found = compare([RunFolder(path) for path in runs])
    assert not found.contrasts
    assert {one.reason for one in found.not_compared} == {
        "no segments are known, so that 0.600 and 0.800 cannot be tested",
        "no segments are known, so that 0.300 and 0.400 cannot be tested",
    }
    policy = write(tmp_path / "policy.yaml", "rules: [{margin: 0.01}]\n")
    undecided = invoke("gate", runs[1], "--baseline", runs[0], "--policy", policy, "--strict")
    assert undecided.return_value == 3, undecided.output
    write(policy, "rules: [{margin: 0.01, hard_drop: 0.15}]\n")
    lost = invoke("gate", runs[1], "--baseline", runs[0], "--policy", policy)
    assert lost.return_value == 1, lost.output
    built = invoke("leaderboard", "build", tmp_path / "runs", "--out", tmp_path / "site")
    assert built.exit_code == 0, built.output
    assert "0.800" in "".join(page.read_text(encoding="utf-8") for page in (tmp_path / "site").rglob("*.html"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "no result of mteb's"),
        ({"task_name": "X"}, "scores"),
        ({**RESULT, "scores": {}}, "scores"),
        ({**RESULT, "scores": {"test": [{"hf_subset": "x", "languages": []}]}}, "main_score"),
        ({**RESULT, "scores": {"test": [{**ENTRY, "main_score": "ውሃ"}]}}, "main_score"),
        (json.dumps({**RESULT, "scores": {"test": [{**ENTRY, "main_score": float("nan")}]}}), "main_score"),
        ({**RESULT, "scores": {"test": [{**ENTRY, "languages": "ara-Arab"}]}}, "languages"),
        ({**RESULT, "scores": {"test": [{**ENTRY, "glotbench": {"scores": []}}]}}, "glotbench"),
        ({**RESULT, "scores": {"test": [ENTRY, {**ENTRY, "hf_subset": "ara-eng"}]}}, "second score"),
        ({"mteb_dataset_name": "Tatoeba", "test": {}}, "before 1.11"),
    ],
)
def test_what_is_no_result_is_told_in_one_line(tmp_path: Path, content: object, told: str) -> None:
    path = write(tmp_path / "org__model" / "rev" / "X.json", content)
    done = invoke("import", "mteb", path, "--out", tmp_path / "runs")
    assert isinstance(done.exception, RecordError)
    assert told in str(done.exception)
    assert str(path) in str(done.exception)
    assert "\n" not in str(done.exception)
    assert not (tmp_path / "runs").exists()


def test_a_file_that_names_no_model_needs_one(tmp_path: Path) -> None:
    path = write(tmp_path / "Tatoeba.json", RESULT)
    assert "name it with --model" in str(invoke("import", "mteb", path, "--out", tmp_path / "runs").exception)
    named = invoke("import", "mteb", path, "--out", tmp_path / "runs", "--model", "ሞዴል/one")
    assert RunFolder(Path(named.output.strip())).record.models[0].name == "ሞዴል/one"
    assert "no such" in str(invoke("import", "mteb", tmp_path / "none.json").exception).lower()


def test_the_record_says_whose_scores_these_are(finished: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "org__model" / "rev" / "Tatoeba.json", RESULT)
    done = invoke("import", "mteb", path, "--out", tmp_path / "runs")
    record = RunFolder(Path(done.output.strip())).record
    assert record.imported is not None
    assert (record.imported.program, record.imported.version) == ("mteb", "2.26.24")
    assert record.imported.files[0].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [model.label for model in record.models] == ["imported"]
    assert RunFolder(finished).record.imported is None


def test_files_that_mteb_writes_are_read_to_the_last_digit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mteb = pytest.importorskip("mteb", reason="mteb is not installed (pip install 'glotbench[mteb]')")
    from datasets import Dataset, DatasetDict

    from harness.mteb_model import glotbench_model

    task = mteb.get_task("Tatoeba", hf_subsets=["amh-eng", "ara-eng"])
    pairs = {
        subset: [(f"{word} {number * 7 % 11}", f"water {number * 5 % 9}") for number in range(20)]
        for subset, word in (("amh-eng", "ውሃ"), ("ara-eng", "ماء"))
    }
    task.dataset = DatasetDict(
        {
            subset: DatasetDict(
                {
                    "test": Dataset.from_dict(
                        {"sentence1": [one for one, _ in own], "sentence2": [two for _, two in own]}
                    )
                }
            )
            for subset, own in pairs.items()
        }
    )
    task.data_loaded = True
    monkeypatch.setattr(task, "load_data", lambda **_: None)
    cache = mteb.ResultCache(cache_path=tmp_path / "mteb")
    mteb.evaluate(glotbench_model("echo:x"), task, cache=cache, co2_tracker=False, show_progress_bar=False)
    (written,) = (tmp_path / "mteb").rglob("Tatoeba.json")
    entries = json.loads(written.read_text(encoding="utf-8"))["scores"]["test"]
    done = invoke("import", "mteb", tmp_path / "mteb", "--out", tmp_path / "runs")
    assert done.exit_code == 0, (done.output, done.exception)
    record = RunFolder(Path(done.output.strip())).record
    languages = {"amh-eng": "amh_Ethi-eng_Latn", "ara-eng": "arb_Arab-eng_Latn"}
    assert {score.language: score.value for score in record.scores} == {
        languages[entry["hf_subset"]]: entry["main_score"] for entry in entries
    }
    assert [model.name for model in record.models] == ["glotbench/x"]
