"""The ``datasets`` library: hub data sets by revision, copies of hub repositories, csv as the hub reads it.

Everything the library can raise becomes one line that says what to do. Nothing here runs a loading script: ``datasets``
5 cannot. The library is imported on first use (a second or so).
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from harness.errors import DataError
from harness.rows import Row, RowFilter
from metrics.spelling import did_you_mean

_BATCH = 10_000
_POSITION = "\x00position"

_SCRIPT = re.compile(r"scripts are no longer supported, but found (\S+)")
_NO_CONFIG = re.compile(r"BuilderConfig '([^']*)' not found\. Available: \[(.*)\]")
_NO_SPLIT = re.compile(r"(?:Bad split: |Unknown split \"?)([^\".]+)\"?\. .*\[(.*)\]")
"""What ``datasets`` says of its three most frequent mistakes."""


class UnreachableError(DataError):
    """There is no way to the hub: the next data set cannot be had either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubData:
    """One split of a data set that ``datasets`` reads.

    Attributes:
        path: ``org/name``, or the folder of a copy of that repository. config: Its configuration, may be empty.
        revision: Commit. streaming: Whether rows come as they are read, without being kept.
        local: Whether ``path`` is a folder; otherwise a folder of that name is never looked at.
    """

    path: str
    config: str
    split: str
    revision: str | None = None
    streaming: bool = False
    local: bool = False

    def __str__(self) -> str:
        at = f"@{self.revision}" if self.revision else ""
        return f"{self.path}{at}" + (f" ({self.config})" if self.config else "")


def load(data: HubData, where: str, cache: Path | None = None) -> Any:
    """The library's own object of the split.

    Args:
        data: What to load. where: What to call the task in an error.
        cache: Folder of what the library prepares; by default its own.

    Raises:
        DataError: It cannot be had; the message says why and what to do.
    """
    import datasets

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it tells every retry; what matters is told below
    try:
        return datasets.load_dataset(
            data.path if data.local else f"hf://datasets/{data.path}",
            data.config or None,
            split=data.split,
            revision=data.revision,
            streaming=data.streaming,
            cache_dir=str(cache) if cache else None,
        )
    except Exception as error:
        raise explained(error, data, where) from error


def rows_of_split(loaded: Any, data: HubData, where: str, wanted: RowFilter) -> Iterator[Row]:
    """Rows of what :func:`load` gave, without those that are not wanted where that saves making them.

    Raises:
        DataError: Reading breaks off.
    """
    if wanted and not data.streaming and wanted.by_column(loaded.data.schema):
        loaded = loaded.select(_positions(loaded, wanted))
    rows = iter(loaded)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except Exception as error:
            raise explained(error, data, where) from error
        yield row


def csv_rows(files: Iterable[Path], separator: str, where: str) -> Iterator[Row]:
    """Rows of csv or tsv files with the types, quotes and missing values that the hub gives them.

    Raises:
        DataError: A file cannot be read.
    """
    import datasets

    paths = [str(file) for file in files]
    try:
        yield from datasets.load_dataset("csv", data_files={"rows": paths}, sep=separator, split="rows", streaming=True)
    except Exception as error:
        raise DataError(f"{where}: {paths[0]}: cannot be read as the hub would ({_first_line(error)})") from error


def explained(error: Exception, data: HubData, where: str) -> DataError:
    """One line on why a data set cannot be had, and what to do."""
    text = _first_line(error)
    if script := _SCRIPT.search(text):
        said = (
            f"the hub's copy is a loading script ({script[1]}), which 'datasets' does not run; name a script-free "
            "source as 'path', or give the release's own 'files' (with 'url', or under --data-root)"
        )
    elif "gated" in text.lower():
        page = f"https://huggingface.co/datasets/{data.path}"
        said = f"access is restricted; ask for it at {page}, then log in with 'hf auth login'"
    elif config := _NO_CONFIG.search(text):
        said = f"no configuration '{config[1]}'{_known(config[1], config[2])}"
    elif split := _NO_SPLIT.search(text):
        said = f"no split '{split[1]}'{_known(split[1], split[2])}"
    elif isinstance(error, ConnectionError) or "Couldn't reach" in text:
        said = (
            f"the hub cannot be reached ({text}); where there is network, 'glotbench data fetch' makes a mirror for "
            "--data-root"
        )
    elif type(error).__name__ == "DatasetNotFoundError":
        said = f"{text} Check 'path' and 'revision', or log in with 'hf auth login'"
    else:
        said = f"cannot be read ({text})"
    kind = UnreachableError if "cannot be reached" in said else DataError
    return kind(f"{where}: data set '{data.path}': {said}")


def _positions(loaded: Any, wanted: RowFilter) -> list[int]:
    """Positions of the rows that are wanted, from the columns they are chosen by alone."""
    import pyarrow as pa

    names = [name for name in loaded.column_names if name in wanted.columns]
    batches: Iterator[pa.Table] = loaded.select_columns(names).with_format("arrow").iter(_BATCH)
    found: list[int] = []
    start = 0
    for table in batches:
        numbered = table.append_column(_POSITION, pa.array(range(start, start + table.num_rows)))
        start += table.num_rows
        for kept in wanted.batches(numbered.to_batches()):
            found += kept.column(_POSITION).to_pylist()
    return found


def _known(name: str, listed: str) -> str:
    names = [part.strip(" '\"") for part in listed.split(",")]
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return f"{did_you_mean(name, names)}; it has {shown}"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def commit_of(data: HubData, where: str) -> str:
    """The commit that ``revision`` (or the newest state) of a hub data set is.

    Raises:
        DataError: There is no such data set or revision, or no way to the hub.
    """
    import huggingface_hub

    try:
        return str(huggingface_hub.HfApi().dataset_info(data.path, revision=data.revision, timeout=60).sha)
    except Exception as error:
        raise explained(error, data, where) from error


def save(data: HubData, target: Path, where: str, cache: Path, first: int | None) -> tuple[Path, int]:
    """Write a split as a file of the mirror.

    Parquet, which keeps every type; JSON lines where cells are decoded when read, or rows come as a stream.

    Args:
        data: What to write. target: The file, without its ending. cache: Folder for what the library prepares.
        first: Only so many rows; only of a stream.

    Returns:
        The file and its number of rows.

    Raises:
        DataError: As :func:`load`; or a column holds what is not text, numbers and lists of them.
    """
    loaded = load(data, where, cache)
    if data.streaming or decoded_on_reading(loaded.features):
        path = target.with_name(target.name + ".jsonl")
        return path, _save_lines(islice(rows_of_split(loaded, data, where, RowFilter({})), first), path, where)
    path = target.with_name(target.name + ".parquet")
    try:
        loaded.to_parquet(str(path))
    except Exception as error:
        raise explained(error, data, where) from error
    return path, len(loaded)


def _save_lines(rows: Iterable[Row], path: Path, where: str) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as handle:
        for row in rows:
            try:
                handle.write(json.dumps(row, ensure_ascii=False) + "\n")
            except (TypeError, ValueError, UnicodeEncodeError) as error:
                raise DataError(f"{where}: row {count + 1} holds what is no text or number ({error})") from error
            count += 1
    return count


def decoded_on_reading(features: Mapping[str, Any] | None) -> bool:
    """Whether rows hold something else than their parquet cells (JSON columns, images)."""
    from datasets.features.features import require_decoding

    return any(require_decoding(feature) for feature in (features or {}).values())
