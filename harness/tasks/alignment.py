"""Alignment with a pivot language: MEXA and Language Ranker from pooled hidden states of every layer.

The pivot's states are asked for once and stay; each language's are reduced to statistics and dropped, so that memory
and disk do not grow with the number of languages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.loader import TaskFile
from harness.spec import MetricOption
from harness.tasks.base import Outcome, Selection, chosen, failure
from harness.tasks.pairs import PairUnit
from harness.types import Embed, EmbedResponse, Request, Response


class AlignmentUnit(PairUnit):
    """One language against the pivot. ``source`` is the pivot's sentence, ``target`` the language's."""

    transient = True
    requests_made = frozenset({Embed})

    @property
    def source_language(self) -> str:
        return self.spec.pivot

    @property
    def pooling(self) -> str:
        """How token states become a sentence vector: the variant's rule, else the task's."""
        return self.variant_spec.pooling or self.spec.pooling

    def shared_requests(self) -> list[Request]:
        return self._embeds("source", self.spec.pivot)

    def requests(self) -> list[Request]:
        return self._embeds("target", self.language)

    def outcome(self, shared: Sequence[Response], responses: Sequence[Response]) -> Outcome:
        rows = self.rows([failure(pair) for pair in zip(shared, responses, strict=True)])
        scored = [index for index, row in enumerate(rows) if row.failed is None]
        pivot, language = _layers(shared, scored), _layers(responses, scored)
        return Outcome(rows=rows, scored=scored, statistics=self.vector_statistics(pivot, language))

    def metric_options(self, name: str, options: Mapping[str, MetricOption]) -> dict[str, MetricOption]:  # noqa: ARG002
        return {"pooling": self.pooling, "pivot": self.spec.pivot, **options}

    def decoding(self) -> str:
        return f"pooling:{self.pooling}"

    def _embeds(self, side: str, language: str) -> list[Request]:
        pooling = (self.pooling,)
        return [Embed(text=text, pooling=pooling, language=language) for text in self.texts(side)]  # type: ignore[arg-type]


def units(task: TaskFile, selection: Selection, data_root: Path | None) -> list[AlignmentUnit]:
    """One unit a language other than the pivot, and variant."""
    spec = task.spec
    languages = chosen(selection.languages, spec.languages, "language", spec.task)
    return [
        AlignmentUnit(task, data_root, language=language, variant=variant, limit=selection.limit)
        for variant in chosen(selection.variants, spec.variants or [""], "variant", spec.task)
        for language in languages
        if language != spec.pivot
    ]


def _layers(responses: Sequence[Response], scored: Sequence[int]) -> NDArray[np.float32]:
    """float32 ``[layers + 1, n, d]`` of the scored responses, which hold ``[1, layers + 1, d]`` each."""
    vectors = [found.vectors[0] for index in scored if isinstance(found := responses[index], EmbedResponse)]
    return np.stack(vectors, axis=1)
