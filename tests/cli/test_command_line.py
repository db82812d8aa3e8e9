"""The command line as people use it: in a subprocess, reading what it prints and how it ends."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "transformers", "datasets", "lm_eval", "pandas", "numpy", "pyarrow", "pydantic", "rich", "jinja2")

TASK = """\
task: mini
kind: translation
dataset: {files: "{lang}.tsv", key: id}
directions: [eng-amh, eng-nqo]
languages: [eng_Latn, amh_Ethi, nqo_Nkoo]
metrics: [bleu, chrf++]
"""
TEXTS = {
    "eng_Latn": "id\ttext\n1\tGood morning, world!\n2\tThe water boils.\n3\tKenji paid 350 euros.\n",
    "amh_Ethi": "id\ttext\n1\tእንደምን አደርክ፣ ዓለም!\n2\tውሃው ይፈላል።\n3\tኬንጂ 350 ዩሮ ከፈለ።\n",
    "nqo_Nkoo": "id\ttext\n1\tߌ ߣߌ߫ ߛߐ߲߬ߜߐ߫\n2\tߖߌ ߦߋ߫ ߥߎߟߌ߫ ߟߊ߫\n3\t350 ߞߋ߲ߖߌ\n",
}


def glotbench(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line in a subprocess, offline."""
    return subprocess.run(
        [sys.executable, "-c", "from harness.cli import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "HF_HUB_OFFLINE": "1", "COLUMNS": "200"},
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one small task and its data."""
    (tmp_path / "mini.yaml").write_text(TASK, encoding="utf-8")
    for language, text in TEXTS.items():
        (tmp_path / f"{language}.tsv").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the small task."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "mini.yaml").write_text(TASK, encoding="utf-8")
    for language, text in TEXTS.items():
        (folder / f"{language}.tsv").write_text(text, encoding="utf-8")
    done = glotbench("run", "mini", "--tasks", folder, "--model", "echo:x", "--out", folder / "results")
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


def test_help_imports_nothing_heavy() -> None:
    """What keeps ``glotbench --help`` under half a second; the time itself is measured in benchmarks/."""
    script = (
        "import sys; from harness.cli import cli\n"
        "try:\n    cli(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=REPOSITORY, check=True)
    assert "Usage:" in done.stdout
    assert done.stderr.strip() == "[]"


def test_run_prints_the_run_folder_alone(finished: Path) -> None:
    assert (finished / "run.json").is_file()
    assert finished.name.startswith("mini--x-")


def test_doctor_finds_the_run_well_and_damage_bad(finished: Path, tmp_path: Path) -> None:
    done = glotbench("doctor", finished)
    assert (done.returncode, "well; 4 scores" in done.stdout) == (0, True)
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    (copy / "segments.parquet").write_bytes(b"PAR1garbage")
    done = glotbench("doctor", copy)
    assert done.returncode == 2
    assert "segments.parquet: damaged" in done.stderr


def test_export_csv_has_exactly_the_documented_columns(finished: Path) -> None:
    done = glotbench("export", "csv", finished)
    rows = list(csv.reader(io.StringIO(done.stdout)))
    assert rows[0] == (
        [
            "model",
            "task",
            "variant",
            "prompt",
            "language",
            "metric",
            "value",
            "stderr",
            "ci_low",
            "ci_high",
            "n",
            "n_failed",
            "signature",
        ]
    )
    assert len(rows) == 5
    record = json.loads((finished / "run.json").read_text(encoding="utf-8"))
    assert [float(row[6]) for row in rows[1:]] == [score["value"] for score in record["scores"]]


def test_score_files_equals_sacrebleu_in_csv(tmp_path: Path) -> None:
    import sacrebleu

    hypotheses, references = ["ውሃው ይፈላል።", "ሰላም"], ["ውሃ ይፈላል።", "ሰላም ለዓለም"]
    (tmp_path / "h.txt").write_text("\n".join(hypotheses), encoding="utf-8")
    (tmp_path / "r.txt").write_text("\n".join(references) + "\n", encoding="utf-8")
    done = glotbench(
        "score", "--hypotheses", tmp_path / "h.txt", "--references", tmp_path / "r.txt",
        "--metrics", "bleu,chrf,chrf++,ter", "--format", "csv",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert list(rows[0]) == ["system", "metric", "score", "ci_low", "ci_high", "n", "signature"]
    for row, metric in zip(
        rows,
        [sacrebleu.BLEU(), sacrebleu.CHRF(), sacrebleu.CHRF(word_order=2), sacrebleu.TER()],
        strict=True,
    ):
        assert float(row["score"]) == metric.corpus_score(hypotheses, [references]).score
        assert row["signature"] == metric.get_signature().format()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score", "--hypotheses", "h.txt", "--references", "h.txt", "--paired"], "needs two systems or more"),
        (["score", "--hypotheses", "h.txt", "--labels", "document"], "--labels document: is not NAME=FILE"),
        (["score", "--hypotheses", "h.txt", "--labels", "flag=h.txt"], "the name flag is taken"),
        (["score", "--hypotheses", "h.txt", "--target-language", "qqq"], "unknown language 'qqq'"),
        (["score", "--hypotheses", "h.txt"], "segment 0: no reference; give at least one"),
        (["score", "--hypotheses", "empty.txt", "--references", "h.txt"], "empty.txt: empty"),
        (["score", "--hypotheses", "h.txt", "--references", "latin1.txt"], "latin1.txt"),
        (["diagnose"], "give RUN folders, or --hypotheses"),
        (["diagnose", "--hypotheses", "h.txt", "--references", "h.txt", "--by", "genre"], "there are length, flag"),
    ],
)
def test_mistakes_with_files_are_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "h.txt").write_text("ߒߞߏ\nမြန်မာ\n", encoding="utf-8")
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "latin1.txt").write_bytes("caf\xe9\nna\xefve\n".encode("latin-1"))
    done = glotbench(*[tmp_path / text if text in ("h.txt", "empty.txt", "latin1.txt") else text for text in arguments])
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 4
    assert "Traceback" not in done.stderr


def test_score_run_scores_its_texts_again(finished: Path) -> None:
    done = glotbench("score", finished, "--metrics", "chrf++,ter", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    record = json.loads((finished / "run.json").read_text(encoding="utf-8"))
    recorded = [score["value"] for score in record["scores"] if score["metric"] == "chrf++"]
    assert [float(row["score"]) for row in rows if row["metric"] == "chrf++"] == recorded


def test_compare_gate_and_bless(finished: Path, tmp_path: Path) -> None:
    root = finished.parents[1]
    base = tmp_path / "baseline"
    done = glotbench("gate", "bless", finished, "--baseline", base, "--reason", "first")
    assert done.returncode == 0, done.stderr
    (tmp_path / "policy.yaml").write_text(
        "rules: [{select: {metric: chrf++}, scope: per_language, margin: 1.0, hard_drop: 2}]\n", encoding="utf-8"
    )
    policy = ("--policy", tmp_path / "policy.yaml")
    done = glotbench("gate", finished, "--baseline", base, *policy, "--junit", tmp_path / "j.xml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "<testsuite" in (tmp_path / "j.xml").read_text(encoding="utf-8")
    worse = glotbench("run", "mini", "--tasks", root, "--model", "echo:x,degrade=amh", "--out", tmp_path / "worse")
    assert worse.returncode == 0, worse.stderr
    done = glotbench("gate", worse.stdout.strip(), "--baseline", base, *policy)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "eng_Latn-amh_Ethi" in done.stdout
    done = glotbench("gate", finished, "--baseline", tmp_path / "nothing", *policy)
    assert done.returncode == 4
    done = glotbench("compare", finished, worse.stdout.strip(), "--format", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)


def test_leaderboard_build_prints_the_page(finished: Path, tmp_path: Path) -> None:
    done = glotbench("leaderboard", "build", finished.parent, "--out", tmp_path / "site")
    assert done.returncode == 0, done.stderr
    page = Path(done.stdout.strip())
    assert page.is_file()
    assert 'lang="nqo' in "".join(path.read_text(encoding="utf-8") for path in page.parent.rglob("*.html"))


def test_tasks_commands() -> None:
    done = glotbench("tasks", "list")
    assert done.returncode == 0
    assert "sample_translation" in done.stdout
    assert "Yoruba" in glotbench("tasks", "show", "mafand").stdout
    assert glotbench("tasks", "validate").returncode == 0
    assert "properties" in json.loads(glotbench("tasks", "schema").stdout)


def broken(folder: Path, case: str) -> list[str | Path]:
    """Arguments of a run with one mistake."""
    task = folder / "mini.yaml"
    run: list[str | Path] = ["run", "mini", "--tasks", folder, "--model", "echo:x", "--out", folder / "out"]
    match case:
        case "unknown task":
            run[1] = "minni"
        case "missing column":
            task.write_text(TASK.replace("key: id", "key: idd"), encoding="utf-8")
        case "malformed YAML":
            task.write_text(TASK + "metrics: [bleu", encoding="utf-8")
            run[1] = str(task)
        case "missing file":
            (folder / "amh_Ethi.tsv").unlink()
        case "unreadable model":
            run[5] = f"hf:{folder / 'no-model'}"
        case "empty data":
            (folder / "amh_Ethi.tsv").write_text("id\ttext\n", encoding="utf-8")
        case "unknown metric":
            task.write_text(TASK.replace("chrf++", "chr++"), encoding="utf-8")
        case "unknown language":
            run += ["--languages", "yorr"]
        case "unknown backend":
            run[5] = "hgg:x"
        case "no data root":
            run += ["--data-root", folder / "nowhere"]
        case "wrong outputs":
            (folder / "hyp.txt").write_text("one line\n", encoding="utf-8")
            run[5] = f"outputs:{folder / 'hyp.txt'}"
    return run


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("unknown task", "did you mean 'mini'?"),
        ("missing column", "no column 'idd' (did you mean 'id'?)"),
        ("malformed YAML", "mini.yaml:"),
        ("missing file", "no file 'amh_Ethi.tsv'"),
        ("unreadable model", "cannot be loaded"),
        ("empty data", "empty"),
        ("unknown metric", "mini.yaml:6"),
        ("unknown language", "yorr"),
        ("unknown backend", "no such backend"),
        ("no data root", "no such folder"),
        ("wrong outputs", "1 lines, but the task has 3"),
    ],
)
def test_a_mistake_is_one_clear_line_and_exit_2(folder: Path, case: str, said: str) -> None:
    done = glotbench(*broken(folder, case))
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr


def test_scores_that_cannot_be_made_are_exit_5(folder: Path) -> None:
    program = f"""command:{sys.executable} -c 'import sys; sys.exit("no")',name=broken"""
    done = glotbench("run", "mini", "--tasks", folder, "--model", program, "--out", folder / "out")
    assert done.returncode == 5
    assert "4 of 4 scores could not be made" in done.stderr
    assert Path(done.stdout.strip()).is_dir()


def test_a_plan_says_what_would_be_done_and_does_nothing(folder: Path) -> None:
    command = ("run", "mini", "--tasks", folder, "--model", "echo:x", "--out", folder / "results")
    done = glotbench(*command, "--plan", "--price-per-hour", "2.5")
    assert done.returncode == 0, done.stderr
    first, characters, written, spent, last = done.stdout.splitlines()
    assert first == "x on mini: 2 units, 6 requests, 6 distinct, 0 known, 6 to compute"
    assert characters.endswith("(this backend counts no tokens)")
    assert written == "  at most 1,536 tokens to write"
    assert "cost 0.00 (measured on 6 requests now" in spent
    assert last == "in all: 6 to compute, about 0.0 s, cost 0.00; nothing was run"
    assert not (folder / "results").exists()
    alone = glotbench(*command, "--price-per-hour", "2.5")
    assert alone.returncode == 2
    assert "--price-per-hour: means nothing without --plan" in alone.stderr


def test_a_run_ends_by_saying_what_it_did(folder: Path) -> None:
    done = glotbench("run", "mini", "--tasks", folder, "--model", "echo:x", "--out", folder / "results")
    lines = done.stderr.splitlines()
    assert lines[-4].startswith("x on mini: 6 requests, 6 computed, 0 known, ")
    assert lines[-3].startswith("  time: reading ")
    assert lines[-2].startswith("  memory at most ")
    assert lines[-1].startswith("whole run: ")
