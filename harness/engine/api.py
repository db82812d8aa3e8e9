"""Models behind a server that speaks the OpenAI form: text, log-probabilities, embeddings.

``api:MODEL,url=http://HOST/v1[,chat=true|embeddings=true]...``; docs/servers.md has the options. Several requests are
under way at a time, and answers keep the order of their requests. A request that a server does not answer after all
attempts is ``Failed`` with its reason. A key comes from the environment (``GLOTBENCH_API_KEY``, or the variable that
``key_env`` names) and leaves this process in a header alone.

What a server runs cannot be seen from here. The identity holds its address and what ``/models`` says of the model; with
``revision=TEXT`` the user says what it is, and the address no longer counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from harness.engine.api_connection import KEY_VARIABLE, connected, refuse_secrets
from harness.engine.api_forms import (
    ApiChat,
    Writing,
    first_choice,
    read_embeddings,
)
from harness.engine.api_logprobs import PromptScorer, probed
from harness.engine.base import ModelSpec
from harness.engine.embedding import OPTIONS as EMBEDDING_OPTIONS
from harness.engine.embedding import EmbeddingOptions, OwnPrompts
from harness.engine.retries import Refusal
from harness.errors import BackendError
from harness.types import (
    Chat,
    Embed,
    EmbedResponse,
    Failed,
    Generate,
    LogLikelihood,
    Preference,
    Request,
    Response,
    RollingLogLikelihood,
)
from metrics.spelling import did_you_mean

_PLACE_OPTIONS = ("url", "key_env", "chat", "embeddings", "revision")
_PACE_OPTIONS = ("concurrency", "batch_size", "retries", "timeout", "backoff", "patience")
_ANSWER_OPTIONS = ("system", "multiturn", "enable_thinking", "stop", "limit_field", "omit", "extra", "bos")
OPTIONS = (*_PLACE_OPTIONS, *_PACE_OPTIONS, *_ANSWER_OPTIONS)
_SCORED = frozenset({LogLikelihood, RollingLogLikelihood, Preference})
_FACTS = ("root", "parent", "max_model_len", "meta")
"""What of a server's description of a model tells one from another; the rest changes from start to start."""

_EMBEDDED_TOGETHER = 16


