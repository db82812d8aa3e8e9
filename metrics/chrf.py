"""chrF and chrF++."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import numpy as np

from metrics import ngrams
from metrics.base import FloatArray, MetricInfo, Segment
from metrics.lexical import KINDS, SacrebleuTextMetric, check_at_least, ordered_sum

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric as SacrebleuMetric
    from sacrebleu.metrics.chrf import CHRF


class Chrf(SacrebleuTextMetric):
    """chrF (Popović 2015) and chrF++ (Popović 2017: also words and word pairs), 0-100.

    Statistics ``[n, 3(C + W) + 1]``: for every character order 1..C and word order 1..W the n-grams of the hypothesis,
    of the best reference, and their matches; then 1.

    Args:
        info: The facts; chrF and chrF++ are this one class.
        char_order: ``C``. word_order: ``W``. beta: Weight of recall against precision.
        lowercase: Compare in lower case.
        whitespace: Keep spaces in character n-grams.
        eps_smoothing: Smooth as chrF++.py, NLTK and Moses do, instead of averaging the orders that exist.
        nrefs: References per segment for the signature; 0: as seen.
    """

    def __init__(
        self,
        info: MetricInfo,
        *,
        char_order: int,
        word_order: int,
        beta: int,
        lowercase: bool,
        whitespace: bool,
        eps_smoothing: bool,
        nrefs: int,
    ) -> None:
        super().__init__(info, nrefs)
        check_at_least(f"{info.name}: char_order", char_order, 1)
        check_at_least(f"{info.name}: word_order", word_order, 0)
        check_at_least(f"{info.name}: beta", beta, 1)
        self.char_order = char_order
        self.word_order = word_order
        self.beta = beta
        self.lowercase = lowercase
        self.whitespace = whitespace
        self.eps_smoothing = eps_smoothing

    def _make_scorer(self) -> SacrebleuMetric:
        from sacrebleu.metrics.chrf import CHRF

        return CHRF(
            char_order=self.char_order,
            word_order=self.word_order,
            beta=self.beta,
            lowercase=self.lowercase,
            whitespace=self.whitespace,
            eps_smoothing=self.eps_smoothing,
        )

    def _signature_extras(self) -> dict[str, int | str]:
        return {} if self.beta == 2 else {"beta": self.beta}

    def _statistics(self, segments: Sequence[Segment]) -> FloatArray:
        scorer = cast("CHRF", self.scorer())
        pairs = [(segment.hypothesis, text) for segment in segments for text in segment.references]
        hypotheses = [scorer._preprocess_segment(hypothesis) for hypothesis, _ in pairs]
        references = [scorer._preprocess_segment(text) for _, text in pairs]

        def letters(text: str) -> ngrams.IntArray:
            return ngrams.code_points(text if self.whitespace else "".join(text.split()))

        vocabulary: dict[str, int] = {}

        def words(text: str) -> ngrams.IntArray:
            return ngrams.number_words(scorer._remove_punctuation(text), vocabulary)

        triples = _triples(list(map(letters, hypotheses)), list(map(letters, references)), self.char_order)
        if self.word_order:
            of_words = _triples(list(map(words, hypotheses)), list(map(words, references)), self.word_order)
            triples = np.concatenate([triples, of_words], axis=1)
        found = triples.reshape(len(pairs), -1)
        if len(pairs) == len(segments):
            return found
        scores = self.score(np.column_stack([found, np.ones(len(pairs))]))
        first = np.cumsum([0, *(len(segment.references) for segment in segments)])
        # The best reference's; of several equally good ones the first's.
        best = [start + int(np.argmax(scores[start:end])) for start, end in pairwise(first)]
        return found[best]

    def _width(self) -> int:
        return 3 * (self.char_order + self.word_order) + 1

    def score(self, summed: FloatArray) -> FloatArray:
        """``sacrebleu.CHRF._compute_f_score`` over leading axes."""
        orders = self.char_order + self.word_order
        triples = summed[..., : 3 * orders].reshape(*summed.shape[:-1], orders, 3)
        hypothesis, reference, match = triples[..., 0], triples[..., 1], triples[..., 2]
        smallest = 1e-16
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.where(hypothesis > 0, match / hypothesis, smallest)
            recall = np.where(reference > 0, match / reference, smallest)
            if self.eps_smoothing:
                score = 100 * ordered_sum(self._f_score(precision, recall, otherwise=smallest)) / orders
            else:
                both = (hypothesis > 0) & (reference > 0)
                effective = both.sum(axis=-1)
                mean_precision = np.where(effective > 0, ordered_sum(np.where(both, precision, 0)) / effective, 0)
                mean_recall = np.where(effective > 0, ordered_sum(np.where(both, recall, 0)) / effective, 0)
                score = 100 * self._f_score(mean_precision, mean_recall, otherwise=0.0)
        return np.where(summed[..., -1] > 0, score, np.nan)

    def _f_score(self, precision: FloatArray, recall: FloatArray, *, otherwise: float) -> FloatArray:
        factor = float(self.beta**2)
        denominator = factor * precision + recall
        return np.where(denominator > 0, (1 + factor) * precision * recall / denominator, otherwise)


def chrf(
    *,
    char_order: int = 6,
    word_order: int = 0,
    beta: int = 2,
    lowercase: bool = False,
    whitespace: bool = False,
    eps_smoothing: bool = False,
    nrefs: int = 0,
) -> Chrf:
    """chrF with sacrebleu's defaults; options as in :class:`Chrf`."""
    info = MetricInfo(
        name="chrf",
        title=_chrf_title(beta, word_order),
        description="Share of one- to six-letter sequences that the translation has in common with the reference.",
        unit="points",
        bounds=(0.0, 100.0),
        kinds=KINDS,
    )
    return Chrf(
        info,
        char_order=char_order,
        word_order=word_order,
        beta=beta,
        lowercase=lowercase,
        whitespace=whitespace,
        eps_smoothing=eps_smoothing,
        nrefs=nrefs,
    )


def chrf_plus_plus(
    *,
    char_order: int = 6,
    word_order: int = 2,
    beta: int = 2,
    lowercase: bool = False,
    whitespace: bool = False,
    eps_smoothing: bool = False,
    nrefs: int = 0,
) -> Chrf:
    """chrF++ with sacrebleu's defaults (``word_order=2``); options as in :class:`Chrf`."""
    info = MetricInfo(
        name="chrf++",
        title=_chrf_title(beta, word_order),
        description="chrF that also counts words and pairs of words in common with the reference.",
        unit="points",
        bounds=(0.0, 100.0),
        kinds=KINDS,
    )
    return Chrf(
        info,
        char_order=char_order,
        word_order=word_order,
        beta=beta,
        lowercase=lowercase,
        whitespace=whitespace,
        eps_smoothing=eps_smoothing,
        nrefs=nrefs,
    )


def _triples(hypotheses: list[ngrams.IntArray], references: list[ngrams.IntArray], order: int) -> FloatArray:
    """``[n, order, 3]``: n-grams of the hypothesis, of the reference, and their matches.

    As in sacrebleu, a hypothesis has none of an order that its reference has none of.
    """
    of_hypothesis, of_reference = ngrams.lengths(hypotheses, order), ngrams.lengths(references, order)
    matched = ngrams.matches(hypotheses, [[text] for text in references], order)
    return np.stack([np.where(of_reference > 0, of_hypothesis, 0), of_reference, matched], axis=-1)


def _chrf_title(beta: int, word_order: int) -> str:
    return f"chrF{'' if beta == 2 else beta}{'+' * word_order}"
