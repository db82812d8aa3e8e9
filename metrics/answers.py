"""Token F1 of short answers, as in SQuAD: how many words of the answer and of the right answer are the same.

Reference: Rajpurkar et al. 2016, https://aclanthology.org/D16-1264, and their script of 2018, in which an answer and a
reference without any word are equal. lm-eval's AfriQA and Qasper tasks repeat it. Words are what stands between white
space, so that in scripts without spaces an answer is one word.
"""

from __future__ import annotations

import dataclasses
import re
import string
from collections import Counter
from collections.abc import Sequence

import numpy as np

from metrics.base import DEFINITIONS, FloatArray, MeanMetric, MetricError, MetricInfo, Segment, TextMetric

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


class TokenF1(MeanMetric, TextMetric):
    """Mean over answers of the F1 of their words, against the reference that fits best."""

    def segment_stats(self, segments: Sequence[Segment]) -> FloatArray:
        for segment in segments:
            if not segment.references:
                raise MetricError(f"{self.info.name}: needs a reference for every answer; one has none")
        return self.stats(
            np.array([max(_f1(words, segment.hypothesis) for words in segment.references) for segment in segments])
        )


class TokenMatch(MeanMetric, TextMetric):
    """Share of answers whose words are those of a reference, in its order."""

    def segment_stats(self, segments: Sequence[Segment]) -> FloatArray:
        for segment in segments:
            if not segment.references:
                raise MetricError(f"{self.info.name}: needs a reference for every answer; one has none")
        matches = [_words(segment.hypothesis) in map(_words, segment.references) for segment in segments]
        return self.stats(np.array(matches, dtype=np.float64))


def token_match() -> TokenMatch:
    """SQuAD's exact match, computed from the answer's text: case, punctuation and articles aside."""
    info = _info("token_match", "exact match (words)")
    description = "Share of answers with exactly the words of the right answer, case and punctuation aside."
    made = dataclasses.replace(info, description=description, binary=True)
    return TokenMatch(made, f"token_match|norm:squad|refs:any|v:{DEFINITIONS}")


def token_f1() -> TokenF1:
    """Word F1 that we compute from the answer's text: for tasks whose prompts are written in our files."""
    return TokenF1(_info("token_f1", "word F1"), f"token_f1|norm:squad|refs:max|v:{DEFINITIONS}")


def f1(*, computed_by: str = "lm-eval") -> MeanMetric:
    """Mean of the F1 that an lm-eval task's own code gives for every answer (SQuAD, XQuAD, MLQA).

    Args:
        computed_by: Who computed the values, with version.
    """
    return MeanMetric(_info("f1", "word F1"), f"f1|{computed_by}|v:{DEFINITIONS}")


def _info(name: str, title: str) -> MetricInfo:
    return MetricInfo(
        name=name,
        title=title,
        description="How far the words of the answer and of the right answer are the same, order aside.",
        unit="fraction",
        bounds=(0.0, 1.0),
        decimals=3,
        kinds=("generate_until",),
    )


def _f1(reference: str, answer: str) -> float:
    expected, found = _words(reference), _words(answer)
    if not expected or not found:
        return float(expected == found)
    common = (Counter(expected) & Counter(found)).total()
    return 2 * common / (len(expected) + len(found))


def _words(text: str) -> list[str]:
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()
