from pathlib import Path

import pytest

from harness.store import RunFolder
from leaderboard.evidence import collect
from leaderboard.ranks import ranking
from leaderboard.tables import boards
from tests.leaderboard_runs import write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "one")


def test_resampled_segments_tell_clearly_different_models_apart(run: Path) -> None:
    board = next(board for board in boards([RunFolder(run).record]) if board.task.name == "mt")
    table = board.metrics[0]
    evidence = collect(board, table, [RunFolder(run)])
    assert evidence is not None
    found = ranking(table, board.pivot, evidence)
    assert [(row.model.name, row.first, row.last) for row in found.rows[:2]] == [("good", 1, 1), ("weak", 2, 2)]
    for row in found.rows:
        assert row.low is not None
        assert row.low <= row.mean <= row.high  # type: ignore[operator]
        assert row.high - row.low < 10  # type: ignore[operator]


def test_no_evidence_where_the_metric_is_unknown_or_statistics_are_missing(run: Path, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes((run / "run.json").read_bytes())
    found = {board.task.name: board for board in boards([RunFolder(run).record])}
    assert collect(found["mexa"], found["mexa"].metrics[0], [RunFolder(run)]) is None
    assert collect(found["mt"], found["mt"].metrics[0], [RunFolder(tmp_path)]) is None
