"""What must survive: the response store (SQLite) and run folders (JSON and Parquet), written atomically.

The response store is content-addressed: a key is the hash of the model's identity and the request, so the same question
to the same model is answered once, whichever task asked. One process writes at a time (WAL); a killed process loses at
most the batch it had not yet handed over. Knows nothing of tasks or metrics.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import RecordError
from harness.record_reading import checked_record
from harness.records import LATER_COLUMNS, SEGMENT_COLUMNS, STATISTICS_COLUMNS, UNIT_COLUMNS, RunRecord
from harness.response_checks import is_sound
from harness.types import (
    EmbedResponse,
    Failed,
    GenerateResponse,
    LogLikelihoodResponse,
    Request,
    Response,
    RewardResponse,
)

if TYPE_CHECKING:
    import pyarrow as pa

UnitKey = tuple[str, str, str, str, str]
"""``(model, task, variant, prompt, language)``."""

_SQL_CHUNK = 500
_SAID_WHERE_UNUSUAL = ("side", "instruction", "direction", "temperature", "top_p", "top_k", "seed", "sample")
_READABLE = 0o644

_KEY_COLUMNS = (*UNIT_COLUMNS, "metric")
"""What the rows of a run's tables are looked up by; only these have statistics in the footers of the files."""


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file's content, read in blocks."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def content_hash(value: object) -> str:
    """Hex SHA-256 of a JSON-able value in canonical form (sorted keys, UTF-8, no spaces)."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def write_text_atomic(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(_READABLE)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class ResponseStore:
    """Responses and per-unit statistics by content key, in one SQLite file.

    Args:
        path: The database; made with its folder when missing.

    Raises:
        RecordError: The file is not a database of this version.
    """

    _VERSION = 1

    @classmethod
    def for_reading(cls, path: Path) -> ResponseStore:
        """A copy in memory of nothing, or the store at ``path`` without a way to change it, if there is one."""
        found = cls(Path(":memory:"))
        if path.is_file():
            found.close()
            found.path = path
            found._db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=60)
        return found

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        try:
            self._db = sqlite3.connect(path, timeout=60, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, self._VERSION):
                raise RecordError(
                    f"{path}: response store has version {version}, this glotbench reads {self._VERSION}; "
                    "use another --out folder or move the file away"
                )
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS responses (key TEXT PRIMARY KEY, kind TEXT NOT NULL, body BLOB NOT NULL) "
                "WITHOUT ROWID"
            )
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS reductions (key TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID"
            )
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS plans "
                "(key TEXT, layer INTEGER, body BLOB NOT NULL, PRIMARY KEY (key, layer)) WITHOUT ROWID"
            )
            self._db.execute(f"PRAGMA user_version={self._VERSION}")
        except sqlite3.DatabaseError as error:
            raise RecordError(
                f"{path}: not a readable response store ({error}); move the file away and run again"
            ) from error

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> ResponseStore:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def get(self, keys: Sequence[str]) -> dict[str, Response]:
        """Stored responses of ``keys``; keys without one are absent from the answer."""
        found: dict[str, Response] = {}
        for start in range(0, len(keys), _SQL_CHUNK):
            chunk = keys[start : start + _SQL_CHUNK]
            marks = ",".join("?" * len(chunk))
            rows = self._db.execute(f"SELECT key, kind, body FROM responses WHERE key IN ({marks})", chunk)
            found.update((key, _decoded(kind, body, f"{self.path}: response {key[:12]}")) for key, kind, body in rows)
        return found

    def missing(self, keys: Sequence[str]) -> list[str]:
        """The distinct ``keys`` without a stored response, in their order; bodies are not read."""
        have: set[str] = set()
        for start in range(0, len(keys), _SQL_CHUNK):
            chunk = keys[start : start + _SQL_CHUNK]
            marks = ",".join("?" * len(chunk))
            have.update(row[0] for row in self._db.execute(f"SELECT key FROM responses WHERE key IN ({marks})", chunk))
        return [key for key in dict.fromkeys(keys) if key not in have]

    def put(self, items: Iterable[tuple[str, Response]]) -> None:
        """Store responses durably in one transaction. Failed requests are not stored: they are tried again."""
        rows = [(key, *_encode(response)) for key, response in items if not isinstance(response, Failed)]
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT OR REPLACE INTO responses VALUES (?, ?, ?)", rows)

    def get_reduction(self, key: str) -> bytes | None:
        """Statistics that responses were reduced to, as stored by :meth:`put_reduction`."""
        row = self._db.execute("SELECT body FROM reductions WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def has_reduction(self, key: str) -> bool:
        """Whether :meth:`get_reduction` would find something."""
        return self._db.execute("SELECT 1 FROM reductions WHERE key = ?", (key,)).fetchone() is not None

    def put_reduction(self, key: str, body: bytes) -> None:
        """Store statistics durably; the responses they came from may then be dropped."""
        self._db.execute("INSERT OR REPLACE INTO reductions VALUES (?, ?)", (key, body))

    def planned(self, key: str) -> list[NDArray[np.int32]]:
        """The layers of a plan, as :meth:`add_planned` stored them."""
        rows = self._db.execute("SELECT body FROM plans WHERE key = ? ORDER BY layer", (key,))
        return [np.frombuffer(body, dtype="<i4").astype(np.int32) for (body,) in rows]

    def add_planned(self, key: str, positions: Sequence[int]) -> None:
        """Add a layer to a plan, durably: positions of a list of requests whose batches are made among themselves."""
        body = np.asarray(positions, dtype="<i4").tobytes()
        layer = "(SELECT count(*) FROM plans WHERE key = ?)"
        self._db.execute(f"INSERT INTO plans VALUES (?, {layer}, ?)", (key, key, body))

    def drop(self, keys: Sequence[str]) -> None:
        """Forget responses that were reduced to statistics and are too large to keep."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("DELETE FROM responses WHERE key = ?", [(key,) for key in keys])


