"""Asking a server until it answers: what is tried again, how often, and how long is waited in between.

Tried again: no connection, no whole answer in time, an answer that is no JSON, and the states 408, 425, 429 and 500 to
599 except those that say that the server cannot do it (501, 505). Everything else is the server's last word. Between
two attempts a random time is waited, up to twice as much after each ("full jitter": uniform in [0, backoff x 2^k], at
most a minute; M. Brooker, *Exponential Backoff And Jitter*, AWS Architecture Blog, 2015), but not less than
``Retry-After`` says. Waiting is random and answers are not: nothing of it enters a result.
"""

from __future__ import annotations

import dataclasses
import email.utils
import json
import random
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from harness.engine.http_exchange import Answer, Exchange, ExchangeError
from harness.redaction import HIDDEN, redacted, spellings
from harness.types import Failed

_AGAIN = frozenset({408, 425, 429})
_NEVER_AGAIN = frozenset({501, 505})
_LONGEST_WAIT = 60.0
_SHOWN = 200
_HALVES = re.compile("[\ud800-\udfff]")
_READ = 2**16
_SURE = 12
"""Characters from which on a secret is nothing that a model writes by itself."""


_Found = TypeVar("_Found")


class MalformedError(Exception):
    """An answer is not of the form that was asked for; the message says what it has instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal(Failed):
    """A failure with what the server said.

    Attributes:
        status: Of its last answer; 0 where it gave none. cannot: Whether it said that it cannot do what was asked, in
            words that the asker knows; such an answer is its last word, whatever its status.
    """

    status: int = 0
    cannot: bool = False


@dataclass(slots=True, kw_only=True)
class Patience:
    """How often and how long a server is asked.

    Attributes:
        retries: Attempts after the first. backoff: Seconds that are waited at most after the first attempt.
        patience: Seconds after which no further attempt is made.
        stopped: Set to end all waiting.
    """

    retries: int = 5
    backoff: float = 1.0
    patience: float = 1800.0
    stopped: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True, kw_only=True)
class Server:
    """A server that speaks JSON.

    Attributes:
        exchange: The connections. patience: How often it is asked.
        credentials: What neither a message nor an answer may hold. hidden: What no message may hold besides.
    """

    exchange: Exchange
    patience: Patience
    credentials: Sequence[str] = ()
    hidden: Sequence[str] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may hold."""
        return (*self.credentials, *self.hidden)

    def ask(
        self,
        service: str,
        payload: object | None,
        read: Callable[[Mapping[str, object]], _Found],
        *,
        cannot: re.Pattern[str] | None = None,
    ) -> _Found | Refusal:
        """What ``read`` finds in the JSON object that the server answers with, or why there is none.

        Args:
            service: Path after the server's address, as ``/completions``. payload: Sent as JSON; without one, ``GET``.
            read: Raises :class:`MalformedError` where the object is not of the form that was asked for.
            cannot: The words with which a server says that it cannot do this.
        """
        body = None if payload is None else json.dumps(payload).encode("ascii")
        end = time.monotonic() + self.patience.patience
        refusal = Refusal(reason="")
        for attempt in range(self.patience.retries + 1):
            wait = 0.0
            try:
                answer = self.exchange.ask(service, body)
            except ExchangeError as error:
                refusal = self._refused(str(error), attempt)
            else:
                answer = dataclasses.replace(answer, body=self._without_secrets(answer.body))
                reason = self._told(answer)
                if answer.status == 200 and (found := _object(answer.body)) is not None:
                    try:
                        return read(found)
                    except MalformedError as error:
                        reason = f"the answer has {error}: {_shown(_message(answer.body[:_READ]), self.secrets)}"
                refusal = self._refused(reason, attempt, answer.status)
                spoken = answer.status != 200 and answer.status not in _AGAIN
                if spoken and cannot is not None and cannot.search(reason):
                    return dataclasses.replace(refusal, cannot=True)
                if not _tried_again(answer.status):
                    break
                wait = retry_after(answer.headers.get("retry-after", ""))
            wait = max(wait, random.uniform(0, min(_LONGEST_WAIT, self.patience.backoff * 2**attempt)))
            if attempt == self.patience.retries or time.monotonic() + wait > end:
                break
            if self.patience.stopped.wait(wait):
                break
        return refusal

    def close(self) -> None:
        """End all waiting, and every connection."""
        self.patience.stopped.set()
        self.exchange.close()

    def _without_secrets(self, body: bytes) -> bytes:
        """A body that does not give back what it was sent; short secrets, which may be words, stay in an answer."""
        for secret in self.credentials:
            for form in spellings(secret) if len(secret) >= _SURE else ():
                body = body.replace(form.encode("utf-8"), HIDDEN.encode("ascii"))
        return body

    def _refused(self, reason: str, attempt: int, status: int = 0) -> Refusal:
        often = f" ({attempt + 1} attempts)" if attempt else ""
        return Refusal(reason=redacted(reason, self.secrets) + often, status=status)

    def _told(self, answer: Answer) -> str:
        """The state and what the server says of it; redacted before it is cut."""
        said = _shown(_message(answer.body[:_READ]), self.secrets)
        if answer.status == 200:
            return f"the answer is no JSON object: {said}" if said else "the answer is empty"
        if 300 <= answer.status < 400:
            said = f"the server is elsewhere: {redacted(answer.headers.get('location', ''), self.secrets)}"
        return f"HTTP {answer.status}" + (f": {said}" if said else "")


def _shown(text: str, secrets: Sequence[str]) -> str:
    return " ".join(redacted(whole(text), secrets).split())[:_SHOWN]


def whole(text: str) -> str:
    """A text without halves of surrogate pairs, which JSON can hold and no file of ours can."""
    return _HALVES.sub("\ufffd", text)


def _object(body: bytes) -> dict[str, object] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _message(body: bytes) -> str:
    """The message of an error in one of the usual forms, else the body itself."""
    found: object = _object(body)
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and name in found:
            found = found[name]
    if isinstance(found, str):
        return found
    return body.decode("utf-8", "replace") if found is None else json.dumps(found, ensure_ascii=False)


def _tried_again(status: int) -> bool:
    return status == 200 or status in _AGAIN or (500 <= status < 600 and status not in _NEVER_AGAIN)


def retry_after(text: str) -> float:
    """Seconds of a ``Retry-After`` header, which holds a number or a date; 0 for nothing that can be read."""
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0
