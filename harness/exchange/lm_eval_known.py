"""The tasks there are, for names that a results file has: lm-eval's own, those in users' folders, and ours by name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from harness.errors import SpecError, UserError
from harness.lm_eval_index import PREFIX, Index, folder_index, stock_index
from harness.loader import load_tasks
from harness.task_file import TaskFile


class KnownTasks:
    """lm-eval's own tasks and those in users' folders.

    Args:
        folders: Users' folders. shipped: The folder of ours. cache: Where the index of lm-eval's tasks is kept.
        trusted: Whether code may run that files in users' folders name.

    Indexes are made when a name is first looked up, which raises :class:`UserError` where lm-eval is not installed.
    """

    def __init__(self, folders: Sequence[Path], shipped: Path, cache: Path | None, *, trusted: bool) -> None:
        self._folders = tuple(folders)
        self._shipped = shipped
        self._cache = cache
        self._trusted = trusted

    @cached_property
    def _stock(self) -> Index:
        return stock_index(self._cache)

    @cached_property
    def _own(self) -> list[Index]:
        return [folder_index(folder, lambda: self._stock) for folder in self._folders]

    def named(self, name: str) -> list[TaskFile]:
        """Task files of a name that a person gave, as ``glotbench run`` finds them. Raises as ``load_tasks``."""
        return load_tasks([name], [*self._folders, self._shipped], trust_code=self._trusted, cache=self._cache)

    def found(self, name: str) -> list[TaskFile]:
        """Task files of a name in a results file; none where it is unknown or nothing of it can run here.

        Raises:
            SpecError: A user's file of that name is wrong, or its code is not trusted.
        """
        own = any(name in index for index in self._own)
        if not own and name not in self._stock:
            return []
        try:
            return self.named(name if own else f"{PREFIX}{name}")
        except SpecError:
            raise
        except UserError:
            return []

    @cached_property
    def collections(self) -> dict[str, frozenset[str]]:
        """Groups and tags with the tasks in them."""
        return {
            name: frozenset(leaves_of(index, name))
            for index in [self._stock, *self._own]
            for name in index.names()
            if not index.entry(name).is_task
        }


def leaves_of(index: Index, name: str) -> tuple[str, ...]:
    """lm-eval's tasks that a name stands for; none where it, or what it holds, does not exist."""
    try:
        return index.leaves(name)
    except UserError:
        return ()
