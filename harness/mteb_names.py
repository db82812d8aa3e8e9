"""mteb's names of what stands in our records: tasks, splits, subsets and metrics, both ways.

Looks into the index alone; imports nothing of mteb's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.mteb_index import mteb_index
from harness.mteb_tasks import ACROSS, KINDS, RANKED, runnable


@dataclass(frozen=True, slots=True, kw_only=True)
class MtebNames:
    """What mteb calls a task of a run.

    Attributes:
        task, split, revision: mteb's. subsets: Language (or direction) and variant to mteb's subset and its codes.
    """

    task: str
    split: str
    revision: str
    subsets: Mapping[tuple[str, str], tuple[str, tuple[str, ...]]]


def mteb_names(name: str, cache: Path | None) -> MtebNames | None:
    """mteb's names of a task that :func:`harness.mteb_tasks.mteb_tasks` made; ``None`` for others.

    Args:
        name: The name in a record.

    Raises:
        UserError: mteb is not installed.
    """
    index = mteb_index(cache)
    base = name.removesuffix(ACROSS)
    split = ""
    if base not in index.names():
        base, _, split = base.rpartition(".")
    if base not in index.names():
        return None
    found = index.task(base)
    if found.route == "none" or (split and split not in found.splits):
        return None
    subsets, _ = runnable(found)
    labels = [subset.label for subset in subsets]
    named = {
        (one.label, one.name if labels.count(one.label) > 1 else ""): (one.name, found.subsets[one.name])
        for one in subsets
    }
    if len(set(labels)) < len(labels):
        named |= {(one.label, one.name): (one.name, found.subsets[one.name]) for one in subsets}
    usual = "test" if "test" in found.splits else found.splits[-1]
    return MtebNames(task=base, split=split or usual, revision=found.revision, subsets=named)


_KEYS = {
    "bitext_f1": "f1",
    "bitext_accuracy": "accuracy",
    "probe_accuracy": "accuracy",
    "probe_f1": "f1",
    "multilabel_accuracy": "accuracy",
    "pair_ap": "max_ap",
}
"""Metrics of ours to mteb's names, where they differ."""


def mteb_key(metric: str, options: Mapping[str, Any]) -> str:
    """mteb's name of a metric of ours, such as ``ndcg_at_10``; its own where mteb has none."""
    if metric in ("ndcg", "map", "recall", "mrr"):
        usual = {"ndcg": 10, "map": 1000, "recall": 100, "mrr": 10}
        return f"{metric}_at_{options.get('k', usual[metric])}"
    return _KEYS.get(metric, metric)


def metric_of(name: str, cache: Path | None) -> tuple[str, dict[str, Any], str]:
    """Metric of ours, its options, and the kind of one of mteb's tasks; its main score under mteb's name for others."""
    try:
        found = mteb_index(cache).task(name)
    except UserError:
        return "main_score", {}, "mteb"
    kind = KINDS.get(found.type, "mteb")
    if match := RANKED.fullmatch(found.main_score):
        return match[1], {"k": int(match[2])}, kind
    own = {
        ("bitext_mining", "f1"): "bitext_f1",
        ("classification", "accuracy"): "probe_accuracy",
        ("classification", "f1"): "probe_f1",
        ("multilabel_classification", "accuracy"): "multilabel_accuracy",
        ("multilabel_classification", "f1"): "probe_f1",
        ("pair_classification", "max_ap"): "pair_ap",
    }
    return own.get((kind, found.main_score), found.main_score), {}, kind
