"""Data of models and languages, put together of the lines of their tasks' data."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.boards import Board, boards
from harness.records import Fingerprint, RunRecord
from leaderboard.building.folder import Writer
from leaderboard.markup.pages import task_page
from leaderboard.views.score_data import ScoreData, write_task
from tests.leaderboard_runs import HOSTILE_MODEL, record_of, score

LANGUAGES = ("amh_Ethi", "mya_Mymr", "nqo_Nkoo", "yor_Latn")
LINES = 'two\nlines, "quoted"\r\nand ߒߞߏ'


def record(*models: str) -> RunRecord:
    """Scores of two tasks that differ in all that may differ: a missing one, other data, details, tiny numbers."""
    found = []
    for place, model in enumerate(models):
        for row, language in enumerate(LANGUAGES):
            value = None if (place, row) == (0, 1) else 1e-7 * (row + 1) / 3 if place else 20.0 + row / 7
            dataset = "other" if (place, row) == (1, 2) else f"data of {language}"
            details = {"layers": (0.1, 0.2 / 3)} if row == 3 else {}
            own = score(model, language, value, fingerprint=Fingerprint(dataset=dataset, metric="m"), details=details)
            found.append(own)
            if (place, row) != (1, 0):
                found.append(replace(own, task="u", signature=f"s{place}", note="no 👩🏽‍🔬" if value is None else ""))
    return record_of(*found)


def written(folder: Path, found: tuple[Board, ...]) -> Writer:
    writer = Writer(folder)
    for name in ("t", "u"):
        own = [board for board in found if board.task.name == name]
        write_task(writer, task_page(name).removesuffix(".html"), own)
    return writer


def rows(path: Path) -> Iterator[str]:
    """The scores of a JSON file, each whole."""
    for table in json.loads(path.read_text(encoding="utf-8")):
        shared = {name: value for name, value in table.items() if name not in ("rows", "columns", "more")}
        for place, values in enumerate(table["rows"]):
            row = shared | dict(zip(table["columns"], values, strict=True)) | table["more"].get(str(place), {})
            row["fingerprint"] = table["fingerprints"][row["fingerprint"]]
            del row["fingerprints"]
            yield json.dumps(row, sort_keys=True, ensure_ascii=False)


def lines(path: Path) -> list[tuple[str, ...]]:
    with path.open(encoding="utf-8", newline="") as file:
        return sorted(tuple(row) for row in csv.reader(file))


@pytest.mark.parametrize("models", [("ሞዴል", HOSTILE_MODEL), (LINES, "b"), ("one",)])
@pytest.mark.parametrize("damage", [None, "csv", "json"])
def test_all_scores_stand_once_in_the_files_of_models_and_of_languages(
    models: tuple[str, ...], damage: str | None, tmp_path: Path
) -> None:
    found = boards([record(*models)])
    writer = written(tmp_path, found)
    tasks = [tmp_path / task_page(name).removesuffix(".html") for name in ("t", "u")]
    expected = sorted(row for task in tasks for row in rows(task.with_suffix(".json")))
    head = ",".join(next(csv.reader(tasks[0].with_suffix(".csv").open(encoding="utf-8", newline=""))))
    in_csv = sorted(line for task in tasks for line in lines(task.with_suffix(".csv")) if ",".join(line) != head)
    assert len(expected) == len(in_csv) == 8 * len(models) - (len(models) > 1)
    if damage:
        damaged = tasks[1].with_suffix(f".{damage}")
        damaged.write_bytes(damaged.read_bytes()[:-40])
    data = ScoreData(found)
    for number, model in enumerate(found[0].models):
        data.write_model(writer, f"model-{number}", model)
    for language in LANGUAGES:
        data.write_languages(writer, f"language-{language}", {language})
    for kind in ("model", "language"):
        assert sorted(row for path in tmp_path.glob(f"{kind}-*.json") for row in rows(path)) == expected
        own = [line for path in tmp_path.glob(f"{kind}-*.csv") for line in lines(path)]
        assert sorted(line for line in own if ",".join(line) != head) == in_csv
    (amharic,) = tmp_path.glob("language-amh*.json")
    assert all(json.loads(row)["language"] == "amh_Ethi" for row in rows(amharic))
    for table in json.loads(amharic.read_text(encoding="utf-8")):
        assert len(table["fingerprints"]) == 1, "only those that its rows have"


def test_numbers_are_read_back_as_they_were(tmp_path: Path) -> None:
    numbers = [1e-7, 1e-5, 1e16, 123456789012345680.0, 5e-324, 1 / 3, -0.0, 100.0]
    found = boards([record_of(*(score(f"m{place}", "bod_Tibt", value) for place, value in enumerate(numbers)))])
    write_task(Writer(tmp_path), "task", found)
    (table,) = json.loads((tmp_path / "task.json").read_text(encoding="utf-8"))
    assert [repr(row[2]) for row in table["rows"]] == list(map(repr, numbers))
    with (tmp_path / "task.csv").open(encoding="utf-8", newline="") as file:
        assert [repr(float(row["value"])) for row in csv.DictReader(file)] == list(map(repr, numbers))
