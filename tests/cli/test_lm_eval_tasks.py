"""lm-eval's tasks on the command line: listed, shown, validated and run by name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

TASK = """\
task: ጥያቄ_{code}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/{code}.jsonl}}}}
output_type: multiple_choice
test_split: test
doc_to_text: "{{{{q}}}}"
doc_to_choice: "{{{{c}}}}"
doc_to_target: {gold}
metric_list: [{{metric: acc}}]
tag: ጥያቄዎች
"""
ROWS = {
    "sw": {"q": "Maji ni nini?", "c": ["jiwe la moto", "kioevu"], "a": 1},
    "qu": {"q": "¿Imataq inti?", "c": ["yaku", "hatun quyllur"], "a": 1},
    "my": {"q": "မိုးရွာရင် ဘာသုံးလဲ။ ☔", "c": ["ထီး", "စာအုပ်ကြီး"], "a": 0},
}


@pytest.fixture(scope="module")
def home(lm_eval_cache: Path) -> Path:
    """Where the user's caches are, with the index of lm-eval's tasks, as after a first command."""
    return lm_eval_cache.parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """lm-eval files of one benchmark in three languages, whose gold answers code of theirs gives; and their data."""
    made = tmp_path / "ጥያቄ"
    made.mkdir()
    for code, row in ROWS.items():
        text = TASK.format(code=code, folder=made, gold="!function gold.of")
        (made / f"{code}.yaml").write_text(text, encoding="utf-8")
        (made / f"{code}.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    (made / "gold.py").write_text("def of(doc):\n    return doc['a']\n", encoding="utf-8")
    return made


def glotbench(home: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line in a subprocess, offline."""
    return subprocess.run(
        [sys.executable, "-c", "from harness.cli import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONUTF8": "1",
            "HF_HUB_OFFLINE": "1",
            "COLUMNS": "200",
            "XDG_CACHE_HOME": str(home),
        },
        check=False,
    )


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_lm_evals_groups_come_first_with_their_languages(home: Path) -> None:
    done = glotbench(home, "tasks", "list", "--source", "lm-eval")
    assert done.returncode == 0, done.stderr
    header, *found = rows(done.stdout)
    assert header == ["task", "kind", "tasks", "languages"]
    assert ["lm-eval:xcopa", "group", "11", "11"] in found
    assert ["lm-eval:belebele", "group", "122", "122"] in found
    kinds = [row[1] for row in found]
    first_task = next(index for index, kind in enumerate(kinds) if kind not in ("group", "tag"))
    assert first_task > 1500
    assert not {"group", "tag"} & set(kinds[first_task:])
    assert "lm-eval:xcopa_sw" not in {row[0] for row in found}
    assert "more tasks are in these groups and tags; --search TEXT finds them" in done.stderr


def test_search_finds_what_is_in_groups_too(home: Path, folder: Path) -> None:
    done = glotbench(home, "tasks", "list", "--source", "lm-eval", "--search", "XCOPA_s")
    assert rows(done.stdout)[1:] == [["lm-eval:xcopa_sw", "multiple_choice", "1", "1"]]
    done = glotbench(home, "tasks", "list", "--source", "lm-eval", "--search", "ጥያቄ", "--tasks", folder)
    assert rows(done.stdout)[1] == ["ጥያቄዎች", "tag", "3", "3"]
    assert {row[0] for row in rows(done.stdout)[2:]} == {"ጥያቄ_sw", "ጥያቄ_qu", "ጥያቄ_my"}
    both = glotbench(home, "tasks", "list", "--source", "all", "--search", "xcopa")
    assert both.stdout.splitlines()[0].split() == ["task", "kind", "languages", "description"]
    assert "lm-eval:xcopa_th" in both.stdout


def test_listing_imports_nothing_heavy(home: Path) -> None:
    script = (
        "import sys; from harness.cli import cli\n"
        "cli(['tasks', 'list', '--source', 'lm-eval', '--search', 'xcopa'], standalone_mode=False)\n"
        "heavy = {'lm_eval', 'torch', 'datasets', 'transformers', 'pydantic', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "XDG_CACHE_HOME": str(home)},
        check=True,
    )
    assert done.stderr.strip().endswith("[]")


