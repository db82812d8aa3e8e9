"""Run folders read back unit by unit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.errors import RecordError
from harness.records import RunRecord
from harness.store import RunFolder, RunWriter, SegmentRow, UnitKey, UnitStatistics
from tests.harness.accepted import accept

TEXTS = {
    "nqo_Nkoo": "ߒߞߏ ߞߊ߲ ߦߋ߫",
    "amh_Ethi": "ጀልባው ጠዋት ይነሳል",
    "jpn_Jpan": "フェリーは毎朝出発する",
    "arb_Arab": "تغادر العبارة\u200f صباحا",
    "tha_Thai": "เรือข้ามฟากออกทุกเช้า",
}
METRICS = ("acc", "acc_norm")


def unit_of(language: str, model: str = "m") -> UnitKey:
    return (model, "task", "", "p1", language)


def rows_of(text: str, count: int = 3) -> list[SegmentRow]:
    return [
        SegmentRow(
            segment=f"s{index}",
            cluster=f"c{index // 2}",
            source=None if index == 1 else f"source {index}",
            references=() if index == 1 else (text, f"{text} 2"),
            hypothesis=None if index == 2 else f"{text} {index}",
            failed="no answer" if index == 2 else None,
        )
        for index in range(count)
    ]


def statistics_of(rows: Sequence[SegmentRow], first: float, width: int = 2) -> UnitStatistics:
    count = len(rows)
    return UnitStatistics(
        segments=tuple(row.segment for row in rows),
        clusters=tuple(row.cluster for row in rows),
        stats=first + np.arange(count * width, dtype=np.float64).reshape(count, width) / 3,
        scores=np.array([np.nan, *range(count - 1)], dtype=np.float64),
    )


def write(folder: Path, units: Sequence[tuple[UnitKey, str]]) -> RunFolder:
    writer = RunWriter(folder)
    for position, (unit, text) in enumerate(units):
        rows = rows_of(text)
        statistics = {
            metric: statistics_of(rows, 10 * position + place, width=2 + place) for place, metric in enumerate(METRICS)
        }
        writer.add_unit(unit, rows, statistics)
    return finish(writer)


def finish(writer: RunWriter) -> RunFolder:
    record = RunRecord(
        run_id="r", created="2026-01-01", complete=True, command="", glotbench="0", seed=0, versions={}, hardware={},
        models=(), tasks=(), scores=(),
    )  # fmt: skip
    writer.finish(record)
    return RunFolder(writer.folder)


def rewrite(path: Path, row_group_size: int, **options: object) -> None:
    """The same rows in row groups of another size."""
    pq.write_table(pq.read_table(path), path, row_group_size=row_group_size, **options)
    accept(path)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return write(tmp_path / "run", [(unit_of(language), text) for language, text in TEXTS.items()])


def check_all(folder: RunFolder) -> None:
    assert folder.units() == {unit_of(language) for language in TEXTS}
    for position, (language, text) in enumerate(TEXTS.items()):
        unit, rows = unit_of(language), rows_of(text)
        assert folder.segments(unit) == rows
        assert folder.metrics(unit) == METRICS
        for place, metric in enumerate(METRICS):
            expected, found = (
                statistics_of(rows, 10 * position + place, width=2 + place),
                folder.statistics(unit, metric),
            )
            assert (found.segments, found.clusters) == (expected.segments, expected.clusters)
            assert found.stats.dtype == np.float64
            np.testing.assert_array_equal(found.stats, expected.stats)
            np.testing.assert_array_equal(found.scores, expected.scores)


def test_every_script_comes_back_as_written(folder: RunFolder) -> None:
    check_all(folder)


@pytest.mark.parametrize("row_group_size", [1, 2, 4, 1000])
def test_row_groups_may_hold_a_part_of_a_unit_or_several(folder: RunFolder, row_group_size: int) -> None:
    for name in ("segments.parquet", "statistics.parquet"):
        rewrite(folder.path / name, row_group_size)
    check_all(RunFolder(folder.path))


def test_files_without_column_statistics_are_read_all_the_same(folder: RunFolder) -> None:
    for name in ("segments.parquet", "statistics.parquet"):
        rewrite(folder.path / name, 3, write_statistics=False)
    check_all(RunFolder(folder.path))


def test_a_unit_written_in_two_parts_is_one(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "run")
    rows = rows_of("a", 4)
    for part in (rows[:2], rows[2:]):
        writer.add_unit(unit_of("fra_Latn"), part, {"acc": statistics_of(part, 0.0)})
        writer.add_unit(unit_of("deu_Latn"), part, {})
    folder = finish(writer)
    assert folder.segments(unit_of("fra_Latn")) == rows
    assert folder.statistics(unit_of("fra_Latn"), "acc").segments == ("s0", "s1", "s2", "s3")
    assert folder.metrics(unit_of("fra_Latn")) == ("acc",)
    assert folder.metrics(unit_of("deu_Latn")) == ()


def test_names_that_begin_alike_are_told_apart(tmp_path: Path) -> None:
    long = "x" * 5000  # longer than the minimum and maximum that a Parquet footer keeps
    models = ["m", "m2", "m2m", "", "M", "m ", f"{long}a", f"{long}b"]
    units = [
        (unit_of(language, model), f"{model[-2:]} {language}") for model in models for language in ("fra", "fra_Latn")
    ]
    folder = write(tmp_path / "run", units)
    assert folder.units() == {unit for unit, _ in units}
    for position, (unit, text) in enumerate(units):
        assert [row.hypothesis for row in folder.segments(unit)] == [f"{text} 0", f"{text} 1", None]
        assert folder.statistics(unit, "acc").stats[0, 0] == 10 * position
        assert folder.statistics(unit, "acc_norm").stats.shape == (3, 3)


def test_a_unit_or_metric_that_is_missing_is_named(folder: RunFolder) -> None:
    assert folder.segments(unit_of("fra_Latn")) == []
    assert folder.metrics(unit_of("fra_Latn")) == ()
    with pytest.raises(RecordError, match=r"statistics\.parquet: no statistics of acc for m / task /  / p1 / fra_Latn"):
        folder.statistics(unit_of("fra_Latn"), "acc")
    with pytest.raises(RecordError, match="no statistics of ac for"):
        folder.statistics(unit_of("amh_Ethi"), "ac")


def test_missing_files_have_no_units_and_cannot_be_read(folder: RunFolder) -> None:
    for name in ("segments.parquet", "statistics.parquet"):
        (folder.path / name).unlink()
    fresh = RunFolder(folder.path)
    assert fresh.units() == frozenset()
    assert fresh.metrics(unit_of("amh_Ethi")) == ()
    with pytest.raises(RecordError, match=r"segments\.parquet: cannot be read .*glotbench doctor"):
        fresh.segments(unit_of("amh_Ethi"))
    with pytest.raises(RecordError, match=r"statistics\.parquet: cannot be read"):
        fresh.statistics(unit_of("amh_Ethi"), "acc")


@pytest.mark.parametrize("content", [b"", b"PAR1 not really", b"PAR1" + 100 * b"\0" + b"PAR1"])
def test_a_file_that_is_not_parquet_is_named(folder: RunFolder, content: bytes) -> None:
    (folder.path / "segments.parquet").write_bytes(content)
    with pytest.raises(RecordError, match=r"segments\.parquet: damaged .*run again"):
        RunFolder(folder.path).units()
    accept(folder.path / "segments.parquet")
    fresh = RunFolder(folder.path)
    for read in (fresh.units, lambda: fresh.segments(unit_of("amh_Ethi"))):
        with pytest.raises(RecordError, match=r"segments\.parquet: cannot be read"):
            read()


def test_a_damaged_page_spoils_its_unit_only(folder: RunFolder) -> None:
    path = folder.path / "statistics.parquet"
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(8)
    content = bytearray(path.read_bytes())
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    content[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(content)
    assert list(RunFolder(folder.path).problems())
    accept(path)
    fresh = RunFolder(folder.path)
    first, second = (unit_of(language) for language in list(TEXTS)[:2])
    with pytest.raises(RecordError, match=r"statistics\.parquet: cannot be read"):
        fresh.statistics(first, "acc")
    assert fresh.statistics(second, "acc").stats[0, 0] == 10


def test_a_table_without_a_column_is_refused(folder: RunFolder) -> None:
    path = folder.path / "segments.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["hypothesis"]), path)
    accept(path)
    with pytest.raises(RecordError, match="no column hypothesis"):
        RunFolder(folder.path).segments(unit_of("amh_Ethi"))


def test_the_footer_is_parsed_once_and_only_the_units_own_row_groups_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = [(unit_of(f"l{index:03d}_Latn"), f"text {index}") for index in range(300)]
    folder = write(tmp_path / "run", units)
    opened: list[Path] = []
    read: list[int] = []

    class Counted(pq.ParquetFile):  # type: ignore[misc]
        def __init__(self, path: Path) -> None:
            opened.append(path)
            super().__init__(path)

        def read_row_groups(self, groups: list[int], **options: object) -> pa.Table:
            read.append(len(groups))
            return super().read_row_groups(groups, **options)

        def read_row_group(self, group: int, **options: object) -> pa.Table:
            raise AssertionError("the index needs the column statistics only")

    monkeypatch.setattr(pq, "ParquetFile", Counted)
    for position, (unit, text) in enumerate(units):
        assert folder.segments(unit)[0].hypothesis == f"{text} 0"
        assert folder.statistics(unit, "acc").stats[0, 0] == 10 * position
    assert sorted(path.name for path in opened) == ["segments.parquet", "statistics.parquet"]
    assert read == [1] * 600


def test_footers_hold_no_texts(folder: RunFolder) -> None:
    metadata = pq.ParquetFile(folder.path / "segments.parquet").metadata.row_group(0)
    columns = {metadata.column(index).path_in_schema: metadata.column(index) for index in range(metadata.num_columns)}
    assert columns["language"].statistics.min == "nqo_Nkoo"
    assert not columns["source"].is_stats_set
