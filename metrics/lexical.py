"""BLEU, chrF, chrF++ and TER with sacrebleu's statistics, scores and signatures.

sacrebleu tokenises, and finds the edits of TER; n-grams are counted for many segments at once (:mod:`metrics.ngrams`),
and scores are computed from any number of sums at once. The statistics of a segment are sacrebleu's followed by a 1, so
that "nothing was summed" can be told from "nothing matched". The order of operations is sacrebleu's, so scores are
equal to the last bit.

Knows nothing of languages: which tokenizer suits a target language is the caller's to say.
Reference: Post 2018, https://aclanthology.org/W18-6319/; https://github.com/mjpost/sacrebleu, version 2.6.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from metrics import ngrams
from metrics.base import FloatArray, MetricError, MetricInfo, Segment, TextMetric
from metrics.spelling import did_you_mean
from metrics.tokenizers import BLEU_TOKENIZERS, SENTENCEPIECE_TOKENIZERS, SentencePieceFile, require_tokenizer

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric as SacrebleuMetric
    from sacrebleu.metrics.chrf import CHRF

KINDS = ("translation", "generate_until")

_SMOOTHING_METHODS = ("none", "floor", "add-k", "exp")
_SMOOTHING_VALUES = {"floor": 0.1, "add-k": 1.0}  # sacrebleu's defaults; the other methods take no value
_VARIABLE_REFERENCES = -1  # how sacrebleu writes nrefs:var
_LOG_OF_ZERO = -9999999999.0  # sacrebleu.utils.my_log


class SacrebleuTextMetric(TextMetric):
    """What the metrics of sacrebleu share: statistics, number of references, signature.

    The signature names the number of references, which nobody knows before they were seen. As in sacrebleu, the object
    remembers the numbers it has seen; ``nrefs`` sets the number by hand (-1: it varies). Before the first segment the
    signature says one. Use one object for one set of segments.

    The sacrebleu object behind is made when text or a signature is first asked for: adding up stored statistics
    needs neither a tokenizer nor sacrebleu itself.
    """

    def __init__(self, info: MetricInfo, nrefs: int) -> None:
        if nrefs < _VARIABLE_REFERENCES:
            raise MetricError(
                f"{info.name}: nrefs: {nrefs} is not a number of references; give 1 or more, -1 (varies) or 0 (as seen)"
            )
        self.info = info
        self._nrefs = nrefs
        self._seen: set[int] = set()
        self._scorer: SacrebleuMetric | None = None

    @abstractmethod
    def _make_scorer(self) -> SacrebleuMetric:
        """The sacrebleu metric with the options of this one."""

    def _signature_extras(self) -> dict[str, int | str]:
        """Settings that change the score but are missing from sacrebleu's signature."""
        return {}

    def scorer(self) -> SacrebleuMetric:
        """The sacrebleu object that does the counting.

        Raises:
            MetricError: Something it needs is not installed; asking for the signature early finds that out early.
        """
        if self._scorer is None:
            self._scorer = self._make_scorer()
        return self._scorer

    def segment_stats(self, segments: Sequence[Segment]) -> FloatArray:
        self.see(segments)
        self.scorer()
        if not segments:
            return np.zeros((0, self._width()))
        return np.column_stack([self._statistics(segments), np.ones(len(segments))])

    def see(self, segments: Sequence[Segment]) -> None:
        """Check segments and remember how many references they have, for whoever extracts statistics elsewhere.

        Raises:
            MetricError: A segment has no reference.
        """
        for index, segment in enumerate(segments):
            if not segment.references:
                raise MetricError(
                    f"{self.info.name}: segment {index}: no reference; give at least one (an empty one is allowed)"
                )
        self._seen.update(len(segment.references) for segment in segments)

    @abstractmethod
    def _statistics(self, segments: Sequence[Segment]) -> FloatArray:
        """sacrebleu's statistics ``[n, k - 1]`` of one or more segments with references."""

    def __getstate__(self) -> dict[str, object]:
        """Without the sacrebleu object, which another process makes for itself."""
        return {**self.__dict__, "_scorer": None}

    @abstractmethod
    def _width(self) -> int:
        """Number of statistics ``k``."""

    def signature(self) -> str:
        """sacrebleu's signature; settings it leaves out (beta, highest order) are added where not the default."""
        scorer = self.scorer()
        seen = self._seen or {1}
        scorer.num_refs = self._nrefs or (next(iter(seen)) if len(seen) == 1 else _VARIABLE_REFERENCES)
        signature = scorer.get_signature()
        for key, value in self._signature_extras().items():
            signature.update(key, value)
        return str(signature)


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
        _check_choice("bleu: tokenize", tokenize, BLEU_TOKENIZERS)
        _check_choice("bleu: smooth_method", smooth_method, _SMOOTHING_METHODS)
        if smooth_value is not None and smooth_method not in _SMOOTHING_VALUES:
            raise MetricError(
                f"bleu: smooth_value: smoothing '{smooth_method}' takes no value; "
                "leave it out or choose smooth_method floor or add-k"
            )
        _check_at_least("bleu: max_ngram_order", max_ngram_order, 1)
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
        _check_at_least(f"{info.name}: char_order", char_order, 1)
        _check_at_least(f"{info.name}: word_order", word_order, 0)
        _check_at_least(f"{info.name}: beta", beta, 1)
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
                score = 100 * _ordered_sum(self._f_score(precision, recall, otherwise=smallest)) / orders
            else:
                both = (hypothesis > 0) & (reference > 0)
                effective = both.sum(axis=-1)
                mean_precision = np.where(effective > 0, _ordered_sum(np.where(both, precision, 0)) / effective, 0)
                mean_recall = np.where(effective > 0, _ordered_sum(np.where(both, recall, 0)) / effective, 0)
                score = 100 * self._f_score(mean_precision, mean_recall, otherwise=0.0)
        return np.where(summed[..., -1] > 0, score, np.nan)

    def _f_score(self, precision: FloatArray, recall: FloatArray, *, otherwise: float) -> FloatArray:
        factor = float(self.beta**2)
        denominator = factor * precision + recall
        return np.where(denominator > 0, (1 + factor) * precision * recall / denominator, otherwise)


