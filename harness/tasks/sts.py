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
from harness.tasks.base import Outcome, Selection, Unit, failure, paired_vectors, unit_names, vector_statistics
from harness.tasks.pairs import selected_labels
from harness.types import Document, Embed, Request, Response


class StsUnit(Unit):
    """One language of a sentence similarity task."""

    requests_made = frozenset({Embed})

    @property
    def sides(self) -> tuple[str, str]:
        return self.dataset.sides

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

    def requests(self) -> list[Request]:
        return [
            Embed(text=str(document.fields[side]), language=language)
            for side, language in zip(self.sides, self.side_languages, strict=True)
            for document in self.documents
        ]

    def outcome(self, shared: Sequence[Response], responses: Sequence[Response]) -> Outcome:  # noqa: ARG002
        count = len(self.documents)
        pairs = list(zip(responses[:count], responses[count:], strict=True))
        rows = self.rows([failure(pair) for pair in pairs])
        scored = [index for index, row in enumerate(rows) if row.failed is None]
        left, right = paired_vectors(pairs, scored)
        gold = np.array([float(str(self.documents[index].fields[self.dataset.score])) for index in scored])
        made = {name: metric for name, (metric, _) in self.metrics().items()}
        return Outcome(rows=rows, scored=scored, statistics=vector_statistics(made, left, right, gold))


def units(task: TaskFile, selection: Selection, data_root: Path | None) -> list[StsUnit]:
    """One unit a language (or direction) and variant."""
    languages = selected_labels(task.spec, selection)
    return [StsUnit(task, data_root, **names) for names in unit_names(task.spec, selection, languages)]
