"""What BLEU, chrF and TER share: sacrebleu's statistics, scores and signatures.

sacrebleu tokenises, and finds the edits of TER; n-grams are counted for many segments at once (:mod:`metrics.ngrams`),
and scores are computed from any number of sums at once. The statistics of a segment are sacrebleu's followed by a 1, so
that "nothing was summed" can be told from "nothing matched". The order of operations is sacrebleu's, so scores are
equal to the last bit.

Knows nothing of languages: which tokenizer suits a target language is the caller's to say. The metrics are
:mod:`metrics.bleu`, :mod:`metrics.chrf` and :mod:`metrics.ter`.
Reference: Post 2018, https://aclanthology.org/W18-6319/; https://github.com/mjpost/sacrebleu, version 2.6.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from metrics.base import FloatArray, MetricError, MetricInfo, Segment, TextMetric
from metrics.spelling import did_you_mean

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric as SacrebleuMetric

KINDS = ("translation", "generate_until")

_VARIABLE_REFERENCES = -1  # how sacrebleu writes nrefs:var


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


def ordered_sum(values: FloatArray) -> FloatArray:
    """Sum over the last axis from left to right; ``numpy.sum`` pairs summands and so rounds differently."""
    total = np.zeros(values.shape[:-1])
    for index in range(values.shape[-1]):
        total = total + values[..., index]
    return total


def check_choice(where: str, value: str, known: Sequence[str]) -> None:
    """Raise :class:`MetricError` where an option has a value that is not among the known ones."""
    if value not in known:
        raise MetricError(f"{where}: unknown value '{value}'{did_you_mean(value, known)}; known: {', '.join(known)}")


def check_at_least(where: str, value: int, least: int) -> None:
    """Raise :class:`MetricError` where a number is too small."""
    if value < least:
        raise MetricError(f"{where}: {value} is too small; give {least} or more")
