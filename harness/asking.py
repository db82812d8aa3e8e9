"""Units -> the requests they make, in windows: what of a run is planned together, whatever task it belongs to.

A window depends on the tasks alone and not on what is stored, so that a resumed run sees the same ones. Knows neither
how requests are answered nor what becomes of the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from harness.engine.base import Engine
from harness.store import content_hash, request_key
from harness.tasks.base import Unit
from harness.types import Request, Response

WINDOW = 10_000
"""Requests that are planned together: so many that batches are full and common prefixes meet, and so few that their
texts and tokens, about 3 KB each, do not fill the memory."""


@dataclass(slots=True, kw_only=True, eq=False)
class AskedUnit:
    """A unit that waits for answers.

    Attributes:
        task: Its task's name. shared, own: Answers so far, in the order of its requests, without those that were
            judged. judged: Whether its answers are judged part by part.
    """

    task: str
    unit: Unit
    shared: list[Response] = field(default_factory=list)
    own: list[Response] = field(default_factory=list)
    judged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """Requests of one unit that stand together.

    Attributes:
        keys: Of every request. shared: Whether other units ask the same (the pivot's texts). counted: Whether these are
            requests of their own, and not what the unit before shares with this one. ends: Whether a part of the unit
            ends here, which may then be judged. last: Whether the unit waits for no more.
    """

    asked: AskedUnit
    requests: Sequence[Request]
    keys: Sequence[str]
    shared: bool = False
    counted: bool = True
    ends: bool = False
    last: bool = False


@dataclass(slots=True, kw_only=True)
class Window:
    """Pieces in the order of units; about :data:`WINDOW` requests, and less than twice as many."""

    pieces: list[Piece] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Requests, those that stand twice counted twice."""
        return sum(len(piece.keys) for piece in self.pieces)

    def owners(self) -> dict[str, tuple[Piece, Request]]:
        """Every distinct request by its key, with the first piece that asks it."""
        found: dict[str, tuple[Piece, Request]] = {}
        for piece in self.pieces:
            for key, request in zip(piece.keys, piece.requests, strict=True):
                if key not in found:
                    found[key] = (piece, request)
        return found


def request_windows(
    engine: Engine,
    units: Iterable[tuple[str, Unit]],
    *,
    left_out: Callable[[str, Unit], None],
) -> Iterator[Window]:
    """Windows of all requests of units, which are read when their turn comes.

    Args:
        units: With the names of their tasks.
        left_out: Told what the engine does not cover.
    """
    window = Window()
    for piece in _pieces(engine, units, left_out):
        window.pieces.append(piece)
        if window.size >= WINDOW:
            yield window
            window = Window()
    if window.pieces:
        yield window


def _pieces(
    engine: Engine, units: Iterable[tuple[str, Unit]], left_out: Callable[[str, Unit], None]
) -> Iterator[Piece]:
    identity = content_hash(dict(engine.identity))
    counted: tuple[str, str] | None = None
    for task, unit in units:
        unit.chat = engine.chat
        asked = AskedUnit(task=task, unit=unit)
        for number, (part, last) in enumerate(unit.parts()):
            own = unit.instructed(part)
            if not number and not engine.covers(own[0]):
                left_out(task, unit)
                unit.release()
                break
            if not number and (shared := unit.instructed(unit.shared_requests())):
                digest = (task, content_hash([request_key(identity, request) for request in shared]))
                yield from _cut(asked, shared, identity, shared=True, counted=digest != counted)
                counted = digest
            yield from _cut(asked, own, identity, last=last)


def _cut(
    asked: AskedUnit,
    requests: Sequence[Request],
    identity: str,
    *,
    shared: bool = False,
    counted: bool = True,
    last: bool = False,
) -> Iterator[Piece]:
    """Pieces of at most :data:`WINDOW` requests."""
    for start in range(0, len(requests), WINDOW):
        own, ends = requests[start : start + WINDOW], start + WINDOW >= len(requests)
        yield Piece(
            asked=asked,
            requests=own,
            keys=[request_key(identity, request) for request in own],
            shared=shared,
            counted=counted,
            ends=ends,
            last=last and ends,
        )
