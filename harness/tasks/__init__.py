"""One module per task kind: how documents become requests, and responses become segments and statistics."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

from harness.loader import TaskFile
from harness.tasks.base import Selection, Unit

_KINDS = {
    "multiple_choice": "harness.tasks.lm",
    "generate_until": "harness.tasks.lm",
    "loglikelihood": "harness.tasks.lm",
    "loglikelihood_rolling": "harness.tasks.lm",
    "perplexity": "harness.tasks.perplexity",
    "preference": "harness.tasks.preference",
    "contrastive": "harness.tasks.contrastive",
    "translation": "harness.tasks.translation",
    "bitext_mining": "harness.tasks.bitext",
    "sts": "harness.tasks.sts",
    "classification": "harness.tasks.probing",
    "multilabel_classification": "harness.tasks.probing",
    "clustering": "harness.tasks.clustering",
    "pair_classification": "harness.tasks.pair_classification",
    "retrieval": "harness.tasks.retrieval",
    "reranking": "harness.tasks.retrieval",
    "alignment": "harness.tasks.alignment",
}


def units(task: TaskFile, selection: Selection, data_root: Path | None) -> Sequence[Unit]:
    """Every unit (variant x prompt x language) of a task that the selection asks for.

    No data is read yet, but that mteb's loaders make the files of tasks that only they can load.

    Raises:
        UserError: The selection names a language, variant or prompt the task does not have.
        DataError: mteb cannot load the data.
    """
    made: Sequence[Unit] = importlib.import_module(_KINDS[task.spec.kind]).units(task, selection, data_root)
    if task.mteb and made:
        from harness.mteb_data import load_with_mteb

        load_with_mteb(task, [unit.dataset for unit in made], data_root)
    return made
