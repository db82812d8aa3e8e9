"""Sentence similarity: do the model's similarities rank pairs as people do?

Documents have the columns ``sentence1``, ``sentence2`` and ``score`` (any scale: only ranks matter).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.data import read_documents, require_columns
from harness.errors import DataError
from harness.loader import TaskFile
from harness.store import SegmentRow
from harness.tasks.base import Outcome, Selection, Unit, chosen, failure, vector_statistics
from harness.types import Document, Embed, EmbedResponse, Request, Response

_COLUMNS = ("sentence1", "sentence2", "score")


class StsUnit(Unit):
    """One language of a sentence similarity task."""

    requests_made = frozenset({Embed})

    def read(self) -> list[Document]:
        documents = read_documents(self.dataset, self.roots, self.spec.languages[self.language], self.where)
        require_columns(documents, _COLUMNS, self.where)
        for document in documents:
            try:
                float(str(document.fields["score"]))
            except ValueError as error:
                raise DataError(
                    f"{self.where}: item {document.id}: score must be a number, found '{document.fields['score']}'"
                ) from error
        return documents

    def requests(self) -> list[Request]:
        return [
            Embed(text=str(document.fields[side]), language=self.language)
            for side in ("sentence1", "sentence2")
            for document in self.documents
        ]

    def outcome(self, shared: Sequence[Response], responses: Sequence[Response]) -> Outcome:  # noqa: ARG002
        count = len(self.documents)
        pairs = list(zip(responses[:count], responses[count:], strict=True))
        rows = [
            SegmentRow(
                segment=document.id,
                cluster=document.cluster,
                source=str(document.fields["sentence1"]),
                references=(str(document.fields["sentence2"]),),
                hypothesis=None,
                failed=failure(pair),
            )
            for document, pair in zip(self.documents, pairs, strict=True)
        ]
        scored = [index for index, row in enumerate(rows) if row.failed is None]
        left, right = (
            np.stack([side.vectors for index in scored if isinstance(side := pairs[index][which], EmbedResponse)])
            for which in (0, 1)
        )
        gold = np.array([float(str(self.documents[index].fields["score"])) for index in scored])
        made = {name: metric for name, (metric, _) in self.metrics().items()}
        return Outcome(rows=rows, scored=scored, statistics=vector_statistics(made, left, right, gold))


def units(task: TaskFile, selection: Selection, data_root: Path | None) -> list[StsUnit]:
    """One unit a language and variant."""
    spec = task.spec
    return [
        StsUnit(task, data_root, language=language, variant=variant, limit=selection.limit)
        for variant in chosen(selection.variants, spec.variants or [""], "variant", spec.task)
        for language in chosen(selection.languages, spec.languages, "language", spec.task)
    ]
