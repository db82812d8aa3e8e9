"""What is fuzzed: every place where a file, a reply or an argument that others wrote is read.

A new importer is one line, here or in :func:`tests.fuzz.runs.result_targets`::

    of_file("sacrebleu JSON", folder / "x.json", [SCORES], of_json, lambda path: import_sacrebleu([path], out))
"""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.data_files import data_targets
from tests.fuzz.runs import result_targets, run_targets
from tests.fuzz.settings import settings_targets
from tests.fuzz.target import Target
from tests.fuzz.texts import model_targets, text_targets


def targets(scratch: Path) -> list[Target]:
    """All of them.

    Args:
        scratch: An empty folder, which they write into.
    """
    return [
        *settings_targets(scratch / "settings"),
        *data_targets(scratch / "data"),
        *run_targets(scratch / "runs"),
        *result_targets(scratch / "results"),
        *model_targets(scratch / "models"),
        *text_targets(),
    ]
