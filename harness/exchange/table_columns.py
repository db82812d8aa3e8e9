"""Which column of a table is what: roles by name, languages by code, and the means of rows, which are left out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.errors import RecordError
from harness.languages import by_name, lookup
from harness.untrusted import shown
from metrics.spelling import did_you_mean

ROLES: Mapping[str, tuple[str, ...]] = {
    "model": ("model", "system", "model name"),
    "task": ("task", "dataset", "benchmark"),
    "variant": ("variant", "setting"),
    "prompt": ("prompt", "template"),
    "language": ("language", "lang", "language code", "direction"),
    "metric": ("metric", "measure"),
    "value": ("value", "score"),
    "stderr": ("stderr",),
    "ci_low": ("ci low",),
    "ci_high": ("ci high",),
    "n": ("n",),
    "n_failed": ("n failed",),
    "signature": ("signature",),
}
"""What a column may be, and the headers (without case, ``_`` as a space) that say so."""

_MEANS = frozenset(["avg", "average", "avg score", "average score", "mean", "macro", "macro avg", "overall", "total"])
"""Headers of columns that sum up a row of a wide table."""

_ARROW = re.compile(r"\s*(?:→|->|-)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns of a table.

    Attributes:
        header: Their headers.
        roles: Role -> position.
        languages: Position -> canonical code of a language or direction; empty for a long table.
        left_out: Headers of columns that nothing is read from.
    """

    header: tuple[str, ...]
    roles: Mapping[str, int]
    languages: Mapping[int, str]
    left_out: tuple[str, ...]


def read_columns(where: str, header: Sequence[str], named: Mapping[str, str], ignore: Sequence[str]) -> Columns:
    """What each column is.

    Args:
        where: Place of the header. named: Role -> header, as the caller says. ignore: Headers to leave out.

    Raises:
        RecordError: A header is named and not there, stands there twice, or is neither a role nor a language.
    """
    for role, name in named.items():
        if role not in ROLES:
            raise RecordError(f"--columns {role}={name}: no role '{role}'{did_you_mean(role, ROLES)}")
    for name in [*named.values(), *ignore]:
        if name not in header:
            raise RecordError(f"{where}: no column {shown(name)}{did_you_mean(name, header)}; it has {_listed(header)}")
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise RecordError(f"{where}: two columns are called {shown(twice)}; rename one")
    roles = {role: header.index(name) for role, name in named.items()}
    free = [place for place, name in enumerate(header) if place not in roles.values() and name not in ignore]
    for role, usual in ROLES.items():
        found = [place for place in free if _plain(header[place]) in usual]
        if found and role not in roles:
            roles[role] = found[0]
            free.remove(found[0])
    if "value" in roles:
        left_out = tuple(header[place] for place in free)
        return Columns(header=tuple(header), roles=roles, languages={}, left_out=(*ignore, *left_out))
    return _wide(where, header, roles, free, ignore)


def _wide(
    where: str, header: Sequence[str], roles: dict[str, int], free: Sequence[int], ignore: Sequence[str]
) -> Columns:
    languages: dict[int, str] = {}
    left_out = [*ignore]
    for place in free:
        name = header[place]
        code = code_of(name)
        if _plain(name) in _MEANS:
            left_out.append(name)
        elif not code:
            raise RecordError(
                f"{where}: column {shown(name)} is no language; say what it is with --columns ROLE=HEADER (one of "
                f"{', '.join(ROLES)}), or leave it out with --ignore"
            )
        elif code in languages.values():
            other = header[next(own for own, known in languages.items() if known == code)]
            raise RecordError(f"{where}: columns {shown(other)} and {shown(name)} are both {code}; leave one out")
        else:
            languages[place] = code
    if not languages:
        raise RecordError(
            f"{where}: no column of scores: name one with --columns value=NAME, or give every language a column; "
            f"it has {_listed(header)}"
        )
    return Columns(header=tuple(header), roles=roles, languages=languages, left_out=tuple(left_out))


def code_of(text: str) -> str:
    """Canonical code of a language or of a direction (``eng-yor``); empty where a text is neither."""
    if not text or len(text) > 100:
        return ""
    found = lookup(text) or by_name(text)
    if found is not None:
        return found.code
    sides = _ARROW.split(text)
    codes = [lookup(side) or by_name(side) for side in sides] if len(sides) == 2 and all(sides) else []
    return "-".join(side.code for side in codes if side) if codes and all(codes) else ""


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())


def _listed(header: Sequence[str]) -> str:
    return ", ".join(header[:12])[:200] + (f" and {len(header) - 12} more" if len(header) > 12 else "")
