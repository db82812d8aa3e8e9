"""Rows of a run's tables: texts, statistics, what names their unit, and the Parquet schemas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.records import UNIT_COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa

UnitKey = tuple[str, str, str, str, str]
"""``(model, task, variant, prompt, language)``."""

KEY_COLUMNS = (*UNIT_COLUMNS, "metric")
"""What the rows of a run's tables are looked up by; only these have statistics in the footers of the files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRow:
    """The texts of one segment, as they stand in ``segments.parquet``."""

    segment: str
    cluster: str
    source: str | None
    references: tuple[str, ...]
    hypothesis: str | None
    failed: str | None = None
    reasoning: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitStatistics:
    """Sufficient statistics of one metric over the scored segments of one unit.

    Attributes:
        segments, clusters: ``n`` ids each.
        stats: ``[n, k]`` float64.
        scores: ``[n]`` segment-level scores, ``nan`` where the metric has none.
    """

    segments: tuple[str, ...]
    clusters: tuple[str, ...]
    stats: NDArray[np.float64]
    scores: NDArray[np.float64]


def segment_schema() -> pa.Schema:
    import pyarrow as pa

    text = [(name, pa.string()) for name in (*UNIT_COLUMNS, "segment", "cluster", "source")]
    return pa.schema(
        [
            *text,
            ("references", pa.list_(pa.string())),
            *((name, pa.string()) for name in ("hypothesis", "failed", "reasoning")),
        ]
    )


def statistics_schema() -> pa.Schema:
    import pyarrow as pa

    text = [(name, pa.string()) for name in (*UNIT_COLUMNS, "metric", "segment", "cluster")]
    return pa.schema([*text, ("stats", pa.list_(pa.float64())), ("score", pa.float64())])
