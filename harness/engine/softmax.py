"""Log-probabilities of tokens from logits, with the softmax in float32 or in the model's own dtype.

float32 is the default whatever the model's dtype. The other one is lm-eval's: HFLM takes the log-softmax of bfloat16
logits in bfloat16 and rounds the sum over an answer's tokens to it, which moves a sum of 100 nats by up to a quarter.
It exists for comparisons with numbers that were made so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.engine.base import ModelSpec
from harness.errors import BackendError


@dataclass(frozen=True, slots=True)
class Softmax:
    """How logits become log-probabilities.

    Attributes:
        dtype: The torch dtype of softmax and sums; ``None`` for float32, and sums in float64.
    """

    dtype: Any = None

    def of(self, logits: Any, wanted: Any) -> tuple[Any, Any]:
        """Natural-log probabilities ``[n]`` of tokens, and whether each is the likeliest one.

        Args:
            logits: ``[n, V]``, of any floating type. wanted: int64 ``[n]``, on the same device.
        """
        scores = logits.float() if self.dtype is None else logits.to(self.dtype).log_softmax(dim=-1)
        own = scores.gather(1, wanted[:, None])[:, 0]
        likeliest = own >= scores.amax(dim=-1)
        # Of equally large scores the first is the likeliest, as argmax has it, which is slow where it decides nothing.
        likeliest[likeliest.clone()] = scores[likeliest].argmax(dim=-1) == wanted[likeliest]
        return (own - scores.logsumexp(dim=-1) if self.dtype is None else own), likeliest

    def total(self, value: float) -> float:
        """The sum over a row's tokens, as exact as the dtype keeps it."""
        if self.dtype is None:
            return value
        import torch

        return float(torch.tensor(value, dtype=self.dtype))


def softmax_of(spec: ModelSpec, model: Any) -> Softmax:
    """What the option ``softmax_dtype`` says of a model: ``float32`` (the default) or ``model``."""
    said = spec.options.get("softmax_dtype", "float32")
    if said not in ("float32", "model"):
        raise BackendError(
            f"--model {spec.backend}:{spec.target}: softmax_dtype must be float32 or model (the model's own), found "
            f"'{said}'"
        )
    return Softmax(model.dtype if said == "model" else None)
