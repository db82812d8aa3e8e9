"""A progress bar with rate and time left, on a terminal's standard error; silence where nobody watches."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from harness.markup import plain_line

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


_EVERY = 0.1
"""Seconds between two drawings where no thread draws."""


class TerminalProgress:
    """Call it with ``(label, done, total)``; one line a label that is under way.

    Args:
        thread: Whether a thread keeps the time up to date between calls; not where processes are forked meanwhile.
    """

    def __init__(self, *, thread: bool = True) -> None:
        self._thread = thread
        self._drawn = 0.0
        self._bars: RichProgress | None = None
        self._lines: dict[str, TaskID] = {}
        self._started: dict[str, tuple[float, int]] = {}

    def __enter__(self) -> TerminalProgress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._bars = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
                auto_refresh=self._thread,
            )
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, label: str, done: int, total: int) -> None:
        if self._bars is None:
            return
        if label not in self._lines:
            self._lines[label] = self._bars.add_task(plain_line(label), total=total, rate="")
            self._started[label] = (time.monotonic(), done)
        started, first = self._started[label]
        elapsed = time.monotonic() - started
        rate = f"{(done - first) / elapsed:.1f}/s" if done > first and elapsed > 0 else ""
        self._bars.update(self._lines[label], completed=done, total=total, rate=rate)
        if not self._thread and time.monotonic() - self._drawn > _EVERY:
            self._bars.refresh()
            self._drawn = time.monotonic()
        if done >= total:
            self._bars.remove_task(self._lines.pop(label))
            del self._started[label]
