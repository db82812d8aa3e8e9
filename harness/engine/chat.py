"""A tokenizer's chat template, as lm-eval's HFLM applies it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from harness.engine.base import ModelSpec
from harness.errors import BackendError

OPTIONS = ("chat_template", "system", "multiturn")
_YES_NO = {"true": True, "false": False}


class TokenizerChat:
    """Conversations in the words of a tokenizer's own template.

    Args:
        tokenizer: A transformers tokenizer that has a ``chat_template``.
        system: Said before everything else; where the template knows no system role, it is left out, as HFLM does.
        multiturn: Whether few-shot examples are turns of their own.
    """

    def __init__(self, tokenizer: Any, *, system: str = "", multiturn: bool = True) -> None:
        self._tokenizer = tokenizer
        self.system = system
        self.multiturn = multiturn
        digest = hashlib.sha256(str(tokenizer.chat_template).encode("utf-8")).hexdigest()[:16]
        self.name = f"chat:{digest}|multiturn:{multiturn}|system:{system}"

    def render(self, messages: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> str:
        import jinja2

        try:
            return self._apply(messages, add_generation_prompt)
        except jinja2.TemplateError:
            without = [message for message in messages if message["role"] != "system"]
            return self._apply(without, add_generation_prompt)

    def _apply(self, messages: Sequence[Mapping[str, str]], add_generation_prompt: bool) -> str:
        return str(
            self._tokenizer.apply_chat_template(
                [dict(message) for message in messages],
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                continue_final_message=not add_generation_prompt,
            )
        )


def chat_of(spec: ModelSpec, tokenizer: Any) -> TokenizerChat | None:
    """The chat that a model's options ask for; ``None`` without ``chat_template=true``.

    Raises:
        BackendError: The tokenizer has no chat template, or an option's value is not ``true`` or ``false``.
    """
    where = f"--model {spec.backend}:{spec.target}"
    flags = {}
    for option, default in (("chat_template", "false"), ("multiturn", "true")):
        text = spec.options.get(option, default)
        if text not in _YES_NO:
            raise BackendError(f"{where}: {option} must be true or false, found '{text}'")
        flags[option] = _YES_NO[text]
    if not flags["chat_template"]:
        unused = [option for option in ("system", "multiturn") if option in spec.options]
        if unused:
            raise BackendError(f"{where}: {unused[0]} means nothing without chat_template=true; add it")
        return None
    if not tokenizer.chat_template:
        raise BackendError(f"{where}: the tokenizer has no chat template; leave chat_template out")
    return TokenizerChat(tokenizer, system=spec.options.get("system", ""), multiturn=flags["multiturn"])
