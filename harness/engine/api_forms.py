"""The OpenAI form of questions and answers: what is sent to a server, and what is read from what it sends back.

``/completions``, ``/chat/completions`` and ``/embeddings``, as vLLM, llama-server, TGI, ``transformers serve`` and
hosted providers speak it. A reader raises :class:`~harness.engine.retries.MalformedError` where an answer has another
form.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.engine.retries import MalformedError, whole
from harness.engine.stops import cut
from harness.types import Failed, Generate, GenerateResponse

Json = dict[str, object]

_MOST_STOPS = 4
"""Most stop strings that OpenAI's own servers take; texts are cut here at all of them anyway."""

_CONVERSATION = "<conversation>"


class ApiChat:
    """Conversations as JSON, for a server that has the chat template.

    Args:
        system: Said before everything else. multiturn: Whether few-shot examples are turns of their own.
        told: What else changes the template, for its name.
    """

    def __init__(self, *, system: str, multiturn: bool, told: str = "") -> None:
        self.system = system
        self.multiturn = multiturn
        self.name = f"chat:server|multiturn:{multiturn}|system:{system}{told}"

    def render(self, messages: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> str:
        """The messages; whether the last of them is to be continued is told by its role."""
        assert add_generation_prompt or messages[-1]["role"] == "assistant"
        return _CONVERSATION + json.dumps([dict(message) for message in messages], ensure_ascii=False)

    def messages(self, prompt: str) -> list[dict[str, str]]:
        """What :meth:`render` was given; a text that it did not make (a task without prompts) is what the user says."""
        if not prompt.startswith(_CONVERSATION):
            return [*self._system(), {"role": "user", "content": prompt}]
        found: list[dict[str, str]] = json.loads(prompt.removeprefix(_CONVERSATION))
        return found

    def _system(self) -> list[dict[str, str]]:
        return [{"role": "system", "content": self.system}] if self.system else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How text is asked for.

    Attributes:
        model: The server's name of the model. chat: How conversations are read back; ``None`` for plain text.
        limit: The field that holds the most new tokens. stops: Whether the server is told the stop strings.
        omit: Fields that the server does not take. extra: Fields that are sent besides.
    """

    model: str
    chat: ApiChat | None
    limit: str = "max_tokens"
    stops: bool = True
    omit: frozenset[str] = frozenset()
    extra: Mapping[str, object]

    @property
    def service(self) -> str:
        return "/completions" if self.chat is None else "/chat/completions"

    def payload(self, request: Generate) -> Json:
        """The question for one answer; what is not sampled has no seed."""
        asked: Json = {"model": self.model, self.limit: request.max_tokens, "temperature": request.temperature}
        if self.chat is not None:
            messages = self.chat.messages(request.prompt)
            asked["messages"] = messages
            if messages[-1]["role"] == "assistant":
                asked |= {"add_generation_prompt": False, "continue_final_message": True}
        else:
            asked["prompt"] = request.prompt
        if self.stops and (stops := [stop for stop in request.until if stop][:_MOST_STOPS]):
            asked["stop"] = stops
        if request.temperature > 0:
            asked["seed"] = seed_of(request)
            if request.top_p < 1:
                asked["top_p"] = request.top_p
            if request.top_k:
                asked["top_k"] = request.top_k
        return {name: value for name, value in {**asked, **self.extra}.items() if name not in self.omit}

    def read(self, answer: Mapping[str, object], until: Sequence[str]) -> GenerateResponse | Failed:
        """The text, up to the first stop string, and the reasoning where the server keeps it apart.

        White space between reasoning and text is left out, as by ``think_end``.
        """
        choice = first_choice(answer)
        if self.chat is None:
            return GenerateResponse(text=cut(_text(choice.get("text"), "choices[0].text"), until))
        message = choice.get("message")
        if not isinstance(message, dict):
            raise MalformedError("no choices[0].message")
        reasoning = message.get("reasoning_content") or message.get("reasoning") or ""
        content = message.get("content")
        if content is None and (refused := message.get("refusal") or choice.get("finish_reason") == "content_filter"):
            return Failed(reason=f"the server refuses: {refused if isinstance(refused, str) else 'content filter'}")
        if content is None and not reasoning:
            raise MalformedError("no choices[0].message.content")
        text = _text(content or "", "choices[0].message.content")
        thoughts = _text(reasoning, "choices[0].message.reasoning_content")
        return GenerateResponse(text=cut(text.lstrip() if thoughts else text, until), reasoning=thoughts)


def seed_of(request: Generate) -> int:
    """Seed of one answer, 31 bits: the request's own, mixed with the number of the answer where it is not the first."""
    if not request.sample:
        return request.seed % 2**31
    digest = hashlib.sha256(f"{request.seed}/{request.sample}".encode()).digest()
    return int.from_bytes(digest[:4], "little") % 2**31


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a prompt.

    Attributes:
        text: As the server decodes it alone; a part of a character is not exact.
        logprob: Natural logarithm; ``None`` for a token that nothing stands before.
        greedy: Whether it was the model's first choice.
    """

    text: str
    logprob: float | None
    greedy: bool


def read_echoed(answer: Mapping[str, object], written: int) -> list[Token]:
    """Tokens of the prompt from an answer to ``echo=true, logprobs=1``, without ``written`` new ones at the end."""
    logprobs = first_choice(answer).get("logprobs")
    if not isinstance(logprobs, dict):
        raise MalformedError("no choices[0].logprobs")
    texts, values, tops = (_list(logprobs.get(name), name) for name in ("tokens", "token_logprobs", "top_logprobs"))
    count = _prompt_tokens(answer)
    count = len(texts) - written if count is None else count
    if not len(texts) == len(values) == len(tops) or len(texts) < count:
        raise MalformedError("log-probabilities of what was written alone")
    if any(value is not None and _highest(top) is None for value, top in zip(values, tops, strict=True)):
        raise MalformedError("no top_logprobs beside token_logprobs")
    return [
        _token(_text(text, "tokens"), value, _highest(top))
        for text, value, top in zip(texts[:count], values, tops, strict=False)
    ]


def read_prompt_logprobs(answer: Mapping[str, object]) -> list[Token]:
    """Tokens of the prompt from an answer to vLLM's ``prompt_logprobs=1``.

    A position has the token that stands there and the likeliest one, by rank; where it has two, the first has rank 1.
    """
    given = first_choice(answer).get("prompt_logprobs", answer.get("prompt_logprobs"))
    found = []
    for position in _list(given, "prompt_logprobs"):
        if position is None:
            found.append(Token("", None, greedy=False))
            continue
        entries = (
            [entry for entry in position.values() if isinstance(entry, dict)] if isinstance(position, dict) else []
        )
        if not entries or not all(isinstance(entry.get("rank"), int) for entry in entries):
            raise MalformedError("no rank in prompt_logprobs")
        own = max(entries, key=lambda entry: int(entry["rank"]))
        token = _token(str(own.get("decoded_token") or ""), own.get("logprob"), None)
        found.append(Token(token.text, token.logprob, greedy=own["rank"] == 1))
    return found


def read_prompt_tokens(answer: Mapping[str, object]) -> int:
    """How many tokens the prompt has, those that the server adds included."""
    count = _prompt_tokens(answer)
    if count is None:
        raise MalformedError("no usage.prompt_tokens")
    return count


def read_embeddings(answer: Mapping[str, object], count: int) -> list[NDArray[np.float32]]:
    """``count`` vectors ``[d]`` float32, in the order of the texts."""
    rows: dict[int, NDArray[np.float32]] = {}
    for place, entry in enumerate(_list(answer.get("data"), "data")):
        if not isinstance(entry, dict):
            raise MalformedError("no object in data")
        try:
            vector = np.asarray(_list(entry.get("embedding"), "embedding"), dtype=np.float32)
        except (ValueError, TypeError, OverflowError) as error:
            raise MalformedError("no numbers in embedding") from error
        if vector.ndim != 1 or not len(vector) or not np.isfinite(vector).all():
            raise MalformedError("no finite vector in embedding")
        index = entry.get("index", place)
        if not isinstance(index, int):
            raise MalformedError("no number in index")
        rows[index] = vector
    if set(rows) != set(range(count)) or len({len(row) for row in rows.values()}) > 1:
        raise MalformedError(f"not {count} vectors of one length in data")
    return [rows[place] for place in range(count)]


def first_choice(answer: Mapping[str, object]) -> Json:
    """``choices[0]``."""
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise MalformedError("no choices")
    return choices[0]


def _prompt_tokens(answer: Mapping[str, object]) -> int | None:
    usage = answer.get("usage")
    count = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None


def _token(text: str, value: object, highest: float | None) -> Token:
    if value is None:
        return Token(text, None, greedy=False)
    number = _number(value)
    if number is None:
        raise MalformedError("no number in token_logprobs")
    return Token(text, number, greedy=highest is not None and number >= highest)


def _highest(top: object) -> float | None:
    numbers = [_number(value) for value in top.values()] if isinstance(top, dict) else []
    return max((number for number in numbers if number is not None), default=None)


def _number(value: object) -> float | None:
    """A number of any size; ``None`` for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return None if math.isnan(number) else number


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise MalformedError(f"no text in {where}")
    return whole(value)


def _list(value: object, where: str) -> list[object]:
    if not isinstance(value, list):
        raise MalformedError(f"no {where}")
    return value
