"""Models that encode a translation together with its source and reference: ``unified_metric``, ``xcomet_metric``.

Nothing of such an input can be shared between two translations. What is saved is the whole input: a segment that stood
in an earlier call (another system with the same translation) or twice in this one is not encoded again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from metrics.base import FloatArray, MetricError
from metrics.comet.checkpoint import XCOMET, Settings
from metrics.comet.encoder import Batch, Encoder
from metrics.comet.judgement import CometModel, ErrorSpan, Judgement, Remembered, Triple
from metrics.comet.layers import LayerMix
from metrics.comet.spans import error_spans, quality
from metrics.comet.tokens import Tokens

if TYPE_CHECKING:
    from torch import Tensor, nn

_AT_ONCE = 4096
_REMEMBERED = 100_000
_SPAN_SHARES = (0.1667, 0.3333, 0.5)
_SCORE_SHARES = (0.12, 0.33, 0.33)
_QUALITY_SHARE = 0.22

_Answer = tuple[float, tuple[ErrorSpan, ...]]
_Pass = tuple[FloatArray, list[NDArray[np.float32]]]


class JointModel(CometModel):
    """A loaded checkpoint of one of the two classes.

    Args:
        encoder, mix, estimator, tagger: Its parts; ``mix`` is ``None`` where one layer is used, ``tagger`` where words
            are not tagged.
        batch_tokens: Most tokens a batch, padding included.
    """

    def __init__(
        self,
        settings: Settings,
        encoder: Encoder,
        mix: LayerMix | None,
        estimator: nn.Module,
        tagger: nn.Module | None,
        *,
        batch_tokens: int,
    ) -> None:
        self._settings = settings
        self._encoder = encoder
        self._mix = mix
        self._estimator = estimator
        self._tagger = tagger
        self._budget = batch_tokens
        self._answers: Remembered[Triple, _Answer] = Remembered(_REMEMBERED)

    def judge(self, triples: Sequence[Triple]) -> Judgement:
        if self._settings.needs_reference and any(triple.reference is None for triple in triples):
            raise MetricError("comet: this model needs a reference for every segment")
        if not self._settings.uses_reference:
            triples = [Triple(source=triple.source, hypothesis=triple.hypothesis) for triple in triples]
        answers: dict[Triple, _Answer] = {}
        new: list[Triple] = []
        for triple in dict.fromkeys(triples):
            known = self._answers.get(triple)
            if known is None:
                new.append(triple)
            else:
                answers[triple] = known
        for with_reference in (True, False):
            alike = [triple for triple in new if (triple.reference is not None) == with_reference]
            for start in range(0, len(alike), _AT_ONCE):
                part = alike[start : start + _AT_ONCE]
                answers.update(zip(part, self._judged(part, with_reference=with_reference), strict=True))
        for triple in new:
            self._answers.put(triple, answers[triple])
        scores = np.array([answers[triple][0] for triple in triples], dtype=np.float64)
        spans = [answers[triple][1] for triple in triples] if self._tagger is not None else None
        return Judgement(scores=scores, spans=spans)

    def _judged(self, triples: Sequence[Triple], *, with_reference: bool) -> list[_Answer]:
        """Answers for segments that all have a reference, or all have none."""
        tokenizer = self._encoder.tokenizer
        hypotheses = tokenizer.single([triple.hypothesis for triple in triples])
        sources = tokenizer.single([triple.source for triple in triples])
        references = tokenizer.single([triple.reference or "" for triple in triples]) if with_reference else []
        views: list[list[tuple[Tokens, ...]]]
        if not with_reference:
            views = [list(zip(hypotheses, sources, strict=True))]
        elif "src" not in self._settings.segments:
            views = [list(zip(hypotheses, references, strict=True))]
        else:
            views = [
                list(zip(hypotheses, sources, strict=True)),
                list(zip(hypotheses, references, strict=True)),
                list(zip(hypotheses, sources, references, strict=True)),
            ]
        lengths = [len(own.ids) for own in hypotheses]
        passes = [self._pass([tokenizer.joint(parts) for parts in view], lengths) for view in views]
        spans = [self._spans([tags[index] for _, tags in passes], own) for index, own in enumerate(hypotheses)]
        regressions = [scores for scores, _ in passes]
        if self._settings.kind == XCOMET:
            scores = _xcomet(regressions, np.array([quality(own) for own in spans]))
        else:
            scores = np.mean(np.stack(regressions), axis=0)
        return list(zip(scores.tolist(), spans, strict=True))

    def _pass(self, inputs: Sequence[Tokens], lengths: Sequence[int]) -> _Pass:
        """Regression scores ``[n]``, and label probabilities ``[length, labels + 1]`` of the hypotheses' tokens."""
        import torch

        distinct = {(one.ids, one.typed): one for one in inputs}
        places = {key: number for number, key in enumerate(distinct)}
        numbers = [places[one.ids, one.typed] for one in inputs]
        scores = np.empty(len(places))
        tags = [np.empty((0, 0), dtype=np.float32)] * len(places)
        for batch in self._encoder.batches(list(distinct.values()), self._budget):
            with torch.inference_mode():
                scores[batch.members] = self._estimator(self._sentences(batch)).view(-1).double().cpu().numpy()
                if self._tagger is not None and self._settings.word_layer is not None:
                    logits = self._tagger(batch.layers[self._settings.word_layer].float())
                    shares = logits.softmax(dim=2).cpu().numpy()
                    for row, member in enumerate(batch.members):
                        tags[member] = shares[row]
        return scores[numbers], [tags[number][:length] for number, length in zip(numbers, lengths, strict=True)]

    def _sentences(self, batch: Batch) -> Tensor:
        """float32 states ``[n, d]`` of the first token."""
        if self._mix is not None:
            return self._mix.pooled(batch.layers, batch.mask, lambda states: states[:, 0].float(), 1.0)
        return batch.layers[self._settings.layer or 0][:, 0].float()

    def _spans(self, tags: Sequence[NDArray[np.float32]], hypothesis: Tokens) -> tuple[ErrorSpan, ...]:
        if self._tagger is None:
            return ()
        shares = _SPAN_SHARES if len(tags) == len(_SPAN_SHARES) else (1.0,)
        mixed = np.sum([np.float32(share) * found for share, found in zip(shares, tags, strict=True)], axis=0)
        return error_spans(mixed, hypothesis.offsets, self._settings.labels)


def _xcomet(regressions: Sequence[FloatArray], qualities: FloatArray) -> FloatArray:
    """xCOMET's score: regressions clipped at 1, with and without reference, and the quality by error spans."""
    clipped = [np.minimum(scores, 1.0) for scores in regressions]
    if len(clipped) == len(_SCORE_SHARES):
        weighted = sum(share * scores for share, scores in zip(_SCORE_SHARES, clipped, strict=True))
    else:
        weighted = sum(_SCORE_SHARES) * clipped[0]
    scores: FloatArray = weighted + _QUALITY_SHARE * qualities
    return scores
