"""``MANIFEST.json`` of a data root: what was fetched, from where, and the hash of every file.

Written anew, whole and atomically, after each file, so that an interrupted fetch goes on where it ended. Knows nothing
of tasks but the names under which files were fetched.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import DataError
from harness.store import sha256_file, write_text_atomic

NAME = "MANIFEST.json"


class FileEntry(BaseModel):
    """One file under the data root.

    Attributes:
        sha256, bytes: Of the file as it lies there.
        source: ``hub``, the address it was downloaded from, or ``found`` for a file that was there already.
        path, config, split, revision: Of a hub data set; the revision is a commit.
        first: How many rows it holds, where it does not hold all.
        rows: Number of rows, where they were counted.
        license: As the task files say. tasks: Tasks it was fetched for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str
    bytes: int
    source: str
    path: str = ""
    config: str = ""
    split: str = ""
    revision: str = ""
    first: int | None = None
    rows: int | None = None
    license: str = ""
    tasks: tuple[str, ...] = ()


class Manifest(BaseModel):
    """Files by their path below the data root, with ``/`` between folders."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    files: dict[str, FileEntry] = Field(default_factory=dict)

    def save(self, root: Path) -> None:
        """Write it into the data root."""
        ordered = Manifest(files=dict(sorted(self.files.items())))
        write_text_atomic(root / NAME, ordered.model_dump_json(indent=1, exclude_defaults=False) + "\n")

    def problem(self, root: Path, name: str) -> str | None:
        """What is wrong with a file: gone, or not what was fetched; ``None`` if nothing is."""
        entry = self.files[name]
        path = root / name
        try:
            if not path.resolve().is_relative_to(root.resolve()):
                return f"{name}: leads out of the data folder; correct {NAME}"
            size = path.stat().st_size
            if size != entry.bytes:
                return f"{name}: {size:,} bytes, but {entry.bytes:,} were fetched; fetch it again"
            if sha256_file(path) != entry.sha256:
                return f"{name}: its content has changed since it was fetched (sha256); fetch it again"
        except OSError as error:
            return f"{name}: {error.strerror or error}; fetch it again"
        except ValueError as error:
            return f"{name}: no name of a file ({error}); correct {NAME}"
        return None


def read_manifest(root: Path) -> Manifest:
    """The manifest of a data root; an empty one where there is none.

    Raises:
        DataError: It is damaged, or of another version.
    """
    path = root / NAME
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Manifest()
    except (OSError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: not a readable manifest ({reason}); move it away and fetch again") from error


@contextmanager
def fetching_into(root: Path) -> Iterator[None]:
    """Keep a second fetch out of the data root for as long as this one writes.

    Raises:
        DataError: Somebody fetches into it already, or it cannot be written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        handle = (root / ".fetching").open("w")
    except OSError as error:
        raise DataError(f"--data-root {root}: cannot be written ({error.strerror})") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(f"--data-root {root}: another 'glotbench data fetch' is writing there") from error
        try:
            yield
        finally:
            (root / ".fetching").unlink(missing_ok=True)
