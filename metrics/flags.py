"""What metrics share that flag single outputs: the score is the share of outputs that show the fault, 0 to 1.

A flag is a sign and no proof. It needs no reference unless it says so, and costs next to nothing.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from metrics.base import DEFINITIONS, FloatArray, MeanMetric, MetricInfo, Segment, TextMetric


class FlagMetric(MeanMetric, TextMetric):
    """Share of outputs with a fault; statistics ``[n, 2]``: whether an output has it, 1.

    Args:
        settings: What changes the result, for the signature.
    """

    def __init__(self, info: MetricInfo, settings: dict[str, object]) -> None:
        parts = [f"{key}:{value}" for key, value in settings.items()]
        super().__init__(info, "|".join([info.name, *parts, f"v:{DEFINITIONS}"]))

    @abstractmethod
    def flag(self, segment: Segment) -> bool:
        """Whether an output shows the fault.

        Raises:
            MetricError: The segment lacks what the flag needs.
        """

    def segment_stats(self, segments: Sequence[Segment]) -> FloatArray:
        return self.stats(np.array([self.flag(segment) for segment in segments], dtype=np.float64))


def flag_info(
    name: str, title: str, description: str, *, kinds: tuple[str, ...] = ("translation",), needs_source: bool = False
) -> MetricInfo:
    """The facts that all flags have alike, and those of one."""
    return MetricInfo(
        name=name,
        title=title,
        description=description,
        unit="fraction",
        bounds=(0.0, 1.0),
        higher_is_better=False,
        needs_source=needs_source,
        binary=True,
        decimals=3,
        kinds=kinds,
    )
