"""Requests -> responses of one engine: what is known is looked up, the rest is planned and computed batch by batch.

A batch is computed whole or not at all, and stored before the next but one begins: a resumed run that plans the same
requests together computes the same batches as an uninterrupted one, and so the same numbers to the last bit. (Of an
engine that answers each request alone, such as a server, only what is missing is asked.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from harness.account import Account
from harness.engine.base import Engine, is_independent
from harness.store import ResponseStore
from harness.types import Progress, Request, Response

Put = Callable[[Sequence[tuple[str, Response]]], None]


class Answerer:
    """One engine with what is known of it.

    Args:
        store: Where answers are looked for. put: How they are stored. account: Told where the time went.
    """

    def __init__(self, engine: Engine, *, store: ResponseStore, put: Put, progress: Progress, account: Account) -> None:
        self._engine = engine
        self._store = store
        self._put = put
        self._progress = progress
        self._account = account

    def known(self, keys: Sequence[str]) -> dict[str, Response]:
        """Stored answers to distinct requests."""
        return self._store.get(keys) if self._engine.stored else {}

    def compute(
        self,
        requests: Mapping[str, Request],
        answers: dict[str, Response],
        *,
        label: str,
        answered: Callable[[Sequence[str], Sequence[str]], None],
        done: int = 0,
        total: int = 0,
    ) -> None:
        """Add the missing answers to requests that are planned together.

        Args:
            requests: By key, answered or not. answers: By key; those that are missing are added.
            label: For the progress. done, total: Requests with this label before these, and in all if not these alone.
            answered: Called with the keys of every batch that was computed, and those of them that were missing.
        """
        order = list(requests)
        total = total or len(order)
        if all(key in answers for key in order):
            return
        for batch in self._engine.plan([requests[key] for key in order]):
            self._progress(label, done, total)
            done += len(batch)
            keys = [order[position] for position in batch]
            if all(key in answers for key in keys):
                continue
            if is_independent(self._engine):
                keys = [key for key in keys if key not in answers]
            found = self._account.answered(self._engine.answer, [requests[key] for key in keys])
            new = [(key, response) for key, response in zip(keys, found, strict=True) if key not in answers]
            if self._engine.stored:
                with self._account.part("writing"):
                    self._put(new)
            answers.update(new)
            answered(keys, [key for key, _ in new])
