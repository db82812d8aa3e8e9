"""Bitext mining: is each sentence's nearest neighbour in the other language its translation?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.loader import TaskFile
from harness.tasks.base import Outcome, Selection, failure, paired_vectors, unit_names, vector_statistics
from harness.tasks.pairs import PairUnit, selected_directions
from harness.types import Embed, Request, Response


class BitextUnit(PairUnit):
    """One direction of a bitext mining task; the pool is the direction's own target side."""

    requests_made = frozenset({Embed})

    def requests(self) -> list[Request]:
        return [
            Embed(text=text, language=language)
            for side, language in (("source", self.source_language), ("target", self.target_language))
            for text in self.texts(side)
        ]

    def outcome(self, shared: Sequence[Response], responses: Sequence[Response]) -> Outcome:  # noqa: ARG002
        count = len(self.documents)
        pairs = list(zip(responses[:count], responses[count:], strict=True))
        rows = self.rows([failure(pair) for pair in pairs])
        scored = [index for index, row in enumerate(rows) if row.failed is None]
        source, target = paired_vectors(pairs, scored)
        made = {name: metric for name, (metric, _) in self.metrics().items()}
        return Outcome(rows=rows, scored=scored, statistics=vector_statistics(made, source, target))


def units(task: TaskFile, selection: Selection, data_root: Path | None) -> list[BitextUnit]:
    """One unit a direction and variant."""
    languages = selected_directions(task.spec, selection)
    return [BitextUnit(task, data_root, **names) for names in unit_names(task.spec, selection, languages)]
