"""Sentence similarity: do the model's similarities rank pairs as people do?

Documents have two texts (``dataset.sides``: ``sentence1`` and ``sentence2``) and a ``score`` on any scale: only ranks
matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.data import read_documents, require_columns
from harness.errors import DataError
from harness.loader import TaskFile
from harness.tasks.base import Selection, unit_names, vector_statistics
from harness.tasks.pairs import selected_labels
from harness.tasks.text_pairs import TextPairUnit
from harness.types import Document
from metrics.base import FloatArray, VectorArray


class StsUnit(TextPairUnit):
    """One language of a sentence similarity task."""

    def read(self) -> list[Document]:
        documents = read_documents(self.dataset, self.roots, self.own_code, self.where)
        require_columns(documents, [*self.sides, self.dataset.score], self.where)
        for document in documents:
            try:
                float(str(document.fields[self.dataset.score]))
            except ValueError as error:
                found = document.fields[self.dataset.score]
                raise DataError(f"{self.where}: item {document.id}: score must be a number, found '{found}'") from error
        return documents

    def pair_statistics(
        self, first: VectorArray, second: VectorArray, documents: Sequence[Document]
    ) -> dict[str, FloatArray]:
        gold = np.array([float(str(document.fields[self.dataset.score])) for document in documents])
        made = {name: metric for name, (metric, _) in self.metrics().items()}
        return vector_statistics(made, first, second, gold)


def units(task: TaskFile, selection: Selection, data_root: Path | None) -> list[StsUnit]:
    """One unit a language (or direction) and variant."""
    languages = selected_labels(task.spec, selection)
    return [StsUnit(task, data_root, **names) for names in unit_names(task.spec, selection, languages)]
