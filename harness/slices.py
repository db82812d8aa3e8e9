"""Parts of a test set on which systems are looked at apart: by length, by label, by flag.

Segments in, row numbers out; knows no score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from harness.system_outputs import SystemOutputs
from harness.target_options import text_metric
from metrics.base import MetricError
from metrics.flags import FlagMetric
from metrics.scripts import visible

BUCKETS = 5
FLAGS = ("empty_output", "copied_source", "repetition", "length_ratio", "off_target", "wrong_script")
"""Signs of a translation that has come loose, in the order they are shown in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Some of a test set's segments.

    Attributes:
        name: What they share, for people. rows: int64 ``[m]``, ascending, at least one.
    """

    name: str
    rows: NDArray[np.int64]


def by_length(outputs: SystemOutputs, buckets: int = BUCKETS) -> list[Slice]:
    """Segments by the length of their source (without sources, of the first reference), in visible characters.

    As many segments in every bucket as ties allow: the edges are quantiles of the test set, and stand in the names.
    Characters, because words cannot be counted alike in every script.

    Args:
        buckets: At most so many; fewer where lengths repeat.
    """
    texts = outputs.sources or tuple(references[0] if references else "" for references in outputs.references)
    lengths = np.array([visible(text) for text in texts])
    edges = np.unique(np.quantile(lengths, np.arange(1, buckets) / buckets, method="lower"))
    place = np.searchsorted(edges, lengths, side="left")
    found = []
    for number in np.unique(place):
        rows = np.flatnonzero(place == number)
        low, high = lengths[rows].min(), lengths[rows].max()
        found.append(Slice(name=f"{low} characters" if low == high else f"{low} to {high} characters", rows=rows))
    return found


def by_label(labels: Sequence[str]) -> list[Slice]:
    """Segments by what stands beside them (document, domain), in the order of first appearance."""
    rows: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        rows.setdefault(label, []).append(row)
    return [Slice(name=label, rows=np.array(found, dtype=np.int64)) for label, found in rows.items()]


def flags_of(outputs: SystemOutputs) -> tuple[Mapping[str, FlagMetric], list[str]]:
    """The flags that can be raised for these outputs, and why others cannot."""
    made: dict[str, FlagMetric] = {}
    left_out = []
    for name in FLAGS:
        try:
            metric = text_metric(name, outputs.target_language)
            assert isinstance(metric, FlagMetric)
            # The texts of the first segment tell whether it has what it needs.
            metric.flag(outputs.segments(next(iter(outputs.hypotheses)))[0])
        except (UserError, MetricError) as error:
            left_out.append(str(error))
        else:
            made[name] = metric
    if "off_target" in made:
        made.pop("wrong_script", None)  # it is part of the other
    return made, left_out