class Ter(SacrebleuTextMetric):
    """Translation edit rate (Snover et al. 2006): edits per 100 reference words; smaller is better, no upper bound.

    Statistics ``[n, 3]``: fewest edits to any reference, mean reference words, 1. Languages without spaces need
    ``asian_support`` with ``normalized`` (Chinese, Japanese); others are one long word to it, as in sacrebleu.

    Args:
        normalized: Tercom's normalisation of punctuation and entities.
        no_punct: Remove punctuation.
        asian_support: Split Chinese and Japanese characters; works with ``normalized`` or ``no_punct``.
        case_sensitive: Do not lower-case.
        nrefs: References per segment for the signature; 0: as seen.
    """

    def __init__(
        self,
        *,
        normalized: bool = False,
        no_punct: bool = False,
        asian_support: bool = False,
        case_sensitive: bool = False,
        nrefs: int = 0,
    ) -> None:
        info = MetricInfo(
            name="ter",
            title="TER",
            description="Edits needed to turn the translation into the reference, per hundred words of the reference.",
            unit="points",
            bounds=(0.0, math.inf),
            higher_is_better=False,
            kinds=KINDS,
        )
        super().__init__(info, nrefs)
        self.normalized = normalized
        self.no_punct = no_punct
        self.asian_support = asian_support
        self.case_sensitive = case_sensitive

    def _make_scorer(self) -> SacrebleuMetric:
        from sacrebleu.metrics.ter import TER

        return TER(
            normalized=self.normalized,
            no_punct=self.no_punct,
            asian_support=self.asian_support,
            case_sensitive=self.case_sensitive,
        )

    def _statistics(self, segments: Sequence[Segment]) -> FloatArray:
        scorer = self.scorer()
        rows = []
        for segment in segments:
            references = [scorer._preprocess_segment(text) for text in segment.references]
            hypothesis = scorer._preprocess_segment(segment.hypothesis)
            rows.append(scorer._compute_segment_statistics(hypothesis, scorer._extract_reference_info(references)))
        return np.array(rows, dtype=np.float64)

    def _width(self) -> int:
        return 3

    def score(self, summed: FloatArray) -> FloatArray:
        edits, length, count = summed[..., 0], summed[..., 1], summed[..., 2]
        with np.errstate(invalid="ignore", divide="ignore"):
            rate = np.where(length > 0, edits / length, np.where(edits > 0, 1.0, 0.0))
        return np.where(count > 0, 100 * rate, np.nan)


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
    _check_choice("spbleu: tokenize", tokenize, SENTENCEPIECE_TOKENIZERS)
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


def _ordered_sum(values: FloatArray) -> FloatArray:
    """Sum over the last axis from left to right; ``numpy.sum`` pairs summands and so rounds differently."""
    total = np.zeros(values.shape[:-1])
    for index in range(values.shape[-1]):
        total = total + values[..., index]
    return total


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


def _check_choice(where: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise MetricError(f"{where}: unknown value '{value}'{did_you_mean(value, known)}; known: {', '.join(known)}")


def _check_at_least(where: str, value: int, least: int) -> None:
    if value < least:
        raise MetricError(f"{where}: {value} is too small; give {least} or more")
