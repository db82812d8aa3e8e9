"""lm-eval's documents that wait to be judged, what is kept of them when they are, and the statistics it amounts to.

A document's texts, requests and answers are needed until it is judged and no longer; its values are needed until all
are, because what a metric's classes are is known only then.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import DataError
from harness.store import SegmentRow
from harness.tasks.base import Outcome
from metrics.base import FloatArray, MeanMetric, Metric, MetricError, Segment, TextMetric
from metrics.classification import Brier, ClassMetric
from metrics.tagging import SpanF1

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance
    from lm_eval.api.task import ConfigurableTask


@dataclass(slots=True)
class AskedDocument:
    """A document with lm-eval's instances of it.

    Attributes:
        number: Which of the unit's documents. samples: Requests made of all instances.
    """

    number: int
    instances: list[Instance] = field(default_factory=list)
    samples: int = 0


@dataclass(slots=True)
class AskedPart:
    """Documents that are judged together, by the tasks of lm-eval that they are of."""

    asked: list[tuple[ConfigurableTask, list[AskedDocument]]] = field(default_factory=list)

    @property
    def documents(self) -> int:
        return sum(len(documents) for _, documents in self.asked)

    @property
    def requests(self) -> int:
        return sum(document.samples for _, documents in self.asked for document in documents)


@dataclass(slots=True)
class Judged:
    """Documents of one unit, in their order.

    Attributes:
        values: By metric, lm-eval's value of every document that did not fail. texts: What metrics of texts compare,
            of the same documents, if there are such metrics. rows: Every document, without its texts.
        golds: Right answers that occur. choices: Most choices that a document has.
    """

    values: dict[str, list[Any]] = field(default_factory=dict)
    keeps_texts: bool = False
    texts: list[Segment] = field(default_factory=list)
    rows: list[SegmentRow] = field(default_factory=list)
    golds: set[str] = field(default_factory=set)
    choices: int = 0

    def add(self, row: SegmentRow) -> None:
        """Keep what is needed of a document beside its values."""
        self.golds.update(row.references)
        if self.keeps_texts and row.failed is None:
            self.texts.append(Segment(hypothesis=row.hypothesis or "", references=row.references))
        self.rows.append(dataclasses.replace(row, source=None, references=(), hypothesis=None, reasoning=None))

    def outcome(self, metrics: Mapping[str, Metric], where: str) -> Outcome:
        """Statistics of all documents.

        Raises:
            DataError: lm-eval's values are not of the kind a metric is made of.
        """
        labels: Sequence[int | str] = range(self.choices) if self.choices else sorted(self.golds)
        statistics = {
            label: metric.segment_stats(self.texts)
            if isinstance(metric, TextMetric)
            else document_statistics(metric, self.values[label], labels, f"{where}: {label}")
            for label, metric in metrics.items()
        }
        scored = [index for index, row in enumerate(self.rows) if row.failed is None]
        return Outcome(rows=self.rows, scored=scored, statistics=statistics)


def document_statistics(metric: Metric, values: Sequence[Any], labels: Sequence[int | str], where: str) -> FloatArray:
    """Statistics of lm-eval's values of the documents.

    Args:
        values: A number a document, a pair (log-probability, count), or a pair (gold, predicted).
        labels: The classes there are.

    Raises:
        DataError: The values are not of the kind the metric is made of.
    """
    try:
        if isinstance(metric, Brier):
            return metric.pair_stats(*_sides(values))
        if isinstance(metric, SpanF1):
            gold, predicted = _sides(values)
            return metric.span_stats(gold, [_plain(text) for text in predicted])
        if isinstance(metric, ClassMetric):
            gold, predicted = _sides(values)
            known = labels if set(gold) <= set(labels) else sorted(set(gold))
            return metric.label_stats(gold, [_plain(label) for label in predicted], known)
        found = np.array(values, dtype=np.float64)
        if found.ndim <= 1:
            return MeanMetric.stats(found)
        if found.ndim == 2 and found.shape[1] == 2:
            return found
        raise ValueError(f"shape {found.shape}")
    except (ValueError, TypeError, MetricError) as error:
        raise DataError(
            f"{where}: lm-eval gives values such as {str(values[0])[:60]!r} for a document, which this metric cannot "
            "use; name another metric"
        ) from error


def _sides(values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """First and second parts of pairs."""
    return [_plain(first) for first, _ in values], [second for _, second in values]


def _plain(label: Any) -> Any:
    """A label as Python has it; numpy's integers and one-element lists are what they hold."""
    if isinstance(label, list) and len(label) == 1:
        label = label[0]
    return label.item() if isinstance(label, np.generic) else label
