"""Retrieval and reranking: how far up do relevant texts stand when texts are ranked by nearness to a query?

The data set has parts, in mteb's layout: ``queries`` and ``corpus`` with a key, a text and perhaps a ``title``;
``qrels`` with ``query-id``, ``corpus-id`` and ``score`` (or columns that it names itself); for reranking
``candidates`` with ``query-id`` and ``corpus-ids``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.data import documents_hash, read_documents, require_columns
from harness.errors import DataError
from harness.loader import TaskFile
from harness.sources import Reading, readings
from harness.spec import DatasetSpec, merged
from harness.store import SegmentRow
from harness.tasks.base import Outcome, Selection, Unit, failure, unit_names
from harness.tasks.pairs import selected_labels
from harness.types import Document, Embed, EmbedResponse, Request, Response
from metrics.ranking import Ranking, RankingMetric, cosine_rows, rank_descending

_QUERY, _DOCUMENTS = "query-id", "corpus-ids"


class RetrievalUnit(Unit):
    """One language of a retrieval or reranking task; its documents are the queries that have a relevant text."""

    requests_made = frozenset({Embed})

    def read(self) -> list[Document]:
        relevant = self._relevant
        queries = [query for query in self._part("queries") if query.id in relevant]
        if not queries:
            raise DataError(f"{self.where}: no query of 'queries' has a row in 'qrels'; check the ids")
        return queries

    def readings(self) -> Iterator[Reading]:
        for changes in self.dataset.parts.values():
            yield from readings(merged(self.dataset, changes), {"lang": self.own_code})

    def requests(self) -> list[Request]:
        queries = [str(query.fields[self._text("queries")]) for query in self.documents]
        texts = [_whole_text(document, self._text("corpus")) for document in self._corpus]
        asked_in, written_in = self.side_languages
        return [
            *(Embed(text=text, language=asked_in, side="query") for text in queries),
            *(Embed(text=text, language=written_in, side="passage") for text in texts),
        ]

    def outcome(self, shared: Sequence[Response], responses: Sequence[Response]) -> Outcome:  # noqa: ARG002
        count = len(self.documents)
        broken = failure(responses[count:])
        reasons = [broken or failure([response]) for response in responses[:count]]
        scored = [index for index, reason in enumerate(reasons) if reason is None]
        rankings: list[Ranking] = []
        best: dict[int, str] = {}
        if scored:
            queries, corpus = (
                np.stack([found.vectors for found in part if isinstance(found, EmbedResponse)])
                for part in ([responses[index] for index in scored], responses[count:])
            )
            for index, similarity in zip(scored, cosine_rows(queries, corpus), strict=True):
                order = self._ranked(self.documents[index].id, similarity)
                best[index] = _whole_text(self._corpus[int(order[0])], self._text("corpus"))
                rankings.append(self._ranking(self.documents[index].id, order))
        statistics = {
            name: metric.ranking_stats(rankings)
            for name, (metric, _) in self.metrics().items()
            if isinstance(metric, RankingMetric)
        }
        rows = [self._row(index, best.get(index), reason) for index, reason in enumerate(reasons)]
        return Outcome(rows=rows, scored=scored, statistics=statistics)

    def dataset_hash(self) -> str:
        return documents_hash([*self.documents, *self._corpus])

    def release(self) -> None:
        super().release()
        for name in ("_corpus", "_relevant", "_candidates", "_positions", "_order"):
            self.__dict__.pop(name, None)

    @cached_property
    def _corpus(self) -> list[Document]:
        return self._part("corpus")

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {document.id: index for index, document in enumerate(self._corpus)}

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        """Rank of every corpus id among all, for ties."""
        return np.argsort(np.argsort(np.array([document.id for document in self._corpus]))).astype(np.int64)

    @cached_property
    def _relevant(self) -> dict[str, dict[str, float]]:
        """Query id -> corpus id -> relevance above 0."""
        found: dict[str, dict[str, float]] = {}
        rows = self._part("qrels", key=None)
        said = merged(self.dataset, self.dataset.parts["qrels"])
        query, document, score = said.query_id, said.corpus_id, said.score
        for row in rows:
            require_columns([row], [query, document, *filter(None, [score])], self.where)
            if (gain := float(str(row.fields[score])) if score else 1.0) > 0:
                found.setdefault(str(row.fields[query]), {})[str(row.fields[document])] = gain
        return found

    @cached_property
    def _candidates(self) -> Mapping[str, NDArray[np.int64]]:
        """Query id -> positions in the corpus; only for reranking."""
        found = {}
        for row in self._part("candidates", key=None):
            require_columns([row], [_QUERY, _DOCUMENTS], self.where)
            ids = row.fields[_DOCUMENTS]
            names = [str(name) for name in ids] if isinstance(ids, list | tuple) else str(ids).split()
            unknown = next((name for name in names if name not in self._positions), None)
            if unknown is not None:
                raise DataError(f"{self.where}: candidate '{unknown}' is not in the corpus; check 'candidates'")
            found[str(row.fields[_QUERY])] = np.array([self._positions[name] for name in names], dtype=np.int64)
        return found

    def _part(self, name: str, key: str | None = "") -> list[Document]:
        """Rows of one part; ``key=None`` for parts without an id."""
        if name not in self.dataset.parts:
            has = ", ".join(self.dataset.parts) or "none"
            raise DataError(f"{self.where}: the dataset has no part '{name}' (it has {has}); add it under 'parts'")
        # parts name each other's ids as they stand; only what leaves the unit says whose they are
        dataset: DatasetSpec = merged(self.dataset, {**self.dataset.parts[name], "parallel": True})
        if key is None:
            dataset = merged(dataset, {"key": None})
        return read_documents(dataset, self.roots, self.own_code, self.where)

    def _text(self, part: Literal["queries", "corpus"]) -> str:
        """Column of the text of queries, or of what is searched."""
        return str(self.dataset.parts.get(part, {}).get("text", self.dataset.text))

    def _ranked(self, query: str, similarity: NDArray[np.float32]) -> NDArray[np.int64]:
        """Positions in the corpus, best first."""
        if self.spec.kind == "retrieval":
            return rank_descending(similarity, self._order)
        candidates = self._candidates.get(query)
        if candidates is None:
            raise DataError(f"{self.where}: query '{query}' has no candidates; add a row to 'candidates'")
        found: NDArray[np.int64] = candidates[rank_descending(similarity[candidates], self._order[candidates])]
        return found

    def _ranking(self, query: str, order: NDArray[np.int64]) -> Ranking:
        relevant = self._relevant[query]
        return Ranking(
            gains=np.array([relevant.get(self._corpus[int(position)].id, 0.0) for position in order]),
            ideal=np.sort(np.array(list(relevant.values())))[::-1],
        )

    def _row(self, index: int, best: str | None, reason: str | None) -> SegmentRow:
        query = self.documents[index]
        positions = self._positions
        relevant = [name for name in self._relevant[query.id] if name in positions]
        prefix = "" if self.dataset.parallel else f"{self.own_code}:"
        return SegmentRow(
            segment=prefix + query.id,
            cluster=prefix + query.cluster,
            source=str(query.fields[self._text("queries")]),
            references=tuple(_whole_text(self._corpus[positions[name]], self._text("corpus")) for name in relevant[:5]),
            hypothesis=best,
            failed=reason,
        )


def _whole_text(document: Document, column: str) -> str:
    """Title and text, as mteb joins them."""
    return f"{document.fields.get('title') or ''} {document.fields[column]}".strip()


def units(task: TaskFile, selection: Selection, data_root: Path | None) -> list[RetrievalUnit]:
    """One unit a language (or direction) and variant."""
    languages = selected_labels(task.spec, selection)
    return [RetrievalUnit(task, data_root, **names) for names in unit_names(task.spec, selection, languages)]
