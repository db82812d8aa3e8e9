"""Real translations: six MAFAND systems, three languages, both directions, against sacrebleu's command line."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.store import RunFolder

pytestmark = pytest.mark.shared_data

SYSTEMS = ("afribart", "afribyt5", "byt5", "m2m100", "mbart50", "mt5")
LANGUAGES = {"hau": "hau_Latn", "swa": "swh_Latn", "yor": "yor_Latn"}
SEGMENTS = 120
REPOSITORY = Path(__file__).parents[2]


def command(*arguments: str | Path, cwd: Path = REPOSITORY) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def data(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first segments of every file, in the real layout; some of the files lack their last line feed."""
    root = tmp_path_factory.mktemp("data")
    for path in (shared_data / "mafand").glob("*/*"):
        lines = path.read_text(encoding="utf-8").split("\n")[:SEGMENTS]
        target = root / "mafand" / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("\n".join(lines), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    out = tmp_path_factory.mktemp("out")
    place = data / "mafand" / "{other}"
    models = [
        part
        for system in SYSTEMS
        for part in ("--model", f"outputs:{place}/{system}_{{source}}_{{target}}_news.txt,name={system}")
    ]
    languages = ",".join(LANGUAGES)
    printed = command(
        "harness", "run", "mafand", "--languages", languages, "--data-root", data, "--out", out, *models
    )  # fmt: skip
    return RunFolder(Path(printed.strip().splitlines()[-1]))


def oracle(data: Path, language: str, sides: tuple[str, str]) -> dict[tuple[str, str], float]:
    """What sacrebleu's command line prints to 12 decimals: (system, metric) -> score."""
    source, target = sides
    folder = data / "mafand" / language
    outputs = [folder / f"{system}_{source}_{target}_news.txt" for system in SYSTEMS]
    printed = command(
        "sacrebleu", folder / f"test.{target}", "-i", *outputs, "-m", "bleu", "chrf", "--chrf-word-order", "2",
        "--format", "json", "--width", "12",
    )  # fmt: skip
    found = {}
    for system, row in zip(SYSTEMS, json.loads(printed), strict=True):
        for title, value in row.items():
            for start, metric in (("BLEU", "bleu"), ("chrF2++", "chrf++")):
                if title.startswith(start):
                    found[system, metric] = float(value.split()[0])
    return found


def test_one_run_equals_sacrebleus_command_line(data: Path, finished: RunFolder) -> None:
    ours = {(score.model, score.language, score.metric): score.value for score in finished.record.scores}
    assert len(ours) == 72
    for language, code in LANGUAGES.items():
        for sides, name in ((("en", language), f"eng_Latn-{code}"), ((language, "en"), f"{code}-eng_Latn")):
            for (system, metric), expected in oracle(data, language, sides).items():
                assert round(ours[system, name, metric] or 0, 12) == expected


def test_score_of_bare_files_is_the_run(data: Path, finished: RunFolder) -> None:
    folder = data / "mafand" / "yor"
    files = [part for system in SYSTEMS for part in ("--hypotheses", folder / f"{system}_en_yor_news.txt")]
    arguments = ("harness", "score", *files, "--references", folder / "test.yor", "--target-language", "yor")
    rows = csv.DictReader(io.StringIO(command(*arguments, "--format", "csv")))
    ours = {
        (score.model, score.metric): score for score in finished.record.scores if score.language.endswith("yor_Latn")
    }
    for row in rows:
        score = ours[row["system"].partition("_")[0], row["metric"]]
        assert float(row["score"]) == score.value
        assert row["signature"] == score.signature
    latex = command(*arguments, "--format", "latex")
    assert latex.count(r"\textbf{") == 2
    assert r"m2m100\_en\_yor\_news.txt & \textbf{" in latex


def test_matrix_of_files_and_of_the_run_agree(data: Path, finished: RunFolder) -> None:
    """The same systems, the same segments: the same scores and differences, best first."""
    folder = data / "mafand" / "hau"
    files = [part for system in SYSTEMS for part in ("--hypotheses", folder / f"{system}_en_hau_news.txt")]
    of_files = command(
        "harness", "score", *files, "--references", folder / "test.hau", "--target-language", "hau", "--paired",
        "--metrics", "chrf++", "--format", "markdown",
    )  # fmt: skip
    of_run = command("harness", "compare", finished.path, "--format", "matrix")
    first, second = matrix(of_files, "hau chrF++"), matrix(of_run, "mafand plain eng_Latn-hau_Latn chrF++")
    assert list(first) == list(second) == sorted(first, key=lambda system: -float(first[system][0]))
    for system, cells in first.items():
        assert numbers(cells) == numbers(second[system])
    assert first["m2m100"][-1].endswith("▲")
    assert first["mt5"][1].endswith("▼")


def matrix(text: str, heading: str) -> dict[str, list[str]]:
    """System -> cells of its row."""
    lines = text.split(f"\n## {heading}\n")[1].strip().split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].partition("\\_")[0].partition("_")[0]: row[1:] for row in rows}


def numbers(cells: list[str]) -> list[str]:
    return [cell.split()[0] for cell in cells]


def test_diagnosis_of_the_run(finished: RunFolder) -> None:
    printed = command(
        "harness", "diagnose", finished.path, "--languages", "eng-yor", "--baseline", "m2m100", "--format", "json"
    )
    (body,) = json.loads(printed)["diagnoses"]
    assert (body["segments"], body["baseline"]) == (SEGMENTS, "m2m100")
    for table in body["parts"]:
        assert sum(part["n"] for part in table["parts"]) == SEGMENTS
    share = {(row["flag"], row["system"]): row["share"] for row in body["flags"][0]["rows"]}
    assert share["repetition", "mt5"] > 0.3
    assert share["repetition", "m2m100"] < 0.1
    assert len(body["differences"]) == 2 * 5
