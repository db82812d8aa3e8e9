"""The trained parts of a COMET model beside its encoder: mix of layers, estimator. torch in, torch out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from metrics.base import MetricError

if TYPE_CHECKING:
    from torch import Tensor, nn

_EPSILON = 1e-12


class LayerMix:
    """Weighted sum of all layers, times a factor (Peters et al. 2018).

    Args:
        weights: By name, ``layerwise_attention.`` cut off. sparse: Sparsemax instead of softmax.
        layer_norm: Normalise each layer over a sentence's tokens and dimensions first (biased variance).
    """

    def __init__(self, weights: Mapping[str, Tensor], *, sparse: bool, layer_norm: bool) -> None:
        import torch

        names = sorted(
            (name for name in weights if name.startswith("scalar_parameters.")),
            key=lambda name: int(name.split(".")[1]),
        )
        scalars = torch.cat([weights[name].float() for name in names])
        self._shares = (sparsemax(scalars) if sparse else scalars.softmax(dim=0)).tolist()
        self._factor = float(weights["gamma"].float())
        self._layer_norm = layer_norm

    def __call__(self, layers: Sequence[Tensor], mask: Tensor) -> Tensor:
        """``[n, t, d]`` of ``layers`` (embeddings' output first) with ``mask`` ``[n, t]``."""
        kept = mask.unsqueeze(-1).to(layers[0].dtype)
        total: Tensor | None = None
        for share, states in zip(self._shares, layers, strict=True):
            if share == 0:
                continue
            part = share * (_normalised(states, kept) if self._layer_norm else states)
            total = part if total is None else total + part
        assert total is not None, "shares sum to one"
        mixed: Tensor = self._factor * total
        return mixed


def sparsemax(scores: Tensor) -> Tensor:
    """Projection of ``[k]`` scores onto the simplex (Martins and Astudillo 2016): shares, some exactly 0."""
    import torch

    ordered = scores.sort(descending=True).values
    counts = torch.arange(1, len(scores) + 1, dtype=scores.dtype)
    excess = ordered.cumsum(0) - 1
    support = int((counts * ordered > excess).sum())
    shares: Tensor = (scores - excess[support - 1] / support).clamp(min=0)
    return shares


def _normalised(states: Tensor, kept: Tensor) -> Tensor:
    count = kept.sum(dim=(1, 2)) * states.shape[2]
    mean = ((states * kept).sum(dim=(1, 2)) / count)[:, None, None]
    variance = ((((states - mean) * kept) ** 2).sum(dim=(1, 2)) / count)[:, None, None]
    return (states - mean) / (variance + _EPSILON).sqrt()


def estimator(weights: Mapping[str, Tensor], activation: str, final_activation: str | None) -> nn.Sequential:
    """The feed-forward head, its sizes read off its weights.

    Args:
        weights: By name, ``estimator.`` cut off: ``ff.0.weight``, ``ff.3.weight``, ...

    Raises:
        MetricError: An activation is not torch's, or there are no weights.
    """
    import torch

    linear = sorted({int(name.split(".")[1]) for name in weights if name.startswith("ff.")})
    if not linear:
        raise MetricError("comet: the checkpoint has no estimator; it is not a model that scores")
    parts: list[Any] = []
    for position, number in enumerate(linear):
        weight = weights[f"ff.{number}.weight"]
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
        layer.load_state_dict({"weight": weight, "bias": weights[f"ff.{number}.bias"]})
        parts.append(layer)
        if position < len(linear) - 1:
            parts.append(_activation(activation))
    if final_activation:
        parts.append(_activation(final_activation))
    return torch.nn.Sequential(*parts)


def _activation(name: str) -> nn.Module:
    import torch

    found = getattr(torch.nn, name.title(), None)
    if not (isinstance(found, type) and issubclass(found, torch.nn.Module)):
        raise MetricError(f"comet: the checkpoint's activation '{name}' is not one of torch's")
    made: nn.Module = found()
    return made
