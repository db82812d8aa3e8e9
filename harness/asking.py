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
        task: Its task's name. shared, own: Answers so far, in the order of its requests.
    """

    task: str
    unit: Unit
    shared: list[Response] = field(default_factory=list)
    own: list[Response] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """Requests of one unit that stand together.

    Attributes:
        keys: Of every request. shared: Whether other units ask the same (the pivot's texts). counted: Whether these are
            requests of their own, and not what the unit before shares with this one. last: Whether the unit waits for
            no more.
    """

    asked: AskedUnit
    requests: Sequence[Request]
    keys: Sequence[str]
    shared: bool = False
    counted: bool = True
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
        own = unit.instructed(unit.requests())
        if not engine.covers(own[0]):
            left_out(task, unit)
            unit.release()
            continue
        asked = AskedUnit(task=task, unit=unit)
        if shared := unit.instructed(unit.shared_requests()):
            keys = [request_key(identity, request) for request in shared]
            before, counted = counted, (task, content_hash(keys))
            for start in range(0, len(shared), WINDOW):
                yield Piece(
                    asked=asked,
                    requests=shared[start : start + WINDOW],
                    keys=keys[start : start + WINDOW],
                    shared=True,
                    counted=counted != before,
                )
        for start in range(0, len(own), WINDOW):
            requests = own[start : start + WINDOW]
            yield Piece(
                asked=asked,
                requests=requests,
                keys=[request_key(identity, request) for request in requests],
                last=start + WINDOW >= len(own),
            )
