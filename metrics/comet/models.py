"""The four classes of COMET model: texts in, segment scores out.

Two of them encode sentences apart (``regression_metric``, ``referenceless_regression_metric``): every distinct sentence
is encoded once, however many systems, references and calls it stands in. The other two encode a translation together
with its source and reference (``unified_metric``, ``xcomet_metric``): every distinct input is encoded once a call.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from metrics.base import FloatArray, MetricError
from metrics.comet.checkpoint import locate, read
from metrics.comet.encoder import Encoder, Tokens
from metrics.comet.layers import LayerMix, estimator

if TYPE_CHECKING:
    from torch import Tensor

_KEPT_SENTENCES = 200_000
"""Sentence vectors held at most: 0.8 GB for the large encoder's 1,024 dimensions."""

_SPAN_SHARES = (0.1667, 0.3333, 0.5)
_SCORE_SHARES = (0.12, 0.33, 0.33, 0.22)
_PENALTIES = {"minor": 1, "major": 5, "critical": 10}
_WORST = 25
_NO_ERROR = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Triple:
    """One segment; ``reference`` is ``None`` where there is none."""

    source: str
    hypothesis: str
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorSpan:
    """What a model holds to be wrong: characters ``start`` to ``end`` of the hypothesis.

    Attributes:
        severity: ``minor``, ``major`` or ``critical``. confidence: Mean probability of its tokens' labels.
    """

    start: int
    end: int
    severity: str
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Scores ``[n]`` float64 of segments, and the error spans of each where the model tags words."""

    scores: FloatArray
    spans: list[list[ErrorSpan]] | None = None


class CometModel:
    """A loaded checkpoint.

    Args:
        model: As :func:`metrics.comet.checkpoint.locate` takes it.
        encoder: Folder with the encoder's configuration and tokenizer; by default its hub name in the checkpoint.
        device, dtype: Names of torch's; ``float32``, ``bfloat16`` or ``float16`` for the encoder, the rest is float32.
        batch_tokens: Most padded tokens a batch.

    Raises:
        MetricError: The checkpoint or its encoder cannot be read, or do not fit.
    """

    def __init__(self, model: str, *, encoder: str, device: str, dtype: str, batch_tokens: int) -> None:
        import torch

        self.settings, weights = read(locate(model))
        settings = self.settings
        self._device = device
        self._budget = batch_tokens
        self._encoder = Encoder(
            settings.encoder,
            encoder or settings.pretrained,
            _part(weights, "encoder.model."),
            device=device,
            dtype=dtype,
        )
        self._mix = None
        if settings.layer is None:
            self._mix = LayerMix(
                _part(weights, "layerwise_attention."), sparse=settings.sparse_mix, layer_norm=settings.layer_norm
            )
        head = estimator(_part(weights, "estimator."), settings.activation, settings.final_activation)
        self._estimator = head.float().to(device).eval()
        self._tagger = None
        if settings.word_layer is not None:
            tags = _part(weights, "hidden2tag.")
            self._tagger = torch.nn.Linear(tags["weight"].shape[1], tags["weight"].shape[0])
            self._tagger.load_state_dict(dict(tags))
            self._tagger = self._tagger.float().to(device).eval()
        self._vectors: OrderedDict[str, Tensor] = OrderedDict()

    @property
    def needs_reference(self) -> bool:
        """Whether segments must have a reference."""
        kind, segments = self.settings.kind, self.settings.segments
        return kind == "regression_metric" or (kind == "unified_metric" and segments == ("mt", "ref"))

    @property
    def uses_reference(self) -> bool:
        """Whether a reference changes the score."""
        return self.settings.kind != "referenceless_regression_metric" and "ref" in self.settings.segments

    def judge(self, triples: Sequence[Triple]) -> Judgement:
        """Scores of segments, in their order.

        Raises:
            MetricError: A segment lacks the reference that this model needs.
        """
        if self.needs_reference and any(triple.reference is None for triple in triples):
            raise MetricError(
                "comet: this model needs a reference for every segment; name one without, such as CometKiwi"
            )
        if self.settings.kind in ("regression_metric", "referenceless_regression_metric"):
            return Judgement(scores=self._apart(triples))
        return self._together(triples)

    def _apart(self, triples: Sequence[Triple]) -> FloatArray:
        """Models that encode sentences one by one."""
        import torch

        referenced = self.settings.kind == "regression_metric"
        texts = [text for triple in triples for text in (triple.source, triple.hypothesis)]
        texts += [triple.reference or "" for triple in triples] if referenced else []
        vectors = self._sentences(dict.fromkeys(texts))
        scores = []
        with torch.inference_mode():
            for start in range(0, len(triples), 1024):
                part = triples[start : start + 1024]
                source = torch.stack([vectors[triple.source] for triple in part])
                hypothesis = torch.stack([vectors[triple.hypothesis] for triple in part])
                features = [hypothesis * source, (hypothesis - source).abs()]
                if referenced:
                    reference = torch.stack([vectors[triple.reference or ""] for triple in part])
                    near = [hypothesis, reference, hypothesis * reference, (hypothesis - reference).abs()]
                    features = [*near, *features]
                else:
                    features = [hypothesis, source, *features]
                scores.append(self._estimator(torch.cat(features, dim=1)).view(-1).double().cpu().numpy())
        return np.concatenate([np.empty(0), *scores])

    def _sentences(self, texts: Mapping[str, None]) -> dict[str, Tensor]:
        """Vector of every distinct text; those of earlier calls are remembered, the oldest forgotten first."""
        import torch

        found = {text: self._vectors[text] for text in texts if text in self._vectors}
        new = [text for text in texts if text not in found]
        tokens = self._encoder.single(new)
        for positions, ids, mask, layers in self._encoder.batches(tokens, self._budget):
            with torch.inference_mode():
                pooled = self._pooled(ids, mask, layers)
            for row, position in enumerate(positions):
                found[new[position]] = pooled[row].clone()
        self._vectors.update(found)
        while len(self._vectors) > _KEPT_SENTENCES:
            self._vectors.popitem(last=False)
        return found

    def _pooled(self, ids: Tensor, mask: Tensor, layers: Sequence[Tensor]) -> Tensor:
        """float32 sentence vectors ``[n, d]``."""
        states = self._states(mask, layers).float()
        pool = self.settings.pool
        if pool == "cls":
            return states[:, 0]
        if pool == "default":
            return layers[-1][:, 0].float()
        padding = (ids == self._encoder.pad).unsqueeze(-1)
        if pool == "max":
            return states.masked_fill(padding, float("-inf")).amax(dim=1)
        if pool != "avg":
            raise MetricError(
                f"comet: the checkpoint pools by '{pool}', which is not known; known: avg, cls, default, max"
            )
        return states.masked_fill(padding, 0.0).sum(dim=1) / mask.sum(dim=1, keepdim=True)

    def _states(self, mask: Tensor, layers: Sequence[Tensor]) -> Tensor:
        if self._mix is not None:
            return self._mix(layers, mask)
        assert self.settings.layer is not None, "without a mix there is a layer"
        return layers[self.settings.layer]

    def _together(self, triples: Sequence[Triple]) -> Judgement:
        """Models that encode a translation with its source, its reference, and both."""
        groups: dict[bool, list[int]] = {}
        for index, triple in enumerate(triples):
            with_reference = triple.reference is not None and self.uses_reference
            groups.setdefault(with_reference, []).append(index)
        scores = np.empty(len(triples))
        spans: list[list[ErrorSpan]] | None = [[] for _ in triples] if self._tagger is not None else None
        for with_reference, members in groups.items():
            found = self._group([triples[index] for index in members], with_reference=with_reference)
            scores[members] = found.scores
            if spans is not None and found.spans is not None:
                for index, own in zip(members, found.spans, strict=True):
                    spans[index] = own
        return Judgement(scores=scores, spans=spans)

    def _group(self, triples: Sequence[Triple], *, with_reference: bool) -> Judgement:
        hypotheses = self._encoder.single([triple.hypothesis for triple in triples], offsets=self._tagger is not None)
        sources = self._encoder.single([triple.source for triple in triples])
        references = self._encoder.single([triple.reference or "" for triple in triples]) if with_reference else []
        views: list[list[tuple[Tokens, ...]]]
        if not with_reference:
            views = [[(own, source) for own, source in zip(hypotheses, sources, strict=True)]]
        elif "src" not in self.settings.segments:
            views = [[(own, reference) for own, reference in zip(hypotheses, references, strict=True)]]
        else:
            every = list(zip(hypotheses, sources, references, strict=True))
            views = [
                [(own, source) for own, source, _ in every],
                [(own, reference) for own, _, reference in every],
                [(own, source, reference) for own, source, reference in every],
            ]
        lengths = [len(own.ids) for own in hypotheses]
        passes = [self._pass([self._encoder.joint(parts) for parts in view], lengths) for view in views]
        regressions = [scores for scores, _ in passes]
        spans = None
        if self._tagger is not None:
            shares = _SPAN_SHARES if len(passes) == 3 else (1.0,)
            spans = [
                self._spans(
                    np.sum([share * found[index] for share, (_, found) in zip(shares, passes, strict=True)], axis=0),
                    hypotheses[index],
                )
                for index in range(len(triples))
            ]
        if self.settings.kind == "unified_metric":
            return Judgement(scores=np.mean(np.stack(regressions), axis=0), spans=spans)
        assert spans is not None, "xCOMET tags words"
        return Judgement(scores=_xcomet(regressions, spans), spans=spans)

    def _pass(self, inputs: Sequence[Tokens], lengths: Sequence[int]) -> tuple[FloatArray, list[NDArray[np.float32]]]:
        """Regression scores ``[n]``, and label probabilities ``[length, labels]`` of the hypotheses' tokens."""
        import torch

        distinct = list(dict.fromkeys((found.ids, found.segment) for found in inputs))
        place = {key: number for number, key in enumerate(distinct)}
        scores = np.empty(len(distinct))
        tags: list[NDArray[np.float32]] = [np.empty((0, 0), dtype=np.float32)] * len(distinct)
        tokens = [Tokens(ids=ids, segment=segment) for ids, segment in distinct]
        for positions, _, mask, layers in self._encoder.batches(tokens, self._budget):
            with torch.inference_mode():
                sentence = self._states(mask, layers)[:, 0].float()
                scores[positions] = self._estimator(sentence).view(-1).double().cpu().numpy()
                if self._tagger is not None and self.settings.word_layer is not None:
                    logits = self._tagger(layers[self.settings.word_layer].float())
                    shares = logits.softmax(dim=2).cpu().numpy()
                    for row, position in enumerate(positions):
                        tags[position] = shares[row, : len(distinct[position][0])]
        numbers = [place[found.ids, found.segment] for found in inputs]
        return scores[numbers], [tags[number][:length] for number, length in zip(numbers, lengths, strict=True)]

    def _spans(self, shares: NDArray[np.float32], tokens: Tokens) -> list[ErrorSpan]:
        """Error spans of one hypothesis from label probabilities of its tokens.

        As in the original a span takes the severity of its first token, and one that is open at the end is dropped.
        """
        spans: list[ErrorSpan] = []
        open_span: tuple[int, int, str, list[float]] | None = None
        for chances, (start, end) in zip(shares, tokens.offsets, strict=False):
            label = int(chances.argmax())
            if label == _NO_ERROR:
                if open_span is not None:
                    first, last, severity, confidence = open_span
                    mean = float(np.mean(np.array(confidence, dtype=np.float32)))
                    spans.append(ErrorSpan(start=first, end=last, severity=severity, confidence=mean))
                open_span = None
            elif open_span is None:
                open_span = (start, end, self.settings.labels[label - 1], [float(chances[label])])
            else:
                first, _, severity, confidence = open_span
                open_span = (first, end, severity, [*confidence, float(chances[label])])
        return spans


def _xcomet(regressions: Sequence[FloatArray], spans: Sequence[Sequence[ErrorSpan]]) -> FloatArray:
    """xCOMET's score: regressions clipped at 1, and the penalty of the error spans on MQM's scale."""
    penalties = np.array([min(_WORST, sum(_PENALTIES.get(span.severity, 0) for span in own)) for own in spans])
    quality = (_WORST - penalties) / _WORST
    clipped = [np.minimum(scores, 1.0) for scores in regressions]
    if len(clipped) == 3:
        weighted = sum(share * scores for share, scores in zip(_SCORE_SHARES, clipped, strict=False))
    else:
        weighted = sum(_SCORE_SHARES[:3]) * clipped[0]
    scores: FloatArray = np.asarray(weighted + _SCORE_SHARES[3] * quality, dtype=np.float64)
    return scores


def _part(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): weight for name, weight in weights.items() if name.startswith(prefix)}
