"""Bitext mining: is each sentence's nearest neighbour in the other language its translation?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.loader import TaskFile
from harness.tasks.base import Outcome, Selection, failure, paired_vectors, unit_names
from harness.tasks.pairs import PairUnit, reading_once, selected_directions
from harness.types import Embed, Request, Response
from metrics.embedding import BitextMetric, nearest_neighbours

_MANY = 500
"""Directions; every language would stand in the run folder once for each of the others."""


class BitextUnit(PairUnit):
    """One direction of a bitext mining task; the pool is the direction's own target side.

    The side that the next direction is likely to have too is the shared one: the pivot where it is the target, else
    the source.
    """

    requests_made = frozenset({Embed})

    def shared_requests(self) -> list[Request]:
        return self._embeds(self._sides[0])

    def requests(self) -> list[Request]:
        return self._embeds(self._sides[1])

    def outcome(self, shared: Sequence[Response], responses: Sequence[Response]) -> Outcome:
        pairs = list(zip(shared, responses, strict=True))
        if self._sides[0] == "target":
            pairs = [(source, target) for target, source in pairs]
        rows = self.rows([failure(pair) for pair in pairs])
        scored = [index for index, row in enumerate(rows) if row.failed is None]
        source, target = paired_vectors(pairs, scored)
        nearest = nearest_neighbours(source, target)
        statistics = {}
        for name, (metric, _) in self.metrics().items():
            assert isinstance(metric, BitextMetric), "the loader lets only metrics of this kind of task through"
            statistics[name] = metric.neighbour_stats(nearest)
        return Outcome(rows=rows, scored=scored, statistics=statistics)

    @property
    def _sides(self) -> tuple[str, str]:
        """Shared side, own side."""
        pivot = self.variant_spec.pivot or self.spec.pivot
        return ("target", "source") if self.target_language == pivot else ("source", "target")

    def _embeds(self, side: str) -> list[Request]:
        language = self.source_language if side == "source" else self.target_language
        return [Embed(text=text, language=language) for text in self.texts(side)]


def units(task: TaskFile, selection: Selection, data_root: Path | None) -> list[BitextUnit]:
    """One unit a direction and variant.

    Where there are many, texts are kept of those with the pivot on one side: they hold every language's.
    """
    languages = selected_directions(task.spec, selection)
    made = [BitextUnit(task, data_root, **names) for names in unit_names(task.spec, selection, languages)]
    with_pivot = [unit for unit in made if task.spec.pivot in unit.side_languages]
    if len(made) > _MANY and with_pivot:
        for unit in made:
            unit.keeps_texts = task.spec.pivot in unit.side_languages
    return reading_once(made)
