"""Rows of ``glotbench tasks list``: our task files, lm-eval's names and mteb's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.commands.output import cache_folder
from harness.errors import UserError
from harness.languages import by_name
from harness.lm_eval_entries import Entry
from harness.lm_eval_index import PREFIX, Index, folder_index, stock_index


def own_rows(folders: Sequence[Path], search: str) -> list[list[str]]:
    """Name, kind, number of languages and description of every task file of ours.

    Args:
        search: Text that name or description has, or a language that the task has.
    """
    from harness.loader import load_task, task_index

    specs = [load_task(path) for _, path in sorted(task_index(folders).items())]
    language = _language(search)
    return [
        [spec.task, spec.kind, str(len(spec.languages)), spec.description.strip()]
        for spec in specs
        if language in spec.languages or _has(search, spec.task, spec.description)
    ]


def lm_eval_rows(folders: Sequence[Path], search: str) -> tuple[list[list[str]], int]:
    """Name, kind, number of tasks and of languages of lm-eval's groups and tags, then of its tasks.

    Args:
        folders: Users' folders, whose lm-eval files stand before lm-eval's own.
        search: Text that names have, or a language by name; without one, tasks that are in a group or tag are left out.

    Returns:
        The rows, and how many tasks were left out.
    """
    stock = stock_index(cache_folder())
    rows: list[list[str]] = []
    inside = 0
    for prefix, index in [*(("", folder_index(folder, lambda: stock)) for folder in folders), (PREFIX, stock)]:
        entries = [entry for entry in map(index.entry, index.names()) if _matches(entry, index, search)]
        groups = [entry for entry in entries if not entry.is_task]
        held = set() if search else {child for entry in groups for child in entry.children}
        alone = [entry for entry in entries if entry.is_task and entry.name not in held]
        inside += len(entries) - len(groups) - len(alone)
        rows += [_row(prefix, entry) for entry in [*groups, *alone]]
    return rows, inside


def mteb_rows(search: str) -> tuple[list[list[str]], int]:
    """Name, kind, number of languages and who loads the data, of mteb's tasks that can run here.

    Args:
        search: Text that name or description has, or a language by name.

    Returns:
        The rows, and how many tasks that fit the search cannot run.

    Raises:
        UserError: mteb is not installed.
    """
    from harness.mteb_index import PREFIX as MTEB
    from harness.mteb_index import mteb_index
    from harness.mteb_tasks import KINDS, languages_of

    wanted = _language(search)
    rows, others = [], 0
    for task in mteb_index(cache_folder()):
        named = _has(search, task.name, task.description)
        languages = languages_of(task) if named or wanted else frozenset()
        if not named and wanted not in languages:
            continue
        if task.route == "none":
            others += 1
            continue
        loader = "mteb" if task.route == "loader" else "glotbench"
        rows.append([MTEB + task.name, KINDS[task.type], str(len(languages)), loader])
    return rows, others


def _matches(entry: Entry, index: Index, search: str) -> bool:
    """Whether a name has the text, or a task or any task of a group is in the language that is searched for."""
    if _has(search, entry.name):
        return True
    language = _language(search)
    if not language or entry.is_task:
        return bool(language) and entry.language == language
    try:
        return any(index.entry(leaf).language == language for leaf in index.leaves(entry.name))
    except UserError:
        return False


def _row(prefix: str, entry: Entry) -> list[str]:
    if entry.is_task:
        return [prefix + entry.name, entry.request_kind, "1", "1" if entry.language else "-"]
    return [prefix + entry.name, entry.kind, str(entry.size), str(entry.languages or "-")]


def _language(search: str) -> str:
    """Canonical code of the language whose name the text is; empty where it is none."""
    found = by_name(search)
    return found.code if found else ""


def _has(search: str, *texts: str) -> bool:
    return any(search.casefold() in text.casefold() for text in texts)
