"""BLEU and spBLEU."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from metrics import ngrams
from metrics.base import FloatArray, MetricError, MetricInfo, Segment
from metrics.lexical import KINDS, SacrebleuTextMetric, check_at_least, check_choice
from metrics.tokenizers import BLEU_TOKENIZERS, SENTENCEPIECE_TOKENIZERS, SentencePieceFile, require_tokenizer

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric as SacrebleuMetric

_SMOOTHING_METHODS = ("none", "floor", "add-k", "exp")
_SMOOTHING_VALUES = {"floor": 0.1, "add-k": 1.0}  # sacrebleu's defaults; the other methods take no value
_LOG_OF_ZERO = -9999999999.0  # sacrebleu.utils.my_log


class Bleu(SacrebleuTextMetric):
    """BLEU (Papineni et al. 2002), 0-100.

    Statistics ``[n, 3 + 2N]`` for n-grams up to ``N``: hypothesis tokens, closest reference's tokens, matches of order
    1..N, hypothesis n-grams of order 1..N, 1. Segment scores use the effective order, as
    ``sacrebleu.sentence_bleu`` does.

    Args:
        tokenize: One of :data:`metrics.tokenizers.BLEU_TOKENIZERS`.
        tokenizer_path: The model file of a SentencePiece tokenizer; empty: where sacrebleu keeps it. Given, the
            signature says what is in the file (``model``).
        lowercase: Compare in lower case.
        effective_order: Leave out orders longer than the hypothesis, also in the corpus score.
        smooth_method: ``none``, ``floor``, ``add-k`` or ``exp``.
        smooth_value: The value of ``floor`` (default 0.1) or ``add-k`` (default 1).
        max_ngram_order: ``N``.
        nrefs: References per segment for the signature; 0: as seen.

    Raises:
        MetricError: Unknown tokenizer or smoothing.
    """

    def __init__(
        self,
        *,
        tokenize: str = "13a",
        tokenizer_path: str = "",
        lowercase: bool = False,
        effective_order: bool = False,
        smooth_method: str = "exp",
        smooth_value: float | None = None,
        max_ngram_order: int = 4,
        nrefs: int = 0,
    ) -> None:
        info = MetricInfo(
            name="bleu",
            title="BLEU",
            description="Share of one- to four-word sequences that the translation has in common with the reference.",
            unit="points",
            bounds=(0.0, 100.0),
            kinds=KINDS,
        )
        super().__init__(info, nrefs)
        check_choice("bleu: tokenize", tokenize, BLEU_TOKENIZERS)
        check_choice("bleu: smooth_method", smooth_method, _SMOOTHING_METHODS)
        if smooth_value is not None and smooth_method not in _SMOOTHING_VALUES:
            raise MetricError(
                f"bleu: smooth_value: smoothing '{smooth_method}' takes no value; "
                "leave it out or choose smooth_method floor or add-k"
            )
        check_at_least("bleu: max_ngram_order", max_ngram_order, 1)
        if tokenizer_path and tokenize not in SENTENCEPIECE_TOKENIZERS:
            raise MetricError(
                f"bleu: tokenizer_path: tokenizer '{tokenize}' has no model file; leave it out or choose tokenize "
                + ", ".join(SENTENCEPIECE_TOKENIZERS)
            )
        self.tokenize = tokenize
        self.tokenizer_path = tokenizer_path
        self._model = ""
        self.lowercase = lowercase
        self.effective_order = effective_order
        self.smooth_method = smooth_method
        self.smooth_value = smooth_value
        self.max_ngram_order = max_ngram_order

    def _make_scorer(self) -> SacrebleuMetric:
        from_file = SentencePieceFile(self.tokenize, self.tokenizer_path) if self.tokenizer_path else None
        if from_file is None:
            require_tokenizer(self.tokenize)
        from sacrebleu.metrics.bleu import BLEU

        scorer = BLEU(
            lowercase=self.lowercase,
            force=True,  # only silences a warning about tokenised input
            tokenize="none" if from_file else self.tokenize,
            smooth_method=self.smooth_method,
            smooth_value=self.smooth_value,
            max_ngram_order=self.max_ngram_order,
            effective_order=self.effective_order,
        )
        if from_file:
            from_file.use_in(scorer)
            self._model = from_file.content_hash
        return scorer

    def _signature_extras(self) -> dict[str, int | str]:
        order = {} if self.max_ngram_order == 4 else {"order": self.max_ngram_order}
        return {**order, "model": self._model} if self._model else {**order}

    def _statistics(self, segments: Sequence[Segment]) -> FloatArray:
        scorer, order = self.scorer(), self.max_ngram_order
        vocabulary: dict[str, int] = {}

        def words(text: str) -> ngrams.IntArray:
            return ngrams.number_words(scorer._preprocess_segment(text).split(), vocabulary)

        hypotheses = [words(segment.hypothesis) for segment in segments]
        references = [[words(text) for text in segment.references] for segment in segments]
        # Of two references equally close in length, the shorter one.
        closest = [
            min((abs(len(hypothesis) - len(text)), len(text)) for text in texts)[1]
            for hypothesis, texts in zip(hypotheses, references, strict=True)
        ]
        return np.column_stack(
            [
                [len(hypothesis) for hypothesis in hypotheses],
                closest,
                ngrams.matches(hypotheses, references, order),
                ngrams.lengths(hypotheses, order),
            ]
        )

    def _width(self) -> int:
        return 3 + 2 * self.max_ngram_order

    def score(self, summed: FloatArray) -> FloatArray:
        return self._score(summed, effective_order=self.effective_order)

    def segment_scores(self, stats: FloatArray) -> FloatArray:
        return self._score(stats, effective_order=True)

    def _score(self, summed: FloatArray, *, effective_order: bool) -> FloatArray:
        """``sacrebleu.BLEU.compute_bleu`` over leading axes: ``[..., k] -> [...]``."""
        order = self.max_ngram_order
        hypothesis_length, reference_length, count = summed[..., 0], summed[..., 1], summed[..., -1]
        correct, total = summed[..., 2 : 2 + order], summed[..., 2 + order : 2 + 2 * order]
        matched = correct.any(axis=-1)
        precisions, usable = self._precisions(correct, total)
        orders = np.maximum(usable, 1) if effective_order else np.full(usable.shape, order)
        score = _brevity_penalty(hypothesis_length, reference_length) * _geometric_mean(precisions, orders)
        return np.where(count > 0, np.where(matched, score, 0.0), np.nan)

    def _precisions(self, correct: FloatArray, total: FloatArray) -> tuple[FloatArray, NDArray[np.int64]]:
        """Smoothed precisions ``[..., N]`` in percent, and up to which order ``[...]`` there are n-grams."""
        value = _SMOOTHING_VALUES.get(self.smooth_method, 0.0) if self.smooth_value is None else self.smooth_value
        if self.smooth_method == "add-k":
            above_one = np.arange(self.max_ngram_order) > 0
            correct, total = correct + value * above_one, total + value * above_one
        usable = np.logical_and.accumulate(total > 0, axis=-1)
        unmatched = correct == 0
        with np.errstate(invalid="ignore", divide="ignore"):
            precisions = 100.0 * correct / total
            if self.smooth_method == "exp":
                halvings = 2.0 ** np.cumsum(unmatched, axis=-1)
                precisions = np.where(unmatched, 100.0 / (halvings * total), precisions)
            elif self.smooth_method == "floor":
                precisions = np.where(unmatched, 100.0 * value / total, precisions)
        return np.where(usable, precisions, 0.0), usable.sum(axis=-1)


def spbleu(
    *,
    tokenize: str = "flores200",
    tokenizer_path: str = "",
    lowercase: bool = False,
    effective_order: bool = False,
    nrefs: int = 0,
) -> Bleu:
    """spBLEU (Goyal et al. 2022): BLEU over the pieces of a multilingual SentencePiece model, in any language the same.

    Args:
        tokenize: ``flores200`` (NLLB Team 2022) or ``flores101``; other options as in :class:`Bleu`.

    Raises:
        MetricError: A tokenizer that is no SentencePiece model.
    """
    check_choice("spbleu: tokenize", tokenize, SENTENCEPIECE_TOKENIZERS)
    metric = Bleu(
        tokenize=tokenize,
        tokenizer_path=tokenizer_path,
        lowercase=lowercase,
        effective_order=effective_order,
        nrefs=nrefs,
    )
    metric.info = replace(
        metric.info,
        name="spbleu",
        title="spBLEU",
        description="BLEU over word pieces of one multilingual vocabulary, so that every language is cut up alike.",
    )
    return metric


def _brevity_penalty(hypothesis_length: FloatArray, reference_length: FloatArray) -> FloatArray:
    """1 where the hypothesis is at least as long as the reference, else ``exp(1 - r/h)``; 0 for an empty hypothesis."""
    with np.errstate(invalid="ignore", divide="ignore"):
        exponent = np.where(hypothesis_length > 0, 1 - reference_length / hypothesis_length, -np.inf)
    short = np.where(hypothesis_length < reference_length, exponent, 0.0)
    # math.exp, not numpy.exp: the two differ in the last bit.
    return np.array([math.exp(value) for value in short.ravel().tolist()]).reshape(short.shape)


def _geometric_mean(precisions: FloatArray, orders: NDArray[np.int64]) -> FloatArray:
    """Geometric mean of the first ``orders`` ``[...]`` of ``precisions`` ``[..., N]``, rounded as sacrebleu's.

    The logarithms go through ``math`` and ``sum`` row by row (a microsecond each): numpy's differ in the last bit.
    """
    means = [
        math.exp(sum([math.log(p) if p else _LOG_OF_ZERO for p in row[:order]]) / order)
        for row, order in zip(
            precisions.reshape(-1, precisions.shape[-1]).tolist(), orders.ravel().tolist(), strict=True
        )
    ]
    return np.array(means).reshape(orders.shape)
