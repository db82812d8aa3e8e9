"""COMET where people name it: in a task file, for files of two systems, for the texts a run kept, and in the docs."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli import main
from tests.comet_toy import write_checkpoint, write_encoder

REPOSITORY = Path(__file__).resolve().parents[2]
TOLERANCE = 1e-5  # of two computations in batches of another composition
ROWS = {
    "eng": ["Water is life.", "The sky is blue.", "Bread and salt"],
    "amh": ["ውሃ ሕይወት ነው።", "ሰማዩ ሰማያዊ ነው።", "ዳቦ እና ጨው"],
    "arb": ["الماء حياة", "السماء زرقاء", "خبز وملح"],
}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three checkpoints, and translation tasks that name them."""
    folder = tmp_path_factory.mktemp("workplace")
    encoder = write_encoder(folder / "encoder")
    write_checkpoint(folder / "comet22", encoder)
    write_checkpoint(folder / "kiwi", encoder, "unified_metric", input_segments=["mt", "src"])
    write_checkpoint(folder / "xcomet", encoder, "xcomet_metric")
    (folder / "tasks").mkdir()
    for language, texts in ROWS.items():
        rows = "".join(f"{number}\t{text}\n" for number, text in enumerate(texts))
        (folder / "tasks" / f"{language}.tsv").write_text(f"id\ttext\n{rows}", encoding="utf-8")
        (folder / f"{language}.txt").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    (folder / "other.txt").write_text("".join(f"{text} ።\n" for text in ROWS["amh"][::-1]), encoding="utf-8")
    for name, model in (("comet22", "comet22"), ("kiwi", "kiwi"), ("missing", "./missing.ckpt")):
        task = (
            f"task: by_{name}\nkind: translation\ndataset: {{files: '{{lang}}.tsv', key: id, text: text}}\n"
            f"languages: [eng, amh, arb]\ndirections: eng-xx\n"
            f"metrics:\n  - chrf++\n  - {{name: comet, model: {model}, device: cpu, batch_tokens: 2048}}\n"
        )
        (folder / "tasks" / f"by_{name}.yaml").write_text(task, encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Done:
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


Glotbench = Callable[..., Done]


@pytest.fixture
def glotbench(workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Glotbench:
    """Run a command in this process, which loads torch once, in the folder of the checkpoints."""

    def run(*arguments: object) -> Done:
        monkeypatch.chdir(workplace)
        for name in ("TQDM_DISABLE", "TOKENIZERS_PARALLELISM", "HF_HUB_DISABLE_TELEMETRY"):
            monkeypatch.setenv(name, "1")  # which main() would set for good
        monkeypatch.setattr("sys.argv", ["glotbench", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return Done(returncode=int(ended.value.code or 0), stdout=printed.out, stderr=printed.err)

    return run


def scores(run_folder: Path) -> dict[str, dict[str, object]]:
    record = json.loads((run_folder / "run.json").read_text(encoding="utf-8"))
    return {score["language"]: score for score in record["scores"] if score["metric"] == "comet"}


@pytest.mark.parametrize("name", ["comet22", "kiwi"])
def test_a_task_file_names_a_checkpoint_and_its_options(workplace: Path, glotbench: Glotbench, name: str) -> None:
    done = glotbench("run", f"by_{name}", "--tasks", "tasks", "--data-root", "tasks", "--model", "echo:x")
    assert done.returncode == 0, done.stderr
    run_folder = workplace / done.stdout.strip()
    found = scores(run_folder)
    assert sorted(found) == ["eng_Latn-amh_Ethi", "eng_Latn-arb_Arab"]
    copies = {score["value"] for score in found.values()}  # echo copies the source: only references differ
    assert len(copies) == (1 if name == "kiwi" else 2)
    for score in found.values():
        assert score["n"] == 3
        assert score["ci_low"] < score["value"] < score["ci_high"]
        assert f"|model:{name}|" in score["signature"]
        assert score["title"] == f"COMET ({name})"
    assert glotbench("doctor", run_folder).returncode == 0
    again = glotbench("score", run_folder, "--metrics", f"comet:{name},device=cpu", "--format", "csv")
    assert again.returncode == 0, again.stderr
    values = {row["system"].split()[-1]: float(row["score"]) for row in csv.DictReader(again.stdout.splitlines())}
    assert values == pytest.approx({language: score["value"] for language, score in found.items()}, abs=TOLERANCE)


def test_a_task_that_names_no_checkpoint_that_is_there_says_so(glotbench: Glotbench) -> None:
    done = glotbench("run", "by_missing", "--tasks", "tasks", "--data-root", "tasks", "--model", "echo:x")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: comet: ./missing.ckpt: no such file or folder; name a .ckpt")


def test_two_systems_by_two_checkpoints(glotbench: Glotbench) -> None:
    files = ["--sources", "eng.txt", "--references", "amh.txt", "--hypotheses", "amh.txt", "--hypotheses", "other.txt"]
    metrics = "chrf,comet:comet22,device=cpu,comet:xcomet:device=cpu"
    done = glotbench("score", *files, "--metrics", metrics, "--format", "csv")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [(row["system"], row["metric"]) for row in rows] == [
        (system, metric) for system in ("amh.txt", "other.txt") for metric in ("chrf", "comet", "comet")
    ]
    assert ["|model:comet22|" in rows[place]["signature"] for place in (1, 2)] == [True, False]
    assert len({row["score"] for row in rows}) == len(rows)


def test_a_model_that_does_without_references_is_given_none(glotbench: Glotbench) -> None:
    files = ["--sources", "eng.txt", "--hypotheses", "amh.txt"]
    without = glotbench("score", *files, "--metrics", "comet:kiwi", "--format", "csv")
    assert without.returncode == 0, without.stderr
    given = glotbench("score", *files, "--references", "arb.txt", "--metrics", "comet:kiwi", "--format", "csv")
    assert given.stdout == without.stdout
    needed = glotbench("score", *files, "--metrics", "comet:comet22")
    assert (needed.returncode, needed.stderr.count("\n")) == (2, 1)
    assert "comet: this model needs a reference for every segment; name one that does without" in needed.stderr
    lexical = glotbench("score", *files, "--metrics", "chrf")
    assert (lexical.returncode, lexical.stderr.count("\n")) == (2, 1)
    assert "chrf: " in lexical.stderr


def test_files_alone_are_not_enough(glotbench: Glotbench) -> None:
    done = glotbench("score", "--hypotheses", "amh.txt", "--metrics", "comet:kiwi")
    assert done.returncode == 2
    assert "give the sources" in done.stderr
    unsourced = glotbench("score", "--hypotheses", "amh.txt", "--references", "amh.txt", "--metrics", "comet:kiwi")
    assert unsourced.returncode == 2
    assert "comet: needs the source of every segment; give the sources" in unsourced.stderr


def test_what_the_page_shows_runs(
    workplace: Path, glotbench: Glotbench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every task file, command line and piece of Python, with toys in place of the hub's models."""
    page = (REPOSITORY / "docs" / "comet.md").read_text(encoding="utf-8")
    for name, file in (("sources", "eng"), ("references", "amh"), ("system1", "amh"), ("system2", "other")):
        shutil.copy(workplace / f"{file}.txt", workplace / f"{name}.txt")
    for name in ("comet22", "kiwi", "xcomet"):
        shutil.copytree(workplace / name, workplace / "models" / name)
    done = glotbench("run", "by_comet22", "--tasks", "tasks", "--data-root", "tasks", "--model", "echo:x")
    page = page.replace("results/RUN", done.stdout.strip())
    page = page.replace("Unbabel/wmt22-comet-da", "models/comet22").replace("Unbabel/wmt22-cometkiwi-da", "models/kiwi")
    blocks = re.findall(r"^```(yaml|sh|python)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert {language for language, _ in blocks} == {"yaml", "sh", "python"}
    for language, text in blocks:
        if language == "yaml":
            (workplace / "tasks" / "news.yaml").write_text(text, encoding="utf-8")
        elif language == "python":
            monkeypatch.chdir(workplace)
            exec(text, {})
            assert re.search(r"^(minor|major|critical) .* 0\.\d+$", capsys.readouterr().out, re.MULTILINE)
        else:
            for line in text.replace("\\\n", " ").splitlines():
                done = glotbench(*shlex.split(line, comments=True)[1:])
                assert done.returncode == 0, f"{line}\n{done.stderr}"
                assert done.stdout
