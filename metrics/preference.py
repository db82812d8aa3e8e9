"""Preference accuracy: how often the chosen answer gets a higher score than every rejected one.

Scores of one chosen and one or several rejected answers in, statistics ``(value, 1)`` out. A tie at the top is shared:
a chosen answer with the same score as one rejected counts half. (RewardBench counts a tie as wrong; a model that scores
everything alike would then be worse than guessing.)

Reference: Lambert et al. 2024, https://arxiv.org/abs/2403.13787; Gureja et al. 2025, https://arxiv.org/abs/2410.15522.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from metrics.base import DEFINITIONS, FloatArray, MeanMetric, MetricInfo

Per = Literal["answer", "character", "byte"]


class PreferenceMetric(MeanMetric):
    """Share of documents whose chosen answer is preferred.

    Attributes:
        per: What a log-probability is divided by before it is compared; a reward is divided by nothing.
    """

    def __init__(self, info: MetricInfo, signature: str, *, per: Per) -> None:
        super().__init__(info, signature)
        self.per = per

    @staticmethod
    def score_stats(scores: Sequence[Sequence[float]]) -> FloatArray:
        """Statistics ``[n, 2]`` of ``n`` documents.

        Args:
            scores: Of every document, the chosen answer's score and then the rejected ones'.
        """
        return MeanMetric.stats(np.array([_won(found) for found in scores], dtype=np.float64))


def preference_accuracy() -> PreferenceMetric:
    """By the reward, or by the log-probability of the whole answer, which favours short ones."""
    return _metric(
        "preference_accuracy",
        "preference accuracy",
        "Share of prompts where the model prefers the better answer; a tie counts half.",
        "answer",
    )


def preference_accuracy_norm() -> PreferenceMetric:
    """By the log-probability per character (Unicode code point) of the answer."""
    return _metric(
        "preference_accuracy_norm",
        "preference accuracy (per character)",
        "Preference accuracy after dividing each answer's log-probability by its length in characters.",
        "character",
    )


def preference_accuracy_bytes() -> PreferenceMetric:
    """By the log-probability per UTF-8 byte of the answer."""
    return _metric(
        "preference_accuracy_bytes",
        "preference accuracy (per byte)",
        "Preference accuracy after dividing each answer's log-probability by its length in UTF-8 bytes.",
        "byte",
    )


def _metric(name: str, title: str, description: str, per: Per) -> PreferenceMetric:
    info = MetricInfo(
        name=name,
        title=title,
        description=description,
        unit="fraction",
        bounds=(0.0, 1.0),
        decimals=3,
        kinds=("preference",),
    )
    return PreferenceMetric(info, f"{name}|ties:shared|v:{DEFINITIONS}", per=per)


def _won(scores: Sequence[float]) -> float:
    chosen, *rejected = scores
    best = max(rejected)
    return float(chosen > best) if chosen != best else 1 / (1 + sum(score == best for score in rejected))
