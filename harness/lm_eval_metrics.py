"""What lm-eval's files are scored by -> our metrics.

A score keeps lm-eval's name where our metric of that name is the same number. What a task computes with code of its
own is a mean over documents; scores that such code aggregates in another way are left out, and named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.lm_eval_entries import Entry, Score
from harness.spec import MetricSpec
from metrics import registry

_USUAL: Mapping[str, tuple[str, ...]] = {
    "loglikelihood": ("perplexity", "acc"),
    "loglikelihood_rolling": ("word_perplexity", "byte_perplexity", "bits_per_byte"),
    "multiple_choice": ("acc", "acc_norm"),
    "generate_until": ("exact_match",),
}
"""lm-eval's metrics of a task whose file names none."""

_SAME: Mapping[tuple[str, str], str] = {
    **{(name, how): name for name in ("acc", "acc_norm", "acc_bytes", "exact_match") for how in ("", "mean")},
    **{(name, how): name for name in ("bleu", "chrf", "ter") for how in ("", name)},
    **{(name, how): name for name in ("perplexity", "bits_per_byte", "brier_score") for how in ("", name)},
    **{(name, how): name for name in ("word_perplexity", "byte_perplexity") for how in ("", "weighted_perplexity")},
    **{("mcc", how): "mcc" for how in ("", "matthews_corrcoef")},
    **{("f1", how): "f1_binary" for how in ("", "f1")},
    ("f1", "mean"): "f1",
    ("f1", "!weighted_f1_score"): "f1_weighted",
    ("f1", "!macro_f1_score"): "f1_macro",
    ("f1", "!macro_f1"): "f1_macro",
    ("f1", "!span_f1_agg"): "span_f1",
    ("acc", "!acc_score"): "tag_accuracy",
}
"""lm-eval's metric and how it aggregates (a function by its last name) -> our metric that is the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What a task is scored by.

    Attributes:
        metrics: Ours. left_out: Names of lm-eval's that we do not compute.
    """

    metrics: tuple[MetricSpec, ...]
    left_out: tuple[str, ...]


def scores_of(entry: Entry) -> Scores:
    """The metrics of a task, one for each of its answer filters where it has several."""
    listed = entry.scores or tuple(Score(name, "", True) for name in _USUAL.get(entry.request_kind, ()))
    chains = entry.filters if len(entry.filters) > 1 else ("",)
    metrics: dict[str, MetricSpec] = {}
    left_out: list[str] = []
    for score in listed:
        found = _metric(score, entry)
        if found is None:
            left_out.append(score.metric.removeprefix("!"))
            continue
        for chain in chains:
            metric = found.model_copy(update={"filter": chain})
            metrics.setdefault(metric.label, metric)
    return Scores(metrics=tuple(metrics.values()), left_out=tuple(left_out))


def _metric(score: Score, entry: Entry) -> MetricSpec | None:
    how = score.aggregation
    if how.startswith("!"):
        how = f"!{how.rpartition('.')[2]}"
    same = _SAME.get((score.metric, how))
    if same is not None and entry.request_kind in registry.info(same).kinds:
        return MetricSpec(name=same)
    if entry.judges and how == "mean" and not score.metric.startswith("!"):
        return MetricSpec(name="mean", options={"of": score.metric, "higher_is_better": score.higher_is_better})
    return None
