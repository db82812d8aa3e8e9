"""How a causal model may write: found out on a few rows, against plain forward passes over the same tokens.

A row is read, goes on, is joined by two others, stays a step too long, leaves, and the others go on: at every step the
logits of each must be those of a pass over the row alone, without padding and without a cache. Silent errors are the
reason: a mask that an architecture does not apply gives other text, and nothing says so.
"""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import Sequence
from typing import Any

from harness.engine.decoding import Decoding
from harness.engine.live_rows import Forward, LiveRows
from harness.engine.scoring import window_of

_TOLERANCE = 1e-4  # nats, in float32
_HALF_TOLERANCE = 0.2  # half precision differs from itself by this between batches; wrong masks by more
_LONGEST_WINDOW = 600  # a window is outgrown by the probe if it is no longer: reading more would cost seconds
_LIKELIEST = 64  # tokens whose log-probabilities are compared, at every step
_ROWS = (24, 5, 9)
_STEPS = 3

# What of a model's generation settings changes greedy text and is not done here; length limits and stops are ours.
UNDONE = (
    "no_repeat_ngram_size",
    "bad_words_ids",
    "suppress_tokens",
    "begin_suppress_tokens",
    "sequence_bias",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "exponential_decay_length_penalty",
    "min_length",
    "min_new_tokens",
    "guidance_scale",
    "watermarking_config",
    "num_beams",
    "penalty_alpha",
    "dola_layers",
    "stop_strings",
)
_SAYS_NOTHING = {"num_beams": 1, "guidance_scale": 1}

# What an architecture cannot do it says in many ways; they mean that this way of writing is none for it.
FAILURES = (TypeError, ValueError, RuntimeError, AttributeError, LookupError, NotImplementedError)

_log = logging.getLogger(__name__)


def decoding_of(model: Any, device: str, *, name: str, max_length: int) -> Decoding:
    """The fastest way of writing that gives the logits of plain passes.

    Args:
        model: A transformers causal model, on its device. name: What warnings call it. max_length: Tokens it takes.
    """
    import torch

    settings = model.generation_config
    said = {one: getattr(settings, one, None) for one in UNDONE}
    if undone := [one for one, value in said.items() if value and value != _SAYS_NOTHING.get(one)]:
        _log.warning("%s: generates by transformers' own loop, for %s of its settings", name, ", ".join(undone))
        return "plain"
    window = window_of(model.config.get_text_config())
    longest = max(_ROWS[0], window + 4 if window <= _LONGEST_WINDOW else 0)
    longest = min(longest, max_length - _STEPS)
    if longest <= max(_ROWS[1:]):
        return "plain"
    rows = _rows(int(model.config.get_text_config().vocab_size), (longest, *_ROWS[1:]))
    tolerance = tolerance_of(model)
    forward = Forward(model, device)
    with torch.inference_mode():
        expected = [_plain(model, device, row, prompt) for row, prompt in rows]
        for decoding in ("rolling", "leaving"):
            found = _difference(forward, rows, expected, rolling=decoding == "rolling")
            if found <= tolerance:
                return "rolling" if decoding == "rolling" else "leaving"
    _log.warning(
        "%s: rows that leave a batch change the logits of the others (by %.2g); text is written by transformers' own "
        "loop, which is slower",
        name,
        found,
    )
    return "plain"


def tolerance_of(model: Any) -> float:
    """Nats by which logits of a model may differ from those of plain passes."""
    import torch

    return _TOLERANCE if model.dtype == torch.float32 else _HALF_TOLERANCE


def _rows(vocabulary: int, lengths: Sequence[int]) -> list[tuple[list[int], int]]:
    """Rows of tokens with the length of each prompt; what is after it is read token by token."""
    made = []
    for number, length in enumerate(lengths):
        ids = [(3 + 19 * step * step + 7 * step + 31 * number) % vocabulary for step in range(length + _STEPS)]
        made.append((ids, length))
    return made


def _plain(model: Any, device: str, row: Sequence[int], prompt: int) -> Any:
    """Logits ``[steps + 1, V]`` of every position from the prompt's last one on."""
    import torch

    keep = {"logits_to_keep": len(row) - prompt + 1} if "logits_to_keep" in _parameters(model) else {}
    logits = model(torch.tensor([list(row)], device=device), use_cache=False, **keep).logits
    return logits[0, -(len(row) - prompt + 1) :].float()


def _difference(
    forward: Forward, rows: Sequence[tuple[list[int], int]], expected: Sequence[Any], *, rolling: bool
) -> float:
    """Largest difference from plain passes, over rows and steps, of the mean over the likeliest tokens.

    Returns:
        Nats; ``inf`` where it fails altogether.
    """
    try:
        return _followed(forward, rows, expected, rolling=rolling)
    except FAILURES:
        return float("inf")


def _followed(
    forward: Forward, rows: Sequence[tuple[list[int], int]], expected: Sequence[Any], *, rolling: bool
) -> float:
    prompts = [ids[:length] for ids, length in rows]
    live = [0] if rolling else [0, 1, 2]
    state = forward.read([prompts[index] for index in live])
    steps = [0] * len(rows)
    worst = _distance(state, live, steps, expected)
    for step in range(_STEPS):
        tokens = [rows[index][0][rows[index][1] + steps[index]] for index in live]
        going = [step != 1 or index != 0 for index in live]  # a row that is done stays for a step
        forward.step(state, tokens, going)
        for index, goes in zip(live, going, strict=True):
            steps[index] += goes
        if rolling and step == 0:
            forward.join(state, forward.read(prompts[1:]))
            live = [0, 1, 2]
        if step == 1:
            forward.choose(state, [1, 2])
            live = [1, 2]
            if rolling:
                forward.trim(state)
        worst = max(worst, _distance(state, live, steps, expected))
    return worst


def _distance(state: LiveRows, live: Sequence[int], steps: Sequence[int], expected: Sequence[Any]) -> float:
    worst = 0.0
    for place, index in enumerate(live):
        worst = max(worst, distance(state.logits[place], expected[index][steps[index]]))
    return worst


def distance(logits: Any, expected: Any) -> float:
    """Mean difference of log-probabilities of the tokens that are likeliest by ``expected``; both are ``[V]``.

    Returns:
        Nats; ``inf`` where it is no number.
    """
    whole = expected.float().log_softmax(dim=-1)
    values, tokens = whole.topk(min(_LIKELIEST, whole.shape[0]))
    found = float((logits.float().log_softmax(dim=-1)[tokens] - values).abs().mean())
    return float("inf") if math.isnan(found) else found


def _parameters(model: Any) -> Any:
    return inspect.signature(model.forward).parameters
