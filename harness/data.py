"""Data sources -> documents: local files and mirrors, joined across languages.

A pattern is looked up under ``--data-root`` first, then beside the task file, and cannot leave either. Files are read
as they are: no type guessing, no missing-value words, no line break but ``\\n`` (U+2028 and friends stand inside
sentences).
Knows nothing of prompts, models or metrics.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from harness.errors import DataError
from harness.spec import DatasetSpec
from harness.store import content_hash
from harness.types import Document
from metrics.spelling import did_you_mean

Row = Mapping[str, object]

_FORMATS = {".tsv": "tsv", ".csv": "csv", ".jsonl": "jsonl", ".json": "json", ".parquet": "parquet"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRoots:
    """Where patterns are looked up.

    Attributes:
        task_folder: Folder of the task file. data_root: ``--data-root``, if given.
    """

    task_folder: Path
    data_root: Path | None = None

    def locate(self, pattern: str, where: str) -> Path:
        """The file a filled pattern names.

        Raises:
            DataError: The pattern leaves its root, or no root has the file.
        """
        relative = PurePosixPath(pattern)
        if relative.is_absolute() or ".." in relative.parts:
            raise DataError(f"{where}: '{pattern}' leaves the data folder; write a path below it")
        roots = [root for root in (self.data_root, self.task_folder) if root is not None]
        for root in roots:
            candidate = root / relative
            if candidate.is_file():
                return candidate
        tried = " or ".join(str(root) for root in roots)
        advice = "" if self.data_root else "; name the folder of your data with --data-root DIR"
        raise DataError(f"{where}: no file '{pattern}' under {tried}{advice}")


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
    rows = [
        [document.id, document.cluster, {key: str(value) for key, value in document.fields.items()}]
        for document in documents
    ]
    return content_hash(rows)[:16]


def read_rows(
    dataset: DatasetSpec, roots: DataRoots, names: Mapping[str, str], where: str, split: str
) -> Iterator[Row]:
    """Rows of one split, as they are in the data; nothing is looked at, keys least of all.

    Args:
        dataset: The source. roots: Where to look.
        names: What stands for the placeholders of its patterns (``lang``, ``config``).
        where: What to call the task in an error.

    Raises:
        DataError: There is no such data, or it cannot be read.
    """
    if dataset.files is not None:
        yield from _read_pattern(dataset, roots, dataset.files, names, where, (split,))
    elif dataset.path is not None:
        yield from _read_hub(dataset, roots, names, where, split)
    else:
        raise DataError(f"{where}: 'source_files' belongs to directions; this kind of task needs 'files' or 'path'")


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
    names = {"lang": code}
    wanted = splits or dataset.splits
    if dataset.files is not None and "{split}" not in dataset.files:
        wanted = wanted[:1]
    rows = [row for split in wanted for row in read_rows(dataset, roots, names, where, split)]
    clusters = _clusters(dataset, roots, names, where)
    return _to_documents(dataset, rows, clusters, where)


def read_pairs(dataset: DatasetSpec, roots: DataRoots, direction: Direction, where: str) -> list[Document]:
    """Documents of one direction, with fields ``source`` and ``target``: the same item in two languages.

    Rows are joined on the key where the data set has one (in the order of the source), else line by line.

    Raises:
        DataError: As :func:`read_documents`; the sides have different lengths, or no key in common.
    """
    if dataset.files is not None or dataset.path is not None:
        left = read_documents(dataset, roots, direction.source, where)
        right = read_documents(dataset, roots, direction.target, where)
    else:
        names = {"source": direction.source, "target": direction.target, "other": direction.other}
        clusters = _clusters(dataset, roots, names, where)
        left, right = (
            _to_documents(
                dataset, list(_read_pattern(dataset, roots, pattern or "", names, where, ())), clusters, where
            )
            for pattern in (dataset.source_files, dataset.target_files)
        )
    if dataset.key is None and len(left) != len(right):
        raise DataError(
            f"{where}: {direction.source} has {len(left)} lines and {direction.target} has {len(right)}; "
            "line-aligned files must have the same number (or name a 'key' column to join on)"
        )
    by_id = {document.id: document for document in right}
    pairs = [
        Document(
            id=document.id,
            cluster=document.cluster,
            fields={
                "source": _text(document, dataset.text, where),
                "target": _text(by_id[document.id], dataset.text, where),
            },
        )
        for document in left
        if document.id in by_id
    ]
    if not pairs:
        raise DataError(f"{where}: {direction.source} and {direction.target} have no '{dataset.key}' in common")
    return pairs


def require_columns(documents: Sequence[Document], columns: Sequence[str], where: str) -> None:
    """Raise :class:`DataError` with a did-you-mean when a column is not in the data."""
    found = list(documents[0].fields)
    for column in columns:
        if column not in found:
            hint = did_you_mean(column, found)
            raise DataError(f"{where}: no column '{column}'{hint}; the data has {', '.join(found)}")


def _text(document: Document, column: str, where: str) -> str:
    if column not in document.fields:
        require_columns([document], [column], where)
    return str(document.fields[column])


def _clusters(dataset: DatasetSpec, roots: DataRoots, names: Mapping[str, str], where: str) -> list[str] | None:
    if dataset.cluster_files is None:
        return None
    return read_lines(roots.locate(_fill(dataset.cluster_files, names), where))


def _to_documents(
    dataset: DatasetSpec, rows: Sequence[Row], clusters: Sequence[str] | None, where: str
) -> list[Document]:
    if not rows:
        raise DataError(f"{where}: the data is empty; give it at least one row")
    if clusters is not None and len(clusters) != len(rows):
        raise DataError(
            f"{where}: cluster_files has {len(clusters)} lines for {len(rows)} rows; they must be line-aligned"
        )
    documents = []
    for index, row in enumerate(rows):
        for column in filter(None, [dataset.key, dataset.cluster]):
            if column not in row:
                require_columns([Document(id="", cluster="", fields=row)], [column], where)
        identifier = str(row[dataset.key]) if dataset.key else str(index + 1)
        cluster = clusters[index] if clusters else str(row[dataset.cluster]) if dataset.cluster else identifier
        documents.append(Document(id=identifier, cluster=cluster, fields=row))
    seen: set[str] = set()
    for document in documents:
        if document.id in seen:
            raise DataError(f"{where}: column '{dataset.key}' has '{document.id}' twice; a key names one item")
        seen.add(document.id)
    return documents[: dataset.max_items]


def _fill(pattern: str, names: Mapping[str, str]) -> str:
    for name, value in names.items():
        pattern = pattern.replace("{" + name + "}", value)
    return pattern


def _read_pattern(
    dataset: DatasetSpec,
    roots: DataRoots,
    pattern: str,
    names: Mapping[str, str],
    where: str,
    splits: Sequence[str],
) -> Iterator[Row]:
    filled = _fill(pattern, names)
    parts = [_fill(filled, {"split": split}) for split in splits or dataset.splits] if "{split}" in filled else [filled]
    for part in parts:
        yield from _read_file(dataset, roots.locate(part, where))


def _read_hub(
    dataset: DatasetSpec, roots: DataRoots, names: Mapping[str, str], where: str, split: str
) -> Iterator[Row]:
    """Rows of a hub data set: from a mirror ``org/name/config/split.*`` under the data root, else from the hub."""
    path = dataset.path or ""
    config = _fill(dataset.name or "", names)
    folder = PurePosixPath(path) / config
    mirrored = [
        roots.data_root / folder / f"{split}{suffix}"
        for suffix in _FORMATS
        if roots.data_root is not None and (roots.data_root / folder / f"{split}{suffix}").is_file()
    ]
    if mirrored:
        yield from _read_file(dataset, mirrored[0])
        return
    import datasets

    try:
        rows = datasets.load_dataset(path, config or None, split=split, revision=dataset.revision)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(
            f"{where}: data set '{path}' is neither under --data-root as {folder}/{split}.* "
            f"nor to be had from the hub ({reason})"
        ) from error
    yield from rows


def _read_file(dataset: DatasetSpec, path: Path) -> Iterator[Row]:
    form = dataset.format or _FORMATS.get(path.suffix.lower(), "lines")
    if form == "parquet":
        import pyarrow.parquet as pq

        yield from pq.read_table(path).to_pylist()
        return
    if form == "csv":
        with path.open(encoding="utf-8-sig", newline="") as handle:
            yield from _table(dataset, path, csv.reader(handle))
        return
    lines = read_lines(path)
    if form == "lines":
        yield from ({dataset.text: line} for line in lines)
    elif form == "tsv":
        yield from _table(dataset, path, (line.split("\t") for line in lines))
    else:
        yield from _json_rows(path, form, lines)


def _json_rows(path: Path, form: str, lines: Sequence[str]) -> Iterator[Row]:
    try:
        texts = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
        rows = json.loads("\n".join(lines)) if form == "json" else [json.loads(line) for _, line in texts]
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(rows, list):
        raise DataError(f"{path}: expected a list of objects, found {type(rows).__name__}")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise DataError(f"{path}: row {number}: expected an object, found {type(row).__name__}")
        yield row


def _table(dataset: DatasetSpec, path: Path, rows: Iterator[list[str]]) -> Iterator[Row]:
    has_header = dataset.header if dataset.header is not None else not dataset.columns
    columns = list(dataset.columns)
    if has_header:
        header = next(rows, [])
        columns = columns or header
    for number, cells in enumerate(rows, 2 if has_header else 1):
        if len(cells) != len(columns):
            raise DataError(f"{path}:{number}: {len(cells)} columns, expected {len(columns)} ({', '.join(columns)})")
        yield dict(zip(columns, cells, strict=True))


def read_lines(path: Path, encoding: str = "utf-8-sig") -> list[str]:
    """Lines of a UTF-8 file; the last line may lack its line feed, and only ``\\n`` (or ``\\r\\n``) ends a line.

    Args:
        encoding: ``utf-8-sig`` drops a byte order mark, ``utf-8`` keeps it as text, as sacrebleu does.

    Raises:
        DataError: The file cannot be read, or is not UTF-8.
    """
    try:
        text = path.read_text(encoding=encoding)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 (byte {error.start}); convert the file") from error
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]
