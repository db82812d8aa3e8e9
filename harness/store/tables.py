"""A Parquet file of many units, read a unit at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import RecordError
from harness.store.rows import KEY_COLUMNS, UnitKey

if TYPE_CHECKING:
    import pyarrow as pa


class GroupedTable:
    """A Parquet file of many units, of which only the row groups that hold the wanted one are read.

    The footer is parsed once. A row group whose statistics show a single value in every key column is indexed by them
    alone; of any other (several units in one, no statistics) the key columns are read.

    Args:
        path: The file.
        columns: Columns it must have. Those in ``KEY_COLUMNS`` are the key.
        optional: Of these, columns that older files do not have; their rows come without.

    Raises:
        RecordError: The file is missing, damaged, or lacks a column.
    """

    def __init__(self, path: Path, columns: Sequence[str], *, optional: Sequence[str] = ()) -> None:
        import pyarrow.parquet as pq

        self._path = path
        self._keys = [column for column in KEY_COLUMNS if column in columns]
        self.groups: dict[tuple[str, ...], list[int]] = {}
        with self.reading():
            self._file = pq.ParquetFile(path)
            there = set(self._file.schema_arrow.names)
            self._columns = [column for column in columns if column in there or column not in optional]
            if absent := set(self._columns) - there:
                raise OSError(f"no column {', '.join(sorted(absent))}")
            metadata = self._file.metadata
            for group in range(metadata.num_row_groups):
                for key in self._keys_in(metadata.row_group(group), group):
                    self.groups.setdefault(key, []).append(group)

    def rows(self, key: tuple[str, ...]) -> pa.Table:
        """The rows of ``key``, in the order written; an empty table where there are none."""
        import pyarrow.compute as pc

        with self.reading():
            table = self._file.read_row_groups(self.groups.get(key, []), columns=self._columns, use_threads=False)
            for column, value in zip(self._keys, key, strict=True):
                table = table.filter(pc.equal(table[column], value))
            return table

    @cached_property
    def metrics(self) -> dict[UnitKey, list[str]]:
        """The metrics of every unit, in the order written."""
        found: dict[UnitKey, list[str]] = {}
        for model, task, variant, prompt, language, metric in self.groups:
            found.setdefault((model, task, variant, prompt, language), []).append(metric)
        return found

    def _keys_in(self, metadata: Any, group: int) -> list[tuple[str, ...]]:
        """The keys that a row group holds, in the order in which they first occur."""
        positions = {metadata.column(index).path_in_schema: index for index in range(metadata.num_columns)}
        found = [metadata.column(positions[column]).statistics for column in self._keys]
        if all(own and own.has_min_max and own.null_count == 0 and own.min == own.max for own in found):
            return [tuple(own.min for own in found)]
        read = self._file.read_row_group(group, columns=self._keys, use_threads=False)
        rows = read.select(self._keys).group_by(self._keys, use_threads=False).aggregate([])
        return list(zip(*(rows[column].to_pylist() for column in self._keys), strict=True))

    @contextmanager
    def reading(self) -> Iterator[None]:
        import pyarrow as pa

        try:
            yield
        except (OSError, pa.ArrowException, ValueError, TypeError, LookupError, OverflowError) as error:
            raise RecordError(
                f"{self._path}: cannot be read ({error}); check the run with 'glotbench doctor'"
            ) from error
