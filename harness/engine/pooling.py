"""Sentence vectors from token states, on the device: every layer and every pooling in one forward pass.

The last layer is the output after the final norm, layer 0 the embeddings, as in transformers' ``hidden_states``. States
are pooled in float32 whatever the model's dtype: position weights above 256 would round in bfloat16.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.types import Pooling

if TYPE_CHECKING:
    import torch


def pool(hidden_states: Sequence[torch.Tensor], mask: torch.Tensor, poolings: Sequence[Pooling]) -> torch.Tensor:
    """Pool the states of every layer.

    Args:
        hidden_states: ``layers + 1`` tensors ``[batch, tokens, d]``.
        mask: ``[batch, tokens]``, 1 for tokens (special tokens included), 0 for padding on either side.
        poolings: ``weighted`` (position-weighted mean, weights 1..T over the tokens; MEXA, arXiv 2410.05873),
            ``lasttoken`` or ``mean``.

    Returns:
        float32 ``[batch, poolings, layers + 1, d]``.
    """
    import torch

    weights = torch.stack([_weights(mask, pooling) for pooling in poolings])
    pooled = [torch.einsum("pbt,btd->bpd", weights, states.float()) for states in hidden_states]
    return torch.stack(pooled, dim=2)


def _weights(mask: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """float32 ``[batch, tokens]`` weights that sum to one over each row's tokens."""
    import torch

    positions = mask.float().cumsum(dim=1) * mask
    if pooling == "weighted":
        raw = positions
    elif pooling == "mean":
        raw = mask.float()
    else:
        last = positions.max(dim=1, keepdim=True).values
        raw = ((positions == last) & (mask > 0)).to(torch.float32)
    return raw / raw.sum(dim=1, keepdim=True)
