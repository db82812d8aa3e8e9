import pytest

from harness.boards import MetricTable, boards
from harness.ranks import Estimate, Evidence, Ranking, field, ranking
from harness.records import ScoreRecord
from tests.leaderboard_runs import record_of, score

LANGUAGES = [f"l{index:02d}_Latn" for index in range(20)]


def table_of(*scores: ScoreRecord) -> MetricTable:
    return boards([record_of(*scores)])[0].metrics[0]


def ranks(found: Ranking) -> dict[str, tuple[int | None, int | None]]:
    return {row.model.name: (row.first, row.last) for row in found.rows}


def test_overlapping_intervals_are_ties_and_separate_ones_are_not() -> None:
    means = {"a": 50.0, "b": 49.0, "c": 40.0}
    table = table_of(*(score(name, code, mean) for name, mean in means.items() for code in LANGUAGES))
    found = ranking(table, "eng_Latn")
    assert ranks(found) == {"a": (1, 2), "b": (1, 2), "c": (3, 3)}
    assert found.told_apart == 1
    assert (found.rows[0].low, found.rows[0].high) == (49.0, 51.0)


def test_lower_is_better_turns_the_order_and_the_worst_tenth() -> None:
    table = table_of(
        *(score("a", code, 10.0 + index, higher_is_better=False) for index, code in enumerate(LANGUAGES)),
        *(score("b", code, 60.0, higher_is_better=False) for code in LANGUAGES),
    )
    found = ranking(table, "eng_Latn")
    assert ranks(found) == {"a": (1, 1), "b": (2, 2)}
    assert found.rows[0].worst == pytest.approx(28.5)
    assert found.worst_count == 2


def test_a_missing_score_is_not_zero_and_the_language_is_left_out_for_all() -> None:
    table = table_of(
        score("a", "x", 80.0), score("a", "y", 20.0), score("a", "z", 50.0),
        score("b", "x", 60.0), score("b", "y", None), score("b", "z", 50.0),
    )  # fmt: skip
    found = ranking(table, "eng_Latn")
    assert found.common == ("x", "z")
    assert found.left_out == ("y",)
    assert [row.mean for row in found.rows] == [65.0, 55.0]
    assert [row.scored for row in found.rows] == [3, 2]


def test_a_model_with_few_languages_is_unranked_and_does_not_shrink_the_rest() -> None:
    table = table_of(*(score("a", code, 50.0) for code in LANGUAGES), score("b", LANGUAGES[0], 90.0))
    found = ranking(table, "eng_Latn")
    assert ranks(found) == {"a": (1, 1), "b": (None, None)}
    assert len(found.common) == 20
    assert found.rows[1].mean == 90.0


def test_models_without_a_common_language_are_all_unranked() -> None:
    found = ranking(table_of(score("a", "x", 1.0), score("b", "y", 2.0)), "eng_Latn")
    assert ranks(found) == {"b": (None, None), "a": (None, None)}
    assert field(table_of(score("a", "x", None))).models == ()


def test_an_unknown_interval_ties_with_everything() -> None:
    table = table_of(score("a", "x", 90.0, ci_low=None, ci_high=None), score("b", "x", 1.0))
    found = ranking(table, "eng_Latn")
    assert ranks(found) == {"a": (1, 2), "b": (1, 2)}
    assert found.rows[0].low is None


def test_the_gap_is_the_mean_of_the_others_minus_the_pivot() -> None:
    table = table_of(score("a", "eng_Latn", 70.0), score("a", "x", 40.0), score("a", "y", 50.0))
    gap = ranking(table, "eng_Latn").rows[0].gap
    assert gap == Estimate(value=pytest.approx(-25.0), low=None, high=None, languages=2)
    of_one = ranking(table, "eng_Latn", within={"x"}).rows[0].gap
    assert of_one is not None
    assert of_one.value == pytest.approx(-30.0)
    assert ranking(table, "fra_Latn").rows[0].gap is None


def test_evidence_replaces_intervals_and_ranks() -> None:
    table = table_of(score("a", "x", 50.0), score("b", "x", 49.0))
    one, two = table.models
    evidence = Evidence(
        intervals={one: (49.9, 50.1), two: (48.9, 49.1)}, ranks={one: (1, 1), two: (2, 2)}, normalised={}, gaps={}
    )
    found = ranking(table, "eng_Latn", evidence)
    assert ranks(found) == {"a": (1, 1), "b": (2, 2)}
    assert found.resampled
    assert found.rows[0].low == 49.9
