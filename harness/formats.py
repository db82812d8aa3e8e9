"""Bytes of one file -> rows: tables, JSON in its three forms, parquet, SQuAD, lines of text; gzip around any of them.

Files are read as they are: no type guessing, no missing-value words, no line break but ``\\n`` (U+2028 and friends
stand inside sentences). Rows come one by one, so that whoever wants ten of a large file reads no more. Knows nothing of
where files are, of languages or of tasks.
"""

from __future__ import annotations

import csv
import io
import json
import lzma
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from harness.archives import Unpacked, open_archive
from harness.errors import DataError
from harness.rows import Row, RowFilter
from harness.strict_json import refuse_halves

MAX_LINE = 256 * 2**20
"""Bytes of one line."""

MAX_WHOLE = 2 * 2**30
"""Bytes of a file that must be read whole (JSON that is one value, whole texts)."""

FORMATS = {
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".tsv": "tsv",
    ".csv": "csv",
}
"""Ending of a file name -> format; everything else is ``lines``."""

_BATCH = 1024
_BLOCK = 2**18
_FEW_ROWS = 1_000_000
_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, OSError)
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file, or a member of an archive; as text, what errors call it."""

    path: Path
    member: str = ""

    def __str__(self) -> str:
        return f"{self.path}!{self.member}" if self.member else str(self.path)

    @property
    def endings(self) -> tuple[str, bool]:
        """Ending of the name in lower case without ``.gz``, and whether ``.gz`` follows it."""
        name = PurePosixPath(self.member or self.path.name)
        if name.suffix.lower() == ".gz":
            return PurePosixPath(name.stem).suffix.lower(), True
        return name.suffix.lower(), False

    def open(self) -> BinaryIO:
        """Its bytes, decompressed.

        Raises:
            DataError: It cannot be read.
        """
        try:
            raw = open_archive(self.path).open(self.member) if self.member else self.path.open("rb")
        except OSError as error:
            raise DataError(f"{self}: cannot be read ({error.strerror})") from error
        return io.BufferedReader(Unpacked(raw), _BLOCK) if self.endings[1] else raw

    def text(self) -> str:
        """The whole file as text, without a byte order mark; line ends as they are.

        Raises:
            DataError: It cannot be read, or is not UTF-8.
        """
        with self.open() as handle:
            try:
                return _whole(handle, str(self))
            except _DAMAGE as error:
                raise self.damaged(error) from error

    def damaged(self, error: Exception) -> DataError:
        """The error of a file that breaks off or does not add up."""
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        return DataError(f"{self}: damaged ({reason}); fetch it again")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableForm:
    """How a file is to be read.

    Attributes:
        format: One of :data:`FORMATS`' values, ``lines`` or ``squad``; empty to go by the file's name.
        columns, header, quotes, skip: As in :class:`harness.spec.DatasetSpec`.
        text: Column of a ``lines`` file.
    """

    format: str = ""
    columns: tuple[str, ...] = ()
    header: bool | None = None
    quotes: bool = False
    skip: int = 0
    text: str = "text"


def rows_of(file: DataFile, form: TableForm, wanted: RowFilter | None = None) -> Iterator[Row]:
    """Rows of one file.

    Args:
        file: The file. form: How it is written.
        wanted: Which rows; only parquet files use it, to leave the others unread. The caller filters all the same.

    Raises:
        DataError: The file cannot be read, or is not what its format says.
    """
    kind = form.format or FORMATS.get(file.endings[0], "lines")
    with file.open() as handle:
        try:
            rows = _READERS[kind](handle, file, form, wanted)
            for number, row in enumerate(rows):
                if number >= form.skip:
                    yield row
        except _DAMAGE as error:
            raise file.damaged(error) from error


def read_lines(path: Path, encoding: str = "utf-8-sig") -> list[str]:
    """Lines of a UTF-8 file; the last line may lack its line feed, and only ``\\n`` (or ``\\r\\n``) ends a line.

    Args:
        encoding: ``utf-8-sig`` drops a byte order mark, ``utf-8`` keeps it as text, as sacrebleu does.

    Raises:
        DataError: The file cannot be read, or is not UTF-8.
    """
    file = DataFile(path)
    with file.open() as handle:
        return list(lines_of(handle, str(file), keep_mark=encoding == "utf-8"))


def lines_of(handle: BinaryIO, label: str, *, keep_mark: bool = False) -> Iterator[str]:
    """Lines without their ends, as :func:`read_lines`, one at a time.

    Args:
        handle: Bytes. label: The file, for errors. keep_mark: Whether a byte order mark is text.

    Raises:
        DataError: The file is not UTF-8, or a line is longer than :data:`MAX_LINE`.
    """
    offset = 0
    while raw := handle.readline(MAX_LINE + 1):
        if len(raw) > MAX_LINE:
            raise DataError(f"{label}: a line of more than {MAX_LINE:,} bytes; is this a text file?")
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{label}: not UTF-8 (byte {offset + error.start}); convert the file") from error
        if offset == 0 and not keep_mark:
            line = line.removeprefix(_BOM)
        offset += len(raw)
        if line or raw.endswith(b"\n"):
            yield line.removesuffix("\n").removesuffix("\r")


def _whole(handle: BinaryIO, label: str) -> str:
    raw = handle.read(MAX_WHOLE + 1)
    if len(raw) > MAX_WHOLE:
        raise DataError(f"{label}: more than {MAX_WHOLE:,} bytes, which is too much to read at once; write jsonl")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{label}: not UTF-8 (byte {error.start}); convert the file") from error


def _lines(handle: BinaryIO, file: DataFile, form: TableForm, _wanted: RowFilter | None) -> Iterator[Row]:
    return ({form.text: line} for line in lines_of(handle, str(file)))


def _tsv(handle: BinaryIO, file: DataFile, form: TableForm, wanted: RowFilter | None) -> Iterator[Row]:
    if form.quotes:
        return _csv(handle, file, form, wanted, delimiter="\t")
    return _table(file, form, (line.split("\t") for line in lines_of(handle, str(file))))


def _csv(
    handle: BinaryIO, file: DataFile, form: TableForm, _wanted: RowFilter | None, delimiter: str = ","
) -> Iterator[Row]:
    text = io.TextIOWrapper(handle, encoding="utf-8-sig", newline="")
    reader = csv.reader(text, delimiter=delimiter)
    try:
        yield from _table(file, form, reader)
    except csv.Error as error:
        raise DataError(f"{file}:{reader.line_num}: not readable as csv ({error})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: not UTF-8 (after line {reader.line_num}); convert the file") from error


def _table(file: DataFile, form: TableForm, rows: Iterator[list[str]]) -> Iterator[Row]:
    has_header = form.header if form.header is not None else not form.columns
    columns = list(form.columns)
    if has_header:
        header = next(rows, [])
        columns = columns or header
    for number, cells in enumerate(rows, 2 if has_header else 1):
        if len(cells) != len(columns):
            raise DataError(f"{file}:{number}: {len(cells)} columns, expected {len(columns)} ({', '.join(columns)})")
        yield dict(zip(columns, cells, strict=True))


def _jsonl(handle: BinaryIO, file: DataFile, _form: TableForm, _wanted: RowFilter | None) -> Iterator[Row]:
    return _json_lines(lines_of(handle, str(file)), file)


def _json(handle: BinaryIO, file: DataFile, _form: TableForm, _wanted: RowFilter | None) -> Iterator[Row]:
    """A list of objects; or, as many releases have it under this ending, an object a line."""
    text = _whole(handle, str(file))
    if text.lstrip()[:1] == "{":
        return _json_lines(text.split("\n"), file)
    value = _parsed(text, str(file))
    if not isinstance(value, list):
        raise DataError(f"{file}: expected a list of objects, found {type(value).__name__}")
    return (_object(row, f"{file}: row {number}") for number, row in enumerate(value, 1))


def _json_lines(lines: Iterable[str], file: DataFile) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _object(_parsed(line, f"{file}:{number}"), f"{file}:{number}")


def _squad(handle: BinaryIO, file: DataFile, _form: TableForm, _wanted: RowFilter | None) -> Iterator[Row]:
    """SQuAD's nested articles, paragraphs and questions as the rows that the hub has: one a question."""
    top = _object(_parsed(_whole(handle, str(file)), str(file)), str(file))
    for article in _objects(top, "data", str(file)):
        for paragraph in _objects(article, "paragraphs", str(file)):
            for question in _objects(paragraph, "qas", str(file)):
                answers = _objects(question, "answers", str(file)) if question.get("answers") else []
                yield {
                    **{name: value for name, value in question.items() if name != "answers"},
                    "title": article.get("title", ""),
                    "context": paragraph.get("context", ""),
                    "answers": {
                        "text": [answer.get("text") for answer in answers],
                        "answer_start": [answer.get("answer_start") for answer in answers],
                    },
                }


