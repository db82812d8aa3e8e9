"""``compile=true``: torch.compile of a model's layers, kept only where it gives the uncompiled numbers.

The body of a model is compiled with dynamic shapes, the output layer is not: what is hooked there changes with every
batch and would be compiled again each time. The first pass, which compiles, is a comparison with the uncompiled model.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_PROBES = ((2, 9), (3, 16))  # lines and tokens of the passes that are compared: two shapes, as batches have many
_TOLERANCE = {"float32": 1e-4}  # of the largest state
_HALF_TOLERANCE = 0.05

_log = logging.getLogger(__name__)


def compiled(model: Any, name: str, device: str) -> bool:
    """Compile a model in place.

    Args:
        model: A transformers model on its device. name: How remarks call it. device: Where its inputs go.

    Returns:
        Whether it is compiled now; where not, a warning said why, and the model is as it was.
    """
    import torch

    body = model.get_decoder() if model.config.is_encoder_decoder else model.base_model
    before = vars(body).get("forward")  # a model that is spread over devices has one of its own
    with torch.inference_mode():
        try:
            expected = [_states(model, body, device, *shape) for shape in _PROBES]
            body.forward = torch.compile(body.forward, dynamic=True)
            found = [_states(model, body, device, *shape) for shape in _PROBES]
        # What a compiler cannot do it says in its own errors, most of them RuntimeErrors; a missing C++ compiler, too.
        except (RuntimeError, TypeError, ValueError, AttributeError, NotImplementedError, OSError, KeyError) as error:
            _restore(body, before)
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            _log.warning("%s: cannot be compiled (%s); it is run as it is, which may be slower", name, first)
            return False
    dtype = str(model.dtype).removeprefix("torch.")
    largest = max(float(states.abs().max()) for states in expected) or 1.0
    off = max(float((one - other).abs().max()) for one, other in zip(found, expected, strict=True)) / largest
    if off <= _TOLERANCE.get(dtype, _HALF_TOLERANCE):
        return True
    _restore(body, before)
    _log.warning("%s: compiled, its states are off by %.2g of the largest; it is run as it is", name, off)
    return False


@contextmanager
def uncompiled(identity: Mapping[str, str]) -> Iterator[None]:
    """Run a model as it is: for passes that look into the layers, which compiled code has no place for.

    Args:
        identity: The model's; where it is not compiled, nothing is done.
    """
    if "compile" not in identity:
        yield
        return
    import torch

    with torch.compiler.set_stance("force_eager"):
        yield


def _restore(body: Any, before: Any) -> None:
    del body.forward
    if before is not None:
        body.forward = before


def _states(model: Any, body: Any, device: str, lines: int, tokens: int) -> Any:
    """float32 last states ``[lines, tokens, d]`` of made-up text."""
    import torch

    vocabulary = int(model.config.get_text_config().vocab_size)
    ids = (torch.arange(lines * tokens).reshape(lines, tokens) * 17 + 3) % vocabulary
    inputs = {"input_ids": ids.to(device), "attention_mask": torch.ones_like(ids).to(device)}
    if model.config.is_encoder_decoder:
        memory = model.get_encoder()(**inputs).last_hidden_state
        inputs = {"input_ids": inputs["input_ids"], "encoder_hidden_states": memory}
    return body(**inputs).last_hidden_state.float()
