"""What several systems wrote for the same segments: from line-aligned files, or from runs.

Where systems are looked at side by side (scores of files, significance, diagnosis), this is what they are read into.
Knows no metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.data import read_lines
from harness.errors import DataError, UserError
from harness.languages import find
from metrics.base import Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemOutputs:
    """One test set and what every system made of it; everything has one entry a segment, in the same order.

    Attributes:
        title: What the test set is, for people; empty for bare files.
        target_language: Code of the hypotheses' language; empty where nobody said.
        ids: Segment ids.
        sources: Source texts; empty where there are none.
        references: The accepted translations of every segment, which may be none.
        hypotheses: System -> its outputs.
        labels: Name of a label (``document``, ``domain``) -> the label of every segment.
    """

    title: str = ""
    target_language: str = ""
    ids: tuple[str, ...]
    sources: tuple[str, ...] = ()
    references: tuple[tuple[str, ...], ...]
    hypotheses: Mapping[str, Sequence[str]]
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def segments(self, system: str) -> list[Segment]:
        """The segments of one system, as metrics want them."""
        sources = self.sources or (None,) * len(self.ids)
        return [
            Segment(hypothesis=hypothesis, references=references, source=source)
            for hypothesis, references, source in zip(self.hypotheses[system], self.references, sources, strict=True)
        ]

    @property
    def clusters(self) -> tuple[str, ...] | None:
        """Documents, where they are known: their segments are drawn together."""
        return tuple(self.labels["document"]) if "document" in self.labels else None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFiles:
    """Files to read :class:`SystemOutputs` from.

    Attributes:
        hypotheses: One file a system. references: One file a set of references. sources: The source side.
        labels: Name of a label -> file with the label of every segment.
        target_language: Any code of the hypotheses' language.
    """

    hypotheses: Sequence[Path]
    references: Sequence[Path] = ()
    sources: Path | None = None
    labels: Mapping[str, Path] = field(default_factory=dict)
    target_language: str = ""


def read_outputs(files: OutputFiles) -> SystemOutputs:
    """Read line-aligned files. A system is named by its file, with the folder where names repeat.

    Raises:
        UserError: An unknown language, or a file named twice.
        DataError: A file that is missing, empty, not UTF-8, or of another length than the first.
    """
    if files.target_language:
        find(files.target_language)
    first = files.hypotheses[0]
    lines = {path: _lines(path) for path in files.hypotheses}
    expected = len(lines[first])
    others = [*files.references, *([files.sources] if files.sources else []), *files.labels.values()]
    found = {**lines, **{path: _lines(path) for path in others}}
    for path, read in found.items():
        if len(read) != expected:
            raise DataError(f"{path}: {len(read)} lines, but {first} has {expected}; they must be line-aligned")
    return SystemOutputs(
        target_language=files.target_language,
        ids=tuple(str(number) for number in range(1, expected + 1)),
        sources=tuple(found[files.sources]) if files.sources else (),
        references=tuple(zip(*(found[path] for path in files.references), strict=True)) or ((),) * expected,
        hypotheses={_name(path, files.hypotheses): lines[path] for path in files.hypotheses},
        labels={name: found[path] for name, path in files.labels.items()},
    )


def _name(path: Path, paths: Sequence[Path]) -> str:
    """The file's name, with as much of the folders before it as makes it the only one.

    Raises:
        UserError: The same file twice.
    """
    whole = [other.absolute().parts for other in paths]
    own = path.absolute().parts
    if whole.count(own) > 1:
        raise UserError(f"--hypotheses {path}: named twice; name each system once")
    for length in range(1, len(own) + 1):
        if sum(parts[-length:] == own[-length:] for parts in whole) == 1:
            return "/".join(own[-length:])
    return str(path)


def _lines(path: Path) -> list[str]:
    lines = read_lines(path, encoding="utf-8")
    if not lines:
        raise DataError(f"{path}: empty; give it one segment a line")
    return lines
