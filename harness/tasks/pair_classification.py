"""Pair classification: does the nearness of two texts tell whether they belong together?

Documents have two texts (``dataset.sides``: ``sentence1`` and ``sentence2``) and a label, 1 for pairs that belong
together and 0 for others; with ``dataset.positive``, any labels, of which those belong together.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.data import read_documents, require_columns
from harness.errors import DataError
from harness.loader import TaskFile
from harness.tasks.base import Selection, unit_names
from harness.tasks.pairs import selected_labels
from harness.tasks.text_pairs import TextPairUnit
from harness.types import Document
from metrics.base import FloatArray, VectorArray
from metrics.ranking import PairAveragePrecision


class PairClassificationUnit(TextPairUnit):
    """One language of a pair classification task."""

    def read(self) -> list[Document]:
        documents = read_documents(self.dataset, self.roots, self.own_code, self.where)
        require_columns(documents, [*self.sides, self.dataset.label], self.where)
        for document in documents:
            label = document.fields[self.dataset.label]
            if "positive" not in self.dataset.model_fields_set and str(label) not in ("0", "1"):
                raise DataError(
                    f"{self.where}: item {document.id}: label must be 0 or 1, found {label!r}; or name the labels of "
                    "pairs that belong together as 'positive'"
                )
        gold = [self._belongs(document) for document in documents]
        if len(set(gold)) < 2:
            found = ", ".join(sorted({str(document.fields[self.dataset.label]) for document in documents})[:5])
            raise DataError(
                f"{self.where}: needs pairs that belong together and pairs that do not, found only labels {found}"
            )
        return documents

    def pair_statistics(
        self, first: VectorArray, second: VectorArray, documents: Sequence[Document]
    ) -> dict[str, FloatArray]:
        labels = np.array([self._belongs(document) for document in documents], dtype=np.float64)
        return {
            name: metric.pair_stats(first, second, labels)
            for name, (metric, _) in self.metrics().items()
            if isinstance(metric, PairAveragePrecision)
        }

    def _belongs(self, document: Document) -> bool:
        return str(document.fields[self.dataset.label]) in set(map(str, self.dataset.positive))


def units(task: TaskFile, selection: Selection, data_root: Path | None) -> list[PairClassificationUnit]:
    """One unit a language (or direction) and variant."""
    languages = selected_labels(task.spec, selection)
    return [PairClassificationUnit(task, data_root, **names) for names in unit_names(task.spec, selection, languages)]
