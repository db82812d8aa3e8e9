"""Reads a finished run: the record, then the tables a unit at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from harness.errors import RecordError
from harness.records import LATER_COLUMNS, SEGMENT_COLUMNS, STATISTICS_COLUMNS
from harness.store.rows import SegmentRow, UnitKey, UnitStatistics
from harness.store.run_files import RECORD, read_record, table_problem
from harness.store.tables import GroupedTable


class RunFolder:
    """A finished run on disk, opened for reading.

    Args:
        path: The folder, or its ``run.json``.
        strict: As in ``harness.record_reading.checked_record``.

    Attributes:
        record: What the run says of itself.
        digest: SHA-256 of the record, which has those of the tables.

    Raises:
        RecordError: There is no record, it is damaged, or of an unknown version.
    """

    def __init__(self, path: Path, *, strict: bool = True) -> None:
        self.path = path.parent if path.name == "run.json" else path
        self.record, self.digest = read_record(self.path / RECORD, strict=strict)
        self._tables: dict[str, GroupedTable] = {}

    def units(self) -> frozenset[UnitKey]:
        """The units that have texts; none where the run keeps no texts.

        Raises:
            RecordError: The table is there but cannot be read.
        """
        if not (self.path / "segments.parquet").is_file():
            return frozenset()
        return frozenset(
            (model, task, variant, prompt, language)
            for model, task, variant, prompt, language in self._table("segments.parquet").groups
        )

    @property
    def has_statistics(self) -> bool:
        """Whether the run keeps the statistics of its scores."""
        return (self.path / "statistics.parquet").is_file()

    def metrics(self, unit: UnitKey) -> tuple[str, ...]:
        """The metrics that have statistics of ``unit``, as written; none where the run keeps no statistics.

        Raises:
            RecordError: The table is there but cannot be read.
        """
        if not self.has_statistics:
            return ()
        return tuple(self._table("statistics.parquet").metrics.get(unit, ()))

    def statistics(self, unit: UnitKey, metric: str) -> UnitStatistics:
        """Statistics of one metric of one unit, in segment order as written.

        Raises:
            RecordError: The table is missing, or has no such unit and metric.
        """
        table = self._table("statistics.parquet").rows((*unit, metric))
        if table.num_rows == 0:
            raise RecordError(f"{self.path / 'statistics.parquet'}: no statistics of {metric} for {' / '.join(unit)}")
        with self._table("statistics.parquet").reading():
            values = table["stats"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
            return UnitStatistics(
                segments=tuple(table["segment"].to_pylist()),
                clusters=tuple(table["cluster"].to_pylist()),
                stats=values.astype(np.float64).reshape(table.num_rows, -1),
                scores=table["score"].to_numpy().astype(np.float64),
            )

    def segments(self, unit: UnitKey) -> list[SegmentRow]:
        """Texts of one unit, in order; empty when the unit has none."""
        table = self._table("segments.parquet").rows(unit)
        return [
            SegmentRow(
                segment=row["segment"],
                cluster=row["cluster"],
                source=row["source"],
                references=tuple(row["references"] or ()),
                hypothesis=row["hypothesis"],
                failed=row["failed"],
                reasoning=row.get("reasoning"),
            )
            for row in table.to_pylist()
        ]

    def problems(self) -> Iterator[str]:
        """What is wrong with the folder's files, one line each; nothing when all is well."""
        for name, expected in self.record.files.items():
            if problem := table_problem(self.path / name, expected):
                yield problem

    def _table(self, name: str) -> GroupedTable:
        if name not in self._tables:
            file = self.path / name
            expected = self.record.files.get(name)
            if expected and file.is_file() and (problem := table_problem(file, expected)):
                raise RecordError(f"{problem}; run again to rebuild it")
            columns = SEGMENT_COLUMNS if name == "segments.parquet" else STATISTICS_COLUMNS
            self._tables[name] = GroupedTable(file, columns, optional=LATER_COLUMNS)
        return self._tables[name]


def find_runs(root: Path) -> list[Path]:
    """Folders at or below ``root`` that hold a run record, in name order."""
    return sorted(path.parent for path in root.rglob("run.json"))
