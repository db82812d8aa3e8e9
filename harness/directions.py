"""Directions of a task: ``all``, ``xx-eng`` and lists of ``source-target`` -> pairs of canonical codes.

Codes hold hyphens themselves (``zh-CN-en``), so every way to split an entry is tried against the task's languages.
Knows nothing of files or data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations

from harness.errors import UserError
from harness.languages import canonical, standing_for
from harness.spec import TaskSpec
from harness.yaml_reader import shown

EVERY_OTHER = "xx"
"""Stands for every other language of the task on one side of an entry."""

ALL = "all"

Pair = tuple[str, str]

_MOST_PARTS = 8
"""Hyphens that two language tags have at most between them."""


def expand_directions(spec: TaskSpec) -> tuple[Pair, ...]:
    """Canonical ``(source, target)`` pairs of a task, each once, in the order written; none where it has no directions.

    Raises:
        UserError: An entry names a language the task does not have.
    """
    if spec.directions is None:
        return ()
    entries = (spec.directions,) if isinstance(spec.directions, str) else spec.directions
    pairs: dict[Pair, None] = {}
    for entry in entries:
        pairs.update(dict.fromkeys(_all(spec.languages) if entry == ALL else read_entry(entry, spec.languages)))
    return tuple(pairs)


def read_entry(entry: str, languages: Mapping[str, str]) -> list[Pair]:
    """Pairs of one entry such as ``deu-fra``, ``zh-CN-en`` or ``xx-eng``.

    Args:
        entry: The entry, in canonical codes, the data set's own or any alias.
        languages: Canonical code -> the data set's own code, of the task.

    Raises:
        UserError: It is no direction, names a language the task does not have, or can be read in two ways.
    """
    parts = entry.split("-", maxsplit=_MOST_PARTS)
    splits = [("-".join(parts[:cut]), "-".join(parts[cut:])) for cut in range(1, len(parts))]
    found = {
        (source, target): None
        for left, right in splits
        if (source := _side(left, languages)) and (target := _side(right, languages))
    }
    if not found:
        raise UserError(_why_not(entry, splits, languages))
    if len(found) > 1:
        ways = " or ".join(f"{source} to {target}" for source, target in found)
        raise UserError(f"direction {shown(entry)} can be read as {ways}; write canonical codes")
    source, target = next(iter(found))
    if source == target:
        raise UserError(f"direction {shown(entry)} has the same language on both sides")
    if source == EVERY_OTHER:
        return [(other, target) for other in languages if other != target]
    if target == EVERY_OTHER:
        return [(source, other) for other in languages if other != source]
    return [(source, target)]


def _all(languages: Mapping[str, str]) -> Iterator[Pair]:
    return permutations(languages, 2)


def _side(code: str, languages: Mapping[str, str]) -> str | None:
    """Canonical code of one side, ``xx``, or ``None`` when the task has no such language."""
    if code == EVERY_OTHER or code in languages:
        return code
    own = [language for language, own_code in languages.items() if own_code == code]
    if own:
        return own[0]
    try:
        found = standing_for(canonical(code), languages)
    except UserError:
        return None
    return found[0] if len(found) == 1 else None


def _why_not(entry: str, splits: Sequence[Pair], languages: Mapping[str, str]) -> str:
    if not splits:
        return f"{shown(entry)} is no direction; write source-target, for example eng-yor"
    for left, right in splits:
        if _side(left, languages):
            return f"direction {shown(entry)}: {_absent(right)}"
        if _side(right, languages):
            return f"direction {shown(entry)}: {_absent(left)}"
    for sides in splits:
        try:
            absent = " and ".join(dict.fromkeys(canonical(side) for side in sides))
        except UserError:
            continue
        return f"direction {shown(entry)}: {absent} not under 'languages'; add them there"
    return f"direction {shown(entry)}: {_absent(splits[len(splits) // 2][0])}"


def _absent(code: str) -> str:
    try:
        return f"{canonical(code)} is not under 'languages'; add it there"
    except UserError as error:
        return str(error)
