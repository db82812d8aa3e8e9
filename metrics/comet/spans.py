"""Label probabilities of a hypothesis's tokens -> error spans -> a penalty on MQM's scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from metrics.comet.judgement import ErrorSpan

NO_ERROR = 0
"""The label of a token without an error; label ``k`` is the ``k``-th severity."""

_PENALTIES = {"minor": 1, "major": 5, "critical": 10}
_WORST = 25


def error_spans(
    probabilities: NDArray[np.float32], offsets: Sequence[tuple[int, int]], labels: Sequence[str]
) -> tuple[ErrorSpan, ...]:
    """Runs of tokens whose most probable label is an error.

    As in unbabel-comet a span has the severity of its first token, whatever follows, and one that is still open at the
    end of the input is dropped (the last token is ``</s>``).

    Args:
        probabilities: ``[t, labels + 1]`` for the hypothesis's tokens, special tokens included.
        offsets: Start and end, in characters, of each token.
        labels: Severities, mildest first.
    """
    spans = []
    first = None
    chosen = probabilities.argmax(axis=1)
    for position, label in enumerate(chosen):
        if label != NO_ERROR and first is None:
            first = position
        elif label == NO_ERROR and first is not None:
            run = np.arange(first, position)
            spans.append(
                ErrorSpan(
                    start=offsets[first][0],
                    end=offsets[position - 1][1],
                    severity=labels[int(chosen[first]) - 1],
                    confidence=float(probabilities[run, chosen[run]].mean(dtype=np.float32)),
                )
            )
            first = None
    return tuple(spans)


def quality(spans: Sequence[ErrorSpan]) -> float:
    """1 without an error, 0 from 25 penalty points on (minor 1, major 5, critical 10)."""
    penalty = sum(_PENALTIES.get(span.severity, 0) for span in spans)
    return (_WORST - min(_WORST, penalty)) / _WORST
