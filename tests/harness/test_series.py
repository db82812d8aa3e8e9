from __future__ import annotations

import datetime

import pytest

from harness.records import Fingerprint, ModelRecord, RunRecord
from harness.series import all_series, identity_changes, in_order, moment
from tests.leaderboard_runs import record_of, score


def run(
    values: dict[str, float | None], created: str, *, dataset: str = "d", model: str = "m", **changes: object
) -> RunRecord:
    scores = [
        score(model, language, value, fingerprint=Fingerprint(dataset=dataset), **changes)
        for language, value in values.items()
    ]
    return record_of(*scores, run_id=created, created=created)


def digests(records: list[RunRecord]) -> list[str]:
    return [record.run_id for record in records]


ALL = {"amh_Ethi": 10.0, "arb_Arab": 20.0, "mya_Mymr": 30.0, "tha_Thai": 40.0}


def test_runs_stand_in_the_order_they_were_made_and_one_given_twice_counts_once() -> None:
    records = [run(ALL, "2026-03"), run(ALL, "2026-01"), run(ALL, "2026-03"), run(ALL, "2026-02")]
    assert in_order(records, digests(records)) == [1, 3, 0]
    (series,) = all_series(records, digests(records))
    assert series.runs == (1, 3, 0)


def test_the_same_run_twice_is_no_series() -> None:
    records = [run(ALL, "2026-03"), run(ALL, "2026-03")]
    assert all_series(records, digests(records)) == ()


def test_different_models_and_different_tasks_make_no_series() -> None:
    records = [
        run(ALL, "2026-01", model="a"),
        run(ALL, "2026-02", model="b"),
        run(ALL, "2026-03", model="a", task="other"),
    ]
    assert all_series(records, digests(records)) == ()


def test_the_mean_is_over_the_languages_of_all_runs() -> None:
    fewer = {language: value + 1 for language, value in ALL.items() if language != "tha_Thai"}
    records = [run(ALL, "2026-01"), run(fewer, "2026-02")]
    (series,) = all_series(records, digests(records))
    (era,) = series.tracks[0].eras
    assert era.common == ("amh_Ethi", "arb_Arab", "mya_Mymr")
    assert era.left_out == ("tha_Thai",)
    assert [point.mean(era.common) for point in era.points] == [20.0, 21.0]


def test_a_run_with_few_of_the_languages_has_no_mean_and_takes_none_away() -> None:
    records = [run(ALL, "2026-01"), run({"amh_Ethi": 9.0}, "2026-02"), run(ALL, "2026-03")]
    (series,) = all_series(records, digests(records))
    (era,) = series.tracks[0].eras
    assert era.common == tuple(ALL)
    assert [point.mean(era.common) for point in era.points] == [25.0, None, 25.0]


def test_a_missing_score_is_not_zero() -> None:
    records = [run(ALL, "2026-01"), run(ALL | {"mya_Mymr": None}, "2026-02")]
    (era,) = all_series(records, digests(records))[0].tracks[0].eras
    assert "mya_Mymr" not in era.common


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"dataset": "other"}, "the data changed"),
        ({"prompt": "other"}, "the prompt changed"),
        ({"metric": "other"}, "the metric changed"),
        ({"decoding": "beam"}, "the decoding settings changed"),
    ],
)
def test_the_line_breaks_where_what_is_measured_changed(changed: dict[str, str], word: str) -> None:
    usual = {"dataset": "d", "prompt": "p", "metric": "m", "decoding": "greedy"}
    records = [
        record_of(
            *(score("m", language, value, fingerprint=Fingerprint(**facts)) for language, value in ALL.items()),
            run_id=created,
            created=created,
        )
        for created, facts in (("2026-01", usual), ("2026-02", usual), ("2026-03", usual | changed))
    ]
    (track,) = all_series(records, digests(records))[0].tracks
    assert [len(era.points) for era in track.eras] == [2, 1]
    assert track.breaks == (f"{word} (in 4 of 4 languages)",)


def test_one_language_with_other_data_leaves_the_mean_and_breaks_no_line() -> None:
    later = [
        score("m", language, value, fingerprint=Fingerprint(dataset="new" if language == "amh_Ethi" else "d"))
        for language, value in ALL.items()
    ]
    records = [run(ALL, "2026-01"), record_of(*later, run_id="b", created="2026-02")]
    (track,) = all_series(records, digests(records))[0].tracks
    (era,) = track.eras
    assert era.left_out == ("amh_Ethi",)


def test_runs_without_a_common_language_are_not_joined() -> None:
    records = [run({"amh_Ethi": 1.0}, "2026-01"), run({"tha_Thai": 1.0}, "2026-02")]
    (track,) = all_series(records, digests(records))[0].tracks
    assert track.breaks == ("no language is the same",)


def test_what_changed_in_a_system_is_named() -> None:
    before, after = (
        record_of(
            score("m", "amh_Ethi", 1.0),
            models=(ModelRecord(name="m", backend="hf", identity={"weights": weights, "dtype": "bf16"}),),
            glotbench=version,
        )
        for weights, version in (("a", "1"), ("b", "2"))
    )
    assert identity_changes(before, after, "m") == [("weights", "a", "b"), ("glotbench", "1", "2")]
    assert identity_changes(before, before, "m") == []


def test_times_are_read_whatever_a_record_writes() -> None:
    assert moment("2026-01-02T03:04:05Z") == datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    assert moment("2026-01-02") == datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    assert moment("yesterday").year == 1970
