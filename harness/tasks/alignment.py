"""Alignment with a pivot language: MEXA and Language Ranker from pooled hidden states of every layer.

The pivot's states are asked for once and stay; each language's are reduced to statistics and dropped, so that memory
and disk do not grow with the number of languages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from harness.loader import TaskFile
from harness.spec import MetricOption
from harness.tasks.base import Outcome, Selection, chosen_languages, failure, unit_names, vector_statistics
from harness.tasks.pairs import PairUnit
from harness.types import Embed, EmbedResponse, Pooling, Request, Response
from metrics import registry
from metrics.base import FloatArray


class AlignmentUnit(PairUnit):
    """One language against the pivot. ``source`` is the pivot's sentence, ``target`` the language's."""

    transient = True
    requests_made = frozenset({Embed})

    @property
    def source_language(self) -> str:
        return self.variant_spec.pivot or self.spec.pivot

    @property
    def shared_language(self) -> str:
        return self.source_language

    @property
    def poolings(self) -> tuple[str, ...]:
        """The poolings the task's metrics want, each once: all of them come from one forward pass."""
        return tuple(sorted({str(options["pooling"]) for _, options in self.metrics().values()}))

    def shared_requests(self) -> list[Request]:
        return self._embeds("source", self.source_language)

    def requests(self) -> list[Request]:
        return self._embeds("target", self.language)

    def outcome(self, shared: Sequence[Response], responses: Sequence[Response]) -> Outcome:
        rows = self.rows([failure(pair) for pair in zip(shared, responses, strict=True)])
        scored = [index for index, row in enumerate(rows) if row.failed is None]
        statistics: dict[str, FloatArray] = {}
        for index, pooling in enumerate(self.poolings):
            wanted = {
                name: metric for name, (metric, options) in self.metrics().items() if options["pooling"] == pooling
            }
            pivot, language = _layers(shared, scored, index), _layers(responses, scored, index)
            statistics.update(vector_statistics(wanted, pivot, language))
        return Outcome(rows=rows, scored=scored, statistics=statistics)

    def metric_options(self, name: str, options: Mapping[str, MetricOption]) -> dict[str, MetricOption]:
        """The pooling is the metric's own option, else the variant's, the task's, or the metric's default."""
        default = self.variant_spec.pooling or self.spec.pooling or registry.options(name).get("pooling") or "weighted"
        return {"pooling": default, "pivot": self.source_language, **options}

    def _embeds(self, side: str, language: str) -> list[Request]:
        poolings = cast("tuple[Pooling, ...]", self.poolings)
        return [Embed(text=text, pooling=poolings, language=language) for text in self.texts(side)]


def units(task: TaskFile, selection: Selection, data_root: Path | None) -> list[AlignmentUnit]:
    """One unit a language other than the pivot, and variant; variants of a language one after the other.

    Settings that differ in their pivots ask for the same states of a language, which are then encoded once.
    """
    languages = chosen_languages(selection, task.spec)
    made = [AlignmentUnit(task, data_root, **names) for names in unit_names(task.spec, selection, languages)]
    return sorted(
        (unit for unit in made if unit.language != unit.source_language),
        key=lambda unit: languages.index(unit.language),
    )


def _layers(responses: Sequence[Response], scored: Sequence[int], pooling: int) -> NDArray[np.float32]:
    """float32 ``[layers + 1, n, d]`` by one pooling, of the scored responses ``[poolings, layers + 1, d]``."""
    vectors = [found.vectors[pooling] for index in scored if isinstance(found := responses[index], EmbedResponse)]
    return np.stack(vectors, axis=1)
