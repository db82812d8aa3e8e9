"""Perplexity: how many bits a language's text costs a model, and how many tokens.

Documents have a text in the data set's ``text`` column, which the model is given as it is, without prompt or chat. All
metrics of a unit come from the same answers. Metrics that compare with the pivot language (information parity,
tokenizer parity) need parallel data that has it: then only items that both languages have are read, and the pivot's
texts are asked for once for all languages. A language whose script does not separate words has no scores per word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.data import read_documents, text_of
from harness.languages import find, spaces_words
from harness.loader import TaskFile
from harness.sources import Reading
from harness.spec import MetricOption
from harness.store import SegmentRow
from harness.tasks.base import Outcome, Selection, Unit, chosen_languages, failure, unit_names
from harness.tasks.pairs import PairUnit
from harness.types import Document, LogLikelihoodResponse, Request, Response, RollingLogLikelihood
from metrics import registry
from metrics.base import FloatArray
from metrics.perplexity import CountMetric, TextCounts, count_texts


class PerplexityUnit(PairUnit):
    """One language. ``target`` is its text; ``source``, where a metric needs it, the pivot's text of the same item."""

    requests_made = frozenset({RollingLogLikelihood})

    @property
    def source_language(self) -> str:
        return self.spec.pivot

    @property
    def compared(self) -> bool:
        """Whether a metric needs the same texts in the pivot language."""
        return any(metric.needs_pivot for metric in self._count_metrics().values())

    def read(self) -> list[Document]:
        if self.compared:
            return super().read()
        documents = read_documents(self.dataset, self.roots, self.own_code, self.where)
        return [
            Document(
                id=document.id,
                cluster=document.cluster,
                fields={"target": text_of(self.dataset, document.fields, self.own_code, self.where)},
            )
            for document in documents
        ]

    def readings(self) -> Iterator[Reading]:
        return super().readings() if self.compared else Unit.readings(self)

    def shared_requests(self) -> list[Request]:
        return self._asked("source", self.spec.pivot) if self.compared else []

    def requests(self) -> list[Request]:
        return self._asked("target", self.language)

    def rows(self, reasons: Sequence[str | None]) -> list[SegmentRow]:
        return [
            SegmentRow(
                segment=document.id,
                cluster=document.cluster,
                source=str(document.fields["source"]) if "source" in document.fields else None,
                references=(str(document.fields["target"]),),
                hypothesis=None,
                failed=reason,
            )
            for document, reason in zip(self.documents, reasons, strict=True)
        ]

    def outcome(self, shared: Sequence[Response], responses: Sequence[Response]) -> Outcome:
        sides = [responses, shared] if self.compared else [responses]
        rows = self.rows([failure(answers) for answers in zip(*sides, strict=True)])
        scored = [index for index, row in enumerate(rows) if row.failed is None]
        counts = self._counts("target", responses, scored)
        pivot = self._counts("source", shared, scored) if self.compared else None
        spaced = spaces_words(find(self.language).script)
        statistics: dict[str, FloatArray] = {
            name: metric.count_stats(counts, pivot)
            for name, metric in self._count_metrics().items()
            if spaced or not metric.needs_words
        }
        return Outcome(rows=rows, scored=scored, statistics=statistics)

    def metric_options(self, name: str, options: Mapping[str, MetricOption]) -> dict[str, MetricOption]:
        """Metrics that compare with the pivot say with which one."""
        return {"pivot": self.spec.pivot, **options} if "pivot" in registry.options(name) else dict(options)

    def _asked(self, side: str, language: str) -> list[Request]:
        return [RollingLogLikelihood(text=text, language=language) for text in self.texts(side)]

    def _counts(self, side: str, responses: Sequence[Response], scored: Sequence[int]) -> TextCounts:
        texts = self.texts(side)
        answers = [found for index in scored if isinstance(found := responses[index], LogLikelihoodResponse)]
        return count_texts(
            [texts[index] for index in scored],
            [answer.logprob for answer in answers],
            [answer.tokens for answer in answers],
        )

    def _count_metrics(self) -> dict[str, CountMetric]:
        return {name: metric for name, (metric, _) in self.metrics().items() if isinstance(metric, CountMetric)}


def units(task: TaskFile, selection: Selection, data_root: Path | None) -> list[PerplexityUnit]:
    """One unit a language and variant, the pivot among them."""
    languages = chosen_languages(selection, task.spec)
    return [PerplexityUnit(task, data_root, **names) for names in unit_names(task.spec, selection, languages)]
