"""What kinds share that embed two texts of a document and compare them: sentence similarity, pair classification."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from harness.tasks.base import Outcome, Unit, failure, paired_vectors
from harness.types import Document, Embed, Request, Response
from metrics.base import FloatArray, VectorArray


class TextPairUnit(Unit):
    """One language, or direction, of a task whose documents have two texts."""

    requests_made = frozenset({Embed})

    @property
    def sides(self) -> tuple[str, str]:
        return self.dataset.sides

    def requests(self) -> list[Request]:
        return [
            Embed(text=str(document.fields[side]), language=language)
            for side, language in zip(self.sides, self.side_languages, strict=True)
            for document in self.documents
        ]

    def outcome(self, shared: Sequence[Response], responses: Sequence[Response]) -> Outcome:  # noqa: ARG002
        count = len(self.documents)
        pairs = list(zip(responses[:count], responses[count:], strict=True))
        rows = self.rows([failure(pair) for pair in pairs])
        scored = [index for index, row in enumerate(rows) if row.failed is None]
        first, second = paired_vectors(pairs, scored)
        found = self.pair_statistics(first, second, [self.documents[index] for index in scored])
        return Outcome(rows=rows, scored=scored, statistics=found)

    @abstractmethod
    def pair_statistics(
        self, first: VectorArray, second: VectorArray, documents: Sequence[Document]
    ) -> dict[str, FloatArray]:
        """By metric name, statistics ``[n, k]`` of the pairs ``[n, d]`` of as many documents."""
