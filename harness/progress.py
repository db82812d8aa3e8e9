"""A progress bar with rate and time left, on a terminal's standard error; silence where nobody watches."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


class TerminalProgress:
    """Call it with ``(label, done, total)``; one line a label that is under way."""

    def __init__(self) -> None:
        self._bars: RichProgress | None = None
        self._lines: dict[str, TaskID] = {}

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
        if label not in self._lines or self._bars.tasks[self._lines[label]].completed > done:
            if label in self._lines:
                self._bars.remove_task(self._lines[label])
            self._lines[label] = self._bars.add_task(label, total=total, rate="")
        line = self._lines[label]
        speed = next((task.speed for task in self._bars.tasks if task.id == line), None)
        self._bars.update(line, completed=done, total=total, rate=f"{speed:.1f}/s" if speed else "")
        if done >= total:
            self._bars.remove_task(line)
            del self._lines[label]