def request_key(identity_hash: str, request: Request) -> str:
    """Content key of a request to a model. Languages are labels, not part of the question, and do not enter.

    Neither do a side, an instruction and a direction that say nothing, nor how to sample where text is not sampled.
    """
    body = {
        field.name: value
        for field in dataclasses.fields(request)
        if field.name != "language"
        and ((value := getattr(request, field.name)) != field.default or field.name not in _SAID_WHERE_UNUSUAL)
    }
    return content_hash([identity_hash, type(request).__name__, body])


def _encode(response: Response) -> tuple[str, bytes]:
    match response:
        case LogLikelihoodResponse():
            counted = [] if response.tokens is None else [response.tokens]
            return "loglikelihood", json.dumps([response.logprob, response.is_greedy, *counted]).encode()
        case RewardResponse():
            return "reward", json.dumps(response.reward).encode()
        case GenerateResponse() if response.reasoning:
            return "reasoned", json.dumps([response.reasoning, response.text]).encode()
        case GenerateResponse():
            return "generate", response.text.encode("utf-8", "surrogatepass")
        case EmbedResponse():
            shape = np.array(response.vectors.shape, dtype="<i4")
            header = np.array([shape.size], dtype="<i4").tobytes() + shape.tobytes()
            return "embed", header + np.ascontiguousarray(response.vectors, dtype="<f4").tobytes()
        case Failed():
            raise ValueError("a failed request has no response to store")


def _decoded(kind: str, body: bytes, where: str) -> Response:
    """A stored response.

    Raises:
        RecordError: It is not what its kind says.
    """
    try:
        found = _decode(kind, body)
    except (ValueError, TypeError, IndexError, OverflowError, RecursionError) as error:
        raise RecordError(f"{where}: damaged ({kind[:20]}: {str(error)[:100]}); move the store away") from error
    if not is_sound(found):
        raise RecordError(f"{where}: damaged (it is no {kind[:20]} response); move the store away and run again")
    return found


