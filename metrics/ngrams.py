"""Counts of n-grams that hypotheses have in common with their references, for many segments at once.

An n-gram is one integer: the segment in the highest bits, then a number for each symbol, then in the lowest bits whose
text it is from. Sorting the integers of a block of segments brings equal n-grams together, and runs of equal integers
are the counts that ``collections.Counter`` would give. Nothing is hashed, so nothing can collide: where the bits would
not suffice, the n-grams are numbered anew in the same order.

Knows nothing of tokenizers or metrics; symbols are integers (code points, or words numbered by :func:`number_words`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from metrics.base import FloatArray

IntArray = NDArray[np.int64]

_BITS = 63  # of a signed 64-bit integer
_BLOCK = 256  # segments sorted at once: few enough for the processor's cache and for the bits


def code_points(text: str) -> IntArray:
    """Unicode code points ``[length]`` of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.int64)


def number_words(words: Sequence[str], vocabulary: dict[str, int]) -> IntArray:
    """Words ``[length]`` as their numbers in the vocabulary, which grows by those it does not have."""
    return np.array([vocabulary.setdefault(word, len(vocabulary)) for word in words], dtype=np.int64)


def lengths(texts: Sequence[IntArray], order: int) -> FloatArray:
    """Number of n-grams ``[n, order]`` of 1 to ``order`` symbols in each text."""
    sizes = np.array([len(text) for text in texts], dtype=np.float64)
    return np.maximum(sizes[:, None] - np.arange(order), 0)


def matches(hypotheses: Sequence[IntArray], references: Sequence[Sequence[IntArray]], order: int) -> FloatArray:
    """N-grams of each hypothesis that its references have too, as in clipped precision.

    An n-gram counts as often as the hypothesis has it, but at most as often as the reference that has it most.

    Args:
        hypotheses: Symbols, none negative, of ``n`` texts. references: One or more such texts a hypothesis.

    Returns:
        ``[n, order]`` counts for n-grams of 1 to ``order`` symbols.
    """
    counted = np.zeros((len(hypotheses), order))
    for start in range(0, len(hypotheses), _BLOCK):
        block = slice(start, start + _BLOCK)
        counted[block] = _block_matches(hypotheses[block], references[block], order)
    return counted


def _block_matches(hypotheses: Sequence[IntArray], references: Sequence[Sequence[IntArray]], order: int) -> FloatArray:
    texts = [text for pair in zip(hypotheses, references, strict=True) for text in (pair[0], *pair[1])]
    sides = np.concatenate([np.arange(1 + len(found)) for found in references])
    owners = np.repeat(np.arange(len(hypotheses)), [1 + len(found) for found in references])
    sizes = np.array([len(text) for text in texts])
    known, symbols = np.unique(np.concatenate(texts), return_inverse=True)
    symbol_bits, side_bits = _bits(len(known)), _bits(int(sides.max()) + 1)

    ends = np.repeat(np.cumsum(sizes), sizes)
    side, owner = np.repeat(sides, sizes), np.repeat(owners, sizes)
    at = np.arange(len(symbols))
    grams, gram_bits = owner, _bits(len(hypotheses))
    counted = np.zeros((len(hypotheses), order))
    for n in range(order):
        inside = at + n < ends[at]
        at, grams = at[inside], grams[inside]
        if not len(at):
            break
        if gram_bits + symbol_bits + side_bits > _BITS:
            numbers, grams = np.unique(grams, return_inverse=True)
            gram_bits = _bits(len(numbers))
        grams = (grams << symbol_bits) | symbols[at + n]
        gram_bits += symbol_bits
        common, first = _clipped(np.sort((grams << side_bits) | side[at]), side_bits)
        # Integers are sorted by segment first, so the segments of sorted positions are those of positions, sorted.
        counted[:, n] = np.bincount(owner[at][first], weights=common, minlength=len(hypotheses))
    return counted


def _clipped(keys: IntArray, side_bits: int) -> tuple[IntArray, IntArray]:
    """How often each distinct n-gram matches, and where in the sorted keys it begins.

    Side 0 is the hypothesis; an n-gram that only references have is left out by its count of 0.
    """
    runs = _starts(keys)
    counts = np.diff(runs, append=len(keys))
    of_hypothesis = keys[runs] & ((1 << side_bits) - 1) == 0
    groups = _starts(keys[runs] >> side_bits)
    # The hypothesis's run, where there is one, is the first of its n-gram.
    own = np.where(of_hypothesis[groups], counts[groups], 0)
    best = np.maximum.reduceat(np.where(of_hypothesis, 0, counts), groups)
    return np.minimum(own, best), runs[groups]


def _starts(ordered: IntArray) -> IntArray:
    """Where runs of equal numbers begin."""
    new = np.empty(len(ordered), dtype=bool)
    new[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    return np.flatnonzero(new)


def _bits(count: int) -> int:
    """Bits that number ``count`` things from 0."""
    return max(1, (count - 1).bit_length())
