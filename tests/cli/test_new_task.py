"""``glotbench tasks new``: for every kind a file that validates as it stands, and runs with two languages of rows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import get_args

import pytest
import yaml

from harness.engine.models import parse_model
from harness.errors import UserError
from harness.loader import load_task, load_tasks
from harness.runner import RunPlan, run
from harness.schema import task_schema
from harness.spec import Kind
from harness.store import RunFolder
from harness.task_templates import new_task
from tests.cli.test_command_line import glotbench

KINDS = get_args(Kind)
LANGUAGES = ("eng_Latn", "nqo_Nkoo")

TEXTS = {
    "eng_Latn": ["Water boils.", "The sky is blue.", "Bread is food.", "Rain falls.", "Kenji reads.", "A cat sleeps."],
    "nqo_Nkoo": ["ߖߌ ߦߋ߫ ߥߎߟߌ߫ ߟߊ߫", "ߛߊ߲ ߦߋ߫ ߝߌ߲", "ߓߎߙߎ ߦߋ߫ ߓߊߟߏ", "ߛߊ߲ߖߌ ߓߍ ߣߊ", "ߞߋ߲ߖߌ ߓߍ ߞߊ߬ߙߊ߲", "ߘߌ߲ ߓߍ ߛߎߣߐ"],
}  # fmt: skip


def table(*columns: list[str]) -> str:
    """A TSV file; the first cell of a column is its name."""
    return "".join("\t".join(cells) + "\n" for cells in zip(*columns, strict=True))


def data(kind: str, language: str) -> dict[str, str]:  # noqa: PLR0911
    """Files of one language, by path below the folder of the data, as a new task file of the kind says."""
    texts = TEXTS[language]
    ids = ["id", *(str(number) for number in range(6))]
    text, turned = ["text", *texts], texts[::-1]
    one = f"{language}.tsv"
    halves = ["0", "0", "0", "1", "1", "1"]
    match kind:
        case "multiple_choice":
            choices = [["choice1", *texts], ["choice2", *turned], ["choice3", *"🎉ሀለሐመሠ"]]
            return {one: table(ids, ["question", *texts], *choices, ["answer", *"012012"])}
        case "generate_until":
            return {one: table(ids, ["question", *texts], ["answer", *turned])}
        case "loglikelihood":
            return {one: table(ids, ["beginning", *texts], ["ending", *turned])}
        case "preference":
            return {one: table(ids, ["prompt", *texts], ["chosen", *turned], ["rejected", *"🎉ሀለሐመሠ"])}
        case "contrastive":
            good, bad = ["good-translation", *texts], ["incorrect-translation", *"🎉ሀለሐመሠ"]
            return {one: table(ids, ["source", *turned], ["reference", *texts], good, bad)}
        case "sts":
            return {one: table(ids, ["sentence1", *texts], ["sentence2", *turned], ["score", *"012345"])}
        case "pair_classification":
            return {one: table(ids, ["sentence1", *texts], ["sentence2", *turned], ["label", *halves])}
        case "clustering":
            return {one: table(ids, text, ["label", *halves])}
        case "classification" | "multilabel_classification":
            label = "[{}]" if kind.startswith("multi") else "{}"
            rows = table(ids, text, ["label", *(label.format(half) for half in halves)])
            return {f"{language}-{split}.tsv": rows for split in ("train", "test")}
        case "retrieval" | "reranking":
            judged = table(["query-id", *"012345"], ["corpus-id", *"012345"], ["score", *"111111"])
            parts = {"queries": table(ids, text), "corpus": table(ids, text), "qrels": judged}
            if kind == "reranking":
                parts["candidates"] = table(["query-id", *"012345"], ["corpus-ids", *["0 1 2 3 4 5"] * 6])
            return {f"{language}/{name}.tsv": rows for name, rows in parts.items()}
        case _:
            return {one: table(ids, text)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_file_validates_and_runs(tmp_path: Path, kind: Kind) -> None:
    path = tmp_path / "greetings.yaml"
    path.write_text(new_task(kind, "greetings", LANGUAGES, path.name), encoding="utf-8")
    spec = load_task(path)
    assert (spec.task, spec.kind, tuple(spec.languages)) == ("greetings", kind, LANGUAGES)
    for language in LANGUAGES:
        for name, text in data(kind, language).items():
            file = tmp_path / "greetings" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    plan = RunPlan(
        tasks=load_tasks([str(path)], []), models=[parse_model("echo:try")], out=tmp_path / "out", data_root=tmp_path
    )
    record = RunFolder(run(plan, lambda *_: None)).record
    scored = {score.metric for score in record.scores if score.value is not None}
    assert scored == {metric.name for metric in spec.metrics}
    assert record.notes == ()


@pytest.mark.parametrize("kind", KINDS)
def test_the_data_that_a_new_file_describes_raises_no_alarm(tmp_path: Path, kind: Kind) -> None:
    from harness.data_checks import check_data

    path = tmp_path / "greetings.yaml"
    path.write_text(new_task(kind, "greetings", LANGUAGES, path.name), encoding="utf-8")
    for language in LANGUAGES:
        for name, text in data(kind, language).items():
            file = tmp_path / "greetings" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    report = check_data(load_tasks([str(path)], [])[0], tmp_path)
    assert (report.problems, report.remarks) == ((), ())


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_file_fits_the_schema(kind: Kind) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    text = new_task(kind, "greetings", ("no", "eng"), "greetings.yaml")
    assert list(jsonschema.Draft202012Validator(task_schema()).iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize("kind", KINDS)
def test_remarks_stand_in_one_column(kind: Kind) -> None:
    lines = new_task(kind, "greetings", LANGUAGES, "greetings.yaml").splitlines()
    columns = {line.index("  # ") for line in lines if "  # " in line and not line.lstrip().startswith("#")}
    short = {column for column in columns if column < 34}
    assert len(short) == 1
    assert all(len(line) <= 120 for line in lines)


@pytest.mark.parametrize("name", ["no", "1e5", "2026", "a.b+c-d_e", "010", "null"])
def test_names_and_languages_that_yaml_would_misread(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(new_task("translation", name, ("no", "yo", "zh-CN"), path.name), encoding="utf-8")
    spec = load_task(path)
    assert spec.task == name
    assert spec.languages == {"nob_Latn": "no", "yor_Latn": "yo", "zho_Hans": "zh-CN"}


@pytest.mark.parametrize(
    ("kind", "name", "languages", "expected"),
    [
        ("sts", "my task", LANGUAGES, "'my task' cannot be the name of a task"),
        ("sts", "../x", LANGUAGES, "'../x' cannot be the name of a task"),
        ("sts", "x", ("eng", "en"), "--languages: eng is eng_Latn, which is there twice"),
        ("sts", "x", ("engg",), "unknown language 'engg'"),
        ("alignment", "x", ("yor",), "kind alignment compares languages; name two or more"),
    ],
)
def test_what_cannot_be_written(kind: Kind, name: str, languages: tuple[str, ...], expected: str) -> None:
    with pytest.raises(UserError) as caught:
        new_task(kind, name, languages, "x.yaml")
    assert expected in str(caught.value)


def test_the_command(tmp_path: Path) -> None:
    done = glotbench("tasks", "new", "multiple_choice", "quiz", "--languages", "amh,mya", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "quiz.yaml\n")
    assert load_task(tmp_path / "quiz.yaml").languages == {"amh_Ethi": "amh", "mya_Mymr": "mya"}
    written = (tmp_path / "quiz.yaml").read_bytes()
    again = glotbench("tasks", "new", "sts", "quiz", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr == "error: quiz.yaml: is there already; name another file with --out\n"
    assert (tmp_path / "quiz.yaml").read_bytes() == written
    unknown = glotbench("tasks", "new", "multiple_choise", "x", "--out", tmp_path / "deep" / "x.yaml")
    assert unknown.returncode == 2
    assert "no kind 'multiple_choise' (did you mean 'multiple_choice'?)" in unknown.stderr
    nowhere = glotbench("tasks", "new", "sts", "x", "--out", tmp_path / "deep" / "x.yaml")
    assert nowhere.returncode == 2
    assert f"{os.sep}deep{os.sep}x.yaml: cannot be written" in nowhere.stderr
