"""Texts -> tokens -> hidden states of a COMET encoder, in batches by token budget. Knows no score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from metrics.base import MetricError
from metrics.spelling import did_you_mean

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """A kind of encoder of unbabel-comet.

    Attributes:
        config, model: Names of transformers' classes. pooler: Whether the model has a pooling layer (never used).
        separators: Tokens between two segments. token_types: Whether the model is told which segment a token is of.
    """

    config: str
    model: str
    pooler: bool
    separators: int
    token_types: bool


KINDS: Mapping[str, _Kind] = {
    "XLM-RoBERTa": _Kind(
        config="XLMRobertaConfig", model="XLMRobertaModel", pooler=False, separators=2, token_types=False
    ),
    "XLM-RoBERTa-XL": _Kind(
        config="XLMRobertaXLConfig", model="XLMRobertaXLModel", pooler=False, separators=2, token_types=False
    ),
    "BERT": _Kind(config="BertConfig", model="BertModel", pooler=False, separators=1, token_types=True),
    "MiniLM": _Kind(config="BertConfig", model="BertModel", pooler=True, separators=2, token_types=False),
    "RemBERT": _Kind(config="RemBertConfig", model="RemBertModel", pooler=True, separators=1, token_types=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """One input.

    Attributes:
        ids: Token ids, special tokens included. segment: Number of tokens that have token type 0; all of them where the
            model has no types. offsets: Characters of each token of the first segment, where they were asked for.
    """

    ids: tuple[int, ...]
    segment: int
    offsets: tuple[tuple[int, int], ...] = ()


class Encoder:
    """Tokenizer and transformer.

    Args:
        kind: A key of ``KINDS``. source: Folder or hub name with configuration and tokenizer.
        weights: By name, ``encoder.model.`` cut off.

    Raises:
        MetricError: The kind is not known, the configuration is nowhere, or the weights do not fit it.
    """

    def __init__(self, kind: str, source: str, weights: Mapping[str, Tensor], *, device: str, dtype: str) -> None:
        import torch
        import transformers

        if kind not in KINDS:
            raise MetricError(f"comet: unknown encoder '{kind}'{did_you_mean(kind, KINDS)}; known: {', '.join(KINDS)}")
        self._kind = KINDS[kind]
        try:
            config = getattr(transformers, self._kind.config).from_pretrained(source)
            self.tokenizer: Any = _tokenizer(source)
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise MetricError(
                f"comet: the encoder '{source}' has no configuration and tokenizer here ({reason}); "
                "give encoder=FOLDER with both"
            ) from error
        options = {} if self._kind.pooler else {"add_pooling_layer": False}
        with torch.device("meta"):
            model = getattr(transformers, self._kind.model)(config, **options)
        known = set(model.state_dict())
        fitting = {name: weight for name, weight in weights.items() if name in known}
        missing = sorted(name for name in known - fitting.keys() if not name.startswith("pooler."))
        if missing:
            raise MetricError(f"comet: the checkpoint does not fit the encoder '{source}': no weights for {missing[0]}")
        model = model.to_empty(device="cpu")
        try:
            model.load_state_dict(fitting, strict=False)
        except RuntimeError as error:
            raise MetricError(f"comet: the checkpoint does not fit the encoder '{source}': {error}") from error
        _restore_buffers(model, config)
        self._model = model.to(device=device, dtype=getattr(torch, dtype)).eval()
        self._device = device
        self.max_positions = int(config.max_position_embeddings) - 2
        self.pad = int(self.tokenizer.pad_token_id)

    def single(self, texts: Sequence[str], *, offsets: bool = False) -> list[Tokens]:
        """Tokens of texts on their own, cut at the encoder's length."""
        if not texts:
            return []
        encoded = self.tokenizer(
            list(texts), truncation=True, max_length=self.max_positions - 2, return_offsets_mapping=offsets
        )
        spans = encoded["offset_mapping"] if offsets else [()] * len(texts)
        return [
            Tokens(ids=tuple(ids), segment=len(ids), offsets=tuple((int(start), int(end)) for start, end in own))
            for ids, own in zip(encoded["input_ids"], spans, strict=True)
        ]

    def joint(self, parts: Sequence[Tokens]) -> Tokens:
        """One input of several texts, ``<s> A </s></s> B </s>``, cut at the encoder's positions.

        A cut input loses its last ``</s>``, as in the original.
        """
        first, last = parts[0].ids[0], parts[0].ids[-1]
        inner = [[token for token in part.ids if token != self.pad][1:-1] for part in parts]
        ids = [first, *inner[0]]
        for own in inner[1:]:
            ids += [last] * self._kind.separators + own
        ids.append(last)
        special = 1 + len(parts) * self._kind.separators
        if sum(map(len, inner)) > self.max_positions - special:
            ids = ids[: self.max_positions]
        segment = len(inner[0]) + 2 if self._kind.token_types else len(ids)
        return Tokens(ids=tuple(ids), segment=min(segment, len(ids)), offsets=parts[0].offsets)

    def batches(
        self, inputs: Sequence[Tokens], budget: int
    ) -> Iterator[tuple[list[int], Tensor, Tensor, list[Tensor]]]:
        """Hidden states, longest inputs first.

        Args:
            inputs: What to encode. budget: Most padded tokens a batch.

        Yields:
            Positions in ``inputs``; ids ``[n, t]``; mask ``[n, t]``; every layer's states ``[n, t, d]``, embeddings'
            output first.
        """
        import torch

        order = sorted(range(len(inputs)), key=lambda position: (-len(inputs[position].ids), position))
        start = 0
        while start < len(order):
            width = len(inputs[order[start]].ids)
            chosen = order[start : start + max(1, budget // width)]
            start += len(chosen)
            ids = torch.full((len(chosen), width), self.pad, dtype=torch.long)
            mask = torch.zeros((len(chosen), width), dtype=torch.long)
            types = torch.ones((len(chosen), width), dtype=torch.long)
            for row, position in enumerate(chosen):
                found = inputs[position]
                ids[row, : len(found.ids)] = torch.tensor(found.ids)
                mask[row, : len(found.ids)] = 1
                types[row, : found.segment] = 0
            given = {"input_ids": ids.to(self._device), "attention_mask": mask.to(self._device)}
            if self._kind.token_types:
                given["token_type_ids"] = types.to(self._device)
            with torch.inference_mode():
                states = self._model(**given, output_hidden_states=True).hidden_states
            yield chosen, given["input_ids"], given["attention_mask"], list(states)


def _tokenizer(source: str) -> Any:
    """The tokenizer as its ``tokenizer.json`` has it; transformers 5's own classes put another normaliser in its place.

    A source without that file (``microsoft/infoxlm-large``) is converted from its sentencepiece model.
    """
    import transformers

    try:
        return transformers.PreTrainedTokenizerFast.from_pretrained(source)
    except (OSError, ValueError, TypeError, AttributeError):
        return transformers.AutoTokenizer.from_pretrained(source)


def _restore_buffers(model: Any, config: Any) -> None:
    """Buffers that no checkpoint carries (position numbers), as a model made anew has them."""
    import torch

    positions = int(config.max_position_embeddings)
    for name, buffer in model.named_buffers():
        if name.endswith("position_ids"):
            buffer.copy_(torch.arange(positions).expand(1, -1))
        elif name.endswith("token_type_ids"):
            buffer.zero_()
