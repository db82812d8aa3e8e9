"""Name -> metric, lazily imported. Built-ins stand in a table; third parties register under ``glotbench.metrics``.

A *factory* makes a metric from keyword options of type str, int, float or bool, all of which have a default; its
annotations say what it takes. An unknown name, option or value is an error with a did-you-mean, before anything is
computed. A name and its options are enough to make the same metric again and to aggregate stored statistics with it.
A built-in name cannot be taken over.

A third party writes in its ``pyproject.toml``::

    [project.entry-points."glotbench.metrics"]
    my_metric = "my_package.my_module:my_factory"
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import get_args

from metrics.base import Metric, MetricError, MetricInfo
from metrics.spelling import did_you_mean

PART = "@"
"""Between a metric's name and which of a segment's several answers it judges."""

Option = str | int | float | bool
Factory = Callable[..., Metric]

ENTRY_POINT_GROUP = "glotbench.metrics"

BUILT_IN: Mapping[str, str] = {
    "bleu": "metrics.bleu:Bleu",
    "chrf": "metrics.chrf:chrf",
    "chrf++": "metrics.chrf:chrf_plus_plus",
    "ter": "metrics.ter:Ter",
    "spbleu": "metrics.bleu:spbleu",
    "comet": "metrics.comet.metric:comet",
    "off_target": "metrics.language_id:OffTarget",
    "wrong_script": "metrics.language_id:WrongScript",
    "empty_output": "metrics.hallucination:EmptyOutput",
    "copied_source": "metrics.hallucination:CopiedSource",
    "repetition": "metrics.hallucination:Repetition",
    "length_ratio": "metrics.hallucination:LengthRatio",
    "acc": "metrics.accuracy:acc",
    "acc_norm": "metrics.accuracy:acc_norm",
    "acc_bytes": "metrics.accuracy:acc_bytes",
    "exact_match": "metrics.accuracy:exact_match",
    "mean": "metrics.accuracy:mean",
    "f1": "metrics.answers:f1",
    "token_f1": "metrics.answers:token_f1",
    "token_match": "metrics.answers:token_match",
    "f1_weighted": "metrics.classification:f1_weighted",
    "f1_macro": "metrics.classification:f1_macro",
    "f1_binary": "metrics.classification:f1_binary",
    "balanced_acc": "metrics.classification:balanced_acc",
    "mcc": "metrics.classification:mcc",
    "brier_score": "metrics.classification:brier_score",
    "span_f1": "metrics.tagging:span_f1",
    "tag_accuracy": "metrics.tagging:tag_accuracy",
    "preference_accuracy": "metrics.preference:preference_accuracy",
    "preference_accuracy_norm": "metrics.preference:preference_accuracy_norm",
    "preference_accuracy_bytes": "metrics.preference:preference_accuracy_bytes",
    "contrastive_accuracy": "metrics.contrastive:contrastive_accuracy",
    "contrastive_tau": "metrics.contrastive:contrastive_tau",
    "aces_score": "metrics.contrastive:aces_score",
    "bits_per_byte": "metrics.perplexity:bits_per_byte",
    "bits_per_char": "metrics.perplexity:bits_per_char",
    "byte_perplexity": "metrics.perplexity:byte_perplexity",
    "word_perplexity": "metrics.perplexity:word_perplexity",
    "perplexity": "metrics.perplexity:perplexity",
    "fertility": "metrics.perplexity:fertility",
    "tokens_per_char": "metrics.perplexity:tokens_per_char",
    "tokens_per_byte": "metrics.perplexity:tokens_per_byte",
    "tokenizer_parity": "metrics.perplexity:tokenizer_parity",
    "information_parity": "metrics.perplexity:information_parity",
    "bitext_f1": "metrics.embedding:bitext_f1",
    "bitext_accuracy": "metrics.embedding:bitext_accuracy",
    "cosine_spearman": "metrics.embedding:cosine_spearman",
    "probe_accuracy": "metrics.probing:probe_accuracy",
    "probe_f1": "metrics.probing:probe_f1",
    "multilabel_accuracy": "metrics.probing:multilabel_accuracy",
    "v_measure": "metrics.clustering:v_measure",
    "pair_ap": "metrics.ranking:pair_ap",
    "ndcg": "metrics.ranking:ndcg_at",
    "map": "metrics.ranking:map_at",
    "recall": "metrics.ranking:recall_at",
    "mrr": "metrics.ranking:mrr_at",
    "mexa": "metrics.alignment:mexa",
    "mexa_max": "metrics.alignment:mexa_max",
    "language_ranker": "metrics.alignment:language_ranker",
    "alignment_topk": "metrics.neighbours:alignment_topk",
    "alignment_margin": "metrics.neighbours:alignment_margin",
    "anisotropy": "metrics.neighbours:anisotropy",
}


def names() -> tuple[str, ...]:
    """All names, built-ins first, in the order of the table; then third parties' by name."""
    return (*BUILT_IN, *sorted(set(_third_party()) - set(BUILT_IN)))


