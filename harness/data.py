"""Data sources -> documents, joined across languages.

Where rows come from is ``harness.sources``; how a source becomes rows is ``harness.reading``. Knows nothing of prompts,
models or metrics.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Literal

from harness.errors import DataError
from harness.formats import TableForm, lines_of, read_lines, rows_of
from harness.reading import read_rows, read_source
from harness.rows import Row, cell, no_column
from harness.sides import Item, Sides
from harness.sources import (
    DataRoots,
    Names,
    Reading,
    archive_of,
    as_patterns,
    file_patterns,
    fill,
    filled_names,
    find_source,
    readings,
)
from harness.spec import DatasetSpec, Patterns
from harness.store import content_hash
from harness.types import Document

__all__ = [
    "DataRoots",
    "Direction",
    "documents_hash",
    "identified",
    "pair_readings",
    "read_documents",
    "read_lines",
    "read_pairs",
    "read_rows",
    "require_columns",
    "text_of",
]

_LONG_TEXT = 2**16
"""Characters from which a text enters a hash by its own hash: many documents may share one book."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """One side pair of a parallel set, with the data set's own codes.

    Attributes:
        source, target: The data set's own codes. other: The side that is not the pivot.
    """

    source: str
    target: str
    other: str


def documents_hash(documents: Sequence[Document]) -> str:
    """Short hash of what the documents say, whatever file or format they came in."""
    known: dict[int, str] = {}

    def written(value: object) -> str:
        text = str(value)
        if len(text) < _LONG_TEXT:
            return text
        if id(value) not in known:
            known[id(value)] = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        return known[id(value)]

    rows = [
        [document.id, document.cluster, {key: written(value) for key, value in document.fields.items()}]
        for document in documents
    ]
    return content_hash(rows)[:16]


def read_documents(
    dataset: DatasetSpec, roots: DataRoots, code: str, where: str, *, splits: Sequence[str] = ()
) -> list[Document]:
    """Documents of one language.

    Args:
        dataset: The task's source.
        roots: Where to look.
        code: The data set's own code of the language.
        where: What to call the task in an error.
        splits: Instead of the data set's own splits (few-shot examples).

    Raises:
        DataError: A file is missing, empty, lacks a column, or two rows have the same key.
    """
    names = filled_names(dataset, {"lang": code})
    splits = _distinct(dataset, splits or dataset.splits)
    rows = chain.from_iterable(read_rows(dataset, roots, names, where, split) for split in splits)
    prefix = "" if dataset.parallel else f"{code}:"
    texts = _texts(dataset, roots, names, where)
    documents = [
        Document(id=prefix + identifier, cluster=cluster or prefix + identifier, fields={**row, **texts})
        for identifier, cluster, row in _items(dataset, roots, names, islice(rows, dataset.max_items), where, splits)
    ]
    in_rows = dataset.cluster is not None and not dataset.cluster_files
    return shared_clusters(documents) if dataset.parallel and in_rows else documents


def shared_clusters(documents: Sequence[Document]) -> list[Document]:
    """Documents of parallel data whose clusters are called by an id of theirs, the smallest, which all languages share.

    What a data set calls them may be the passage itself, which is another text in every language: then no language
    would share its passages with another, and means over languages would seem surer than they are.
    """
    first: dict[str, str] = {}
    for document in documents:
        first[document.cluster] = min(first.get(document.cluster, document.id), document.id)
    return [replace(document, cluster=first[document.cluster]) for document in documents]


def read_pairs(
    dataset: DatasetSpec,
    roots: DataRoots,
    direction: Direction,
    where: str,
    *,
    splits: Sequence[str] = (),
    sides: Sides | None = None,
) -> list[Document]:
    """Documents of one direction, with fields ``source`` and ``target``: the same item in two languages.

    Rows are joined on the key where the data set has one (in the order of the source), else line by line.

    Args:
        direction: The two sides. splits: Instead of the data set's own splits (few-shot examples).
        sides: Where sides are looked for that other directions have read, and kept.

    Raises:
        DataError: As :func:`read_documents`; the sides have different lengths, or no key in common.
    """

    def items(side: Literal["source", "target"]) -> Iterable[Item]:
        if sides is None or dataset.max_items is not None:  # read no further than needed
            return _side(dataset, roots, direction, side, where, splits)
        key = _side_key(dataset, direction, side, splits)
        return sides.items(key, lambda: _side(dataset, roots, direction, side, where, splits))

    left = {item.id: item for item in islice(items("source"), dataset.max_items)}
    right: dict[str, str] = {}
    count = 0
    for item in items("target"):
        count += 1
        if item.id in left:
            right[item.id] = item.text
        if dataset.max_items is not None and len(right) == len(left):
            break
    if not dataset.key_columns and count != len(left):
        raise DataError(
            f"{where}: {direction.source} has {len(left)} lines and {direction.target} has {count}; "
            "line-aligned files must have the same number (or name a 'key' column to join on)"
        )
    if not right:
        key = "' and '".join(dataset.key_columns)
        raise DataError(f"{where}: {direction.source} and {direction.target} have no '{key}' in common")
    texts = _texts(dataset, roots, _side_names(dataset, direction, direction.other), where)
    return [
        Document(id=item.id, cluster=item.cluster, fields={"source": item.text, "target": right[item.id], **texts})
        for item in left.values()
        if item.id in right
    ]


def identified(dataset: DatasetSpec, row: Row, number: int, where: str) -> tuple[str, str]:
    """Id of an item, and its cluster (empty where the data set names no column for it).

    Args:
        number: 1-based line, the id where the data set has no key.

    Raises:
        DataError: The row lacks a column.
    """
    keys = [str(_cell(row, column, where)) for column in dataset.key_columns]
    cluster = str(_cell(row, dataset.cluster, where)) if dataset.cluster and not dataset.cluster_files else ""
    return "#".join(keys) or str(number), cluster


def text_of(dataset: DatasetSpec, row: Row, code: str, where: str) -> str:
    """The text of one language's row: the data set's ``text`` column.

    Args:
        code: The data set's own code of the language, for a column that is named by it.

    Raises:
        DataError: There is no such column, or nothing in it.
    """
    return _text(row, fill(dataset.text, filled_names(dataset, {"lang": code})), where)


def require_columns(documents: Sequence[Document], columns: Sequence[str], where: str) -> None:
    """Raise :class:`DataError` with a did-you-mean when a column is not in the data."""
    for column in columns:
        _cell(documents[0].fields, column, where)


def pair_readings(dataset: DatasetSpec, direction: Direction) -> Iterator[Reading]:
    """Everything that :func:`read_pairs` may read of a direction."""
    for side, code in (("source", direction.source), ("target", direction.target)):
        yield from readings(dataset, _side_names(dataset, direction, code), _side_files(dataset, side))


def _side(
    dataset: DatasetSpec,
    roots: DataRoots,
    direction: Direction,
    side: Literal["source", "target"],
    where: str,
    splits: Sequence[str],
) -> Iterator[Item]:
    """Items of one side, without the columns that nobody asks for."""
    names, column = _side_names_and_column(dataset, direction, side)
    patterns = _side_files(dataset, side)
    splits = _distinct(dataset, splits or dataset.splits)
    rows = chain.from_iterable(
        read_source(dataset, find_source(dataset, roots, names, where, split, patterns), names, where, column)
        for split in splits
    )
    for identifier, cluster, row in _items(dataset, roots, names, rows, where, splits):
        yield Item(identifier, cluster or identifier, _text(row, column, where))


def _side_key(
    dataset: DatasetSpec, direction: Direction, side: Literal["source", "target"], splits: Sequence[str]
) -> str:
    """The same for directions that have this side from the same rows."""
    names, column = _side_names_and_column(dataset, direction, side)
    written = dataset.model_dump_json()
    used = {name: value for name, value in names.items() if f"{{{name}}}" in written}
    return content_hash([written, _side_files(dataset, side), column, used, list(splits)])


def _side_names_and_column(
    dataset: DatasetSpec, direction: Direction, side: Literal["source", "target"]
) -> tuple[dict[str, str], str]:
    code = direction.source if side == "source" else direction.target
    names = _side_names(dataset, direction, code)
    return names, fill(dataset.pivot_text if dataset.pivot_text and code != direction.other else dataset.text, names)


def _side_files(dataset: DatasetSpec, side: str) -> Patterns | None:
    return (dataset.source_files if side == "source" else dataset.target_files) or dataset.files


def _side_names(dataset: DatasetSpec, direction: Direction, code: str) -> dict[str, str]:
    sides = {"source": direction.source, "target": direction.target, "other": direction.other}
    return filled_names(dataset, {"lang": code, **sides})


def _distinct(dataset: DatasetSpec, splits: Sequence[str]) -> Sequence[str]:
    """The splits, or one of them where files do not tell them apart: their rows are read once."""
    patterns = " ".join(" ".join(as_patterns(one)) for one in (dataset.files, dataset.source_files))
    return splits if dataset.path is not None or "{split}" in patterns else splits[:1]


def _items(
    dataset: DatasetSpec, roots: DataRoots, names: Names, rows: Iterable[Row], where: str, splits: Sequence[str]
) -> Iterator[tuple[str, str, Row]]:
    """Rows with their ids and clusters (empty for an item of its own).

    Args:
        splits: What the rows are of.

    Raises:
        DataError: There is no row, one lacks a column, two have the same key, or clusters do not fit.
    """
    clusters = _cluster_lines(dataset, roots, names, where, splits)
    seen: set[str] = set()
    for number, row in enumerate(rows, 1):
        identifier, cluster = identified(dataset, row, number, where)
        if identifier in seen and dataset.first_of_key:
            continue
        if identifier in seen:
            key = "' with '".join(dataset.key_columns)
            raise DataError(f"{where}: column '{key}' has '{identifier}' twice; a key names one item")
        seen.add(identifier)
        if clusters is not None and number <= len(clusters):
            cluster = clusters[number - 1]
        yield identifier, cluster, row
    count = len(seen)
    if count == 0:
        raise DataError(f"{where}: the data is empty; give it at least one row")
    if clusters is not None and (len(clusters) < count or (len(clusters) > count and dataset.max_items is None)):
        raise DataError(f"{where}: cluster_files has {len(clusters)} lines for {count} rows; they must be line-aligned")


def _cluster_lines(
    dataset: DatasetSpec, roots: DataRoots, names: Names, where: str, splits: Sequence[str]
) -> list[str] | None:
    """Cluster of every row of some splits; ``None`` where the data set has no file of that for them."""
    archive = archive_of(dataset, names)
    if not any("{split}" in pattern for pattern in as_patterns(dataset.cluster_files)):
        splits = splits[:1]
    clusters: list[str] = []
    for split in splits:
        patterns = file_patterns(dataset.cluster_files, dataset, names, split)
        if not patterns:
            return None
        file = roots.locate(patterns, where, archive)
        if dataset.cluster is not None:
            clusters += [str(_cell(row, dataset.cluster, where)) for row in rows_of(file, TableForm())]
        else:
            with file.open() as handle:
                clusters += lines_of(handle, str(file))
    return clusters


def _texts(dataset: DatasetSpec, roots: DataRoots, names: Names, where: str) -> dict[str, str]:
    """Whole texts by the name that templates use; documents share them, none has a copy."""
    archive = archive_of(dataset, names)
    return {
        name: roots.locate([fill(pattern, names)], where, archive).text() for name, pattern in dataset.texts.items()
    }


def _cell(row: Row, column: str, where: str) -> object:
    try:
        return cell(row, column)
    except KeyError:
        raise no_column(column, row, where) from None


def _text(row: Row, column: str, where: str) -> str:
    value = _cell(row, column, where)
    if value is None:
        raise DataError(f"{where}: a row has nothing in column '{column}'; remove it, or select others with 'where'")
    return str(value)
