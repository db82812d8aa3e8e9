"""Requests for final embeddings to responses, each distinct text once: known vectors first, the rest in batches.

Vectors are looked for in the embedding cache and in the response store, and kept in the cache, or in the store where
there is no cache. What is missing when a list of requests is first seen is written down before any of it is computed,
and batches are made among those alone: a resumed run makes the same batches, and so the same numbers to the last bit,
whatever it had finished. A batch is computed whole or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.account import Account
from harness.embedding_cache import EmbeddingCache, Vectors, vector_key
from harness.engine.base import Embedder
from harness.store import ResponseStore, content_hash
from harness.types import Embed, EmbedResponse, Progress, Response


class Encoder:
    """One embedding model with what is known of it.

    Args:
        embedder, name: The model and how people call it.
        store: Where plans are kept, and vectors without a cache. cache: The embedding cache, if it is used.
        progress: ``progress(label, done, total)``, called for every batch.
        account: Told how many vectors were computed and how many found, each once a list of requests.
    """

    def __init__(
        self,
        embedder: Embedder,
        name: str,
        *,
        store: ResponseStore,
        cache: EmbeddingCache | None,
        progress: Progress,
        account: Account,
    ) -> None:
        self._embedder = embedder
        self._name = name
        self._store = store
        self._cache = cache
        self._progress = progress
        self._account = account
        self._space = content_hash(dict(embedder.space))

    def answers(self, requests: Sequence[Embed]) -> list[Response]:
        """Responses in the order of ``requests``."""
        keys = [vector_key(self._embedder.prompt(request), request.text) for request in requests]
        by_language: dict[str, dict[bytes, Embed]] = {}
        seen: set[bytes] = set()
        for key, request in zip(keys, requests, strict=True):
            if key not in seen:
                seen.add(key)
                by_language.setdefault(request.language, {})[key] = request
        vectors = self._find([key for distinct in by_language.values() for key in distinct])
        self._account.known += len(vectors)
        for language, distinct in by_language.items():
            if not vectors.keys() >= distinct.keys():
                self._compute(language, distinct, vectors)
        finished = {key: self._embedder.finish(vectors.pop(key)) for key in list(vectors)}
        return [EmbedResponse(vectors=finished[key]) for key in keys]

    def missing(self, requests: Sequence[Embed]) -> list[Embed]:
        """Those of the distinct texts whose vectors are not there."""
        distinct = {vector_key(self._embedder.prompt(request), request.text): request for request in requests}
        have = self._find(list(distinct))
        return [request for key, request in distinct.items() if key not in have]

    def _compute(self, language: str, distinct: dict[bytes, Embed], vectors: Vectors) -> None:
        """Add the missing vectors of ``distinct`` requests, batch by batch."""
        label = f"{self._name} · {language}"
        for members in self._layers(distinct, vectors):
            batches = self._embedder.plan([distinct[key] for key in members])
            for number, batch in enumerate(batches):
                keys = [members[position] for position in batch]
                if all(key in vectors for key in keys):
                    continue
                self._progress(label, number, len(batches))
                rows = self._account.answered(self._embedder.embed, [distinct[key] for key in keys])
                new = {key: row for key, row in zip(keys, rows, strict=True) if key not in vectors}
                with self._account.part("writing"):
                    self._keep(new)
                vectors.update(new)
                self._account.computed += len(new)
            self._progress(label, len(batches), len(batches))

    def _layers(self, distinct: dict[bytes, Embed], vectors: Vectors) -> list[list[bytes]]:
        """Groups of keys whose batches are made among themselves: those missing at first, then what was lost since."""
        order = list(distinct)
        plan = content_hash([self._space, [key.hex() for key in order]])
        layers = [layer.tolist() for layer in self._store.planned(plan)]
        planned = {position for layer in layers for position in layer}
        lost = [index for index, key in enumerate(order) if key not in vectors and index not in planned]
        if lost:
            self._store.add_planned(plan, lost)
            layers.append(lost)
        groups = [[order[position] for position in layer] for layer in layers]
        return [group for group in groups if not vectors.keys() >= set(group)]

    def _find(self, keys: list[bytes]) -> Vectors:
        found = self._cache.get(self._embedder.space, keys) if self._cache is not None else {}
        stored = {self._stored_key(key): key for key in keys if key not in found}
        for name, response in self._store.get(list(stored)).items():
            if isinstance(response, EmbedResponse):
                found[stored[name]] = response.vectors
        return found

    def _keep(self, new: Vectors) -> None:
        items = list(new.items())
        if self._cache is None or not self._cache.put(self._embedder.space, self._name, items):
            self._store.put((self._stored_key(key), EmbedResponse(vectors=vector)) for key, vector in items)

    def _stored_key(self, key: bytes) -> str:
        return content_hash([self._space, key.hex()])
