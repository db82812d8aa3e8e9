"""mteb's tasks by name: what each is about, as mteb's own registry says, kept in one file of a cache folder.

Importing mteb takes seconds; the index is made once for an installed version and read in a fraction of a second after
that. Knows nothing of our task files, and reads no data.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.index_cache import keep_index, kept_index
from harness.mteb_registry import MtebTask, registered
from metrics.spelling import did_you_mean

PREFIX = "mteb:"
"""What stands before the name of one of mteb's tasks."""

INDEX = "mteb-index.json"
"""Name of the file in the cache folder."""

_FORMAT = 1
"""Version of the cache file; to be raised with any change to what is in it."""


class MtebIndex:
    """Every task of the installed mteb by name.

    Args:
        rows: Name to the fields of :class:`MtebTask`, plain.
    """

    def __init__(self, rows: Mapping[str, Mapping[str, Any]]) -> None:
        self._rows = rows

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(self._rows))

    def task(self, name: str) -> MtebTask:
        """A task.

        Raises:
            UserError: There is none of that name.
        """
        if name not in self._rows:
            hint = did_you_mean(name, self._rows)
            raise UserError(f"mteb has no task '{name}'{hint}; 'glotbench tasks list --source mteb' lists them")
        row = self._rows[name]
        subsets = {subset: tuple(languages) for subset, languages in row["subsets"].items()}
        return MtebTask(**{**row, "splits": tuple(row["splits"]), "subsets": subsets})

    def __iter__(self) -> Iterator[MtebTask]:
        return map(self.task, self.names())


def mteb_index(cache: Path | None) -> MtebIndex:
    """Index of the installed mteb.

    Args:
        cache: Folder in which it is kept; without one, or where it cannot be written, it is made every time.

    Raises:
        UserError: mteb is not installed.
    """
    installed = mteb_version()
    file = cache / INDEX if cache is not None else None
    key = f"{_FORMAT} {installed}"
    kept = kept_index(file, key) if file is not None else None
    rows = kept["rows"] if kept is not None else None
    if rows is None:
        rows = {task.name: dataclasses.asdict(task) for task in registered()}
        if file is not None:
            keep_index(file, {"key": key, "rows": rows})
    return MtebIndex(rows)


def mteb_version() -> str:
    """The installed version, found without importing mteb.

    Raises:
        UserError: mteb is not installed.
    """
    try:
        if importlib.util.find_spec("mteb") is not None:
            return version("mteb")
    except PackageNotFoundError:
        pass
    raise UserError("mteb is not installed; pip install 'glotbench[mteb]'")
