from pathlib import Path

import pytest

from harness.boards import boards
from harness.evidence import collect
from harness.groups import ALL, groups_of
from harness.ranks import ranking
from harness.store import RunFolder
from tests.leaderboard_runs import write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "one")


def test_resampled_segments_tell_clearly_different_models_apart(run: Path) -> None:
    board = next(board for board in boards([RunFolder(run).record]) if board.task.name == "mt")
    table = board.metrics[0]
    evidence = collect(board, table, [RunFolder(run)], {ALL: board.languages})
    found = ranking(table, board.pivot, evidence[ALL])
    assert [(row.model.name, row.first, row.last) for row in found.rows[:2]] == [("good", 1, 1), ("weak", 2, 2)]
    for row in found.rows:
        assert row.low is not None
        assert row.low <= row.mean <= row.high  # type: ignore[operator]
        assert row.high - row.low < 10  # type: ignore[operator]


def test_no_evidence_where_the_metric_is_unknown_or_statistics_are_missing(run: Path, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes((run / "run.json").read_bytes())
    found = {board.task.name: board for board in boards([RunFolder(run).record])}
    assert collect(found["mexa"], found["mexa"].metrics[0], [RunFolder(run)], {ALL: found["mexa"].languages}) == {}
    assert collect(found["mt"], found["mt"].metrics[0], [RunFolder(tmp_path)], {ALL: found["mt"].languages}) == {}


def test_a_group_of_languages_gives_what_a_table_of_these_alone_would(run: Path) -> None:
    board = next(board for board in boards([RunFolder(run).record]) if board.task.name == "mt")
    table = board.metrics[0]
    groups = groups_of(board)
    subsets = {ALL: frozenset(board.languages)} | {group.id: group.rows for group in groups}
    evidence = collect(board, table, [RunFolder(run)], subsets)
    shared = set(ranking(table, board.pivot).common)
    assert set(evidence) == set(subsets)
    for group in groups:
        found = ranking(table, board.pivot, evidence.get(group.id), group.rows)
        assert set(found.common) == group.rows & shared
        for row in found.rows:
            values = [table.value(row.model, language) for language in found.common]
            if found.common:
                assert row.mean == pytest.approx(sum(values) / len(values))
                assert row.low <= row.mean <= row.high
            assert (row.first is None) == (not found.common)