def _decode(kind: str, body: bytes) -> Response:
    if kind == "loglikelihood":
        logprob, is_greedy, *counted = json.loads(body)
        return LogLikelihoodResponse(logprob=logprob, is_greedy=is_greedy, tokens=counted[0] if counted else None)
    if kind == "reward":
        return RewardResponse(reward=json.loads(body))
    if kind == "generate":
        return GenerateResponse(text=body.decode("utf-8", "surrogatepass"))
    if kind == "reasoned":
        reasoning, text = json.loads(body)
        return GenerateResponse(text=text, reasoning=reasoning)
    dims = int(np.frombuffer(body, dtype="<i4", count=1)[0])
    shape = np.frombuffer(body, dtype="<i4", count=dims, offset=4)
    vectors = np.frombuffer(body, dtype="<f4", offset=4 * (dims + 1)).reshape(tuple(shape))
    return EmbedResponse(vectors=vectors.astype(np.float32, copy=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRow:
    """The texts of one segment, as they stand in ``segments.parquet``."""

    segment: str
    cluster: str
    source: str | None
    references: tuple[str, ...]
    hypothesis: str | None
    failed: str | None = None
    reasoning: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitStatistics:
    """Sufficient statistics of one metric over the scored segments of one unit.

    Attributes:
        segments, clusters: ``n`` ids each.
        stats: ``[n, k]`` float64.
        scores: ``[n]`` segment-level scores, ``nan`` where the metric has none.
    """

    segments: tuple[str, ...]
    clusters: tuple[str, ...]
    stats: NDArray[np.float64]
    scores: NDArray[np.float64]


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
        self._write("segments", pa.table(_with_unit(unit, text_columns, len(rows)), schema=_segment_schema()))
        for metric, unit_stats in statistics.items():
            count = len(unit_stats.segments)
            columns = {
                "metric": [metric] * count,
                "segment": list(unit_stats.segments),
                "cluster": list(unit_stats.clusters),
                "stats": list(unit_stats.stats),
                "score": unit_stats.scores,
            }
            self._write("statistics", pa.table(_with_unit(unit, columns, count), schema=_statistics_schema()))

    def finish(self, record: RunRecord, folder: Path | None = None) -> RunRecord:
        """Close the tables and write the record, which from then on stands for the run.

        Args:
            folder: Where the run belongs, if that is known only now; the folder written to so far goes.

        Returns:
            The record as written, with the files' checksums.
        """
        for name, schema in (("segments", _segment_schema()), ("statistics", _statistics_schema())):
            self._writer(name, schema).close()
        self._writers.clear()
        staging, self.folder = self.folder, folder or self.folder
        self.folder.mkdir(parents=True, exist_ok=True)
        files = {}
        for name in ("segments.parquet", "statistics.parquet"):
            part = staging / f"{name}.part"
            files[name] = sha256_file(part)
            part.replace(self.folder / name)
        if staging != self.folder:
            staging.rmdir()
        final = record.model_copy(update={"files": files})
        text = final.model_dump_json(indent=1) + "\n"
        write_text_atomic(self.folder / "run.json", text)
        digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
        write_text_atomic(self.folder / "run.json.sha256", f"{digest}  run.json\n")
        return final

    def _write(self, name: str, table: pa.Table) -> None:
        self._writer(name, table.schema).write_table(table)

    def _writer(self, name: str, schema: pa.Schema) -> Any:
        import pyarrow.parquet as pq

        if name not in self._writers:
            part = self.folder / f"{name}.parquet.part"
            keys = [column for column in _KEY_COLUMNS if column in schema.names]
            self._writers[name] = pq.ParquetWriter(part, schema, compression="zstd", write_statistics=keys)
        return self._writers[name]


class RunFolder:
    """A finished run on disk, opened for reading.

    Args:
        path: The folder, or its ``run.json``.

    Raises:
        RecordError: There is no record, it is damaged, or of an unknown version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.parent if path.name == "run.json" else path
        self.record = _read_record(self.path / "run.json")
        self._tables: dict[str, _GroupedTable] = {}

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

    def metrics(self, unit: UnitKey) -> tuple[str, ...]:
        """The metrics that have statistics of ``unit``, as written; none where the run keeps no statistics.

        Raises:
            RecordError: The table is there but cannot be read.
        """
        if not (self.path / "statistics.parquet").is_file():
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
            file = self.path / name
            if not file.is_file():
                yield f"{file}: missing"
            elif (found := sha256_file(file)) != expected:
                yield f"{file}: damaged (sha256 {found[:12]}, the record says {expected[:12]})"

    def _table(self, name: str) -> _GroupedTable:
        if name not in self._tables:
            columns = SEGMENT_COLUMNS if name == "segments.parquet" else STATISTICS_COLUMNS
            self._tables[name] = _GroupedTable(self.path / name, columns, optional=LATER_COLUMNS)
        return self._tables[name]


class _GroupedTable:
    """A Parquet file of many units, of which only the row groups that hold the wanted one are read.

    The footer is parsed once. A row group whose statistics show a single value in every key column is indexed by them
    alone; of any other (several units in one, no statistics) the key columns are read.

    Args:
        path: The file.
        columns: Columns it must have. Those in ``_KEY_COLUMNS`` are the key.
        optional: Of these, columns that older files do not have; their rows come without.

    Raises:
        RecordError: The file is missing, damaged, or lacks a column.
    """

    def __init__(self, path: Path, columns: Sequence[str], *, optional: Sequence[str] = ()) -> None:
        import pyarrow.parquet as pq

        self._path = path
        self._keys = [column for column in _KEY_COLUMNS if column in columns]
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


def find_runs(root: Path) -> list[Path]:
    """Folders at or below ``root`` that hold a run record, in name order."""
    return sorted(path.parent for path in root.rglob("run.json"))


def _read_record(path: Path) -> RunRecord:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{path}: no readable run record there ({error}); name a run folder") from error
    sidecar = path.with_name("run.json.sha256")
    if sidecar.is_file():
        expected = sidecar.read_text(encoding="utf-8", errors="replace").split(" ")[0]
        found = hashlib.sha256(text.encode("utf-8")).hexdigest()
        if found != expected:
            raise RecordError(
                f"{path}: damaged (sha256 {found[:12]}, expected {expected[:12]}); run again to rebuild it"
            )
    return checked_record(text.encode("utf-8"), path)


def _with_unit(unit: UnitKey, columns: dict[str, Any], count: int) -> dict[str, Any]:
    return {name: [value] * count for name, value in zip(UNIT_COLUMNS, unit, strict=True)} | columns


def _segment_schema() -> pa.Schema:
    import pyarrow as pa

    text = [(name, pa.string()) for name in (*UNIT_COLUMNS, "segment", "cluster", "source")]
    return pa.schema(
        [
            *text,
            ("references", pa.list_(pa.string())),
            *((name, pa.string()) for name in ("hypothesis", "failed", "reasoning")),
        ]
    )


def _statistics_schema() -> pa.Schema:
    import pyarrow as pa

    text = [(name, pa.string()) for name in (*UNIT_COLUMNS, "metric", "segment", "cluster")]
    return pa.schema([*text, ("stats", pa.list_(pa.float64())), ("score", pa.float64())])
