"""The trained parts of a COMET model beside its encoder: mix of layers, estimator, tagger. torch in, torch out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from metrics.base import MetricError

if TYPE_CHECKING:
    from torch import Tensor, nn

_EPSILON = 1e-12


class LayerMix:
    """Weighted sum of all layers, times a factor (Peters et al. 2018, https://aclanthology.org/N18-1202/).

    Args:
        weights: By name: ``scalar_parameters.0``, ... and ``gamma``.
        sparse: Sparsemax instead of softmax.
        layer_norm: Normalise each layer over an input's tokens and dimensions first (biased variance).
        layers: How many layers there are to mix, the embeddings' output included.

    Raises:
        MetricError: There is no weight for each layer.
    """

    def __init__(self, weights: Mapping[str, Tensor], *, sparse: bool, layer_norm: bool, layers: int) -> None:
        import torch

        names = [f"scalar_parameters.{number}" for number in range(layers)]
        if not {*names, "gamma"} <= weights.keys() or f"scalar_parameters.{layers}" in weights:
            raise MetricError(f"comet: the checkpoint does not mix the {layers} layers that its encoder has")
        scalars = torch.cat([weights[name].float() for name in names])
        self._shares: list[float] = (sparsemax(scalars) if sparse else scalars.softmax(dim=0)).tolist()
        self._factor = float(weights["gamma"].float())
        self._layer_norm = layer_norm

    def states(self, layers: Sequence[Tensor], mask: Tensor) -> Tensor:
        """Mixed states ``[n, t, d]`` float32 of layers ``[n, t, d]`` with ``mask`` ``[n, t]``."""
        total: Any = 0.0
        for share, states in self._used(layers):
            if self._layer_norm:
                mean, deviation = _moments(states, mask)
                total = total + share * (states.float() - mean[:, :, None]) / deviation[:, :, None]
            else:
                total = total + share * states.float()
        mixed: Tensor = self._factor * total
        return mixed

    def pooled(
        self, layers: Sequence[Tensor], mask: Tensor, pool: Callable[[Tensor], Tensor], kept: Tensor | float
    ) -> Tensor:
        """Pooled mixed states ``[n, d]`` float32, for a pooling that is linear: layers are pooled, then mixed.

        The same number as pooling :meth:`states`, without ever adding up ``[n, t, d]``.

        Args:
            layers, mask: As for :meth:`states`.
            pool: ``[n, t, d] -> [n, d]`` float32, the same weighted sum over tokens for every layer.
            kept: The sum of its weights for each input, ``[n, 1]`` or one number for all.
        """
        total: Any = 0.0
        for share, states in self._used(layers):
            row = pool(states)
            if self._layer_norm:
                mean, deviation = _moments(states, mask)
                row = (row - mean * kept) / deviation
            total = total + share * row
        mixed: Tensor = self._factor * total
        return mixed

    def _used(self, layers: Sequence[Tensor]) -> list[tuple[float, Tensor]]:
        return [(share, states) for share, states in zip(self._shares, layers, strict=True) if share]


def sparsemax(scores: Tensor) -> Tensor:
    """Projection of scores ``[k]`` onto the simplex: shares, some exactly 0.

    Martins and Astudillo 2016, https://proceedings.mlr.press/v48/martins16.html, algorithm 1.
    """
    import torch

    ordered = scores.sort(descending=True).values
    counts = torch.arange(1, len(scores) + 1, dtype=scores.dtype)
    excess = ordered.cumsum(0) - 1
    support = int((counts * ordered > excess).sum())
    shares: Tensor = (scores - excess[support - 1] / support).clamp(min=0)
    return shares


def estimator(weights: Mapping[str, Tensor], activation: str, final_activation: str | None) -> nn.Sequential:
    """The feed-forward head, its sizes read off its weights.

    Args:
        weights: By name: ``ff.0.weight``, ``ff.3.weight``, ...
        activation, final_activation: Names of torch's, in any case; after every layer but the last, and after the last.

    Raises:
        MetricError: An activation is not torch's, or there are no weights.
    """
    import torch

    numbers = sorted({int(name.split(".")[1]) for name in weights if name.startswith("ff.")})
    if not numbers:
        raise MetricError("comet: the checkpoint has no estimator; it is not a model that scores")
    parts: list[Any] = []
    for number in numbers:
        if parts:
            parts.append(_activation(activation))
        parts.append(linear({name: weights[f"ff.{number}.{name}"] for name in ("weight", "bias")}))
    if final_activation:
        parts.append(_activation(final_activation))
    return torch.nn.Sequential(*parts)


def linear(weights: Mapping[str, Tensor]) -> nn.Linear:
    """A linear layer of ``weight`` ``[out, in]`` and ``bias`` ``[out]``, in float32."""
    import torch

    weight = weights["weight"]
    layer = torch.nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    layer.load_state_dict({name: tensor.float() for name, tensor in weights.items()}, assign=True)
    return layer.requires_grad_(requires_grad=False)


def _moments(states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation ``[n, 1]`` float32 of each input's states, over its tokens and all dimensions."""
    states = states.float()
    weights = mask.unsqueeze(-1)
    count = mask.sum(dim=1, keepdim=True) * states.shape[2]
    mean = (states * weights).sum(dim=(1, 2)).unsqueeze(-1) / count
    variance = (((states - mean.unsqueeze(-1)) * weights) ** 2).sum(dim=(1, 2)).unsqueeze(-1) / count
    return mean, (variance + _EPSILON).sqrt()


def _activation(name: str) -> nn.Module:
    import torch

    found = getattr(torch.nn, name.title(), None)
    if not (isinstance(found, type) and issubclass(found, torch.nn.Module)):
        raise MetricError(f"comet: the checkpoint's activation '{name}' is not one of torch's")
    made: nn.Module = found()
    return made
