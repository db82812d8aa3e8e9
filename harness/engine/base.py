"""The protocol between the runner and whatever answers requests.

An engine plans batches over a list of requests and answers one batch at a time, so that the runner can make each batch
durable before the next is computed. A plan depends on the requests alone: the same list gives the same batches, which
is what makes a resumed run equal to an uninterrupted one to the last bit. Requests are picklable and an engine holds no
state that a second one in another process would miss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from harness.errors import BackendError
from harness.types import Chat, Embed, Request, Response
from metrics.spelling import did_you_mean

_MOST_DIGITS = 18
"""Of a whole number in an option."""


class Engine(Protocol):
    """Something that answers requests.

    Attributes:
        name: How people call the system.
        backend: The backend's name.
        label: A short remark shown beside the name, e.g. ``toy``.
        identity: Everything that changes an answer, as text; equal identities share stored responses.
        stored: Whether responses go to the response store (reading a file again costs nothing, so files do not).
        chat: How prompts become conversations; ``None`` for plain text.
    """

    name: str
    backend: str
    label: str
    identity: dict[str, str]
    stored: bool
    chat: Chat | None

    def requests_answered(self) -> frozenset[type]:
        """The kinds of request this engine can answer."""

    def covers(self, request: Request) -> bool:
        """Whether the system offers what this request is about at all (a translation direction): not offering it is not
        a failure, and the scores it would belong to are absent rather than failed."""

    def plan(self, requests: Sequence[Request]) -> list[list[int]]:
        """Positions of ``requests`` grouped into batches; every position once.

        Requests are of one kind and distinct, but of any tasks and languages: what an engine cannot answer together it
        must not put together. A plan holds until the next one is made.
        """

    def answer(self, batch: Sequence[Request]) -> list[Response]:
        """Responses of one planned batch, in its order. A request that cannot be answered is ``Failed``."""

    def close(self) -> None:
        """Give back the memory of the device."""


@runtime_checkable
class Embedder(Protocol):
    """An engine whose final embeddings can be kept: raw vectors, and what its options make of one of them.

    Attributes:
        space: Everything that changes a raw vector, as text; equal spaces share vectors.
    """

    space: dict[str, str]

    def plan(self, requests: Sequence[Request]) -> list[list[int]]:
        """As :meth:`Engine.plan`."""

    def prompt(self, request: Embed) -> str:
        """What stands before the text of a request when it is embedded."""

    def embed(self, batch: Sequence[Embed]) -> NDArray[np.float32]:
        """Raw vectors ``[n, d]`` of one planned batch, in its order."""

    def finish(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """What :meth:`Engine.answer` gives for a raw vector ``[d]``: shortened, normalised, quantised."""


@runtime_checkable
class TokenCounter(Protocol):
    """An engine that can say how large requests are without answering them."""

    def amount(self, requests: Sequence[Request]) -> tuple[int, int]:
        """Tokens that requests ask about (not those to be written), and positions that are left to compute once what
        they share is computed once, without padding."""


@runtime_checkable
class Preparer(Protocol):
    """An engine that can make tokens of requests before they are planned."""

    def prepare(self, requests: Sequence[Request]) -> None:
        """Called for requests that will be planned together, by another thread while this one answers others; no answer
        depends on whether it was."""


@runtime_checkable
class Explaining(Protocol):
    """An engine that can say why it does not answer a kind of request that its backend answers elsewhere."""

    def why_not(self, kinds: frozenset[type]) -> str:
        """One reason for ``kinds`` of request together; empty where there is nothing to say."""


@runtime_checkable
class Independent(Protocol):
    """An engine that may say that what shares a batch changes nothing.

    Attributes:
        independent: Whether a request is answered alone, so that of a batch only what is missing needs to be asked.
    """

    independent: bool


def is_independent(engine: Engine) -> bool:
    """Whether what shares a batch changes no answer of ``engine``; not unless it says so."""
    return isinstance(engine, Independent) and engine.independent


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """``--model BACKEND:NAME[,key=value...]``, taken apart.

    Attributes:
        backend: Backend name. target: Model id, path, command or file pattern.
        options: The ``key=value`` pairs. ``name``, ``label``, ``degrade``, ``tasks`` and ``think_end``
            are understood for every backend.
    """

    backend: str
    target: str
    options: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.options.get("name") or self.target

    @property
    def tasks(self) -> frozenset[str]:
        """Names of the only tasks this model is for (``tasks=a;b``); empty for all of a run's."""
        return frozenset(filter(None, self.options.get("tasks", "").split(";")))

    def require_known(self, known: Sequence[str]) -> None:
        """Raise :class:`BackendError` for options this backend does not have, with a did-you-mean."""
        allowed = [*known, "name", "label", "degrade", "tasks", "think_end"]
        for option in self.options:
            if option not in allowed:
                raise BackendError(
                    f"--model {self.backend}:{self.target}: unknown option '{option}'{did_you_mean(option, allowed)}; "
                    f"backend {self.backend} has {', '.join(sorted(allowed))}"
                )

    def flag(self, option: str) -> bool | None:
        """An option that must be ``true`` or ``false``; ``None`` where it is not given."""
        text = self.options.get(option)
        if text not in (None, "true", "false"):
            raise BackendError(f"--model {self.backend}:{self.target}: {option} must be true or false, found '{text}'")
        return None if text is None else text == "true"

    def integer(self, option: str, default: int) -> int:
        """An option that must be a positive whole number."""
        text = self.options.get(option)
        if text is None:
            return default
        if not text.isdecimal() or len(text) > _MOST_DIGITS or int(text) < 1:
            raise BackendError(
                f"--model {self.backend}:{self.target}: {option} must be a positive whole number, found '{text}'"
            )
        return int(text)


def batches_by_length(lengths: Sequence[int], *, size: int, budget: int) -> list[list[int]]:
    """Positions sorted by length, longest first, cut into batches.

    Args:
        lengths: ``[n]`` length of every item, in tokens (or anything proportional to them).
        size: Most items a batch.
        budget: Most padded tokens a batch (items times the longest of them); a single longer item is a batch alone.
    """
    order = sorted(range(len(lengths)), key=lambda position: (-lengths[position], position))
    batches: list[list[int]] = []
    for position in order:
        batch = batches[-1] if batches else None
        if batch is None or len(batch) >= size or (len(batch) + 1) * lengths[batch[0]] > budget:
            batches.append([position])
        else:
            batch.append(position)
    return batches
