from harness.boards import boards
from harness.records import Fingerprint, ModelRecord, TaskRecord
from tests.leaderboard_runs import record_of, score


def test_one_board_per_task_variant_and_prompt() -> None:
    found = boards([record_of(score("a", "fra_Latn", 1.0), score("a", "fra_Latn", 2.0, prompt="p2"))])
    assert [board.key for board in found] == [("t", "", ""), ("t", "", "p2")]


def test_the_first_metric_is_the_headline() -> None:
    found = boards([record_of(score("a", "fra_Latn", 1.0, metric="z"), score("a", "fra_Latn", 2.0, metric="a"))])
    assert [table.facts.metric for table in found[0].metrics] == ["z", "a"]


def test_the_later_run_counts_whatever_the_order_of_the_folders() -> None:
    old = record_of(score("a", "fra_Latn", 1.0), created="2026-01-01")
    new = record_of(score("a", "fra_Latn", 2.0), created="2026-02-01")
    for records in ([old, new], [new, old]):
        (board,) = boards(records)
        (cell,) = board.metrics[0].cells
        assert cell.value == 2.0
        assert records[cell.run] is new


def test_one_name_with_two_identities_is_two_models() -> None:
    runs = [
        record_of(
            score("a", "fra_Latn", value),
            models=(ModelRecord(name="a", backend="hf", identity={"weights": weights}, label="toy"),),
        )
        for value, weights in ((1.0, "x"), (2.0, "y"))
    ]
    (board,) = boards(runs)
    assert [model.name for model in board.models] == ["a", "a"]
    assert all(model.tag and model.label == "toy" for model in board.models)
    assert len({model.title for model in board.models}) == 2


def test_scores_from_other_data_are_marked_and_have_no_value() -> None:
    scores = [
        score(model, "fra_Latn", 1.0, fingerprint=Fingerprint(dataset=dataset))
        for model, dataset in (("a", "d1"), ("b", "d1"), ("c", "d2"))
    ]
    (board,) = boards([record_of(*scores)])
    (table,) = board.metrics
    assert [table.value(model, "fra_Latn") for model in table.models] == [1.0, 1.0, None]
    assert [cell.comparable for cell in table.cells] == [True, True, False]


def test_languages_that_were_not_run_are_listed_without_the_pivot() -> None:
    task = TaskRecord(name="t", kind="alignment", pivot="eng_Latn", languages=("eng_Latn", "fra_Latn", "ewe_Latn"))
    (board,) = boards([record_of(score("a", "fra_Latn", 1.0), tasks=(task,))])
    assert board.not_run == ("ewe_Latn",)


def test_fractions_get_three_digits() -> None:
    (board,) = boards([record_of(score("a", "fra_Latn", 0.5, unit="fraction", decimals=1))])
    assert board.metrics[0].digits == 3
