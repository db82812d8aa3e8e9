"""Statistics of several systems' outputs, extracted once a metric and system; everything else is a choice of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.system_outputs import SystemOutputs
from harness.target_options import text_metric
from metrics.base import FloatArray, Metric
from metrics.parallel import segment_stats


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Statistics of every system by one metric: name -> ``[n, k]``, a row a segment."""

    metric: Metric
    statistics: Mapping[str, FloatArray]


def scored_outputs(outputs: SystemOutputs, metrics: Sequence[str]) -> list[Scored]:
    """Extract the statistics of every metric.

    All systems go to a metric in one call: a metric that encodes texts then encodes every source, reference and
    repeated output once, however many systems there are.

    Args:
        metrics: Names, or ``name:option=value,...``; what follows from the target language is filled in.

    Raises:
        UserError: An unknown metric or option.
        MetricError: The segments lack what a metric needs.
    """
    found = []
    size = len(outputs.ids)
    for text in metrics:
        metric = text_metric(text, outputs.target_language)
        segments = [segment for name in outputs.hypotheses for segment in outputs.segments(name)]
        stats = segment_stats(metric, segments)
        statistics = {name: stats[place * size : (place + 1) * size] for place, name in enumerate(outputs.hypotheses)}
        found.append(Scored(metric=metric, statistics=statistics))
    return found
