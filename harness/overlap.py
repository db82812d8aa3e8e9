"""What goes on while a model computes: the answers to the batch before are written, the next units are read.

One thread each, and never more than one batch or one window ahead. Nothing is lost where a run is stopped: leaving a
``with`` waits for what was begun, and an error of a thread is raised where its work is waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

from harness.store import ResponseStore
from harness.types import Response

T = TypeVar("T")
Items = Sequence[tuple[str, Response]]


class BackgroundWriter:
    """Stores the answers to one batch while the next is computed; while it is open nobody else may change the store."""

    def __init__(self, store: ResponseStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, "writing")
        self._pending: Future[None] | None = None

    def put(self, items: Items) -> None:
        """Begin to store answers, once those handed over before are on disk; raises what became of those."""
        self.wait()
        self._pending = self._thread.submit(self._store.put, items)

    def wait(self) -> None:
        """Return when everything is on disk; raises what prevents it."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def __enter__(self) -> BackgroundWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()
        if error is None:
            self.wait()


class ReadAhead(Generic[T]):
    """The next of a row of things, made by a thread while something else is done.

    Args:
        make: Called once for each thing, never twice at a time.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._thread = ThreadPoolExecutor(1, "reading")
        self._pending: Future[T] | None = None

    def begin(self) -> None:
        """Have the next thing made."""
        self._pending = self._thread.submit(self._make)

    def take(self) -> T:
        """The thing, once it is made; one that was not begun is made here."""
        pending, self._pending = self._pending, None
        return self._make() if pending is None else pending.result()

    def __enter__(self) -> ReadAhead[T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()
