"""Scores of words that a language model labels in running text: named entities and parts of speech.

Both follow AfroBench (Ojo et al. 2025, https://arxiv.org/abs/2311.07978) as lm-eval 0.4.13 has it; the entity score is
that of mT5's evaluation (https://arxiv.org/abs/2010.11934), CoNLL's micro F1 over entities written out as
``label: entity $$ label: entity``. Knows no task, prompt or model.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from metrics.base import (
    DEFINITIONS,
    AdditiveMetric,
    FloatArray,
    MeanMetric,
    MetricError,
    MetricInfo,
    Segment,
    TextMetric,
)

NO_TAG = "invalid"
"""What an answer without any tag counts as: one tag that is always wrong."""

_PUNCTUATION = re.compile(r"[!\"#$%&'()*+,\-./:;<=>?\[\]^_`{|}~•@]+")
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_WIDE_GAPS = re.compile(r"\s{3,}|\t")
_GAPS = re.compile(r"\s+")
_TAGGED = re.compile(r"\('([^']*)', '([^']*)'\)")


class SpanF1(AdditiveMetric):
    """F1 of labelled entities, all documents together; statistics are ``[n, 4]``: right, too many, missed, 1."""

    def __init__(self, info: MetricInfo, signature: str) -> None:
        self.info = info
        self._signature = signature

    def signature(self) -> str:
        return self._signature

    @staticmethod
    def span_stats(gold: Sequence[str], predicted: Sequence[str]) -> FloatArray:
        """Statistics ``[n, 4]`` of ``n`` documents.

        Args:
            gold, predicted: ``n`` texts ``label: entity $$ label: entity``; ``$``, ``. `` and ``, `` separate as well.
        """
        rows = np.ones((len(gold), 4))
        for row, expected, found in zip(rows, gold, predicted, strict=True):
            wanted, answered = Counter(_spans(expected)), Counter(_spans(found))
            right = (wanted & answered).total()
            row[:3] = right, answered.total() - right, wanted.total() - right
        return rows

    def score(self, summed: FloatArray) -> FloatArray:
        right, extra, missed, documents = (summed[..., column] for column in range(4))
        total = 2 * right + extra + missed
        with np.errstate(invalid="ignore", divide="ignore"):
            found = np.where(total > 0, 2 * right / total, 0.0)
        return np.where(documents > 0, found, np.nan)


class TagAccuracy(MeanMetric, TextMetric):
    """Mean over sentences of the share of words whose tag is right.

    An answer is read as Python tuples ``('word', 'TAG')``, whatever stands around them; tags are compared in order, and
    what is longer, answer or sentence, is cut to the length of the other.
    """

    def segment_stats(self, segments: Sequence[Segment]) -> FloatArray:
        """Statistics of ``n`` sentences; a segment's references are the right tags, one a word, in order."""
        return self.stats(np.array([self._share(segment) for segment in segments]))

    def _share(self, segment: Segment) -> float:
        if not segment.references:
            raise MetricError(f"{self.info.name}: needs the right tags of every sentence as references; one has none")
        found: list[str] = [tag for _, tag in _TAGGED.findall(segment.hypothesis)] or [NO_TAG]
        right = sum(expected == tag for expected, tag in zip(segment.references, found, strict=False))
        return right / min(len(found), len(segment.references))


def span_f1(*, computed_by: str = "lm-eval") -> SpanF1:
    """F1 of named entities by their text and label.

    Args:
        computed_by: Who brought the answers into the form that is compared, with version.
    """
    info = MetricInfo(
        name="span_f1",
        title="entity F1",
        description="F1 of the named entities of all texts together: an entity counts with its words and its label.",
        unit="fraction",
        bounds=(0.0, 1.0),
        decimals=3,
        kinds=("generate_until",),
    )
    return SpanF1(info, f"span_f1|norm:mt5|{computed_by}|v:{DEFINITIONS}")


def tag_accuracy() -> TagAccuracy:
    """Share of words with the right tag, in answers that are lists of tuples (AfroBench's part-of-speech score)."""
    info = MetricInfo(
        name="tag_accuracy",
        title="tag accuracy",
        description="Share of a sentence's words that get the right tag, averaged over sentences.",
        unit="fraction",
        bounds=(0.0, 1.0),
        decimals=3,
        kinds=("generate_until",),
    )
    return TagAccuracy(info, f"tag_accuracy|form:tuples|length:shorter|v:{DEFINITIONS}")


def _spans(text: str) -> list[tuple[str, str]]:
    """Entities of ``label: entity`` items, normalised; an item without exactly one ``: `` is none."""
    items = [item.strip() for part in text.strip().split("$$") for item in part.split("$") if part]
    pieces = [piece.strip() for item in items for part in item.split(". ") for piece in part.split(", ")]
    pairs = [piece.split(": ") for piece in pieces]
    return [(_normalised(pair[0].strip()), _normalised(pair[1].strip())) for pair in pairs if len(pair) == 2]


def _normalised(text: str) -> str:
    """Without punctuation, English articles and case (articles go before case does, as in the original)."""
    text = _ARTICLES.sub(" ", _PUNCTUATION.sub(" ", text))
    return _GAPS.sub(" ", _WIDE_GAPS.sub("", text)).lower()
