"""Minimum Bayes risk: of several candidates for a segment, the one that the others agree with most.

The expected utility of a candidate is the mean of a metric's segment scores with every candidate of the segment, itself
included, as the reference: candidates are taken for samples of what the system believes, so one that came twice counts
twice. The best has the highest mean (the lowest, where lower is better); of several equally good ones, the first.

Works with any metric of texts; pairs of the same two texts are scored once.
References: Kumar and Byrne 2004, https://aclanthology.org/N04-1022/; Eikema and Aziz 2020,
https://aclanthology.org/2020.coling-main.398/.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from metrics.base import FloatArray, MetricError, Segment, TextMetric
from metrics.parallel import segment_stats

_BATCH = 50_000  # pairs scored at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The best candidate of one segment.

    Attributes:
        index: Which one, from 0. text: What it says.
        utilities: ``[candidates]`` expected utility of each, in the unit of the metric.
    """

    index: int
    text: str
    utilities: FloatArray


def rerank(
    metric: TextMetric, candidates: Sequence[Sequence[str]], sources: Sequence[str] | None = None
) -> list[Choice]:
    """The best candidate of every segment.

    Args:
        candidates: One or more a segment. sources: ``n`` sources, where the metric needs them.

    Raises:
        MetricError: A segment without candidates, sources missing, or scores that are not numbers.
    """
    if metric.info.needs_source and sources is None:
        raise MetricError(f"{metric.info.name}: needs the source of every segment; give the sources")
    for place, texts in enumerate(candidates):
        if not texts:
            raise MetricError(f"mbr: segment {place}: no candidates; give at least one")
    choices: list[Choice] = []
    for block in _blocks([len(dict.fromkeys(texts)) ** 2 for texts in candidates]):
        choices += _choose(metric, candidates[block], sources[block] if sources is not None else None)
    return choices


def _choose(metric: TextMetric, candidates: Sequence[Sequence[str]], sources: Sequence[str] | None) -> list[Choice]:
    distinct = [list(dict.fromkeys(texts)) for texts in candidates]
    pairs = [
        Segment(hypothesis=text, references=(other,), source=sources[place] if sources is not None else None)
        for place, texts in enumerate(distinct)
        for text in texts
        for other in texts
    ]
    scores = metric.segment_scores(segment_stats(metric, pairs))
    if np.isnan(scores).any():
        raise MetricError(f"{metric.info.name}: gives single segments no score; choose another metric for mbr")
    choices = []
    start = 0
    for texts, own in zip(candidates, distinct, strict=True):
        matrix = scores[start : start + len(own) ** 2].reshape(len(own), len(own))
        start += len(own) ** 2
        which = np.array([own.index(text) for text in texts])
        utilities = matrix[np.ix_(which, which)].mean(axis=1)
        index = int(np.argmax(utilities if metric.info.higher_is_better else -utilities))
        choices.append(Choice(index=index, text=texts[index], utilities=utilities))
    return choices


def _blocks(pairs: Sequence[int]) -> Iterator[slice]:
    """Segments in blocks of about so many pairs, at least one segment each."""
    start = held = 0
    for place, count in enumerate(pairs):
        if held and held + count > _BATCH:
            yield slice(start, place)
            start, held = place, 0
        held += count
    if len(pairs) > start:
        yield slice(start, len(pairs))
