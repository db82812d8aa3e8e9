"""Writes a run folder: tables unit by unit, the record last."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.records import UNIT_COLUMNS, RunRecord
from harness.store.files import sha256_file, sync
from harness.store.rows import KEY_COLUMNS, SegmentRow, UnitKey, UnitStatistics, segment_schema, statistics_schema
from harness.store.run_files import TABLES, make_way, write_record

if TYPE_CHECKING:
    import pyarrow as pa


class RunWriter:
    """Writes a run folder: tables unit by unit, the record last. Without a record the folder is not a run.

    The tables are written under other names and moved into place by :meth:`finish`, so that an older complete record
    of the same run stays whole until the new one is.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._writers: dict[str, Any] = {}

    def add_unit(
        self,
        unit: UnitKey,
        rows: Sequence[SegmentRow],
        statistics: dict[str, UnitStatistics],
    ) -> None:
        """Add one unit's texts and, by metric name, its statistics."""
        import pyarrow as pa

        text_columns = {
            "segment": [row.segment for row in rows],
            "cluster": [row.cluster for row in rows],
            "source": [row.source for row in rows],
            "references": [list(row.references) for row in rows],
            "hypothesis": [row.hypothesis for row in rows],
            "failed": [row.failed for row in rows],
            "reasoning": [row.reasoning for row in rows],
        }
        if rows:
            self._write("segments", pa.table(_with_unit(unit, text_columns, len(rows)), schema=segment_schema()))
        for metric, unit_stats in statistics.items():
            count = len(unit_stats.segments)
            columns = {
                "metric": [metric] * count,
                "segment": list(unit_stats.segments),
                "cluster": list(unit_stats.clusters),
                "stats": list(unit_stats.stats),
                "score": unit_stats.scores,
            }
            self._write("statistics", pa.table(_with_unit(unit, columns, count), schema=statistics_schema()))

    def finish(self, record: RunRecord, folder: Path | None = None) -> RunRecord:
        """Close the tables and write the record, which from then on stands for the run.

        Args:
            folder: Where the run belongs, if that is known only now; the folder written to so far goes.

        Returns:
            The record as written, with the files' checksums.
        """
        for name, schema in (("segments", segment_schema()), ("statistics", statistics_schema())):
            self._writer(name, schema).close()
        self._writers.clear()
        staging, self.folder = self.folder, folder or self.folder
        self.folder.mkdir(parents=True, exist_ok=True)
        parts = {name: staging / f"{name}.part" for name in TABLES}
        for part in parts.values():
            sync(part)
        files = {name: sha256_file(part) for name, part in parts.items()}
        notes = make_way(self.folder, files)
        for name, part in parts.items():
            part.replace(self.folder / name)
        final = record.model_copy(update={"files": files, "notes": (*record.notes, *notes)})
        write_record(self.folder, final.model_dump_json(indent=1) + "\n")
        if staging != self.folder:
            shutil.rmtree(staging)
        return final

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(self, *_exc: object) -> None:
        """Let go of tables that were begun and not finished; they are written anew when the run is made again."""
        import pyarrow as pa

        for writer in self._writers.values():
            with contextlib.suppress(OSError, pa.ArrowException):
                writer.close()
        self._writers.clear()

    def _write(self, name: str, table: pa.Table) -> None:
        self._writer(name, table.schema).write_table(table)

    def _writer(self, name: str, schema: pa.Schema) -> Any:
        import pyarrow.parquet as pq

        if name not in self._writers:
            part = self.folder / f"{name}.parquet.part"
            keys = [column for column in KEY_COLUMNS if column in schema.names]
            self._writers[name] = pq.ParquetWriter(part, schema, compression="zstd", write_statistics=keys)
        return self._writers[name]


def _with_unit(unit: UnitKey, columns: dict[str, Any], count: int) -> dict[str, Any]:
    return {name: [value] * count for name, value in zip(UNIT_COLUMNS, unit, strict=True)} | columns