def info(name: str) -> MetricInfo:
    """The facts of a metric with its default options.

    Raises:
        MetricError: Unknown name.
    """
    return create(name).info


def options(name: str) -> dict[str, Option | None]:
    """The options a metric takes, with their defaults; ``None`` means that none is set.

    Raises:
        MetricError: Unknown name.
    """
    parameters = inspect.signature(_factory(name)).parameters
    return {key: parameter.default for key, parameter in parameters.items()}


def create(name: str, options: Mapping[str, Option] | None = None) -> Metric:
    """Make a metric.

    Args:
        name: A name of :func:`names`; ``NAME@PART`` is the same metric of one of several answers (of a named answer
            filter), and is called so in its facts.
        options: What differs from the defaults.

    Raises:
        MetricError: Unknown name, unknown option, or a value of the wrong type or out of range.
    """
    base, _, part = name.partition(PART)
    factory = _factory(base, name)
    given = dict(options or {})
    known = inspect.signature(factory, eval_str=True).parameters
    for key in given:
        if key not in known:
            takes = f"it takes: {', '.join(known)}" if known else "it takes none"
            raise MetricError(f"{name}: {key}: unknown option{did_you_mean(key, known)}; {takes}")
    for key, value in given.items():
        _check_type(f"{name}: {key}", value, known[key].annotation)
    metric = factory(**given)
    if part:
        title = metric.info.title if metric.info.title.endswith(part) else f"{metric.info.title} ({part})"
        metric.info = dataclasses.replace(metric.info, name=name, title=title)
    return metric


def _factory(name: str, wanted: str = "") -> Factory:
    """The factory of a name; ``wanted`` is what was asked for, where that says more."""
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        factory: Factory = getattr(import_module(module), attribute)
        return factory
    third_party = _third_party()
    if name not in third_party:
        known = names()
        raise MetricError(f"{wanted or name}: unknown metric{did_you_mean(name, known)}; known: {', '.join(known)}")
    point = third_party[name]
    try:
        loaded: Factory = point.load()
    except (ImportError, AttributeError) as error:
        raise MetricError(
            f"{name}: entry point {point.value} cannot be imported ({error}); reinstall the package that brings it"
        ) from error
    return loaded


def _third_party() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}


def _check_type(where: str, value: Option, hint: object) -> None:
    """Check a value against ``bool``, ``int``, ``float``, ``str`` or a union of them; a whole number is a float too."""
    accepted = [kind for kind in (get_args(hint) or (hint,)) if isinstance(kind, type) and kind is not type(None)]
    is_float = float in accepted and type(value) is int
    if type(value) not in accepted and not is_float:
        wanted = " or ".join(kind.__name__ for kind in accepted)
        raise MetricError(f"{where}: needs {wanted}, found {type(value).__name__} {value!r}")
