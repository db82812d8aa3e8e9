"""A tokenizer's chat template, as lm-eval's HFLM applies it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from harness.engine.base import ModelSpec
from harness.errors import BackendError

OPTIONS = ("chat_template", "system", "multiturn", "enable_thinking")
_log = logging.getLogger(__name__)


class TokenizerChat:
    """Conversations in the words of a tokenizer's own template.

    Args:
        tokenizer: A transformers tokenizer that has a ``chat_template``.
        system: Said before everything else; where the template knows no system role, it is left out, as HFLM does.
        multiturn: Whether few-shot examples are turns of their own.
        thinking: What the template is told as ``enable_thinking``; ``None`` for nothing.
    """

    def __init__(
        self, tokenizer: Any, *, system: str = "", multiturn: bool = True, thinking: bool | None = None
    ) -> None:
        self._tokenizer = tokenizer
        self._told = {} if thinking is None else {"enable_thinking": thinking}
        self.system = system
        self.multiturn = multiturn
        digest = hashlib.sha256(str(tokenizer.chat_template).encode("utf-8")).hexdigest()[:16]
        told = "" if thinking is None else f"|enable_thinking:{thinking}"
        self.name = f"chat:{digest}|multiturn:{multiturn}|system:{system}{told}"

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
                **self._told,
            )
        )


def chat_of(spec: ModelSpec, tokenizer: Any) -> TokenizerChat | None:
    """The chat that a model's options ask for; ``None`` without ``chat_template=true``.

    Raises:
        BackendError: The tokenizer has no chat template, an option's value is not ``true`` or ``false``, or
            ``think_end`` is nothing that can stand in a text.
    """
    where = f"--model {spec.backend}:{spec.target}"
    _check_think_end(spec, tokenizer, where)
    wanted, multiturn, thinking = (spec.flag(option) for option in ("chat_template", "multiturn", "enable_thinking"))
    if not wanted:
        unused = [option for option in OPTIONS[1:] if option in spec.options]
        if unused:
            raise BackendError(f"{where}: {unused[0]} means nothing without chat_template=true; add it")
        return None
    template = tokenizer.chat_template
    if not template:
        raise BackendError(f"{where}: the tokenizer has no chat template; leave chat_template out")
    if "think_end" not in spec.options and thinking is None and "<think>" in str(template):
        _log.warning(
            "%s: its chat template speaks of <think>: what the model thinks would be scored with its answer; add "
            "think_end=</think>, or enable_thinking=false where the template knows it",
            spec.name,
        )
    return TokenizerChat(
        tokenizer, system=spec.options.get("system", ""), multiturn=multiturn is not False, thinking=thinking
    )


def _check_think_end(spec: ModelSpec, tokenizer: Any, where: str) -> None:
    """Refuse a rule that would silently never find anything: texts are without special tokens."""
    end = spec.options.get("think_end", "")
    if end.isdecimal():
        token = tokenizer.convert_ids_to_tokens(int(end)) if int(end) < len(tokenizer) else None
        hint = f"; token {end} is '{token}'" if token else ""
        raise BackendError(f"{where}: think_end={end}: write the text that reasoning ends with{hint}")
    if end in tokenizer.all_special_tokens:
        raise BackendError(
            f"{where}: think_end={end} is a special token, which is no part of a text; the rule cannot be used here"
        )
