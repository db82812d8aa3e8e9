"""Resampling of paired samples: joint bootstrap and random swaps, as blocks of weights times summed statistics.

A :class:`Layout` numbers the clusters of all samples of a call once, so that one weight matrix ``[B, groups]`` serves
every language and every pair of systems. Memory stays bounded: weights are made in blocks and thrown away.

Knows no interval, test or level; ``harness.stats`` turns what comes out into those.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics.base import AdditiveMetric, FloatArray, MeanMetric, Metric

IntArray = NDArray[np.int64]

_BLOCK = 4_000_000
"""Most float64 weights held at once (32 MB)."""

_STACK = 64
"""Columns of tables that are multiplied together: a product with two columns at a time would wait for memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Statistics of one or more systems on the same segments, say of one language.

    Attributes:
        metric: What the statistics belong to.
        systems: ``[n, k]`` each; row ``i`` of all of them is the same segment.
        clusters: ``n`` labels. Equal labels are kept together, *also in other samples of the same call*.
            ``None``: every row is independent of everything else.
    """

    metric: Metric
    systems: tuple[FloatArray, ...]
    clusters: Sequence[str] | None = None

    def __post_init__(self) -> None:
        rows = {len(stats) for stats in self.systems} | ({len(self.clusters)} if self.clusters is not None else set())
        if len(rows) != 1 or 0 in rows:
            raise ValueError(f"systems and clusters of a sample must be equally long and not empty, found {rows}")


class Layout:
    """Which cluster every row of every sample belongs to: columns of one shared weight matrix ``[B, groups]``.

    Samples with the same labels share their columns, and an array that stands in several samples (one system in many
    pairs) is summed and multiplied once.

    Attributes:
        groups: Number of clusters of all samples together.
        columns: Per sample, its clusters as indices into ``groups``.
        rows: Per sample ``[n]``, the cluster of every row as index into ``columns``.
        tables: Statistics summed by cluster, ``[clusters, k]``. places: Per sample, where those of its systems stand.
        stacks: Tables of equal clusters side by side, transposed: ``[columns, clusters]``. spans: Per table, its stack
            and its columns there.
    """

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples = samples
        self.columns: list[IntArray] = []
        self.rows: list[IntArray] = []
        self.tables: list[FloatArray] = []
        self.places: list[tuple[int, ...]] = []
        known: dict[tuple[int, str], int] = {}
        first_with: dict[tuple[int, tuple[str, ...]], int] = {}
        table_of: dict[tuple[int, int], int] = {}
        owners: list[int] = []
        for index, sample in enumerate(samples):
            # Unlabelled rows are labelled by their number within their own sample, which no other sample shares.
            scope, labels = (index + 1, _numbers(sample)) if sample.clusters is None else (0, tuple(sample.clusters))
            same = first_with.setdefault((scope, labels), index)
            if same == index:
                indices = np.array([known.setdefault((scope, label), len(known)) for label in labels], dtype=np.int64)
                columns, rows = np.unique(indices, return_inverse=True)
                self.columns.append(columns)
                self.rows.append(rows.astype(np.int64))
            else:
                self.columns.append(self.columns[same])
                self.rows.append(self.rows[same])
            for stats in sample.systems:
                if table_of.setdefault((same, id(stats)), len(self.tables)) == len(self.tables):
                    self.tables.append(self.sums(index, stats))
                    owners.append(same)
            self.places.append(tuple(table_of[same, id(stats)] for stats in sample.systems))
        self.groups = len(known)
        self.stacks, self.spans = _stacked(self.tables, owners)

    def group_count(self, index: int) -> int:
        """Clusters of one sample."""
        return len(self.columns[index])

    def sums(self, index: int, stats: FloatArray) -> FloatArray:
        """Statistics ``[n, k]`` of one sample summed by cluster: ``[clusters, k]``."""
        rows, count = self.rows[index], self.group_count(index)
        if count == len(rows):
            summed = np.empty_like(stats)
            summed[rows] = stats
            return summed
        columns = [np.bincount(rows, weights=column, minlength=count) for column in stats.T]
        return np.stack(columns, axis=1)

    def total(self, per_row: Sequence[FloatArray]) -> FloatArray:
        """Values ``[n]`` a sample, summed by cluster over all samples: ``[groups]``."""
        total = np.zeros(self.groups)
        for index, values in enumerate(per_row):
            total[self.columns[index]] += self.sums(index, values[:, None])[:, 0]
        return total


class _Block:
    """A block of weights ``[b, groups]`` and its products with the tables, remembered within bounds."""

    def __init__(self, layout: Layout, weights: FloatArray) -> None:
        self._layout, self._weights = layout, weights
        self._products: dict[int, FloatArray] = {}

    def seen(self, index: int) -> FloatArray:
        """The weights of one sample's clusters, ``[b, clusters]``."""
        columns = self._layout.columns[index]
        return self._weights if len(columns) == self._layout.groups else self._weights[:, columns]

    def rows(self, index: int) -> FloatArray:
        """The weights of one sample's rows, ``[b, n]``."""
        return self.seen(index)[:, self._layout.rows[index]]

    def product(self, index: int, system: int) -> FloatArray:
        """Weighted sums ``[b, k]`` of one system of a sample."""
        stack, columns = self._layout.spans[self._layout.places[index][system]]
        if stack not in self._products:
            if sum(product.size for product in self._products.values()) > _BLOCK:
                self._products.clear()
            self._products[stack] = self._layout.stacks[stack] @ self.seen(index).T
        return self._products[stack][columns].T


