"""Token ids -> hidden states of a COMET encoder, in batches by token budget. Knows no score."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from metrics.base import MetricError
from metrics.comet.kinds import KINDS
from metrics.comet.places import first_line
from metrics.comet.tokens import TextTokenizer, Tokens
from metrics.spelling import did_you_mean

if TYPE_CHECKING:
    from torch import Tensor

_RESERVED_POSITIONS = 2  # unbabel-comet leaves this many of the encoder's positions unused

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Hidden states of a few inputs.

    Attributes:
        members: Which inputs these are, by their position in the list that was encoded.
        ids: ``[n, t]`` token ids; the rest is padding.
        mask: ``[n, t]`` float32, 1 for every token of an input, 0 for padding.
        layers: Every layer's states ``[n, t, d]`` in the encoder's dtype, the embeddings' output first.
    """

    members: list[int]
    ids: Tensor
    mask: Tensor
    layers: Sequence[Tensor]


class Encoder:
    """Tokenizer and transformer.

    Args:
        kind: A key of ``KINDS``.
        source: Folder or hub name with configuration and tokenizer.
        weights: By name, as the transformer calls them.
        device, dtype: Names of torch's.

    Raises:
        MetricError: The kind is not known, the configuration is nowhere, or the weights do not fit it.
    """

    def __init__(self, kind: str, source: str, weights: Mapping[str, Tensor], *, device: str, dtype: str) -> None:
        import transformers

        if kind not in KINDS:
            raise MetricError(f"comet: unknown encoder '{kind}'{did_you_mean(kind, KINDS)}; known: {', '.join(KINDS)}")
        self._kind = KINDS[kind]
        try:
            config = getattr(transformers, self._kind.config).from_pretrained(source)
        except (OSError, ValueError, KeyError) as error:
            raise MetricError(
                f"comet: the encoder '{source}' has no configuration here ({first_line(error)}); give encoder=FOLDER "
                "with the encoder's configuration and tokenizer"
            ) from error
        self.tokenizer = TextTokenizer(self._kind, source, int(config.max_position_embeddings) - _RESERVED_POSITIONS)
        self.hidden_size = int(config.hidden_size)
        self.layers = int(config.num_hidden_layers) + 1
        self._model = self._filled(config, weights, source, device, dtype)
        self._device = device

    def batches(self, inputs: Sequence[Tokens], budget: int) -> Iterator[Batch]:
        """Hidden states of all inputs, longest first.

        Args:
            inputs: What to encode.
            budget: Most tokens a batch, padding included; an input that is longer stands alone. Halved, for the rest
                of the inputs, when the device runs out of memory.

        Raises:
            MetricError: The device has no room for a single input.
        """
        import torch

        order = sorted(range(len(inputs)), key=lambda position: (-len(inputs[position].ids), position))
        start = 0
        while start < len(order):
            width = len(inputs[order[start]].ids)
            members = order[start : start + max(1, budget // width)]
            try:
                batch = self._encoded(inputs, members, width)
            except torch.OutOfMemoryError as error:
                if len(members) == 1:
                    raise MetricError(
                        f"comet: {self._device} has no memory for one segment of {width} tokens; give dtype=bfloat16, "
                        "device=cpu or a smaller model"
                    ) from error
                budget = width * (len(members) // 2)
                torch.cuda.empty_cache()
                _log.warning("%s is out of memory; going on with batches of %d tokens", self._device, budget)
                continue
            start += len(members)
            yield batch

    def _encoded(self, inputs: Sequence[Tokens], members: list[int], width: int) -> Batch:
        import torch

        ids = torch.full((len(members), width), self.tokenizer.pad, dtype=torch.long)
        mask = torch.zeros((len(members), width))
        types = torch.ones((len(members), width), dtype=torch.long)
        for row, position in enumerate(members):
            found = inputs[position]
            ids[row, : len(found.ids)] = torch.tensor(found.ids)
            mask[row, : len(found.ids)] = 1
            types[row, : found.typed] = 0
        ids, mask = ids.to(self._device), mask.to(self._device)
        given = {"token_type_ids": types.to(self._device)} if self._kind.token_types else {}
        with torch.inference_mode():
            found = self._model(input_ids=ids, attention_mask=mask.long(), output_hidden_states=True, **given)
        return Batch(members=members, ids=ids, mask=mask, layers=found.hidden_states)

    def _filled(self, config: Any, weights: Mapping[str, Tensor], source: str, device: str, dtype: str) -> Any:
        """The transformer with the checkpoint's weights; they are converted one by one, never held twice."""
        import torch
        import transformers

        options = {} if self._kind.pooler else {"add_pooling_layer": False}
        with torch.device("meta"):
            model = getattr(transformers, self._kind.model)(config, **options)
        shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
        for name, shape in shapes.items():
            if name not in weights and not name.startswith("pooler."):
                raise MetricError(
                    f"comet: the checkpoint does not fit the encoder '{source}': it has no weights {name}"
                )
            if name in weights and weights[name].shape != shape:
                raise MetricError(
                    f"comet: the checkpoint does not fit the encoder '{source}': {name} is {tuple(weights[name].shape)}"
                    f", the encoder's is {tuple(shape)}"
                )
        number = getattr(torch, dtype)
        fitting = {name: weights[name].to(device, number) for name in shapes if name in weights}
        model.load_state_dict(fitting, strict=False, assign=True)
        model.pooler = None  # no score uses it, and a checkpoint need not have its weights
        _restore_buffers(model, int(config.max_position_embeddings), device)
        return model.eval()


def _restore_buffers(model: Any, positions: int, device: str) -> None:
    """Make the buffers that no checkpoint carries, as a new model has them: numbers of positions, types of tokens."""
    import torch

    for module in model.modules():
        for name, buffer in list(module.named_buffers(recurse=False)):
            if not buffer.is_meta:
                continue
            if name == "position_ids":
                made = torch.arange(positions, device=device).expand(1, -1)
            else:
                assert name == "token_type_ids", f"a buffer nobody told us of: {name}"
                made = torch.zeros((1, positions), dtype=torch.long, device=device)
            module.register_buffer(name, made, persistent=False)
