from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.boards import boards, named_models
from harness.ranks import ranking
from harness.records import Fingerprint, RunRecord
from harness.run_news import RunNews, run_news
from tests.leaderboard_runs import record_of, score

LANGUAGES = ("amh_Ethi", "arb_Arab", "mya_Mymr", "tha_Thai")


def news(records: Sequence[RunRecord], latest: int = 100) -> list[RunNews]:
    titles = {key: model.title for key, model in named_models(records).items()}
    return run_news(records, range(len(records)), titles, latest)


def run(model: str, values: dict[str, float | None], number: int, **facts: object) -> RunRecord:
    scores = [score(model, language, value, **facts) for language, value in values.items()]
    return record_of(*scores, run_id=f"r{number}", created=f"2026-01-{number + 1:02d}")


def test_what_is_new_is_told_once() -> None:
    found = news(
        [
            run("a", {"amh_Ethi": 1.0}, 0),
            run("b", {"amh_Ethi": 2.0, "tha_Thai": 1.0}, 1),
            run("a", {"tha_Thai": 3.0}, 2, task="u"),
        ]
    )
    assert [one.new_models for one in found] == [("a",), ("b",), ()]
    assert [one.new_languages for one in found] == [("amh_Ethi",), ("tha_Thai",), ()]
    assert [one.new_tasks for one in found] == [("t",), (), ("u",)]


def test_the_lead_changes_hands() -> None:
    found = news([run("a", {"amh_Ethi": 1.0}, 0), run("b", {"amh_Ethi": 2.0}, 1), run("c", {"amh_Ethi": 1.5}, 2)])
    leads = [one.leads[0] for one in found]
    assert [(lead.leader, lead.before, lead.models) for lead in leads] == [("a", "", 1), ("b", "a", 2), ("b", "b", 3)]


def test_only_the_latest_runs_are_told_and_they_know_who_led_before() -> None:
    records = [run("a", {"amh_Ethi": 5.0}, 0), run("b", {"amh_Ethi": 2.0}, 1), run("c", {"amh_Ethi": 9.0}, 2)]
    (only,) = news(records, latest=1)
    assert (only.run, only.leads[0].leader, only.leads[0].before) == (2, "c", "a")


def test_lower_may_lead() -> None:
    facts = {"higher_is_better": False}
    found = news([run("a", {"amh_Ethi": 1.0}, 0, **facts), run("b", {"amh_Ethi": 2.0}, 1, **facts)])
    assert found[1].leads[0].leader == "a"


VALUES = st.dictionaries(st.sampled_from(LANGUAGES), st.one_of(st.none(), st.integers(0, 60).map(float)), min_size=1)
RUNS = st.lists(
    st.tuples(st.sampled_from("abcd"), VALUES, st.sampled_from(("d1", "d1", "d1", "d2"))), min_size=1, max_size=8
)


@settings(deadline=None, max_examples=60)
@given(RUNS)
def test_the_leader_is_the_first_of_the_ranking_of_all_runs_so_far(
    runs: list[tuple[str, dict[str, float | None], str]],
) -> None:
    """Where no two kinds of data are equally usual: then the two may choose either."""
    records = [
        run(model, values, number, fingerprint=Fingerprint(dataset=dataset))
        for number, (model, values, dataset) in enumerate(runs)
    ]
    for count, told in enumerate(news(records), start=1):
        (board,) = boards(records[:count])
        (table,) = board.metrics
        used: dict[str, list[str]] = {language: [] for language in LANGUAGES}
        for _, language, cell in table.items():
            used[language].append(cell.score.fingerprint.dataset)
        if any(2 * own.count("d1") == len(own) > 0 for own in used.values()):
            continue
        found = ranking(table, board.pivot)
        ranked = [row for row in found.rows if row.first is not None]
        assert bool(told.leads) == bool(ranked)
        if ranked:
            lead = told.leads[0]
            assert lead.mean == pytest.approx(max(row.mean for row in ranked if row.mean is not None))
            assert (lead.models, lead.languages) == (len(ranked), len(found.common))