def bootstrap_scores(layout: Layout, *, rng: np.random.Generator, resamples: int) -> FloatArray:
    """Scores ``[B, L, m]`` of ``m`` systems on ``L`` samples, clusters drawn with replacement, jointly for all."""
    scores = np.empty((resamples, len(layout.samples), len(layout.samples[0].systems)))
    for rows in _blocks(resamples, layout.groups):
        block = _Block(layout, _multinomial(rng, rows.stop - rows.start, layout.groups))
        for index, sample in enumerate(layout.samples):
            for system, stats in enumerate(sample.systems):
                if isinstance(sample.metric, AdditiveMetric):
                    scores[rows, index, system] = sample.metric.score(block.product(index, system))
                else:
                    scores[rows, index, system] = sample.metric.aggregate(stats, block.rows(index))
    return scores


def left_out_scores(layout: Layout) -> FloatArray:
    """Scores ``[groups, L, m]`` without one cluster after the other (left out of all samples at once).

    ``nan`` where a sample consists of that cluster only. Costs one score a cluster and sample.
    """
    scores = np.empty((layout.groups, len(layout.samples), len(layout.samples[0].systems)))
    for index, sample in enumerate(layout.samples):
        columns = layout.columns[index]
        for system, stats in enumerate(sample.systems):
            scores[:, index, system] = sample.metric.value(stats)
            if isinstance(sample.metric, AdditiveMetric):
                table = layout.tables[layout.places[index][system]]
                scores[columns, index, system] = sample.metric.score(table.sum(axis=0) - table)
            else:
                kept = (layout.rows[index][None, :] != np.arange(len(columns))[:, None]).astype(np.float64)
                scores[columns, index, system] = sample.metric.aggregate(stats, kept)
    return scores


def swapped_deltas(layout: Layout, *, rng: np.random.Generator, draws: int) -> FloatArray:
    """Deltas ``[B, L]`` after swapping the two systems in a random half of the clusters."""
    null = np.empty((draws, len(layout.samples)))
    totals = [table.sum(axis=0) for table in layout.tables]
    linear = _linear(layout)
    others = sorted({*range(len(layout.samples))} - {index for one in linear for index in one.samples})
    for rows in _blocks(draws, layout.groups):
        block = _Block(layout, _coin_flips(rng, rows.stop - rows.start, layout.groups))
        for one in linear:
            kept = one.totals - 2 * (block.seen(one.samples[0]) @ one.differences)
            null[rows, one.samples] = kept / one.counts
        for index in others:
            sample = layout.samples[index]
            if isinstance(sample.metric, AdditiveMetric):
                first, second = (totals[place] for place in layout.places[index])
                moved = block.product(index, 1) - block.product(index, 0)
                null[rows, index] = sample.metric.score(first + moved) - sample.metric.score(second - moved)
            else:
                null[rows, index] = _swapped_rows(sample, block.rows(index))
    return null


