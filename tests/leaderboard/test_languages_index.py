"""The index of languages: best scores, tiles with what is missing, gaps."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from harness.boards import boards
from harness.groups import ALL
from harness.ranks import ranking
from harness.records import RunRecord, TaskRecord
from harness.store import RunWriter
from leaderboard.languages.best_scores import Choice, choices
from leaderboard.languages.language_tiles import LanguageTiles
from leaderboard.languages.languages_index import COLUMNS
from leaderboard.site import build
from leaderboard.views.views import BoardView
from tests.leaderboard_runs import HOSTILE_MODEL, record_of, score

MODELS = ("good", "weak", HOSTILE_MODEL)


@pytest.fixture(scope="module")
def record() -> RunRecord:
    scores = [
        score("good", "amh_Ethi", 40.0),
        score("weak", "amh_Ethi", 39.5),
        score(HOSTILE_MODEL, "amh_Ethi", 10.0),
        score("good", "eng_Latn", 90.0),
        score("weak", "eng_Latn", 95.0),
        score("good", "tha_Thai", None, note="no answer"),
        score("weak", "nqo_Nkoo", 0.0),
        score("good", "eng_Latn-mya_Mymr", 20.0, task="mt", higher_is_better=False),
        score("weak", "eng_Latn-mya_Mymr", 30.0, task="mt", higher_is_better=False),
        score("good", "mya_Mymr-eng_Latn", 25.0, task="mt", higher_is_better=False),
        score("good", "mya_Mymr-tha_Thai", 26.0, task="mt", higher_is_better=False),
    ]
    tasks = (
        TaskRecord(
            name="t",
            kind="multiple_choice",
            languages=("amh_Ethi", "eng_Latn", "tha_Thai", "nqo_Nkoo", "ewe_Latn", "zho_Hans", "zho_Hant"),
        ),
        TaskRecord(name="mt", kind="translation", pivot="eng_Latn", languages=("eng_Latn", "mya_Mymr", "tha_Thai")),
    )
    return record_of(*scores, tasks=tasks)


@pytest.fixture(scope="module")
def found(record: RunRecord) -> dict[str, Choice]:
    views = [
        BoardView(board, [{ALL: ranking(table, board.pivot)} for table in board.metrics], (), ())
        for board in boards([record])
    ]
    return {choice.title: choice for choice in choices(views)}


@pytest.fixture(scope="module")
def site(record: RunRecord, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "one"
    RunWriter(run).finish(record)
    return build([run], tmp_path_factory.mktemp("site")).parent


def tiles(page: str) -> dict[str, tuple[str, str, str]]:
    """Class, number and embedded values by short code."""
    pattern = (
        r'<(?:a|span) class="tile (\w+)"[^>]* data-v="([^"]*)">.*?<b class="tv">([^<]*)</b><span class="tc">([^<]*)<'
    )
    return {code: (name, shown, data) for name, data, shown, code in re.findall(pattern, page)}


def test_the_ways_of_a_translation_task_stand_apart(found: dict[str, Choice]) -> None:
    assert list(found) == ["mt, into English", "mt, out of English", "t"]
    assert found["mt, into English"].best["mya_Mymr"].value == 25.0
    assert set(found["mt, into English"].best) == {"mya_Mymr"}
    out = found["mt, out of English"].best["mya_Mymr"]
    assert (out.value, out.model.name) == (20.0, "good")  # lower is better here


def test_the_best_score_says_who_may_be_as_good_and_how_far_the_pivot_is(found: dict[str, Choice]) -> None:
    best = found["t"].best["amh_Ethi"]
    assert (best.model.name, best.value, best.rivals, best.to_pivot) == ("good", 40.0, 1, -50.0)
    assert found["t"].best["eng_Latn"].to_pivot is None
    assert found["t"].unscored == {"tha_Thai"}
    assert found["t"].not_run == {"ewe_Latn", "zho_Hans", "zho_Hant"}


def test_missing_is_hatched_and_never_zero(site: Path) -> None:
    by_code = tiles((site / "languages.html").read_text(encoding="utf-8"))
    third = {code: data.split("|")[2] for code, (_, _, data) in by_code.items()}
    assert third["nqo"].startswith("0.0,")
    assert third["tha"] == "x"
    assert third["ewe"] == third["zho_Hans"] == "n"
    assert third["mya"] == ""
    assert by_code["eng"][:2] == ("ho", "pivot")
    assert by_code["mya"][:2] == ("h5", "25.0")
    assert by_code["amh"][:2] == ("ho", "")
    assert third["amh"].split(",") == ["40.0", *("10.0" if name == HOSTILE_MODEL else shown for name, shown in SORTED)]


SORTED = tuple(sorted({"good": "40.0", "weak": "39.5", HOSTILE_MODEL: "10.0"}.items()))


def test_no_model_is_embedded_where_there_are_too_many_scores(
    found: dict[str, Choice], record: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leaderboard.languages.language_tiles.EMBEDDED_VALUES", 5)
    board = boards([record])[1]
    few = LanguageTiles(list(found.values()), board.models, ["amh_Ethi"])
    entry = next(entry for entry in few.entries if entry.code == "amh_Ethi")
    assert few.models == ()
    assert few.data(entry) == "||40.0"


def test_every_tile_is_in_one_region_and_one_family(site: Path) -> None:
    page = (site / "languages.html").read_text(encoding="utf-8")
    assert re.findall(r'<h3 id="region-\d+">(\w+) <small>(\d+)', page) == [
        ("Africa", "3"),
        ("Americas", "1"),
        ("Asia", "4"),
    ]
    assert len(tiles(page)) == page.count('class="tile ') == 8
    assert "Every tile is as large as any other on purpose" in page


def test_gaps_are_named(site: Path) -> None:
    page = (site / "languages.html").read_text(encoding="utf-8")
    gaps = page[page.index('id="gaps-h"') :]
    assert "<b>No tasks</b>, 4 languages" in gaps
    never = gaps[gaps.index("that nobody ran") :]
    assert all(code in never for code in ("ewe_Latn", "zho_Hans", "zho_Hant"))
    assert "tha_Thai" not in never


def test_endonyms_carry_their_language(site: Path) -> None:
    page = (site / "languages.html").read_text(encoding="utf-8")
    assert 'lang="am" dir="auto">አማርኛ' in page
    assert 'lang="nqo" dir="auto">' in page


def test_the_data_hold_every_language_and_task(site: Path) -> None:
    rows = list(csv.DictReader((site / "languages.csv").open(encoding="utf-8", newline="")))
    assert tuple(rows[0]) == COLUMNS
    by_key = {(row["language"], row["task"], row["direction"]): row for row in rows}
    assert by_key["tha_Thai", "t", ""]["state"] == "no score"
    assert by_key["tha_Thai", "t", ""]["best"] == ""
    assert by_key["ewe_Latn", "t", ""]["state"] == "not run"
    assert by_key["eng_Latn", "mt", "into"]["state"] == "pivot"
    assert ("amh_Ethi", "mt", "into") not in by_key
    amharic = next(
        row for row in json.loads((site / "languages.json").read_text("utf-8")) if row["language"] == "amh_Ethi"
    )
    assert (amharic["best"], amharic["model"], amharic["minus_pivot"]) == (40.0, "good", -50.0)
    assert (amharic["tasks"], amharic["models"]) == (1, 3)
