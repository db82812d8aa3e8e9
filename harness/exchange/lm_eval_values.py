"""lm-eval's scores and values of documents -> our metrics with their statistics.

A score is one of our metrics where it is the same number, and the mean of a named value where the documents' values say
so. Whatever the documents' values do not give again to nine digits keeps the score that was reported, without
statistics. Knows no file.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.errors import DataError
from harness.exchange.lm_eval_files import Reported
from harness.lm_eval_entries import Entry, Score
from harness.lm_eval_metrics import scores_of
from harness.spec import MetricOption, MetricSpec
from harness.tasks.judging import document_statistics
from harness.tasks.lm import lm_eval_name
from harness.tasks.lm_stock import StockUnit, metric_entry
from metrics import registry
from metrics.base import FloatArray, Metric, MetricError, Segment, TextMetric
from metrics.classification import ClassMetric

_TOLERANCE = 1e-9
_MOST_CLASSES = 1000
_FUNCTION = re.compile(r"\s*(?:@.*\n\s*)*def (?P<name>\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One reported score as one of our metrics.

    Attributes:
        label: Name of the score in a record. reported: lm-eval's metric and filter.
        metric: ``None`` for a score that is none of ours.
    """

    label: str
    reported: tuple[str, str]
    metric: Metric | None
    options: Mapping[str, MetricOption] = dataclasses.field(default_factory=dict)


def wanted_scores(
    reported: Mapping[tuple[str, str], Reported],
    config: Mapping[str, object],
    unit: StockUnit | None,
    version: str,
) -> list[Wanted]:
    """Every reported score of a task, those of the task's own metrics first.

    Args:
        config: The task's configuration in the file. unit: Our own unit of the task, which says what its metrics are.
        version: Of the lm-eval that computed the values.
    """
    specs = [*unit.spec.metrics] if unit is not None else []
    specs += scores_of(_entry(config)).metrics
    found: dict[tuple[str, str], Wanted] = {}
    labels: set[str] = set()
    for spec in specs:
        name = str(spec.options.get("of") or lm_eval_name(spec.name))
        chain = spec.filter or next((chain for metric, chain in reported if metric == name), "")
        key = (name, chain)
        if key in reported and key not in found and spec.label not in labels:
            made = _made(spec, _options(spec, config, version), key)
            if made is not None:
                found[key] = made
                labels.add(spec.label)
    for key in reported:
        if key not in found:
            found[key] = _other(key, config, version, alone=sum(metric == key[0] for metric, _ in reported) == 1)
    return list(found.values())


def statistics_of(wanted: Wanted, values: Sequence[object], labels: Sequence[int | str]) -> FloatArray | None:
    """Statistics of documents' values; ``None`` where the metric is not made of such values.

    Args:
        labels: The classes that documents have, for metrics of classes.
    """
    metric = wanted.metric
    if metric is None or not values:
        return None
    try:
        if isinstance(metric, TextMetric):
            return metric.segment_stats(list(_segments(values)))
        if isinstance(metric, ClassMetric) and len({str(value) for value in values}) > _MOST_CLASSES:
            return None
        found = document_statistics(metric, [*values], labels, wanted.label)
    except (DataError, MetricError, TypeError, ValueError, ArithmeticError, LookupError):
        return None
    return found if found.ndim == 2 and np.isfinite(found).all() else None


def gives(wanted: Wanted, stats: FloatArray, value: float) -> bool:
    """Whether statistics give a reported score again."""
    if wanted.metric is None:
        return False
    with np.errstate(all="ignore"):
        try:
            found = wanted.metric.value(stats)
        except (MetricError, ValueError, IndexError, ArithmeticError):
            return False
    return math.isclose(found, value, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)


def _segments(values: Sequence[object]) -> Iterator[Segment]:
    """Pairs (references, hypothesis) as lm-eval gives them to metrics of texts."""
    for value in values:
        if not isinstance(value, list) or len(value) != 2:
            raise TypeError("no pair of texts")
        references, hypothesis = value
        listed = references if isinstance(references, list) else [references]
        text = hypothesis[0] if isinstance(hypothesis, list) and len(hypothesis) == 1 else hypothesis
        if not isinstance(text, str) or not all(isinstance(one, str) for one in listed):
            raise TypeError("no pair of texts")
        yield Segment(hypothesis=text, references=tuple(listed))


def _made(spec: MetricSpec, options: Mapping[str, MetricOption], key: tuple[str, str]) -> Wanted | None:
    try:
        return Wanted(label=spec.label, reported=key, metric=registry.create(spec.label, options), options=options)
    except MetricError:
        return None


def _other(key: tuple[str, str], config: Mapping[str, object], version: str, *, alone: bool) -> Wanted:
    """A score that the task's metrics do not have: the mean of the documents' values, if it is that."""
    better = all(
        entry.get("higher_is_better", True) is not False for entry in _entries(config) if entry.get("metric") == key[0]
    )
    spec = MetricSpec(name="mean", filter="" if alone else key[1], options={"of": key[0], "higher_is_better": better})
    made = _made(spec, {**spec.options, "computed_by": f"lm-eval:{version or 'unknown'}"}, key)
    return made or Wanted(label=spec.label, reported=key, metric=None)


def _options(spec: MetricSpec, config: Mapping[str, object], version: str) -> dict[str, MetricOption]:
    """Options of a metric as ``StockUnit.metric_options`` makes them, from what the file says."""
    try:
        known = registry.options(spec.name)
    except MetricError:
        return {}
    said = metric_entry({"metric_list": _entries(config)}, spec.name)
    taken = {key: "\n".join(map(str, value)) if isinstance(value, list) else value for key, value in said.items()}
    extra: dict[str, MetricOption] = (
        {"computed_by": f"lm-eval:{version or 'unknown'}"} if "computed_by" in known else {}
    )
    plain = {key: value for key, value in taken.items() if key in known and isinstance(value, str | int | float | bool)}
    return {**plain, **extra, **spec.options}


def _entries(config: Mapping[str, object]) -> list[dict[str, object]]:
    listed = config.get("metric_list")
    return [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []


def _entry(config: Mapping[str, object]) -> Entry:
    """A configuration as the index of lm-eval's files has it."""
    kind, filters = config.get("output_type"), config.get("filter_list")
    named = (
        [one["name"] for one in filters if isinstance(one, dict) and isinstance(one.get("name"), str)]
        if isinstance(filters, list)
        else []
    )
    return Entry(
        name="",
        kind="task",
        root=Path(),
        output_type=kind if isinstance(kind, str) else "",
        scores=tuple(
            Score(
                metric=_function_name(entry.get("metric")),
                aggregation=_function_name(entry.get("aggregation")),
                higher_is_better=entry.get("higher_is_better", True) is not False,
            )
            for entry in _entries(config)
        ),
        filters=tuple(named),
        judges=config.get("process_results") is not None,
    )


def _function_name(value: object) -> str:
    """What a file says of a metric or aggregation; of a function, whose source stands there, its name."""
    if not isinstance(value, str):
        return ""
    found = _FUNCTION.match(value)
    return f"!{found['name']}" if found else value
