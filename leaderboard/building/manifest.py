"""``.glotbench-site``: which job made which files from what, so that no interruption of a build makes it lie.

Lines of JSON. The name of a file stands there before the file changes, and the line of a job after all its files did; a
job counts as done only where none of its files is named again below it. A build that ends writes the whole anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

MANIFEST = ".glotbench-site"
_HEAD = b'{"version":2}\n'

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{1,250}$")]
"""What files of a site are called, below its folder; no name of a model or task gets into it as it is."""


class Done(BaseModel):
    """A job that was done.

    Attributes:
        files: What it wrote, as paths below the folder.
        kept: What it keeps for later jobs: names of parts, each with the file that ``building.summaries`` keeps.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    digest: str
    files: tuple[FileName, ...]
    kept: dict[str, str] = {}


class _Earlier(BaseModel):
    """The manifest as it was before it had lines: only names of files are taken from it."""

    jobs: tuple[Done, ...]


_LINE: TypeAdapter[Done | FileName] = TypeAdapter(Done | FileName)


@dataclass(slots=True, kw_only=True)
class Former:
    """What former builds left.

    Attributes:
        jobs: Those that can be relied on, by name.
        files: All that former builds wrote, whatever became of the jobs.
        sound: Whether lines can be added to the manifest as it is.
    """

    jobs: dict[str, Done] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    sound: bool = False


def read(site: Path) -> Former:
    """The manifest of a folder; where it is damaged or of another kind, no job is relied on, only names of files."""
    try:
        content = (site / MANIFEST).read_bytes()
    except OSError:
        return Former()
    if not content.startswith(_HEAD):
        return Former(files=_earlier_files(content))
    found = Former(sound=content.endswith(b"\n"))
    owners: dict[str, str] = {}
    for line in content.splitlines()[1:]:
        try:
            entry = _LINE.validate_json(line)
        except ValidationError:
            found.sound = False
            continue
        if isinstance(entry, str):
            found.files.add(entry)
            found.jobs.pop(owners.get(entry, ""), None)
        else:
            found.files.update(entry.files)
            found.jobs[entry.name] = entry
            owners |= dict.fromkeys(entry.files, entry.name)
    if not found.sound:
        found.jobs.clear()
    return found


def begin(site: Path, former: Former) -> None:
    """Make the manifest one that lines can be added to."""
    if not former.sound:
        replace(site, {}, former.files)
        former.sound = True


def add(site: Path, entry: Done | str) -> None:
    """Add a job that is done, or the name of a file that is about to change; processes may do so at the same time."""
    with (site / MANIFEST).open("ab", buffering=0) as file:  # one write, so that no two lines mix
        file.write(_LINE.dump_json(entry) + b"\n")


def replace(site: Path, jobs: Mapping[str, Done], files: Collection[str] = ()) -> None:
    """Write the whole, at once; a manifest with the same bytes is left alone."""
    path = site / MANIFEST
    content = b"".join(_lines((*sorted(files), *(jobs[name] for name in sorted(jobs)))))
    if path.is_file() and path.read_bytes() == content:
        return
    waiting = path.with_name(f"{MANIFEST}.new")
    waiting.write_bytes(content)
    waiting.replace(path)


def _lines(entries: Iterable[Done | str]) -> Iterator[bytes]:
    yield _HEAD
    for entry in entries:
        yield _LINE.dump_json(entry) + b"\n"


def _earlier_files(content: bytes) -> set[str]:
    try:
        found = _Earlier.model_validate_json(content)
    except ValidationError:
        return set()
    return {name for job in found.jobs for name in job.files}
