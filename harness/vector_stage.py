"""Tasks that ask for vectors: unit by unit, since vectors are too large for many units to wait for one another.

Final embeddings have a store of their own (``harness.encoding``). Hidden states pass: they are asked for, reduced to
statistics and dropped, and the statistics are kept, so that neither memory nor disk grows with the number of languages.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from harness.account import Account
from harness.answering import Answerer
from harness.asking import WINDOW
from harness.embedding_cache import EmbeddingCache
from harness.encoding import Encoder
from harness.engine.base import Embedder, Engine
from harness.results import TaskResults
from harness.store import ResponseStore, content_hash, request_key
from harness.tasks.base import Outcome, Unit
from harness.types import Embed, Progress, Request, Response


def reduction_key(keys: Sequence[str], shared_keys: Sequence[str], unit: Unit) -> str:
    """Where the statistics of a unit are kept whose responses are too large to keep."""
    return content_hash([list(keys), list(shared_keys), sorted(unit.metrics()), "reduction-1"])


class VectorStage:
    """One model on one task of vectors.

    Args:
        cache: Where final embeddings are kept beyond the store. results: Where scores go.

    Attributes:
        account: Told what was done.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        store: ResponseStore,
        cache: EmbeddingCache | None,
        progress: Progress,
        results: TaskResults,
    ) -> None:
        self._engine = engine
        self._store = store
        self._progress = progress
        self._results = results
        self.account = Account(engine)
        self._answerer = Answerer(engine, store=store, put=store.put, progress=progress, account=self.account)
        self._encoder = (
            Encoder(engine, engine.name, store=store, cache=cache, progress=progress, account=self.account)
            if isinstance(engine, Embedder)
            else None
        )
        self._identity = content_hash(dict(engine.identity))
        self._shared: dict[tuple[str, ...], list[Response]] = {}
        self._passing: tuple[list[str], list[Response]] = ([], [])
        self._pivots: frozenset[str] = frozenset()
        self._pivot_keys: list[str] = []

    def run(self, task: str, units: Sequence[Unit]) -> None:
        """Answer and score every unit the engine covers."""
        label = f"{self._engine.name} · {task}"
        shared: list[Request] = []
        shared_keys: tuple[str, ...] = ()
        self._pivots = frozenset(unit.shared_language for unit in units)
        for done, unit in enumerate(units):
            self._progress(label, done, len(units))
            unit.chat = self._engine.chat
            with self.account.part("reading"):
                requests = unit.instructed(unit.requests())
            if not self._engine.covers(requests[0]):
                self._results.left_out.append(unit.language)
                unit.release()
                continue
            with self.account.part("reading"):
                asked = unit.instructed(unit.shared_requests())
            with self.account.part("preparing"):
                if asked != shared:
                    shared, shared_keys = asked, tuple(self._keys(asked))
                outcome = self._reduced(unit, shared, shared_keys, requests)
            self._results.add(unit, outcome, self.account)
        if units[0].transient:
            self._let_go([])
            self._store.drop([*self._pivot_keys, *(key for keys in self._shared for key in keys)])
        self._progress(label, len(units), len(units))

    def _reduced(
        self, unit: Unit, shared: Sequence[Request], shared_keys: tuple[str, ...], requests: Sequence[Request]
    ) -> Outcome:
        """The unit's outcome: from stored statistics where its responses are too large to keep, else from responses."""
        if not unit.transient:
            return self._outcome(unit, self._shared_answers(shared, shared_keys), self._answers(requests))
        keys = self._keys(requests)
        self._let_go(keys)
        reduction = reduction_key(keys, shared_keys, unit)
        stored = self._store.get_reduction(reduction)
        if stored is not None:
            self.account.requests += len(requests)
            return _outcome_from_bytes(stored, unit)
        pivot = self._shared_answers(shared, shared_keys)
        if not self._passing[0]:
            self._passing = (keys, self._answers(requests))
            if unit.language in self._pivots:
                self._pivot_keys += keys
        outcome = self._outcome(unit, pivot, self._passing[1])
        if len(outcome.scored) == len(outcome.rows):
            with self.account.part("writing"):
                self._store.put_reduction(reduction, _outcome_to_bytes(outcome))
        return outcome

    def _outcome(self, unit: Unit, shared: Sequence[Response], own: Sequence[Response]) -> Outcome:
        with self.account.part("scoring"):
            return unit.outcome(shared, own)

    def _let_go(self, keys: list[str]) -> None:
        """Drop the responses of the unit before, unless the next one asks for the same (with another pivot)."""
        if self._passing[0] != keys:
            kept = {*self._pivot_keys, *(key for shared in self._shared for key in shared)}
            self._store.drop([key for key in self._passing[0] if key not in kept])
            self._passing = ([], [])

    def _shared_answers(self, shared: Sequence[Request], shared_keys: tuple[str, ...]) -> list[Response]:
        """Answers to what units ask alike; kept in memory for the next unit that asks the same.

        A task whose responses are too large to keep may have several such sets at a time, one a pivot.
        """
        if shared_keys not in self._shared:
            if not shared or not isinstance(shared[0], Embed) or not shared[0].pooling:
                self._shared.clear()
            self._shared[shared_keys] = self._answers(shared)
        return self._shared[shared_keys]

    def _keys(self, requests: Sequence[Request]) -> list[str]:
        return [request_key(self._identity, request) for request in requests]

    def _answers(self, requests: Sequence[Request]) -> list[Response]:
        """Responses in the order of ``requests``.

        Batches are planned over distinct requests of one language, stored or not: a language that stands in many units
        is computed once, and in the same batches whichever unit is first to need it.
        """
        self.account.requests += len(requests)
        final = [request for request in requests if isinstance(request, Embed) and not request.pooling]
        if self._encoder is not None and len(final) == len(requests):
            return self._encoder.answers(final)
        keys = self._keys(requests)
        answers = self._answerer.known(list(dict.fromkeys(keys)))
        self.account.known += len(answers)
        self._results.errors.known(len(answers))

        def computed(_: Sequence[str], new: Sequence[str]) -> None:
            self.account.computed += len(new)
            self._results.errors.told(answers[key] for key in new)
            self.account.failed = self._results.errors.failed

        by_language: dict[str, dict[str, Request]] = {}
        for key, request in zip(keys, requests, strict=True):
            language = request.language if isinstance(request, Embed) else ""
            by_language.setdefault(language, {})[key] = request
        for language, distinct in by_language.items():
            everything, label = list(distinct), f"{self._engine.name} · {language}"
            if answers.keys() >= distinct.keys():
                continue
            for start in range(0, len(everything), WINDOW):
                self._answerer.compute(
                    {key: distinct[key] for key in everything[start : start + WINDOW]},
                    answers,
                    label=label,
                    answered=computed,
                    done=start,
                    total=len(everything),
                )
            self._progress(label, len(everything), len(everything))
        return [answers[key] for key in keys]


def _outcome_to_bytes(outcome: Outcome) -> bytes:
    """Statistics as an npz archive of plain arrays."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **outcome.statistics)
    return buffer.getvalue()


def _outcome_from_bytes(body: bytes, unit: Unit) -> Outcome:
    with np.load(io.BytesIO(body), allow_pickle=False) as archive:
        statistics = {name: archive[name] for name in archive.files}
    rows = unit.rows([None] * len(unit.documents))
    return Outcome(rows=rows, scored=list(range(len(rows))), statistics=statistics)
