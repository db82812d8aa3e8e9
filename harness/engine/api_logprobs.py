"""Log-probabilities of given texts from a server, where it gives them.

Two forms are understood: ``/completions`` with ``echo=true, logprobs=1`` (OpenAI's old form; vLLM, SGLang) and vLLM's
``prompt_logprobs``. Many servers leave both out without a word (``transformers serve``, llama-server), so a server is
probed before it is scored with. What is scored is what lm-eval's HFLM scores: context and continuation are one text,
spaces at the end of the context belong to the continuation, and of the text's tokens those count that come after as
many as the context alone has. Where a token begins with the continuation that number is read off the text, else the
server is asked for it: a token that lies on both sides of the boundary, or a part of a character, has no place in it.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from harness.engine.api_forms import Json, Token, read_echoed, read_prompt_logprobs, read_prompt_tokens
from harness.engine.retries import MalformedError, Refusal, Server
from harness.engine.windows import spaces_to_continuation
from harness.types import Failed, LogLikelihoodResponse

Form = Literal["echo", "prompt_logprobs"]
FORMS: tuple[Form, ...] = ("echo", "prompt_logprobs")

_PROBE = "The capital of France is Paris, and the capital of Ghana is Accra."
_FEWEST = 5
_WRITTEN = 1
_CANNOT = re.compile(r"echo|logprob|max_tokens|max_completion_tokens", re.IGNORECASE)
_UNKNOWN_FIELDS = (400, 405, 415, 422, 501)
_REMEMBERED = 4096


@dataclass(slots=True, kw_only=True)
class PromptScorer:
    """Scores texts by a server's log-probabilities of its prompts.

    Attributes:
        server, model: Who is asked, and the server's name of the model. extra: Fields that are sent besides.
        form: How. begins: Whether the server puts a token before every text. bos: Text of such a token, for texts
            without context where the server puts none; empty for none.
    """

    server: Server
    model: str
    form: Form
    begins: bool
    bos: str = ""
    extra: Mapping[str, object] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def score(self, context: str, continuation: str) -> LogLikelihoodResponse | Failed:
        """Sum over the tokens of ``continuation``; a text longer than the model is the server's to refuse."""
        context, continuation = spaces_to_continuation(context, continuation)
        if not context:
            if not self.begins and not self.bos:
                return Failed(
                    reason="nothing stands before the text and the server begins it with no token of its own, so that "
                    "its first token has no log-probability; add bos=TEXT, the model's first or end-of-text token"
                )
            context = "" if self.begins else self.bos
        text = context + continuation
        asked = _payload(self.form, self.model, text, self.extra)
        tokens = self.server.ask("/completions", asked, partial(_read, self.form))
        if isinstance(tokens, Refusal):
            return tokens
        start = self._start(tokens, context, text)
        if isinstance(start, Failed):
            return start
        scored = tokens[start:]
        values = [token.logprob for token in scored if token.logprob is not None]
        if not scored or len(values) < len(scored):
            return Failed(reason="the server gives no log-probability of some token of the continuation")
        return LogLikelihoodResponse(
            logprob=sum(values), is_greedy=all(token.greedy for token in scored), tokens=len(scored)
        )

    def _start(self, tokens: list[Token], context: str, text: str) -> int | Failed:
        """Tokens before the continuation: those that the context has alone."""
        lead = int(self.begins)
        if not context:
            return lead
        if "".join(token.text for token in tokens[lead:]) == text:
            ends = list(itertools.accumulate(len(token.text) for token in tokens[lead:]))
            if len(context) in ends:
                start = lead + ends.index(len(context)) + 1
                if start < len(tokens) and tokens[start].text:
                    return start
        return self._count(context)

    def _count(self, context: str) -> int | Failed:
        with self._lock:
            known = self._counts.get(context)
        if known is not None:
            return known
        asked: Json = {"model": self.model, "prompt": context, "max_tokens": _WRITTEN, "temperature": 0, **self.extra}
        found = self.server.ask("/completions", asked, read_prompt_tokens)
        if not isinstance(found, Refusal):
            with self._lock:
                if len(self._counts) >= _REMEMBERED:
                    self._counts.clear()
                self._counts[context] = found
        return found


def probed(server: Server, model: str, bos: str, extra: Mapping[str, object]) -> PromptScorer | Refusal:
    """A scorer in the first form in which the server gives what is needed, or what it said instead.

    A server that says that it cannot (``Refusal.cannot``; llama-server does so with state 500) or answers something
    else is asked in the next form; one that cannot be reached or refuses the key is not.
    """
    refusal = Refusal(reason="")
    for form in FORMS:
        asked = _payload(form, model, _PROBE, extra)
        tokens = server.ask("/completions", asked, partial(_probe_read, form), cannot=_CANNOT)
        if isinstance(tokens, Refusal):
            if not tokens.cannot and tokens.status not in _UNKNOWN_FIELDS:
                return tokens
            refusal = refusal if refusal.reason else dataclasses.replace(tokens, cannot=True)
            continue
        if isinstance(tokens, str):
            refusal = refusal if refusal.reason else Refusal(reason=tokens, status=200, cannot=True)
            continue
        begins = not tokens[0].text or not _PROBE.startswith(tokens[0].text.lstrip("▁ ") or "\0")
        return PromptScorer(server=server, model=model, form=form, begins=begins, bos=bos, extra=extra)
    return refusal


def _payload(form: Form, model: str, text: str, extra: Mapping[str, object]) -> Json:
    """The question about a text. One new token is asked for: none at all makes some servers fail."""
    wanted: Json = {"echo": True, "logprobs": 1} if form == "echo" else {"prompt_logprobs": 1}
    return {"model": model, "prompt": text, "temperature": 0, "max_tokens": _WRITTEN, **wanted, **extra}


def _read(form: Form, answer: Mapping[str, object]) -> list[Token]:
    return read_prompt_logprobs(answer) if form == "prompt_logprobs" else read_echoed(answer, _WRITTEN)


def _probe_read(form: Form, answer: Mapping[str, object]) -> list[Token] | str:
    """Tokens of the probe, or what is wrong with the answer: asking again would not help."""
    try:
        tokens = _read(form, answer)
    except MalformedError as error:
        return f"its answer has {error}"
    if len(tokens) < _FEWEST or any(token.logprob is None for token in tokens[1:]):
        return "its answer has no log-probability of most of the prompt's tokens"
    return tokens