def test_lm_evals_task_is_shown(home: Path) -> None:
    done = glotbench(home, "tasks", "show", "lm-eval:xcopa")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("xcopa: XCOPA: A Multilingual Dataset for Causal Commonsense Reasoning\n")
    assert "swh_Latn   Swahili  (in the data: sw)" in done.stdout
    assert "xcopa_{lang}" in done.stdout
    unknown = glotbench(home, "tasks", "show", "mmlu_anatomi")
    assert unknown.returncode == 2
    whole = glotbench(home, "tasks", "show", "lm-eval:mmlu_anatomy")
    assert "und        Undetermined" in whole.stdout


def test_code_in_a_users_file_needs_trust(home: Path, folder: Path, tmp_path: Path) -> None:
    run = ["run", "ጥያቄዎች", "--tasks", folder, "--model", "echo:x", "--out", tmp_path / "out"]
    for command in (["tasks", "validate", "ጥያቄ_sw", "--tasks", folder], run):
        refused = glotbench(home, *command)
        assert refused.returncode == 2
        assert f"{folder}/sw.yaml:8: code ('!function gold.of') runs only with --trust-task-code" in refused.stderr
        assert "Traceback" not in refused.stderr
    assert glotbench(home, "tasks", "validate", "ጥያቄ_sw", "--tasks", folder, "--trust-task-code").returncode == 0


def test_languages_are_selected_whatever_they_are_called(home: Path, folder: Path, tmp_path: Path) -> None:
    run = ["run", "ጥያቄዎች", "--tasks", folder, "--model", "echo:x", "--out", tmp_path / "out", "--trust-task-code"]
    found = set()
    for languages in ("sw,quy_Latn", "Swahili,Quechua"):
        done = glotbench(home, *run, "--languages", languages)
        assert done.returncode == 0, done.stderr
        found.add(done.stdout.strip())
    (path,) = found
    record = json.loads((Path(path) / "run.json").read_text(encoding="utf-8"))
    assert {score["language"]: score["value"] for score in record["scores"]} == {"swh_Latn": 1.0, "quy_Latn": 0.0}
    assert {score["task"] for score in record["scores"]} == {"task-b285e0"}


def test_a_language_that_is_not_there_is_told(home: Path, folder: Path, tmp_path: Path) -> None:
    run = ["run", "ጥያቄዎች", "--tasks", folder, "--model", "echo:x", "--out", tmp_path / "out", "--trust-task-code"]
    for languages, told in (("yo", "yor_Latn"), ("Klingonese", "unknown language 'Klingonese'")):
        done = glotbench(home, *run, "--languages", languages)
        assert done.returncode == 2
        assert told in done.stderr
        assert "Traceback" not in done.stderr


def test_what_the_guide_says_to_type(home: Path, tmp_path: Path) -> None:
    quiz = TASK.format(code="sw", folder=tmp_path, gold="a").replace("ጥያቄ_sw", "quiz_sw")
    (tmp_path / "quiz_sw.yaml").write_text(quiz, encoding="utf-8")
    text = (REPOSITORY / "docs" / "lm-eval.md").read_text(encoding="utf-8")
    lines = [line.partition("  #")[0].split()[1:] for line in text.splitlines() if line.startswith("glotbench ")]
    assert len(lines) == 5
    for line in lines:
        done = glotbench(home, *(str(tmp_path) if part == "FOLDER" else part for part in line))
        assert done.returncode == 0, done.stderr
        assert "swahili" in line or "sw" in done.stdout or "1 task file is valid" in done.stdout


def test_a_language_by_name_finds_its_tasks(home: Path) -> None:
    found = glotbench(home, "tasks", "list", "--source", "lm-eval", "--search", "Swahili").stdout
    for name in ("xcopa_sw", "belebele_swh_Latn", "afrixnli_en_direct_swa", "mgsm_direct_sw", "xcopa"):
        assert f"lm-eval:{name} " in found
    assert "lm-eval:xcopa_th " not in found
    assert "lm-eval:agieval " not in found
