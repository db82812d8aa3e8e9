"""Clustering: do groups found from embeddings alone agree with the groups people made?

Documents have a text and a label.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.data import read_documents, require_columns
from harness.errors import DataError
from harness.loader import TaskFile
from harness.store import SegmentRow
from harness.tasks.base import Outcome, Selection, Unit, chosen_languages, failure, unit_names
from harness.types import Document, Embed, EmbedResponse, Request, Response
from metrics.clustering import VMeasure


class ClusteringUnit(Unit):
    """One language of a clustering task."""

    requests_made = frozenset({Embed})
    _total: int | None = None

    def read(self) -> list[Document]:
        documents = read_documents(self.dataset, self.roots, self.own_code, self.where)
        require_columns(documents, [self.dataset.text, self.dataset.label], self.where)
        for document in documents:
            if isinstance(document.fields[self.dataset.label], list | tuple | dict):
                raise DataError(
                    f"{self.where}: item {document.id}: column '{self.dataset.label}' must hold one group, found "
                    f"{document.fields[self.dataset.label]!r}; groups within groups are not scored"
                )
        metrics = [metric for metric, _ in self.metrics().values() if isinstance(metric, VMeasure)]
        chosen = [metric.chosen(len(documents), self._seed()) for metric in metrics]
        if any(positions != chosen[0] for positions in chosen):
            raise DataError(
                f"{self.where}: the metrics look at different items; give them the same sizes, or a task each"
            )
        if chosen and chosen[0] == []:
            raise DataError(f"{self.where}: the fraction of {len(documents)} items that is looked at is none of them")
        self._total = len(documents) if chosen and chosen[0] is not None else None
        return documents if not chosen or chosen[0] is None else [documents[position] for position in chosen[0]]

    def _seed(self) -> list[int]:
        name = f"{self.spec.task}/{self.variant}/{self.language}"
        return [int.from_bytes(hashlib.sha256(name.encode("utf-8")).digest()[:8], "little")]

    def requests(self) -> list[Request]:
        return [
            Embed(text=str(document.fields[self.dataset.text]), language=self.language) for document in self.documents
        ]

    def outcome(self, shared: Sequence[Response], responses: Sequence[Response]) -> Outcome:  # noqa: ARG002
        scored = [index for index, response in enumerate(responses) if isinstance(response, EmbedResponse)]
        labels = [str(self.documents[index].fields[self.dataset.label]) for index in scored]
        vectors = np.stack([found.vectors for found in responses if isinstance(found, EmbedResponse)])
        gold = np.unique(labels, return_inverse=True)[1].astype(np.int64)
        statistics = {
            label: metric.cluster_stats(vectors, gold, self._seed(), self._total)
            for label, (metric, _) in self.metrics().items()
            if isinstance(metric, VMeasure)
        }
        rows = [
            SegmentRow(
                segment=document.id,
                cluster=document.cluster,
                source=str(document.fields[self.dataset.text]),
                references=(str(document.fields[self.dataset.label]),),
                hypothesis=None,
                failed=failure([response]),
            )
            for document, response in zip(self.documents, responses, strict=True)
        ]
        return Outcome(rows=rows, scored=scored, statistics=statistics)


def units(task: TaskFile, selection: Selection, data_root: Path | None) -> list[ClusteringUnit]:
    """One unit a language and variant."""
    languages = chosen_languages(selection, task.spec)
    return [ClusteringUnit(task, data_root, **names) for names in unit_names(task.spec, selection, languages)]