def _parquet(handle: BinaryIO, file: DataFile, _form: TableForm, wanted: RowFilter | None) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(handle)
        if table.metadata.num_rows > max(_FEW_ROWS, handle.seek(0, io.SEEK_END)):
            raise DataError(
                f"{file}: {table.metadata.num_rows:,} rows in fewer bytes: made to fill the memory, not data"
            )
        batches = table.iter_batches(batch_size=_BATCH)
        if wanted and wanted.by_column(table.schema_arrow):
            batches = wanted.batches(batches)
        for batch in batches:
            yield from batch.to_pylist()
    except pa.ArrowException as error:
        raise DataError(f"{file}: not a readable parquet file ({str(error).splitlines()[0]})") from error


def _parsed(text: str, where: str) -> object:
    """The value; ``NaN`` and the last of two equal keys are taken, as most writers of data sets expect."""
    try:
        value: object = json.loads(text)
        if "\\ud" in text or "\\uD" in text:
            refuse_halves(value)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not valid JSON ({' '.join(str(error).split())[:200]})") from error
    return value


def _object(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise DataError(f"{where}: expected an object, found {type(value).__name__}")
    return value


def _objects(value: Mapping[str, object], name: str, where: str) -> Sequence[Mapping[str, object]]:
    found = value.get(name)
    if not isinstance(found, list):
        raise DataError(f"{where}: '{name}' is not a list of objects; is this SQuAD's form?")
    return [_object(one, f"{where}: {name}") for one in found]


_READERS = {
    "lines": _lines,
    "tsv": _tsv,
    "csv": _csv,
    "jsonl": _jsonl,
    "json": _json,
    "squad": _squad,
    "parquet": _parquet,
}
