"""Many runs at once: their records are checked while boards are made of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import RecordError
from harness.store import RunWriter
from leaderboard.building.reading import open_runs
from leaderboard.site import build
from tests.leaderboard_runs import record_of, score

RUNS = 9
"""From eight on workers check the records."""


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    found = []
    for number in range(RUNS):
        folder = tmp_path / f"ሩጫ-{number}"
        RunWriter(folder).finish(record_of(score(f"ߛߎ߮ {number}", "nqo_Nkoo", 0.25 + number), run_id=f"run {number}"))
        found.append(folder)
    return found


def spoil(folder: Path, old: str, new: str) -> None:
    record = folder / "run.json"
    text = record.read_text(encoding="utf-8")
    assert text.count(old) == 1
    record.write_text(text.replace(old, new), encoding="utf-8")
    (folder / "run.json.sha256").unlink()


def test_all_are_opened_in_their_order(runs: list[Path]) -> None:
    told: list[tuple[str, int, int]] = []
    with open_runs(runs, lambda *step: told.append(step)) as folders:
        assert [folder.record.run_id for folder in folders] == [f"run {number}" for number in range(RUNS)]
    assert told[-1] == ("reading runs", RUNS, RUNS)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"run_id":', '"run_id": "other", "run_id":', "the key 'run_id' stands twice"),
        ("5.25", "NaN", "NaN is no number"),
        ("5.25", "1e999", "too large a number"),
    ],
)
def test_what_is_no_strict_json_is_refused_and_nothing_is_written(
    runs: list[Path], tmp_path: Path, old: str, new: str, problem: str
) -> None:
    spoil(runs[5], old, new)
    with pytest.raises(RecordError, match=problem) as refused:
        build(runs, tmp_path / "site")
    assert str(runs[5] / "run.json") in str(refused.value)
    assert not (tmp_path / "site").exists()


def test_a_record_that_is_refused_is_told_before_what_it_led_to(runs: list[Path]) -> None:
    spoil(runs[5], "5.25", "NaN")
    with pytest.raises(RecordError, match="NaN is no number"), open_runs(runs):
        raise ZeroDivisionError