@dataclass(frozen=True, slots=True, kw_only=True)
class _Linear:
    """Samples of means over the same rows and clusters, whose deltas are sums of differences.

    Attributes:
        samples: ``[m]`` their numbers. differences: ``[clusters, m]`` first minus second system. totals: ``[m]`` their
            sums. counts: ``[m]`` what both systems' sums are divided by.
    """

    samples: list[int]
    differences: FloatArray
    totals: FloatArray
    counts: FloatArray


def _linear(layout: Layout) -> list[_Linear]:
    """Samples of a mean in which every cluster counts the same for both systems, those of equal clusters together."""
    found: dict[int, list[int]] = {}
    for index, sample in enumerate(layout.samples):
        first, second = (layout.tables[place] for place in layout.places[index])
        is_mean = isinstance(sample.metric, MeanMetric) and type(sample.metric).score is MeanMetric.score
        if is_mean and first[:, 1].sum() > 0 and np.array_equal(first[:, 1], second[:, 1]):
            found.setdefault(id(layout.columns[index]), []).append(index)
    made = []
    for samples in found.values():
        pairs = [[layout.tables[place] for place in layout.places[index]] for index in samples]
        differences = np.stack([first[:, 0] - second[:, 0] for first, second in pairs], axis=1)
        counts = np.array([first[:, 1].sum() for first, _ in pairs])
        made.append(_Linear(samples=samples, differences=differences, totals=differences.sum(axis=0), counts=counts))
    return made


def _stacked(tables: Sequence[FloatArray], owners: Sequence[int]) -> tuple[list[FloatArray], list[tuple[int, slice]]]:
    """Tables side by side, those alone together that stand one after the other and have the same owner."""
    stacks: list[list[FloatArray]] = []
    spans: list[tuple[int, slice]] = []
    width, last = _STACK, -1
    for table, owner in zip(tables, owners, strict=True):
        if owner != last or width + table.shape[1] > _STACK:
            stacks.append([])
            width, last = 0, owner
        stacks[-1].append(table)
        spans.append((len(stacks) - 1, slice(width, width + table.shape[1])))
        width += table.shape[1]
    return [np.ascontiguousarray(np.hstack(stack).T) for stack in stacks], spans


def _numbers(sample: Sample) -> tuple[str, ...]:
    return tuple(str(row) for row in range(len(sample.systems[0])))


def _swapped_rows(sample: Sample, swaps: FloatArray) -> FloatArray:
    """Deltas ``[B]`` of a pooled metric, rows of the two systems exchanged where ``swaps`` ``[B, n]`` is 1."""
    first, second = sample.systems
    deltas = np.empty(len(swaps))
    for draw, swap in enumerate(swaps[:, :, None] > 0):
        exchanged = np.where(swap, second, first), np.where(swap, first, second)
        deltas[draw] = sample.metric.value(exchanged[0]) - sample.metric.value(exchanged[1])
    return deltas


def _blocks(total: int, width: int) -> Iterator[slice]:
    step = max(1, _BLOCK // max(width, 1))
    for start in range(0, total, step):
        yield slice(start, min(start + step, total))


def _multinomial(rng: np.random.Generator, resamples: int, groups: int) -> FloatArray:
    """How often each cluster stands in each resample, ``[B, groups]``; faster than ``rng.multinomial``."""
    drawn = rng.integers(groups, size=(resamples, groups))
    drawn += np.arange(resamples)[:, None] * groups
    counts = np.bincount(drawn.ravel(), minlength=resamples * groups)
    return counts.reshape(resamples, groups).astype(np.float64)


def _coin_flips(rng: np.random.Generator, draws: int, groups: int) -> FloatArray:
    """Fair 0/1 values ``[B, groups]``, eight to a random byte."""
    packed = np.frombuffer(rng.bytes((draws * groups + 7) // 8), dtype=np.uint8)
    return np.unpackbits(packed, count=draws * groups).reshape(draws, groups).astype(np.float64)
