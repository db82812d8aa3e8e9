"""Tables of scores, sacrebleu's JSON and model cards: what is read, what is refused, and what the pages then say."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import cli
from harness.compare import compare
from harness.doctor import examine
from harness.errors import RecordError, UserError
from harness.exchange.tables import scale_of
from harness.records import RunRecord, ScoreRecord
from harness.store import RunFolder

WIDE = "model,prompt,eng,amh,nqo,avg\nmodel α,p1,90.25,54.17,3,49.1\nmodel α,p2,80,,0.5,40.3\nb/🦁,p1,70,60,50,60\n"


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [*map(str, arguments)], standalone_mode=False)


def imported(kind: str, *arguments: object, out: Path) -> RunFolder:
    done = invoke("import", kind, *arguments, "--out", out)
    assert done.exit_code == 0, (done.output, done.exception)
    folder = RunFolder(Path(done.stdout.strip()))
    assert not list(examine(folder))
    return folder


def table(folder: Path, text: str, name: str = "quiz.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def values(record: RunRecord) -> dict[tuple[str, str, str], float | None]:
    return {(score.model, score.prompt, score.language): score.value for score in record.scores}


def test_a_wide_table_is_a_score_a_cell(tmp_path: Path) -> None:
    record = imported("csv", table(tmp_path, WIDE), out=tmp_path / "runs").record
    assert values(record) == {
        ("model α", "p1", "eng_Latn"): 90.25,
        ("model α", "p1", "amh_Ethi"): 54.17,
        ("model α", "p1", "nqo_Nkoo"): 3.0,
        ("model α", "p2", "eng_Latn"): 80.0,
        ("model α", "p2", "amh_Ethi"): None,
        ("model α", "p2", "nqo_Nkoo"): 0.5,
        ("b/🦁", "p1", "eng_Latn"): 70.0,
        ("b/🦁", "p1", "amh_Ethi"): 60.0,
        ("b/🦁", "p1", "nqo_Nkoo"): 50.0,
    }
    assert {(score.task, score.metric, score.unit, score.segments, score.ci_low) for score in record.scores} == {
        ("quiz", "score", "points", False, None)
    }
    assert record.imported is not None
    assert record.imported.program == "table"
    assert {model.label for model in record.models} == {"imported"}
    missing = next(score for score in record.scores if score.value is None)
    assert missing.note == "no value in the table"
    assert any("scale 0-100 inferred" in note for note in record.notes)


def test_a_long_table_names_its_columns(tmp_path: Path) -> None:
    text = "System\tWhich\tlang\tresult\nA\tበጎ\tyo\t0.5\nA\tበጎ\tThai\t0.25\nA\tበጎ\teng-yor\t1\n"
    path = table(tmp_path, text, "long.tsv")
    record = imported(
        "csv", path, "--columns", "value=result,task=Which", "--metric", "acc", out=tmp_path / "runs"
    ).record
    assert {(score.task, score.language, score.value, score.metric, score.unit) for score in record.scores} == {
        ("በጎ", "yor_Latn", 0.5, "acc", "fraction"),
        ("በጎ", "tha_Thai", 0.25, "acc", "fraction"),
        ("በጎ", "eng_Latn-yor_Latn", 1.0, "acc", "fraction"),
    }


@pytest.mark.parametrize(
    ("metric", "scale", "text", "expected"),
    [
        ("acc", "100", "54.17", 0.5417),
        ("acc", "auto", "54.17", 0.5417),
        ("acc", "auto", "0.5417", 0.5417),
        ("chrf", "1", "0.333", 33.3),
        ("chrf", "auto", "33.3", 33.3),
        ("mine", "1", "0.5", 0.5),
        ("mine", "raw", "-1234.5", -1234.5),
        ("word_perplexity", "auto", "812.5", 812.5),
        ("cosine_spearman", "auto", "-0.25", -0.25),
    ],
)
def test_scores_come_in_the_unit_of_their_metric(
    tmp_path: Path, metric: str, scale: str, text: str, expected: float
) -> None:
    path = table(tmp_path, f"model,amh\nA,{text}\n")
    record = imported("csv", path, "--metric", metric, "--scale", scale, out=tmp_path / "runs").record
    assert [score.value for score in record.scores] == [expected]


def test_the_rule_of_scales() -> None:
    assert scale_of("x", ["0", "1", "0.5"], "score", "auto")[0] == "1"
    assert scale_of("x", ["0", "1.5"], "score", "auto")[0] == "100"
    with pytest.raises(RecordError, match="outside 0 to 100"):
        scale_of("x", ["101"], "score", "auto")
    with pytest.raises(RecordError, match="outside 0 to 1;"):
        scale_of("x", ["0.5", "1.01"], "score", "1")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("model,amh\n", "no score"),
        ("model,amh\nA\n", "1 cells, the header has 2"),
        ("model,amh\nA,five\n", "no score"),
        ("model,amh\nA,٥٠\n", "no score"),
        ("model,amh\nA,1e999\n", "no score"),
        ("model,amh\nA,120\n", "outside 0 to 100"),
        ("model,amh\nA,50\nA,50\n", ":3: a second score of A quiz amh_Ethi score"),
        ("model,amh,am\nA,50,60\n", "are both amh_Ethi"),
        ("model,amh,amh\nA,50,60\n", "two columns are called"),
        ("model,amh,klingon!\nA,50,60\n", "is no language"),
        ("model,prompt\nA,50\n", "no column of scores"),
        ("amh,yor\n50,60\n", "no model"),
        ("model,language,value\nA,xxx,1\n", "no language has that code"),
        ('model,amh\n"A,50\n', "no table"),
        ("model,amh\nA\x1b[31m,50\n", "is no name"),
        ("model,amh\n" + "x" * 300 + ",50\n", "is no name"),
        ("model,amh\nA\x00,50\n", ""),
    ],
)
def test_what_is_no_table_is_told_in_one_line(tmp_path: Path, text: str, told: str) -> None:
    done = invoke("import", "csv", table(tmp_path, text), "--out", tmp_path / "runs")
    assert isinstance(done.exception, RecordError), (done.output, done.exception)
    assert told in str(done.exception)
    assert "\n" not in str(done.exception)
    assert not (tmp_path / "runs").exists()


def test_what_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"model,amh\n\xff,5\n")
    assert "not UTF-8" in str(invoke("import", "csv", path).exception)
    assert "no such file" in str(invoke("import", "csv", tmp_path / "none.csv").exception)
    path.write_text("model,amh\nA,5\n", encoding="utf-8")
    assert "did you mean 'model'" in str(invoke("import", "csv", path, "--columns", "modle=model").exception)
    assert "no column" in str(invoke("import", "csv", path, "--columns", "model=modle").exception)
    assert isinstance(invoke("import", "csv", path, "--columns", "model").exception, UserError)


def test_our_own_csv_comes_back_to_the_last_digit(tmp_path: Path) -> None:
    score = ScoreRecord(
        model="=cmd()",
        task="-quiz",
        prompt="p+",
        language="yor_Latn",
        metric="acc",
        title="accuracy",
        value=1 / 3,
        stderr=0.1 + 0.2,
        ci_low=0.1,
        ci_high=2 / 3,
        n=9,
        n_failed=1,
        unit="fraction",
        bounds=(0.0, 1.0),
        higher_is_better=True,
        signature="acc|x",
    )
    from harness.export import scores_csv

    first = imported("csv", table(tmp_path, WIDE), out=tmp_path / "runs").record
    text = scores_csv(first.model_copy(update={"scores": (score,)}))
    assert "'=cmd()" in text
    (back,) = imported("csv", table(tmp_path, text, "back.csv"), out=tmp_path / "again").record.scores
    kept = ("model", "task", "prompt", "language", "metric", "value", "stderr", "ci_low", "ci_high", "n", "n_failed")
    assert [getattr(back, name) for name in kept] == [getattr(score, name) for name in kept]


def test_pages_and_reports_pretend_neither_ties_nor_leads(tmp_path: Path) -> None:
    folder = imported("csv", table(tmp_path, WIDE.replace("α,p2", "γ,p1")), out=tmp_path / "runs")
    report = invoke("report", folder.path)
    assert report.exit_code == 0, report.output
    assert "unknown" in report.output
    assert "1 to 3" not in report.output
    built = invoke("leaderboard", "build", tmp_path / "runs", "--out", tmp_path / "site")
    assert built.exit_code == 0, (built.output, built.exception)
    index = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert "tied</span>" not in index
    assert "clear lead</span>" not in index
    assert "No interval is known: the order is that of the scores" in index
    assert "imported" in index
    about = (tmp_path / "site" / "about.html").read_text(encoding="utf-8")
    assert "Imported from table" in about
    assert "quiz.csv" in about
    assert folder.record.imported is not None
    assert folder.record.imported.files[0].sha256 in about
    ranks = (tmp_path / "site" / "overview.csv").read_text(encoding="utf-8").splitlines()
    columns = ranks[0].split(",")
    assert {row.split(",")[columns.index("rank_first")] for row in ranks[1:] if ",all," in row} == {""}
    other = imported("csv", table(tmp_path, WIDE, "quiz2.csv"), "--task", "quiz", out=tmp_path / "more")
    found = compare([folder, other])
    assert not found.contrasts
    assert "no segments are known, so that 90.2 and 90.2 cannot be tested" in {one.reason for one in found.not_compared}


def test_afrobench_tables_become_one_run(shared_data: Path, tmp_path: Path) -> None:
    files = sorted((shared_data / "afrobench_results").glob("*.csv"))
    record = imported("csv", *files, out=tmp_path / "runs").record
    assert {task.name for task in record.tasks} == {"afrimgsm", "afrimmlu", "afrixnli", "sib", "uhura"}
    found = {(score.task, score.model, score.prompt, score.language): score.value for score in record.scores}
    assert found["afrixnli", "aya-101", "prompt_1", "amh_Ethi"] == 54.17
    assert found["uhura", "AfroLlama-V1", "prompt_3", "zul_Latn"] == 51.44
    assert found["sib", "AfroLlama-V1", "prompt_3", "por_Latn"] == 65.57
    assert ("afrimgsm", "gemma-1.1-7b-it", "prompt_2", "amh_Ethi") not in found
    assert len({score.prompt for score in record.scores}) == 6
    assert all(score.unit == "points" for score in record.scores)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """JSON that the real sacrebleu printed: one metric, three with intervals, and two systems tested."""
    folder = tmp_path_factory.mktemp("sacrebleu")
    lines = [f"omi {number} náà tutù lónìí {number % 3}" for number in range(24)]
    texts = {
        "ref": lines,
        "a": [line.replace("omi 1", "odò 1") for line in lines],
        "b": [line.replace("tutù", "gbóná") for line in lines],
    }
    for name, own in texts.items():
        (folder / f"{name}.txt").write_text("\n".join(own) + "\n", encoding="utf-8")
    runs = {
        "one": ["-i", "a.txt", "-m", "bleu", "-w", "9", "--tokenize", "intl"],
        "three": ["-i", "a.txt", "-m", "bleu", "chrf", "ter", "--chrf-word-order", "2", "-w", "4", "--confidence"],
        # sacrebleu 2.6 cannot print chrF's bootstrap as JSON
        "pair": ["-i", "a.txt", "b.txt", "-m", "bleu", "--paired-bs", "--paired-bs-n", "200", "-f", "json"],
        "swap": ["-i", "a.txt", "b.txt", "-m", "bleu", "chrf", "--paired-ar", "--paired-ar-n", "200", "-f", "json"],
        "plain": ["-i", "a.txt", "b.txt", "-m", "bleu", "chrf", "-f", "json"],
    }
    for name, arguments in runs.items():
        done = subprocess.run(
            [sys.executable, "-m", "sacrebleu", "ref.txt", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
        (folder / f"{name}.json").write_text(done.stdout, encoding="utf-8")
    return folder


def test_sacrebleus_scores_are_our_metrics(scored: Path, tmp_path: Path) -> None:
    one = imported("sacrebleu", scored / "one.json", "--model", "A", "--language", "en-yo", out=tmp_path / "runs")
    (score,) = one.record.scores
    said = json.loads((scored / "one.json").read_text(encoding="utf-8"))
    assert (score.metric, score.value, score.language) == ("bleu", said["score"], "eng_Latn-yor_Latn")
    assert score.metric_options == {"tokenize": "intl"}
    assert score.signature == said["signature"]
    assert score.ci_low is None
    ours = invoke(
        *("score", "--hypotheses", scored / "a.txt", "--references", scored / "ref.txt"),
        *("--metrics", "bleu:tokenize=intl", "--format", "csv"),
    )
    (row,) = csv.DictReader(ours.stdout.splitlines())
    assert row["signature"] == score.signature
    assert float(row["score"]) == pytest.approx(score.value, abs=1e-8)


def test_intervals_and_systems_of_sacrebleu(scored: Path, tmp_path: Path) -> None:
    options = ("--task", "fruits", "--language", "yor")
    three = imported("sacrebleu", scored / "three.json", "--model", "A", *options, out=tmp_path / "runs").record
    said = {one["name"]: one for one in json.loads((scored / "three.json").read_text(encoding="utf-8"))}
    names = {"bleu": "BLEU", "chrf++": "chrF2++", "ter": "TER"}
    assert {score.metric for score in three.scores} == set(names)
    for score in three.scores:
        own = said[names[score.metric]]
        assert score.value == own["score"]
        assert score.ci_low == own["confidence_mean"] - own["confidence_var"]
        assert score.ci_high == own["confidence_mean"] + own["confidence_var"]
    assert three.imported is not None
    assert three.imported.version.startswith("2.")
    pair = imported("sacrebleu", scored / "pair.json", *options, out=tmp_path / "runs").record
    found = {(score.model, score.metric): score for score in pair.scores}
    body = json.loads((scored / "pair.json").read_text(encoding="utf-8"))
    assert {model for model, _ in found} == {"a.txt", "b.txt"}
    assert found["b.txt", "bleu"].value == body[1]["BLEU"]["score"]
    assert found["b.txt", "bleu"].details == {"p_value": (body[1]["BLEU"]["p_value"],)}
    assert found["a.txt", "bleu"].ci_low == body[0]["BLEU"]["mean"] - body[0]["BLEU"]["ci"]
    swap = imported("sacrebleu", scored / "swap.json", *options, out=tmp_path / "runs").record
    assert {(score.model, score.metric, score.ci_low) for score in swap.scores} == {
        (model, metric, None) for model in ("a.txt", "b.txt") for metric in ("bleu", "chrf")
    }
    plain = imported("sacrebleu", scored / "plain.json", *options, out=tmp_path / "runs").record
    assert {score.ci_low for score in plain.scores} == {None}
    assert len(plain.scores) == 4


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("BLEU = 3", "no JSON"),
        ("[]", "no score"),
        ("3", "expected an object"),
        ('{"name": "BLEU"}', "no score of sacrebleu's"),
        ('{"name": "BLEU", "score": "3"}', "expected a number"),
        ('{"name": 3, "score": 3}', "expected a name"),
        ('[{"system": "a", "BLEU": {}}]', "no 'score'"),
        ('[{"system": "a", "BLEU": "high"}]', "expected a score"),
        ('[{"system": "a", "BLEU": [1]}]', "expected an object"),
        ('[{"name": "BLEU", "score": 3}, {"name": "BLEU", "score": 3}]', "a second score"),
    ],
)
def test_what_sacrebleu_did_not_write_is_told_in_one_line(tmp_path: Path, body: str, told: str) -> None:
    path = table(tmp_path, body, "x.json")
    done = invoke("import", "sacrebleu", path, "--model", "A", "--out", tmp_path / "runs")
    assert isinstance(done.exception, RecordError), (done.output, done.exception)
    assert told in str(done.exception)
    assert "\n" not in str(done.exception)


def test_a_score_of_sacrebleus_needs_its_system(scored: Path, tmp_path: Path) -> None:
    assert "--model" in str(invoke("import", "sacrebleu", scored / "one.json", "--out", tmp_path).exception)
    wrong = invoke("import", "sacrebleu", scored / "one.json", "--model", "A", "--language", "qqq", "--out", tmp_path)
    assert isinstance(wrong.exception, UserError)


def test_a_model_card_is_what_the_hub_reads(tmp_path: Path) -> None:
    from huggingface_hub import ModelCard

    folder = imported("csv", table(tmp_path, WIDE), out=tmp_path / "runs")
    several = invoke("export", "model-card", folder.path)
    assert "choose with --model" in str(several.exception)
    done = invoke("export", "model-card", folder.path, "--model", "model α")
    assert done.exit_code == 0, done.exception
    card = ModelCard(done.stdout)
    results = card.data.eval_results
    assert results is not None
    assert {(one.dataset_config, one.metric_value) for one in results} == {
        (f"{score.language}, {score.prompt}", score.value)
        for score in folder.record.scores
        if score.model == "model α" and score.value is not None
    }
    assert {one.metric_args["imported"] for one in results} == {"table"}
    assert "no such model" in str(invoke("export", "model-card", folder.path, "--model", "x").exception)
