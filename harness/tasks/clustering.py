"""Clustering: do groups found from embeddings alone agree with the groups people made?

Documents have a text and a label.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.data import read_documents, require_columns
from harness.loader import TaskFile
from harness.store import SegmentRow
from harness.tasks.base import Outcome, Selection, Unit, chosen_languages, failure, unit_names
from harness.types import Document, Embed, EmbedResponse, Request, Response
from metrics.clustering import VMeasure


class ClusteringUnit(Unit):
    """One language of a clustering task."""

    requests_made = frozenset({Embed})

    def read(self) -> list[Document]:
        documents = read_documents(self.dataset, self.roots, self.own_code, self.where)
        require_columns(documents, [self.dataset.text, self.dataset.label], self.where)
        return documents

    def requests(self) -> list[Request]:
        return [
            Embed(text=str(document.fields[self.dataset.text]), language=self.language) for document in self.documents
        ]

    def outcome(self, shared: Sequence[Response], responses: Sequence[Response]) -> Outcome:  # noqa: ARG002
        scored = [index for index, response in enumerate(responses) if isinstance(response, EmbedResponse)]
        labels = [str(self.documents[index].fields[self.dataset.label]) for index in scored]
        vectors = np.stack([found.vectors for found in responses if isinstance(found, EmbedResponse)])
        gold = np.unique(labels, return_inverse=True)[1].astype(np.int64)
        name = f"{self.spec.task}/{self.variant}/{self.language}"
        seed = [int.from_bytes(hashlib.sha256(name.encode("utf-8")).digest()[:8], "little")]
        statistics = {
            label: metric.cluster_stats(vectors, gold, seed)
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
