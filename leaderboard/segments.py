"""The texts and segment scores behind a cell, read unit by unit from a run folder's two Parquet files.

Both files are opened once and indexed by row group (the writer makes one per unit), because a page is made for every
unit of a run: reading through a filter would parse the whole file's footer again for each of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import RecordError
from harness.records import UNIT_COLUMNS
from harness.store import UnitKey, UnitStatistics

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentView:
    """One segment as a page shows it: its texts and its own score by metric, ``None`` where a metric gives none."""

    segment: str
    source: str | None
    references: tuple[str, ...]
    hypothesis: str | None
    failed: str | None
    scores: Mapping[str, float | None]


class SegmentTables:
    """Segments of a run folder, by unit. A folder without the files has none.

    Raises:
        RecordError: A file is there but cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._texts = _GroupedFile(folder / "segments.parquet")
        self._statistics = _GroupedFile(folder / "statistics.parquet")

    def units(self) -> frozenset[UnitKey]:
        """The units that have segments."""
        return frozenset(self._texts.groups)

    def read(self, unit: UnitKey) -> list[SegmentView]:
        """Segments of one unit, in the order written."""
        scores: dict[str, dict[str, float | None]] = {}
        for row in self._statistics.rows(unit, ("metric", "segment", "score")):
            score = row["score"]
            missing = score is None or math.isnan(score)
            scores.setdefault(row["segment"], {})[row["metric"]] = None if missing else score
        columns = ("segment", "source", "references", "hypothesis", "failed")
        return [
            SegmentView(
                segment=row["segment"],
                source=row["source"],
                references=tuple(row["references"] or ()),
                hypothesis=row["hypothesis"],
                failed=row["failed"],
                scores=scores.get(row["segment"], {}),
            )
            for row in self._texts.rows(unit, columns)
        ]

    def statistics(self, unit: UnitKey, metric: str) -> UnitStatistics | None:
        """Sufficient statistics of one metric of a unit; ``None`` where the run keeps none."""
        columns = ("metric", "segment", "cluster", "stats", "score")
        table = self._statistics.table(unit, columns)
        if table is None:
            return None
        import pyarrow.compute as pc

        own = table.filter(pc.equal(table["metric"], metric)).combine_chunks()
        if own.num_rows == 0:
            return None
        values = own["stats"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        return UnitStatistics(
            segments=tuple(own["segment"].to_pylist()),
            clusters=tuple(own["cluster"].to_pylist()),
            stats=values.astype(np.float64).reshape(own.num_rows, -1),
            scores=own["score"].to_numpy().astype(np.float64),
        )


def worst_first(segments: Sequence[SegmentView], metric: str, higher_is_better: bool) -> list[SegmentView]:
    """Segments without a failure from worst to best score by ``metric``; those it gives no score come last."""
    sign = 1 if higher_is_better else -1

    def place(segment: SegmentView) -> tuple[bool, float]:
        score = segment.scores.get(metric)
        return (score is None, sign * (score or 0.0))

    return sorted((segment for segment in segments if segment.failed is None), key=place)


class _GroupedFile:
    """A Parquet file whose first columns name a unit, indexed by which row groups hold which unit."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.groups: dict[UnitKey, list[int]] = {}
        if not path.is_file():
            return
        try:
            self._file = pq.ParquetFile(path)
            for group in range(self._file.num_row_groups):
                units = self._file.read_row_group(group, columns=list(UNIT_COLUMNS))
                for row in units.group_by(list(UNIT_COLUMNS)).aggregate([]).to_pylist():
                    unit = tuple(row[column] for column in UNIT_COLUMNS)
                    self.groups.setdefault(unit, []).append(group)
        except (OSError, pa.ArrowInvalid, KeyError) as error:
            raise RecordError(f"{path}: cannot be read ({error}); check the run with 'glotbench doctor'") from error

    def rows(self, unit: UnitKey, columns: Sequence[str]) -> list[dict[str, Any]]:
        """Rows of a unit, ``columns`` only."""
        table = self.table(unit, columns)
        return [] if table is None else table.select(list(columns)).to_pylist()

    def table(self, unit: UnitKey, columns: Sequence[str]) -> pa.Table | None:
        """Rows of a unit, ``columns`` and those that name it; ``None`` where there are none."""
        groups = self.groups.get(unit, [])
        if not groups:
            return None
        import pyarrow.compute as pc

        table = self._file.read_row_groups(groups, columns=[*UNIT_COLUMNS, *columns])
        for column, value in zip(UNIT_COLUMNS, unit, strict=True):
            table = table.filter(pc.equal(table[column], value))
        return table
