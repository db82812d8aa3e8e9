"""Models that encode sentences apart: ``regression_metric`` and ``referenceless_regression_metric``.

A sentence's vector does not depend on what it is compared with: every distinct sentence is encoded once, however many
systems, references and calls it stands in. N systems on one test set cost N + 2 encodings a segment instead of 3 N.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from metrics.base import FloatArray, MetricError
from metrics.comet.checkpoint import Settings
from metrics.comet.encoder import Batch, Encoder
from metrics.comet.judgement import CometModel, Judgement, Remembered, Triple
from metrics.comet.layers import LayerMix

if TYPE_CHECKING:
    from torch import Tensor, nn

POOLS = ("avg", "cls", "default", "max")
_AT_ONCE = 8192
"""Segments of a call that are worked on together; what is kept beyond them is bounded."""
_ESTIMATED_AT_ONCE = 1024


class SentenceModel(CometModel):
    """A loaded checkpoint of one of the two classes.

    Args:
        encoder, mix, estimator: Its parts; ``mix`` is ``None`` where one layer is used.
        device: Name of torch's.
        batch_tokens: Most tokens a batch, padding included.
        cache_bytes: Memory for vectors of sentences of earlier calls, on the CPU.

    Raises:
        MetricError: The checkpoint's way of pooling is not known.
    """

    def __init__(
        self,
        settings: Settings,
        encoder: Encoder,
        mix: LayerMix | None,
        estimator: nn.Module,
        *,
        device: str,
        batch_tokens: int,
        cache_bytes: int,
    ) -> None:
        if settings.pool not in POOLS or (settings.pool == "default" and settings.encoder == "BERT"):
            raise MetricError(f"comet: the checkpoint pools by '{settings.pool}'; known: {', '.join(POOLS)}")
        self._settings = settings
        self._encoder = encoder
        self._mix = mix
        self._estimator = estimator
        self._device = device
        self._budget = batch_tokens
        self._vectors: Remembered[str, Tensor] = Remembered(max(1, cache_bytes // (4 * encoder.hidden_size)))

    def judge(self, triples: Sequence[Triple]) -> Judgement:
        if self._settings.needs_reference and any(triple.reference is None for triple in triples):
            raise MetricError(
                "comet: this model needs a reference for every segment; name one that does without, such as CometKiwi"
            )
        parts = [self._scores(triples[start : start + _AT_ONCE]) for start in range(0, len(triples), _AT_ONCE)]
        return Judgement(scores=np.concatenate([np.empty(0), *parts]))

    def _scores(self, triples: Sequence[Triple]) -> FloatArray:
        import torch

        referenced = self._settings.uses_reference
        texts = {text: None for triple in triples for text in (triple.source, triple.hypothesis)}
        if referenced:
            texts |= {triple.reference or "": None for triple in triples}
        vectors = self._encoded(texts)
        scores = []
        for start in range(0, len(triples), _ESTIMATED_AT_ONCE):
            part = triples[start : start + _ESTIMATED_AT_ONCE]
            source = torch.stack([vectors[triple.source] for triple in part]).to(self._device)
            hypothesis = torch.stack([vectors[triple.hypothesis] for triple in part]).to(self._device)
            to_source = [hypothesis * source, (hypothesis - source).abs()]
            if referenced:
                reference = torch.stack([vectors[triple.reference or ""] for triple in part]).to(self._device)
                to_reference = [hypothesis * reference, (hypothesis - reference).abs()]
                features = [hypothesis, reference, *to_reference, *to_source]
            else:
                features = [hypothesis, source, *to_source]
            with torch.inference_mode():
                scores.append(self._estimator(torch.cat(features, dim=1)).view(-1).double().cpu().numpy())
        return np.concatenate(scores)

    def _encoded(self, texts: Iterable[str]) -> dict[str, Tensor]:
        """Vector ``[d]`` float32, on the CPU, of every text."""
        found: dict[str, Tensor] = {}
        new: list[str] = []
        for text in texts:
            known = self._vectors.get(text)
            if known is None:
                new.append(text)
            else:
                found[text] = known
        for batch in self._encoder.batches(self._encoder.tokenizer.single(new), self._budget):
            pooled = self._pooled(batch).cpu()
            for row, member in enumerate(batch.members):
                found[new[member]] = pooled[row].clone()
        for text in new:
            self._vectors.put(text, found[text])
        return found

    def _pooled(self, batch: Batch) -> Tensor:
        """float32 sentence vectors ``[n, d]``."""
        import torch

        pool, layer = self._settings.pool, self._settings.layer
        padding = batch.ids == self._encoder.tokenizer.pad
        with torch.inference_mode():
            if pool == "default":
                return batch.layers[-1][:, 0].float()
            if pool == "max":
                states = self._mix.states(batch.layers, batch.mask) if self._mix else batch.layers[layer or 0].float()
                return states.masked_fill(padding.unsqueeze(-1), float("-inf")).amax(dim=1)
            weights = torch.zeros_like(batch.mask)
            if pool == "cls":
                weights[:, 0] = 1
            else:  # padding tokens that stand in the text are left out of the sum, yet counted, as in the original
                weights = (~padding).float() / batch.mask.sum(dim=1, keepdim=True)

            def weighted(states: Tensor) -> Tensor:
                return torch.bmm(weights.unsqueeze(1), states.float()).squeeze(1)

            if self._mix is None:
                return weighted(batch.layers[layer or 0])
            return self._mix.pooled(batch.layers, batch.mask, weighted, weights.sum(dim=1, keepdim=True))
