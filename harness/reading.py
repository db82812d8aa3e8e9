"""A source -> rows: of files as the hub would read them or as a release has them, and of the hub itself.

The one place where everything that a task file says about reading comes together; keys and texts are for
``harness.data``.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness import hub
from harness.errors import DataError
from harness.formats import FORMATS, TableForm, rows_of
from harness.rows import Row, RowFilter, Shape
from harness.sources import DataRoots, Hub, Mirrored, Names, Release, Source, fill, filled_names, find_source
from harness.spec import DatasetSpec


def read_rows(dataset: DatasetSpec, roots: DataRoots, names: Names, where: str, split: str) -> Iterator[Row]:
    """Rows of one split, those that ``where`` of the data set selects; keys are not looked at.

    Args:
        dataset: The source. roots: Where to look.
        names: What stands for the placeholders of its patterns: ``lang``, and where they are known ``source``,
            ``target``, ``other`` and ``config``.
        where: What to call the task in an error.

    Raises:
        DataError: There is no such data, it cannot be read, or no row is selected.
    """
    names = filled_names(dataset, names)
    source = find_source(dataset, roots, names, where, split)
    yield from read_source(dataset, source, names, where, fill(dataset.text, names))


def read_source(dataset: DatasetSpec, source: Source, names: Names, where: str, text: str) -> Iterator[Row]:
    """Rows of a source that ``where`` of the data set selects.

    Args:
        text: Column of files of bare lines.

    Raises:
        DataError: The source cannot be read, or no row is selected.
    """
    wanted = RowFilter({column: _values(value, names) for column, value in dataset.where.items()})
    match source:
        case Mirrored():
            rows = _mirrored_rows(source, wanted, where)
        case Release():
            rows = _release_rows(dataset, source, wanted, text)
        case Hub():
            rows = _hub_rows(dataset, source, wanted, where, text)
    yield from wanted.rows(rows) if wanted else rows
    wanted.check(where)


def _mirrored_rows(source: Mirrored, wanted: RowFilter, where: str) -> Iterator[Row]:
    """Rows as the hub gives them: tables have types, quotes and missing values as ``datasets`` reads them."""
    form = FORMATS[source.files[0].endings[0]]
    if form in ("csv", "tsv"):
        yield from hub.csv_rows([file.path for file in source.files], "\t" if form == "tsv" else ",", where)
        return
    for file in source.files:
        yield from rows_of(file, TableForm(), wanted)


def _release_rows(dataset: DatasetSpec, source: Release, wanted: RowFilter, text: str) -> Iterator[Row]:
    form = TableForm(
        format=dataset.format or "",
        columns=dataset.columns,
        header=dataset.header,
        quotes=dataset.quotes,
        skip=dataset.skip,
        text=text,
    )
    shape = Shape(dataset)
    rows = rows_of(source.file, form, None if shape or dataset.skip else wanted)
    return shape.rows(rows, str(source.file)) if shape else rows


def _hub_rows(dataset: DatasetSpec, source: Hub, wanted: RowFilter, where: str, text: str) -> Iterator[Row]:
    try:
        loaded = hub.load(source.data, where)
    except DataError:
        if source.otherwise is None:
            raise
        return _release_rows(dataset, source.otherwise, wanted, text)
    return hub.rows_of_split(loaded, source.data, where, wanted)


def _values(value: object, names: Names) -> list[object]:
    given = value if isinstance(value, tuple) else (value,)
    return [fill(one, names) if isinstance(one, str) else one for one in given]
