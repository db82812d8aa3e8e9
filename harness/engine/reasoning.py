"""Models that think before they answer: ``think_end=TEXT`` says where the answer begins.

The rule is lm-eval's (``think_end_token`` of its HFLM): the answer is what stands after the last ``think_end``, without
white space before it; a text in which it never stands is an answer as a whole, of which the run's notes tell. What is
removed is kept beside the answer. Nothing is guessed: without the option a text is taken as it is.

Stop strings and ``max_tokens`` hold for the whole text, reasoning included, as in HFLM: a task that stops at a line
break stops a model in the middle of its thoughts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.engine.base import Engine, ModelSpec
from harness.engine.wrapping import Wrapped
from harness.errors import BackendError
from harness.types import Generate, GenerateResponse, LogLikelihood, Preference, Request, Response


class Reasoning(Wrapped):
    """``engine`` whose texts are divided into reasoning and answer; everything else is the engine's own.

    Args:
        end: What reasoning ends with.
        thinking: The chat template was told that the model is to think; then a log-probability right after the prompt
            is none of the answer's, and is not given (HFLM refuses it, too).
    """

    def __init__(self, engine: Engine, end: str, *, thinking: bool) -> None:
        super().__init__(engine)
        self._end = end
        self._thinking = thinking
        self.identity = {**engine.identity, "think_end": end}

    def __getattr__(self, name: str) -> Any:
        if name == "_engine":
            raise AttributeError(name)
        return getattr(self._engine, name)

    def requests_answered(self) -> frozenset[type]:
        return super().requests_answered() - ({LogLikelihood, Preference} if self._thinking else set())

    def answer(self, batch: Sequence[Request]) -> list[Response]:
        return [
            divided(response.text, self._end)
            if isinstance(response, GenerateResponse) and not response.reasoning  # a server may have divided it
            else response
            for response in super().answer(batch)
        ]


def divided(text: str, end: str) -> GenerateResponse:
    """Reasoning and answer of a text; the two together are the text.

    Where ``end`` never stands, the reasoning is empty, and white space before the text is lost, as in HFLM.
    """
    answer = text.rsplit(end, maxsplit=1)[-1].lstrip()
    return GenerateResponse(text=answer, reasoning=text[: len(text) - len(answer)] if end in text else "")


def declared_end(spec: ModelSpec) -> str | None:
    """What the options say that reasoning ends with; ``None`` for nothing.

    Raises:
        BackendError: The rule is empty, or missing where the model is told to think.
    """
    where = f"--model {spec.backend}:{spec.target}"
    end = spec.options.get("think_end")
    if end is None and spec.options.get("enable_thinking") == "true":
        raise BackendError(
            f"{where}: enable_thinking=true needs the rule that ends the reasoning; add think_end=</think> or what the "
            "model writes"
        )
    if end == "":
        raise BackendError(f"{where}: think_end is empty; write what the model ends its reasoning with, as </think>")
    return end


def with_reasoning(engine: Engine, spec: ModelSpec) -> Engine:
    """The engine with the rule that the options declare, if any.

    Raises:
        BackendError: The model writes no text.
    """
    end = declared_end(spec)
    if end is None:
        return engine
    if Generate not in engine.requests_answered():
        raise BackendError(
            f"--model {spec.backend}:{spec.target}: think_end means nothing here, no text is written; leave it out"
        )
    return Reasoning(engine, end, thinking=spec.options.get("enable_thinking") == "true")
