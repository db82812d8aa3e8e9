"""One row at a time: cells of nested columns, selection by ``where``, and making release rows equal to the hub's.

Works on rows whatever file they came from. Knows nothing of files, languages or tasks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from harness.errors import ColumnError, DataError
from metrics.spelling import did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

    from harness.spec import DatasetSpec

Row = Mapping[str, object]

_SHOWN = 12
"""Values of a column named in an error."""

_ABSENT = object()


def cell(row: Row, column: str) -> object:
    """Value of a column; ``a.b`` is ``b`` inside ``a`` where no column has that name.

    Raises:
        KeyError: The row has no such column.
    """
    if column in row:
        return row[column]
    found: object = row
    for part in column.split("."):
        if not isinstance(found, Mapping) or part not in found:
            raise KeyError(column)
        found = found[part]
    return found


def no_column(column: str, row: Row, where: str) -> ColumnError:
    """The error of a column that is not in the data."""
    found = list(row)
    told = f"{where}: no column '{column}'{did_you_mean(column, found)}; the data has {', '.join(found)}"
    return ColumnError(told, column)


class RowFilter:
    """Which rows are read: column to the values that are wanted. Values compare as they are written (``1`` is ``"1"``).

    Counts what it sees, so that a selection that leaves nothing can say why.
    """

    def __init__(self, where: Mapping[str, Sequence[object]]) -> None:
        self._wanted = {column: frozenset(map(_written, values)) for column, values in where.items()}
        self._seen: dict[str, dict[str, None]] = {column: {} for column in self._wanted}
        self._first: Row | None = None
        self._kept = False

    def __bool__(self) -> bool:
        return bool(self._wanted)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that rows are chosen by."""
        return tuple(self._wanted)

    def rows(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows that are wanted."""
        for row in rows:
            self._first = self._first or row
            values = {column: _cell(row, column) for column in self._wanted}
            for column, value in values.items():
                self._note(column, value)
            if all(_written(value) in self._wanted[column] for column, value in values.items()):
                self._kept = True
                yield row

    def by_column(self, schema: pa.Schema) -> bool:
        """Whether :meth:`batches` can be used: every column is there, and holds plain values."""
        import pyarrow as pa

        return all(name in schema.names and not pa.types.is_nested(schema.field(name).type) for name in self._wanted)

    def batches(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows that are wanted, column by column: other languages' texts are never made into objects."""
        import pyarrow as pa
        import pyarrow.compute as pc

        for batch in batches:
            self._first = self._first or dict.fromkeys(batch.schema.names)
            kept = batch
            for column, wanted in self._wanted.items():
                distinct = pc.unique(batch.column(column))
                written = distinct.to_pylist()
                for value in written:
                    self._note(column, value)
                matching = distinct.filter(pa.array([_written(value) in wanted for value in written], pa.bool_()))
                kept = kept.filter(pc.is_in(kept.column(column), value_set=matching))
            if kept.num_rows:
                self._kept = True
                yield kept

    def check(self, where: str) -> None:
        """Complain if rows were there but none was wanted.

        Raises:
            DataError: A column is not in the data, or has none of the values.
        """
        if self._kept or self._first is None:
            return
        for column, seen in self._seen.items():
            if not seen:
                raise no_column(column, self._first, where)
            wanted = sorted(self._wanted[column])
            if not self._wanted[column] & seen.keys():
                hint = did_you_mean(wanted[0], seen) if len(wanted) == 1 else ""
                more = ", ..." if len(seen) > _SHOWN else ""
                raise DataError(
                    f"{where}: no row has {column} = {' or '.join(wanted)}{hint}; "
                    f"the column has {', '.join(list(seen)[:_SHOWN])}{more}"
                )
        together = " and ".join(f"{column} = {' or '.join(sorted(wanted))}" for column, wanted in self._wanted.items())
        raise DataError(f"{where}: no row has {together} together; loosen 'where'")

    def _note(self, column: str, value: object) -> None:
        if value is not _ABSENT and len(self._seen[column]) < 1000:
            self._seen[column][_written(value)] = None


class Shape:
    """``rename``, ``types`` and ``constants`` of a data set: release rows as the hub has them."""

    def __init__(self, dataset: DatasetSpec) -> None:
        self._rename = dataset.rename
        self._types = dataset.types
        self._constants = dataset.constants

    def __bool__(self) -> bool:
        return bool(self._rename or self._types or self._constants)

    def rows(self, rows: Iterable[Row], label: str) -> Iterator[Row]:
        """Rows with other names, types and more columns.

        Args:
            label: The file, for errors.

        Raises:
            DataError: A column is not there, or a value is not of its type.
        """
        for number, row in enumerate(rows, 1):
            shaped = {self._rename.get(name, name): value for name, value in row.items()}
            for old, new in self._rename.items():
                if old not in row:
                    try:
                        shaped[new] = cell(row, old)
                    except KeyError:
                        raise no_column(old, row, label) from None
            for column, kind in self._types.items():
                if column not in shaped:
                    raise no_column(column, shaped, label)
                shaped[column] = _converted(shaped[column], kind, f"{label}: row {number}: {column}")
            yield {**shaped, **self._constants}


def _cell(row: Row, column: str) -> object:
    try:
        return cell(row, column)
    except KeyError:
        return _ABSENT


def _written(value: object) -> str:
    """A value as people write it: truth values in lower case, whole floats without a point."""
    if isinstance(value, bool) or (isinstance(value, str) and value in ("True", "False")):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _converted(value: object, kind: str | Mapping[str, object], where: str) -> object:
    if not isinstance(kind, str):
        if _written(value) not in kind:
            known = ", ".join(kind)
            raise DataError(f"{where}: '{value}' is not among the values of 'types' ({known}); add it")
        return kind[_written(value)]
    try:
        if kind == "json":
            return json.loads(str(value))
        text = _written(value).strip().replace(",", "")
        return int(text) if kind == "int" else float(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: '{str(value)[:60]}' cannot be read as {kind}") from error
