"""Classification from embeddings: a simple classifier learns a few examples' vectors and labels, then judges the rest.

Documents have a text and a label (a list of labels for ``multilabel_classification``); training items come from
``dataset.train_split``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.data import read_documents, require_columns
from harness.errors import DataError
from harness.loader import TaskFile
from harness.sources import Reading, readings
from harness.store import SegmentRow
from harness.tasks.base import Outcome, Selection, Unit, chosen_languages, failure, unit_names
from harness.types import Document, Embed, EmbedResponse, Request, Response
from metrics.probing import ProbeAccuracy, ProbeF1, ProbeSettings, probe, probe_several, training_draws

Probe = ProbeAccuracy | ProbeF1


class ProbingUnit(Unit):
    """One language of a classification task."""

    requests_made = frozenset({Embed})

    def read(self) -> list[Document]:
        return self._labelled(self.dataset.splits)

    def readings(self) -> Iterator[Reading]:
        return readings(self.dataset, {"lang": self.own_code}, splits=[self.dataset.train_split])

    def requests(self) -> list[Request]:
        texts = [*self.documents, *(self._training[row] for row in self._used)]
        return [Embed(text=str(document.fields[self.dataset.text]), language=self.language) for document in texts]

    def outcome(self, shared: Sequence[Response], responses: Sequence[Response]) -> Outcome:  # noqa: ARG002
        count = len(self.documents)
        broken = failure(responses[count:])
        reasons = [broken or failure([response]) for response in responses[:count]]
        scored = [index for index, reason in enumerate(reasons) if reason is None]
        predictions = self._predictions(responses, scored) if scored else {}
        gold = self._numbers([self.documents[index] for index in scored])
        statistics = {
            name: metric.prediction_stats(predictions[metric.settings], gold) if scored else np.empty((0, 2))
            for name, metric in self._probes.items()
        }
        first = next(iter(predictions.values()))[0] if scored else None
        rows = self._rows(reasons, scored, first)
        return Outcome(rows=rows, scored=scored, statistics=statistics)

    def release(self) -> None:
        super().release()
        for name in ("_training", "_draws", "_used", "_classes"):
            self.__dict__.pop(name, None)

    def dataset_hash(self) -> str:
        from harness.data import documents_hash

        return documents_hash([*self.documents, *self._training])

    @property
    def _several(self) -> bool:
        return self.spec.kind == "multilabel_classification"

    @cached_property
    def _probes(self) -> dict[str, Probe]:
        return {
            name: metric for name, (metric, _) in self.metrics().items() if isinstance(metric, ProbeAccuracy | ProbeF1)
        }

    @cached_property
    def _training(self) -> list[Document]:
        return self._labelled([self.dataset.train_split])

    @cached_property
    def _draws(self) -> dict[ProbeSettings, list[list[int]]]:
        """Training rows of every experiment, for every way to draw them that a metric has."""
        name = f"{self.spec.task}/{self.variant}/{self.language}"
        seed = [int.from_bytes(hashlib.sha256(name.encode("utf-8")).digest()[:8], "little")]
        labels = [self._labels(document) for document in self._training]
        return {metric.settings: training_draws(labels, metric.settings, seed) for metric in self._probes.values()}

    @cached_property
    def _used(self) -> list[int]:
        """Rows of the training split that any experiment learns from."""
        return sorted({row for draws in self._draws.values() for rows in draws for row in rows})

    @cached_property
    def _classes(self) -> list[str]:
        found = {label for document in [*self._training, *self.documents] for label in self._labels(document)}
        return sorted(found, key=lambda label: (0, int(label), "") if label.isdecimal() else (1, 0, label))

    def _labelled(self, splits: Sequence[str]) -> list[Document]:
        documents = read_documents(self.dataset, self.roots, self.own_code, self.where, splits=splits)
        require_columns(documents, [self.dataset.text, self.dataset.label], self.where)
        for document in documents:
            if self._several != isinstance(document.fields[self.dataset.label], list | tuple):
                wanted = "a list of labels" if self._several else "one label"
                raise DataError(
                    f"{self.where}: item {document.id}: column '{self.dataset.label}' must hold {wanted}, found "
                    f"{document.fields[self.dataset.label]!r}"
                )
        return documents

    def _labels(self, document: Document) -> list[str]:
        value = document.fields[self.dataset.label]
        return [str(label) for label in value] if isinstance(value, list | tuple) else [str(value)]

    def _numbers(self, documents: Sequence[Document]) -> NDArray[np.int64]:
        """Class numbers ``[n]``, or ``[n, L]`` of 0 and 1."""
        number = {label: index for index, label in enumerate(self._classes)}
        if not self._several:
            return np.array([number[self._labels(document)[0]] for document in documents], dtype=np.int64)
        table = np.zeros((len(documents), len(number)), dtype=np.int64)
        for row, document in enumerate(documents):
            table[row, [number[label] for label in self._labels(document)]] = 1
        return table

    def _predictions(
        self, responses: Sequence[Response], scored: Sequence[int]
    ) -> dict[ProbeSettings, NDArray[np.int64]]:
        count = len(self.documents)
        test = np.stack([found.vectors for index in scored if isinstance(found := responses[index], EmbedResponse)])
        train = np.stack([found.vectors for found in responses[count:] if isinstance(found, EmbedResponse)])
        position = {row: index for index, row in enumerate(self._used)}
        labels = self._numbers([self._training[row] for row in self._used])
        predictions: dict[ProbeSettings, NDArray[np.int64]] = {}
        for settings, draws in self._draws.items():
            rows = [[position[row] for row in drawn] for drawn in draws]
            predictions[settings] = (
                probe_several(train, labels, test, rows) if self._several else probe(train, labels.tolist(), test, rows)
            )
        return predictions

    def _rows(
        self, reasons: Sequence[str | None], scored: Sequence[int], predicted: NDArray[np.int64] | None
    ) -> list[SegmentRow]:
        """Texts and labels; the hypothesis is what the first experiment's classifier says."""
        said: dict[int, str] = {}
        for place, index in enumerate(scored):
            assert predicted is not None
            answer = predicted[place]
            numbers = np.flatnonzero(answer) if self._several else [int(answer)]
            said[index] = ", ".join(self._classes[number] for number in numbers)
        return [
            SegmentRow(
                segment=document.id,
                cluster=document.cluster,
                source=str(document.fields[self.dataset.text]),
                references=(", ".join(self._labels(document)),),
                hypothesis=said.get(index),
                failed=reasons[index],
            )
            for index, document in enumerate(self.documents)
        ]


def units(task: TaskFile, selection: Selection, data_root: Path | None) -> list[ProbingUnit]:
    """One unit a language and variant."""
    languages = chosen_languages(selection, task.spec)
    return [ProbingUnit(task, data_root, **names) for names in unit_names(task.spec, selection, languages)]
