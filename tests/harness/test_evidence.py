from pathlib import Path

import pytest

from harness.boards import boards
from harness.evidence import SegmentEvidence
from harness.groups import groups_of
from harness.ranks import ranking
from harness.store import RunFolder
from tests.leaderboard_runs import write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "one")


def test_resampled_segments_tell_clearly_different_models_apart(run: Path) -> None:
    board = next(board for board in boards([RunFolder(run).record]) if board.task.name == "mt")
    table = board.metrics[0]
    evidence = SegmentEvidence(board, table, [RunFolder(run)]).of(board.languages)
    found = ranking(table, board.pivot, evidence)
    assert found.resampled
    assert [(row.model.name, row.first, row.last) for row in found.rows[:2]] == [("good", 1, 1), ("weak", 2, 2)]
    for row in found.rows:
        assert row.low is not None
        assert row.low <= row.mean <= row.high  # type: ignore[operator]
        assert row.high - row.low < 10  # type: ignore[operator]


def test_no_evidence_where_the_metric_is_unknown_or_statistics_are_missing(run: Path, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes((run / "run.json").read_bytes())
    found = {board.task.name: board for board in boards([RunFolder(run).record])}
    for name, folder in (("mexa", run), ("mt", tmp_path)):
        board = found[name]
        segments = SegmentEvidence(board, board.metrics[0], [RunFolder(folder)])
        assert not segments.has_statistics
        assert segments.of(board.languages) is None


def test_a_group_of_languages_gives_what_a_table_of_these_alone_would(run: Path) -> None:
    board = next(board for board in boards([RunFolder(run).record]) if board.task.name == "mt")
    table = board.metrics[0]
    groups = groups_of(board)
    segments = SegmentEvidence(board, table, [RunFolder(run)])
    shared = set(ranking(table, board.pivot).common)
    for group in groups:
        found = ranking(table, board.pivot, segments.of(group.rows), group.rows)
        assert set(found.common) == group.rows & shared
        for row in found.rows:
            values = [table.value(row.model, language) for language in found.common]
            if found.common:
                assert row.mean == pytest.approx(sum(values) / len(values))
                assert row.low <= row.mean <= row.high
            assert (row.first is None) == (not found.common)
