"""A local mirror of the hub: where a split of ``org/name`` lies under ``--data-root``.

Three layouts, in this order. A copy of the hub's repository, whose ``README.md`` says which files are which
configuration and split, is read by ``datasets`` as the hub's own. Otherwise ``org/name/config/split.*``, whole or in
shards (``split-00000-of-00002.parquet``, ``split/0000.parquet``), with ``data/`` before or after the configuration or
not at all. Last, a repository without such a header, in which ``datasets`` looks around. Only names are looked at here;
of files, the header of the README alone.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from harness.errors import DataError
from harness.formats import FORMATS, DataFile
from harness.hub import HubData
from metrics.bounded_yaml import load_bounded

_ALIASES = {
    "train": ("training",),
    "validation": ("valid", "dev", "val"),
    "test": ("testing", "eval", "evaluation"),
}
"""What the hub calls the same split, where no file has the split's own name."""

_ENDINGS = tuple(ending + packed for ending in FORMATS for packed in ("", ".gz"))
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})(\.[\w.]+)$")
_README_BYTES = 10_000_000


def find_mirrored(root: Path, path: str, config: str, split: str, where: str) -> tuple[DataFile, ...] | HubData | None:
    """Files of a split, or a copy of the repository that has it, or ``None`` where the mirror has neither.

    Args:
        root: ``--data-root``. path: ``org/name``. config: Configuration, may be empty. where: For errors.

    Raises:
        DataError: ``path`` or ``config`` leave the root, or a shard is missing.
    """
    for name in filter(None, (path, config)):
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise DataError(f"{where}: '{name}' leaves the data folder; write the name of a data set")
    folder = root / path
    if not folder.is_dir():
        return None
    header = _header_of(folder)
    cloned = HubData(path=str(folder), config=config, split=split, local=True, streaming=True)
    if header is not None and _declares(header, config):
        _check_inside(header, folder, where)
        return _plainly_declared(header, folder, config, split) or cloned
    for base in _bases(folder, config):
        for name in (split, *_ALIASES.get(split, ())):
            if files := _files(base, name, where):
                return files
    if header is None or config:
        return None
    _check_inside(header, folder, where)
    return cloned


def _bases(folder: Path, config: str) -> Iterator[Path]:
    if config:
        yield from (folder / config, folder / "data" / config, folder / config / "data")
    else:
        yield from (folder, folder / "data", folder / "default")


def _files(base: Path, split: str, where: str) -> tuple[DataFile, ...]:
    """``split.*``, or its shards, all in one format."""
    if not base.is_dir():
        return ()
    for ending in _ENDINGS:
        whole = base / f"{split}{ending}"
        if whole.is_file():
            return (DataFile(whole),)
    shards: dict[str, list[tuple[int, int, Path]]] = {}
    for path in sorted(base.glob(f"{glob.escape(split)}-*")):
        if match := _SHARD.match(path.name[len(split) :]):
            shards.setdefault(match[3].lower(), []).append((int(match[1]), int(match[2]), path))
    for ending in _ENDINGS:
        if found := shards.get(ending):
            count = found[0][1]
            if [(number, of) for number, of, _ in found] != [(number, count) for number in range(count)]:
                raise DataError(
                    f"{where}: {base}: {len(found)} of {count} shards of '{split}' are there; fetch the others"
                )
            return tuple(DataFile(path) for _, _, path in found)
    converted = sorted((base / split).glob("[0-9][0-9][0-9][0-9].parquet"))
    return tuple(map(DataFile, converted))


def _header_of(folder: Path) -> dict[str, Any] | None:
    """The YAML header of a repository's README; empty where the README has none, ``None`` without README."""
    readme = folder / "README.md"
    try:
        found = readme.stat()
    except OSError:
        return None
    return _header(readme, found.st_size, found.st_mtime_ns) if found.st_size <= _README_BYTES else None


@lru_cache(maxsize=64)
def _header(readme: Path, _size: int, _changed: int) -> dict[str, Any]:
    """Parsed once: a header with hundreds of configurations takes half a second."""
    import yaml

    text = readme.read_text(encoding="utf-8", errors="replace")
    match = re.match(r"---\r?\n(.*?)\r?\n---\s", text + "\n", re.DOTALL)
    try:
        value = load_bounded(match[1]) if match else None
    except yaml.YAMLError:
        return {}
    return value if isinstance(value, dict) else {}


def _plainly_declared(header: dict[str, Any], folder: Path, config: str, split: str) -> tuple[DataFile, ...]:
    """Files of a split where the header names them and says nothing of how they are read; else none.

    Saves ``datasets`` from looking through all configurations for each. Tables of declared types are left to it.
    """
    entries = [one for one in header["configs"] if isinstance(one, dict) and one.get("config_name") == config]
    if len(entries) != 1 or entries[0].keys() - {"config_name", "data_files", "default"}:
        return ()
    said = entries[0].get("data_files")
    named = [one for one in said if isinstance(one, dict)] if isinstance(said, list) else []
    patterns = [text for one in named if one.get("split") == split for text in _texts(one.get("path"))]
    if not patterns or any("**" in pattern or "[" in pattern for pattern in patterns):
        return ()
    try:
        files = [DataFile(path) for pattern in patterns for path in sorted(folder.glob(pattern)) if path.is_file()]
    except (OSError, ValueError, NotImplementedError):  # no pattern of a file
        return ()
    kinds = {FORMATS.get(file.endings[0]) for file in files}
    types = _types(header, config)
    matter = "class_label" in str(types) if kinds == {"parquet"} else bool(types)
    if len(kinds) != 1 or None in kinds or matter:
        return ()
    return tuple(files)


def _types(header: dict[str, Any], config: str) -> list[object]:
    """Columns of the configuration that the header declares; parquet files know them but for names of classes."""
    said = header.get("dataset_info")
    entries = said if isinstance(said, list) else [said]
    fitting = [one for one in entries if isinstance(one, dict) and one.get("config_name", config) == config]
    return [one["features"] for one in fitting if one.get("features")]


def _declares(header: dict[str, Any], config: str) -> bool:
    """Whether the header says which files the configuration has."""
    configs = header.get("configs")
    names = [one.get("config_name") for one in configs if isinstance(one, dict)] if isinstance(configs, list) else []
    return config in names if config else bool(names)


def _check_inside(header: dict[str, Any], folder: Path, where: str) -> None:
    """Refuse a README whose configurations name files outside the repository.

    Raises:
        DataError: A path is absolute, leads up, or is an address.
    """
    configs = header.get("configs")
    for config in configs if isinstance(configs, list) else ():
        said = [config.get("data_files"), config.get("data_dir")] if isinstance(config, dict) else []
        for text in _texts(said):
            if "://" in text or "::" in text or PurePosixPath(text).is_absolute() or ".." in PurePosixPath(text).parts:
                raise DataError(f"{where}: {folder / 'README.md'} names '{text}', which is outside of it; correct it")


def _texts(value: object) -> Iterator[str]:
    """Every text in nested lists and mappings."""
    if isinstance(value, str):
        yield value
    for inside in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(inside)
