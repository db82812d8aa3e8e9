"""TER."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from metrics.base import FloatArray, MetricInfo, Segment
from metrics.lexical import KINDS, SacrebleuTextMetric

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric as SacrebleuMetric


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
