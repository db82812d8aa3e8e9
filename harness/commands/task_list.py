"""Rows of ``glotbench tasks list``: our task files, and lm-eval's names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.commands.output import cache_folder
from harness.lm_eval_entries import Entry
from harness.lm_eval_index import PREFIX, folder_index, stock_index


def own_rows(folders: Sequence[Path], search: str) -> list[list[str]]:
    """Name, kind, number of languages and description of every task file of ours."""
    from harness.loader import load_task, task_index

    specs = [load_task(path) for _, path in sorted(task_index(folders).items())]
    rows = [[spec.task, spec.kind, str(len(spec.languages)), spec.description.strip()] for spec in specs]
    return [row for row in rows if _has(search, row[0], row[3])]


def lm_eval_rows(folders: Sequence[Path], search: str) -> tuple[list[list[str]], int]:
    """Name, kind, number of tasks and of languages of lm-eval's groups and tags, then of its tasks.

    Args:
        folders: Users' folders, whose lm-eval files stand before lm-eval's own.
        search: Text that names have; without one, tasks that are in a group or tag are left out.

    Returns:
        The rows, and how many tasks were left out.
    """
    stock = stock_index(cache_folder())
    rows: list[list[str]] = []
    inside = 0
    for prefix, index in [*(("", folder_index(folder, lambda: stock)) for folder in folders), (PREFIX, stock)]:
        entries = [index.entry(name) for name in index.names() if _has(search, name)]
        groups = [entry for entry in entries if not entry.is_task]
        held = set() if search else {child for entry in groups for child in entry.children}
        alone = [entry for entry in entries if entry.is_task and entry.name not in held]
        inside += len(entries) - len(groups) - len(alone)
        rows += [_row(prefix, entry) for entry in [*groups, *alone]]
    return rows, inside


def _row(prefix: str, entry: Entry) -> list[str]:
    if entry.is_task:
        return [prefix + entry.name, entry.request_kind, "1", "1" if entry.language else "-"]
    return [prefix + entry.name, entry.kind, str(entry.size), str(entry.languages or "-")]


def _has(search: str, *texts: str) -> bool:
    return any(search.casefold() in text.casefold() for text in texts)
