"""Metrics as systems under test: ``metric:NAME[:option=value...]``, such as ``metric:chrf++`` or ``metric:comet:PATH``.

Answers how good a translation is by the metric's score of the one segment, with its sign turned where lower is better.
Options that follow from the target language (BLEU's tokenizer) are chosen for every language.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.engine.base import ModelSpec
from harness.errors import BackendError, UserError
from harness.languages import UND
from harness.target_options import text_metric
from harness.types import Chat, Failed, Judge, Request, Response, RewardResponse
from metrics.base import MetricError, Segment, TextMetric

_BATCH = 512


class MetricEngine:
    """Scores translations by one metric of texts."""

    backend = "metric"
    stored = True
    chat: Chat | None = None

    def __init__(self, spec: ModelSpec) -> None:
        spec.require_known(["batch_size"])
        self.name = spec.name
        self.label = spec.options.get("label", "metric")
        self._text = spec.target
        self._batch_size = spec.integer("batch_size", _BATCH)
        self._metrics: dict[str, TextMetric] = {}
        try:
            metric = self._metric(UND)
            signature = metric.signature()
        except (UserError, MetricError) as error:
            raise BackendError(f"--model metric:{spec.target}: {error}") from error
        self.identity = {"backend": "metric", "metric": spec.target, "signature": signature}

    def requests_answered(self) -> frozenset[type]:
        return frozenset({Judge})

    def covers(self, request: Request) -> bool:  # noqa: ARG002
        return True

    def plan(self, requests: Sequence[Request]) -> list[list[int]]:
        """Batches of one target language each."""
        by_language: dict[str, list[int]] = {}
        for position, request in enumerate(requests):
            by_language.setdefault(request.target_language if isinstance(request, Judge) else "", []).append(position)
        return [
            positions[start : start + self._batch_size]
            for positions in by_language.values()
            for start in range(0, len(positions), self._batch_size)
        ]

    def answer(self, batch: Sequence[Request]) -> list[Response]:
        asked = [request for request in batch if isinstance(request, Judge)]
        assert len(asked) == len(batch), "the runner asks only what the engine says it answers"
        metric = self._metric(asked[0].target_language)
        segments = [
            Segment(hypothesis=request.hypothesis, references=request.references, source=request.source)
            for request in asked
        ]
        scores = metric.segment_scores(metric.segment_stats(segments))
        sign = 1.0 if metric.info.higher_is_better else -1.0
        return [
            Failed(reason=f"{metric.info.name} gives this segment no score")
            if np.isnan(score)
            else RewardResponse(reward=sign * float(score))
            for score in scores
        ]

    def close(self) -> None:
        self._metrics.clear()

    def _metric(self, language: str) -> TextMetric:
        if language not in self._metrics:
            self._metrics[language] = text_metric(self._text, language)
        return self._metrics[language]


def load(spec: ModelSpec) -> MetricEngine:
    """A :class:`MetricEngine`."""
    return MetricEngine(spec)