class ApiEngine:
    """A model behind a server."""

    backend = "api"
    stored = True
    independent = True

    def __init__(self, spec: ModelSpec) -> None:
        self._where = f"--model api:{spec.target}"
        refuse_secrets(spec)
        spec.require_known([*OPTIONS, *EMBEDDING_OPTIONS])
        self.name = spec.name
        self.label = spec.options.get("label", "")
        self._model = spec.target
        chats, self._embeds = bool(spec.flag("chat")), bool(spec.flag("embeddings"))
        self._check_options(spec, chats)
        self._concurrency = spec.integer("concurrency", 8)
        self._batch_size = spec.integer("batch_size", 4 * self._concurrency)
        self._options = EmbeddingOptions(spec, OwnPrompts(texts={}))
        self._extra = self._read_extra(spec)
        thinking = spec.flag("enable_thinking")
        if thinking is not None:
            self._extra = {**self._extra, "chat_template_kwargs": {"enable_thinking": thinking}}
        own_chat = _chat_of(spec) if chats else None
        self.chat: Chat | None = own_chat
        self._writing = Writing(
            model=self._model,
            chat=own_chat,
            limit=spec.options.get("limit_field", "max_tokens"),
            stops=spec.options.get("stop", "server") == "server",
            omit=frozenset(filter(None, spec.options.get("omit", "").split(";"))),
            extra=self._extra,
        )
        self._address, self._server = connected(spec)
        self._pool = ThreadPoolExecutor(self._concurrency, thread_name_prefix="api")
        facts = self._described()
        self._scorer: PromptScorer | None = None
        self._why_not_scored = ""
        self._greet(spec)
        self.identity = {
            "backend": "api",
            "model": self._model,
            "form": "embeddings" if self._embeds else self._writing.service.strip("/"),
            **({"revision": spec.options["revision"]} if "revision" in spec.options else {"url": self._address.shown}),
            **({"server": json.dumps(facts, sort_keys=True, ensure_ascii=False)} if facts else {}),
            **({"logprobs": self._scorer.form} if self._scorer else {}),
            **{name: spec.options[name] for name in _ANSWER_OPTIONS if name in spec.options},
            **self._options.identity(),
        }

    def requests_answered(self) -> frozenset[type]:
        if self._embeds:
            return frozenset({Embed})
        return frozenset({Generate}) | (_SCORED if self._scorer is not None else frozenset())

    def why_not(self, kinds: frozenset[type]) -> str:
        """Why requests of some of ``kinds`` are not answered; empty where there is nothing to say."""
        if kinds & _SCORED:
            return self._why_not_scored
        if Embed in kinds and not self._embeds:
            return "embeddings=true asks its server for embeddings"
        return ""

    def covers(self, request: Request) -> bool:
        return not (isinstance(request, Embed) and request.pooling)

    def plan(self, requests: Sequence[Request]) -> list[list[int]]:
        starts = range(0, len(requests), self._batch_size)
        return [list(range(start, min(start + self._batch_size, len(requests)))) for start in starts]

    def answer(self, batch: Sequence[Request]) -> list[Response]:
        try:
            if self._embeds:
                texts = [request for request in batch if isinstance(request, Embed)]
                starts = range(0, len(texts), _EMBEDDED_TOGETHER)
                parts = self._pool.map(self._embedded, [texts[start : start + _EMBEDDED_TOGETHER] for start in starts])
                found = [response for part in parts for response in part]
            else:
                found = list(self._pool.map(self._answer, batch))
        except BaseException:
            self.close()  # the run ends: nobody should wait for answers that are under way
            raise
        return [Failed(reason=one.reason) if isinstance(one, Refusal) else one for one in found]

    def close(self) -> None:
        self._server.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _answer(self, request: Request) -> Response:
        match request:
            case Generate():
                payload = self._writing.payload(request)
                return self._server.ask(
                    self._writing.service, payload, partial(self._writing.read, until=request.until)
                )
            case LogLikelihood() if self._scorer is not None:
                return self._scorer.score(request.context, request.continuation)
            case Preference() if self._scorer is not None:
                return self._scorer.score(request.context, request.completion)
            case RollingLogLikelihood() if self._scorer is not None:
                return self._scorer.score("", request.text)
        raise BackendError(f"{self._where}: does not answer {type(request).__name__} here")

    def _embedded(self, requests: Sequence[Embed]) -> list[Response]:
        """Vectors of some texts; where the server refuses them together, one by one."""
        texts = [self._options.prompt(request) + request.text for request in requests]
        payload = {"model": self._model, "input": texts, "encoding_format": "float", **self._extra}
        found = self._server.ask("/embeddings", payload, partial(read_embeddings, count=len(texts)))
        if not isinstance(found, Refusal):
            return [EmbedResponse(vectors=self._options.finish(vector)) for vector in found]
        if len(requests) > 1 and 400 <= found.status < 500 and found.status not in (401, 403, 404, 429):
            return [response for request in requests for response in self._embedded([request])]
        return [found] * len(requests)

    def _check_options(self, spec: ModelSpec, chats: bool) -> None:
        if chats and self._embeds:
            raise BackendError(f"{self._where}: chat=true and embeddings=true are two services; name the model twice")
        for option in ("system", "multiturn", "enable_thinking"):
            if option in spec.options and not chats:
                raise BackendError(f"{self._where}: {option} means nothing without chat=true; add it")
        for option in EMBEDDING_OPTIONS:
            if option in spec.options and not self._embeds:
                raise BackendError(f"{self._where}: {option} means nothing without embeddings=true; add it")
        if spec.options.get("stop", "server") not in ("server", "client"):
            raise BackendError(f"{self._where}: stop must be server or client, found '{spec.options['stop']}'")

    def _read_extra(self, spec: ModelSpec) -> Mapping[str, object]:
        text = spec.options.get("extra", "{}")
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise BackendError(f'{self._where}: extra must be a JSON object such as {{"top_k": 20}}, found {text[:80]}')
        return found

    def _described(self) -> dict[str, object]:
        """What the server says of the model that tells it from others; nothing where it does not list models, or fails
        to (``transformers serve`` without network): whether it can be used, it is asked next.

        Raises:
            BackendError: It cannot be reached or refuses the key.
        """
        listed = self._server.ask("/models", None, lambda found: found.get("data") or [])
        if isinstance(listed, Refusal):
            if listed.status in (0, 401, 403, 429):
                raise self._unusable(listed)
            return {}
        models = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        self._names = [str(one.get("id")) for one in models]
        own = next((one for one in models if one.get("id") == self._model), {})
        return {name: own[name] for name in _FACTS if own.get(name) is not None}

    _names: Sequence[str] = ()

    def _greet(self, spec: ModelSpec) -> None:
        """Ask one question of the kind that will be asked, so that what is wrong is known before anything is run.

        Raises:
            BackendError: The server does not answer it.
        """
        if self._embeds:
            found = self._embedded([Embed(text="?")])[0]
            if isinstance(found, Refusal):
                raise self._unusable(found)
            return
        if self.chat is not None:
            self._why_not_scored = "chat=true gives no log-probabilities; leave it out"
        else:
            scorer = probed(self._server, self._model, spec.options.get("bos", ""), self._extra)
            if not isinstance(scorer, Refusal):
                self._scorer = scorer
                return
            if not scorer.cannot:
                raise self._unusable(scorer)
            self._why_not_scored = (
                f"the server at {self._address.shown} gives no log-probabilities of a prompt: asked with echo and "
                f"prompt_logprobs, {scorer.reason}"
            )
        payload = self._writing.payload(Generate(prompt="?", max_tokens=16))
        written = self._server.ask(self._writing.service, payload, first_choice)
        if isinstance(written, Refusal):
            raise self._unusable(written)

    def _unusable(self, refusal: Refusal) -> BackendError:
        said = f"{self._where}: the server at {self._address.shown} cannot be used: {refusal.reason}"
        hint = ""
        if refusal.status in (401, 403):
            hint = f"; put the key into the environment variable {KEY_VARIABLE}, or name yours with key_env=NAME"
        elif self._names and self._model not in self._names:
            near = did_you_mean(self._model, self._names)
            hint = f"; it lists {', '.join(self._names[:5])}{near}"
        elif refusal.status == 404:
            hint = "; the address ends where /completions and /chat/completions begin, as http://HOST/v1"
        elif "max_completion_tokens" in refusal.reason:
            hint = "; add limit_field=max_completion_tokens"
        return BackendError(said + hint)


def _chat_of(spec: ModelSpec) -> ApiChat:
    thinking = spec.flag("enable_thinking")
    told = "" if thinking is None else f"|enable_thinking:{thinking}"
    return ApiChat(system=spec.options.get("system", ""), multiturn=spec.flag("multiturn") is not False, told=told)


def load(spec: ModelSpec) -> ApiEngine:
    """An :class:`ApiEngine`.

    Raises:
        BackendError: The server cannot be used, or an option is wrong.
    """
    return ApiEngine(spec)
