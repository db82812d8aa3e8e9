"""``generation_kwargs`` of a task, as a request says them: lm-eval's names, defaults and meaning.

Text is sampled where lm-eval samples it: with ``do_sample: true``, or a temperature above 0 and nothing said of it.
``do_sample: false`` is greedy whatever the temperature. What is neither done nor harmless is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.errors import UserError

MAX_TOKENS = 256
"""Most new tokens where nothing is said: HFLM's default."""

_LIMITS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")  # the first that is there counts
_CHANGES_NOTHING: Mapping[str, object] = {
    "num_beams": 1,
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "min_p": 0.0,
    "typical_p": 1.0,
    "penalty_alpha": 0.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodingOptions:
    """How a task wants text; the fields are those of ``harness.types.Generate``."""

    until: tuple[str, ...]
    max_tokens: int
    temperature: float
    top_p: float
    top_k: int
    seed: int

    @property
    def sampled(self) -> bool:
        """Whether several answers to one prompt can differ."""
        return self.temperature > 0

    @property
    def manner(self) -> str:
        """A word for records: ``greedy`` or ``sampled``."""
        return "sampled" if self.sampled else "greedy"


def read_options(options: Mapping[str, object], where: str) -> DecodingOptions:
    """Options of a task, in lm-eval's words.

    Raises:
        UserError: A number is none or out of range, or text is wanted in a way that is not done here.
    """
    for name, usual in _CHANGES_NOTHING.items():
        if options.get(name) not in (None, usual):
            raise UserError(
                f"{where}: generation_kwargs.{name}: {options[name]} is not done here; text is greedy, or sampled by "
                "temperature, top_p and top_k: write a task file of your own without it"
            )
    temperature, sample = _number(options, "temperature", 0.0, where), options.get("do_sample")
    if sample and temperature <= 0:
        raise UserError(
            f"{where}: generation_kwargs: do_sample is true, temperature {temperature:g}; give a temperature above 0"
        )
    if sample is False:
        temperature = 0.0
    top_p, top_k = _number(options, "top_p", 1.0, where), _number(options, "top_k", 0, where)
    if temperature < 0 or not 0 < top_p <= 1 or top_k < 0 or top_k != int(top_k):
        raise UserError(
            f"{where}: generation_kwargs: temperature {temperature:g}, top_p {top_p:g}, top_k {top_k:g}: a temperature "
            "is at least 0, top_p above 0 and at most 1, top_k a whole number, 0 for all tokens"
        )
    until = options.get("until") or ()
    limit = next((options[name] for name in _LIMITS if options.get(name) is not None), MAX_TOKENS)
    sampling = {"top_p": top_p, "top_k": top_k} if temperature else {"top_p": 1.0, "top_k": 0}
    return DecodingOptions(
        until=(until,) if isinstance(until, str) else tuple(map(str, until if isinstance(until, list | tuple) else ())),
        max_tokens=int(str(limit)),
        temperature=temperature,
        top_p=sampling["top_p"],
        top_k=int(sampling["top_k"]),
        seed=int(_number(options, "seed", 0, where)) if temperature else 0,
    )


def _number(options: Mapping[str, object], name: str, default: float, where: str) -> float:
    value = options.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"{where}: generation_kwargs.{name}: expected a number, found {value!r}")
    return float(value)
