"""Options of embedding models: the prompt before a text, and what becomes of a vector.

``prompt=TEXT``, ``query_prompt=TEXT``, ``passage_prompt=TEXT``, ``prompt_name=NAME`` (of the model's own prompts),
``instruct=TEMPLATE`` (with ``{instruction}``, the task's), ``truncate_dim=N``, ``normalize=true|false`` and
``quantize=int8|binary``. ``\\n`` in a prompt is a line break. Knows neither models nor tasks. Vectors are finished one
by one, so that a result never depends on what else was embedded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.engine.base import ModelSpec
from harness.errors import BackendError
from harness.types import Embed
from metrics.spelling import did_you_mean

PROMPT_OPTIONS = ("prompt", "prompt_name", "query_prompt", "passage_prompt", "instruct")
VECTOR_OPTIONS = ("truncate_dim", "normalize", "quantize")
OPTIONS = (*PROMPT_OPTIONS, *VECTOR_OPTIONS)

_PLACE = "{instruction}"
_OWN = {"": (), "query": ("query",), "passage": ("document", "passage", "corpus")}
"""Names of a model's own prompts for a side, in the order of sentence-transformers' encode_query and encode_document.

The first that is not empty counts: sentence-transformers puts an empty ``document`` beside a model's ``passage``.
"""
_QUANTIZED = ("int8", "binary")
_INT8 = 127
_SMALLEST_NORM = 1e-12  # as torch.nn.functional.normalize


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPrompts:
    """Prompts of the model's own configuration, by name, and the name of the one used where nothing else is said."""

    texts: Mapping[str, str]
    default: str | None = None


class EmbeddingOptions:
    """The options of one model.

    Args:
        spec: The model as named. own: Its own prompts.
        width: Dimensions of its raw vectors; ``None`` if it does not say.
        unit_length: Whether its raw vectors have length 1: then shortened ones are given length 1 again.

    Raises:
        BackendError: An option is wrong, or two of them contradict each other.
    """

    def __init__(
        self, spec: ModelSpec, own: OwnPrompts, *, width: int | None = None, unit_length: bool = False
    ) -> None:
        where = f"--model {spec.backend}:{spec.target}"
        self._own = own
        self._given = {name: _unescaped(text) for name, text in spec.options.items() if name in PROMPT_OPTIONS}
        if "prompt" in self._given and "prompt_name" in self._given:
            raise BackendError(f"{where}: 'prompt' and 'prompt_name' say the same thing; give one of them")
        if (name := self._given.get("prompt_name")) is not None and name not in own.texts:
            has = ", ".join(own.texts) or "none"
            hint = did_you_mean(name, own.texts)
            raise BackendError(f"{where}: the model has no prompt '{name}'{hint}; it has {has}; or give prompt=TEXT")
        if (template := self._given.get("instruct")) is not None and _PLACE not in template:
            raise BackendError(f"{where}: instruct must hold {_PLACE}, where the task's goes, found '{template}'")
        self.truncate_dim = spec.integer("truncate_dim", 0) or None
        if self.truncate_dim is not None and width is not None and self.truncate_dim > width:
            raise BackendError(
                f"{where}: truncate_dim={self.truncate_dim}, but the model's vectors have {width} numbers"
            )
        wanted = spec.flag("normalize")
        self._normalize = wanted if wanted is not None else unit_length and self.truncate_dim is not None
        self._quantize = spec.options.get("quantize")
        if self._quantize not in (None, *_QUANTIZED):
            raise BackendError(
                f"{where}: unknown quantize '{self._quantize}'{did_you_mean(self._quantize, _QUANTIZED)}; "
                f"use one of {', '.join(_QUANTIZED)}"
            )
        self._told = {name: spec.options[name] for name in OPTIONS if name in spec.options}

    def identity(self) -> dict[str, str]:
        """What enters the model's identity: the options that were given, and the model's own prompts, if it has any."""
        own = {name: text for name, text in self._own.texts.items() if text}
        if not own:
            return dict(self._told)
        return {**self._told, "own_prompts": json.dumps([own, self._own.default], ensure_ascii=False, sort_keys=True)}

    def prompt(self, request: Embed) -> str:
        """What stands before a text: the first that is there of the side's option, the template with the task's
        instruction, the option for all texts, the model's own prompt of the side, its default prompt."""
        template = self._given.get("instruct")
        if (text := self._given.get(f"{request.side}_prompt")) is not None:
            return text
        if template is not None and request.instruction:
            return template.replace(_PLACE, request.instruction)
        if (text := self._given.get("prompt")) is not None:
            return text
        own, named = self._own.texts, self._given.get("prompt_name")
        if named is not None:
            return own[named]
        if of_side := [own[name] for name in _OWN[request.side] if name in own]:
            return next(filter(None, of_side), "")
        return own.get(self._own.default or "", "")

    def finish(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """A raw vector ``[d]`` float32, shortened, then normalised, then quantised; what no option asks for is left.

        ``int8`` rounds to 127 even steps of the vector's own largest magnitude on either side of 0, and gives the
        rounded numbers in the vector's scale; ``binary`` gives 1 above 0 and else -1, so that ``d * (1 - cosine) / 2``
        is the Hamming distance.
        """
        found = vector[: self.truncate_dim]
        if self._normalize:
            wide = found.astype(np.float64)
            found = (wide / max(np.sqrt(np.dot(wide, wide)), _SMALLEST_NORM)).astype(np.float32)
        if self._quantize == "binary":
            return np.where(found > 0, np.float32(1), np.float32(-1))
        if self._quantize == "int8":
            step = np.abs(found).max() / np.float32(_INT8)
            return found if step == 0 else np.rint(found / step).astype(np.float32) * step
        return found


def _unescaped(text: str) -> str:
    return text.replace("\\n", "\n")
