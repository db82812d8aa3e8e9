"""A checkpoint's name -> a model that scores segments on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from metrics.base import MetricError
from metrics.comet.checkpoint import read
from metrics.comet.encoder import Encoder
from metrics.comet.joint import JointModel
from metrics.comet.judgement import CometModel
from metrics.comet.layers import LayerMix, estimator, linear
from metrics.comet.places import checkpoint_file, first_line
from metrics.comet.sentences import SentenceModel

if TYPE_CHECKING:
    from torch import Tensor

_CPU_TOKENS, _GPU_TOKENS = 1024, 16384  # on CPU larger batches leave the caches: 1.2 times slower at 4096
_CACHE_BYTES = 2**30
_MODELS_HELD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """What a model is loaded from, and how it runs.

    Attributes:
        model, revision: As :func:`metrics.comet.places.checkpoint_file` takes them.
        encoder: Folder with the encoder's configuration and tokenizer; empty for its hub name in the checkpoint.
        device: Name of torch's; empty for the GPU where there is one.
        dtype: The encoder's: ``float32``, ``bfloat16`` or ``float16``. The rest is float32.
        batch_tokens: Most tokens a batch, padding included; 0 for what suits the device.
    """

    model: str
    revision: str = ""
    encoder: str = ""
    device: str = ""
    dtype: str = "float32"
    batch_tokens: int = 0


@lru_cache(maxsize=_MODELS_HELD)
def load(loading: Loading) -> CometModel:
    """The model, held by the process: a second system on the same test set finds its sentences encoded.

    Raises:
        MetricError: The checkpoint or its encoder cannot be read, they do not fit, or there is no such device.
    """
    settings, weights = read(checkpoint_file(loading.model, loading.revision))
    device = _device(loading.device)
    encoder = Encoder(
        settings.encoder,
        loading.encoder or settings.pretrained,
        _part(weights, "encoder.model."),
        device=device,
        dtype=loading.dtype,
    )
    for number in (settings.layer, settings.word_layer):
        if number is not None and not 0 <= number < encoder.layers:
            raise MetricError(
                f"comet: {loading.model}: wants layer {number}, its encoder has 0 to {encoder.layers - 1}"
            )
    mix = None
    if settings.layer is None:
        mix = LayerMix(
            _part(weights, "layerwise_attention."),
            sparse=settings.sparse_mix,
            layer_norm=settings.layer_norm,
            layers=encoder.layers,
        )
    head = estimator(_part(weights, "estimator."), settings.activation, settings.final_activation).to(device)
    tokens = loading.batch_tokens or (_CPU_TOKENS if device == "cpu" else _GPU_TOKENS)
    if settings.joint:
        tags = _part(weights, "hidden2tag.") if settings.word_layer is not None else {}
        tagger = linear(tags).to(device) if tags else None
        return JointModel(settings, encoder, mix, head, tagger, batch_tokens=tokens)
    return SentenceModel(settings, encoder, mix, head, device=device, batch_tokens=tokens, cache_bytes=_CACHE_BYTES)


def _device(name: str) -> str:
    import torch

    if not name:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=torch.device(name))
    except (RuntimeError, AssertionError) as error:  # torch built without CUDA asserts
        raise MetricError(f"comet: device: '{name}' is not to be had here ({first_line(error)})") from error
    return name


def _part(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): weight for name, weight in weights.items() if name.startswith(prefix)}
