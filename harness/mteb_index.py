"""mteb's tasks by name: what each is about, as mteb's own registry says, kept in one file of a cache folder.

Importing mteb takes seconds; the index is made once for an installed version and read in a fraction of a second after
that. Knows nothing of our task files, and reads no data.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from harness.errors import UserError
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
    rows = _cached(file, key) if file is not None else None
    if rows is None:
        rows = {task.name: dataclasses.asdict(task) for task in registered()}
        if file is not None:
            _keep(file, {"key": key, "rows": rows})
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


def _cached(file: Path, key: str) -> dict[str, Any] | None:
    """What is kept of the index, unless it is missing, damaged or of another version."""
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict) or content.get("key") != key or not isinstance(content.get("rows"), dict):
        return None
    return dict(content["rows"])


def _keep(file: Path, content: Mapping[str, object]) -> None:
    """Write the cache whole or not at all; a folder that cannot be written only costs time."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, delete=False) as handle:
            json.dump(content, handle, ensure_ascii=False, separators=(",", ":"))
        Path(handle.name).replace(file)
    except OSError:
        return
