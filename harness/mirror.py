"""A local mirror of the hub: where a split of ``org/name`` lies under ``--data-root``.

Three layouts, in this order. A copy of the hub's repository, whose ``README.md`` says which files are which
configuration and split, is read by ``datasets`` as the hub's own. Otherwise ``org/name/config/split.*``, whole or in
shards (``split-00000-of-00002.parquet``, ``split/0000.parquet``), with ``data/`` before or after the configuration or
not at all. Last, a repository without such a header, in which ``datasets`` looks around. Only names are looked at here;
of files, the header of the README alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from harness.errors import DataError
from harness.formats import FORMATS, DataFile
from harness.hub import HubData

_ALIASES = {
    "train": ("training",),
    "validation": ("valid", "dev", "val"),
    "test": ("testing", "eval", "evaluation"),
}
"""What the hub calls the same split, where no file has the split's own name."""

_ENDINGS = tuple(ending + packed for ending in FORMATS for packed in ("", ".gz"))
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})$")
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
    header = _header(folder)
    cloned = HubData(path=str(folder), config=config, split=split, local=True, streaming=True)
    if header is not None and _declares(header, config):
        _check_inside(header, folder, where)
        return cloned
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
        shards = sorted(
            path for path in base.iterdir() if path.name.endswith(ending) and _shard(path, split, ending) is not None
        )
        if shards:
            found = [_shard(path, split, ending) for path in shards]
            counts = {of for one in found if one for _, of in [one]}
            if counts != {len(shards)}:
                raise DataError(
                    f"{where}: {base}: {len(shards)} of {max(counts)} shards of '{split}' are there; fetch the others"
                )
            return tuple(map(DataFile, shards))
    converted = sorted((base / split).glob("[0-9][0-9][0-9][0-9].parquet"))
    return tuple(map(DataFile, converted))


def _shard(path: Path, split: str, ending: str) -> tuple[int, int] | None:
    """Number and count of a shard of the split; ``None`` for every other file."""
    stem = path.name.removesuffix(ending)
    match = _SHARD.search(stem)
    if match is None or stem[: match.start()] != split:
        return None
    return int(match[1]), int(match[2])


def _header(folder: Path) -> dict[str, Any] | None:
    """The YAML header of a repository's README; empty where the README has none, ``None`` without README."""
    import yaml

    readme = folder / "README.md"
    if not readme.is_file() or readme.stat().st_size > _README_BYTES:
        return None
    match = re.match(r"---\r?\n(.*?)\r?\n---\s", readme.read_text(encoding="utf-8", errors="replace") + "\n", re.DOTALL)
    try:
        value = yaml.safe_load(match[1]) if match else None
    except yaml.YAMLError:
        return {}
    return value if isinstance(value, dict) else {}


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
