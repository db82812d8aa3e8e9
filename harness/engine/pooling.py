"""Sentence vectors from token states, on the device: every layer and every pooling in one forward pass.

The last layer is the output after the final norm, layer 0 the embeddings, as in transformers' ``hidden_states``. States
are pooled in float32 whatever the model's dtype: position weights above 256 would round in bfloat16. A layer's states
are pooled when they reach the next layer, and dropped: the states of one layer are held, not of all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from harness.types import Pooling

if TYPE_CHECKING:
    import torch

_PROBED = 2  # rows of the first batch that both ways are compared on
_TOLERANCE = 1e-3  # of the largest number; a wrong place in the model is off by far more

_log = logging.getLogger(__name__)


class LayerPooler:
    """Runs a model and pools the states of all its layers.

    The first batch is compared with transformers' own ``hidden_states``; a model whose layers give something else is
    read through those, which holds the states of all layers at once.

    Args:
        backbone: A transformers model without its output layer: a decoder, an encoder, or the encoder of two.
        name: How remarks call it.
    """

    def __init__(self, backbone: Any, name: str) -> None:
        self._backbone = backbone
        self._name = name
        self._layers = _layers(backbone)
        self._probed = False

    def __call__(self, inputs: Mapping[str, torch.Tensor], poolings: Sequence[Pooling]) -> torch.Tensor:
        """Pooled states of a padded batch.

        Args:
            inputs: What the model takes, ``attention_mask`` ``[batch, tokens]`` among it.
            poolings: As :func:`pool`.

        Returns:
            float32 ``[batch, poolings, layers + 1, d]``.
        """
        import torch

        with torch.inference_mode():
            if self._layers is not None and not self._probed:
                self._probe({name: tensor[:_PROBED] for name, tensor in inputs.items()}, poolings)
            return self._streamed(inputs, poolings) if self._layers is not None else self._whole(inputs, poolings)

    def _probe(self, inputs: Mapping[str, torch.Tensor], poolings: Sequence[Pooling]) -> None:
        """Compare both ways on a few rows, and leave the fast one where they differ."""
        self._probed = True
        expected = self._whole(inputs, poolings)
        try:
            found = self._streamed(inputs, poolings)
        except (TypeError, KeyError, IndexError, AttributeError, RuntimeError):
            found = None
        scale = float(expected.abs().max()) or 1.0
        if found is None or found.shape != expected.shape or float((found - expected).abs().max()) > _TOLERANCE * scale:
            self._layers = None
            _log.warning(
                "%s: its layers cannot be read one by one; the states of all are held at once, which takes more memory",
                self._name,
            )

    def _whole(self, inputs: Mapping[str, torch.Tensor], poolings: Sequence[Pooling]) -> torch.Tensor:
        return pool(
            self._backbone(**inputs, output_hidden_states=True).hidden_states, inputs["attention_mask"], poolings
        )

    def _streamed(self, inputs: Mapping[str, torch.Tensor], poolings: Sequence[Pooling]) -> torch.Tensor:
        import torch

        pooled: list[torch.Tensor] = []
        take = _taker(inputs["attention_mask"], poolings)
        with _before_each(self._layers or (), lambda states: pooled.append(take(states))):
            last = self._backbone(**inputs).last_hidden_state
        pooled.append(take(last))
        return torch.stack(pooled, dim=2)


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

    take = _taker(mask, poolings)
    return torch.stack([take(states) for states in hidden_states], dim=2)


def _taker(mask: torch.Tensor, poolings: Sequence[Pooling]) -> Callable[[torch.Tensor], torch.Tensor]:
    """States ``[batch, tokens, d]`` -> float32 ``[batch, poolings, d]``."""
    import torch

    weights = torch.stack([_weights(mask, pooling) for pooling in poolings])
    return lambda states: torch.einsum("pbt,btd->bpd", weights.to(states.device), states.float()).to(weights.device)


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


def _layers(backbone: Any) -> list[Any] | None:
    """The stacked layers of a model, first to last; ``None`` where they cannot be told."""
    from torch import nn

    count = getattr(backbone.config.get_text_config(), "num_hidden_layers", None)
    found = [
        list(module)
        for module in backbone.modules()
        if isinstance(module, nn.ModuleList) and len(module) == count and len({type(layer) for layer in module}) == 1
    ]
    return found[0] if found else None


@contextmanager
def _before_each(layers: Sequence[Any], take: Callable[[torch.Tensor], None]) -> Iterator[None]:
    """Hand what reaches each layer to ``take`` while the model runs."""

    def seen(_: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        take(arguments[0] if arguments else named["hidden_states"])

    hooks = [layer.register_forward_pre_hook(seen, with_kwargs=True) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
