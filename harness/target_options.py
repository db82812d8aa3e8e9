"""Metrics as people name them, with the options that follow from the target language.

Those are BLEU's tokenizer, and the language and script looked for: a metric that has an option of one of these names
gets it, whoever wrote the metric, unless the option is given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.errors import UserError
from harness.languages import UND, bleu_tokenizer, find
from harness.spec import MetricOption
from metrics import registry
from metrics.base import Metric, MetricError, TextMetric

_TOKENIZED = "bleu"  # only there the target language decides; spBLEU's tokenizer is the same for all

_MOST_DIGITS = 18
"""Of a whole number in an option."""


def target_options(name: str, options: Mapping[str, MetricOption], target: str) -> dict[str, MetricOption]:
    """Options of a metric, completed with what the target language says.

    Args:
        name: The metric's name. target: Any code of the target language.

    Raises:
        UserError: No language has that code.
        MetricError: Unknown metric.
    """
    language = find(target)
    known = registry.options(name)
    own: dict[str, MetricOption] = {}
    if name == _TOKENIZED:
        own["tokenize"] = bleu_tokenizer(target)
    if language.code != UND:
        if "language" in known:
            own["language"] = language.bcp47.partition("-")[0]
        if "script" in known:
            own["script"] = language.script
    return {**own, **options}


def text_metric(text: str, target_language: str = "") -> TextMetric:
    """A metric from ``name`` or ``name:option=value:...``, with the tokenizer of the target language by default.

    Options may be separated by commas too, and ``comet:PATH`` is ``comet:model=PATH``.

    Raises:
        UserError: The metric or an option is unknown, or the metric does not judge texts.
    """
    name, *parts = re.split(r"[:,]", text)
    options: dict[str, MetricOption] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals and name == "comet" and not options:
            key, equals, value = "model", "=", part
        if not equals:
            raise UserError(f"--metrics {text}: '{part}' is not option=value")
        options[key] = _typed(value)
    try:
        if target_language:
            options = target_options(name, options, target_language)
        metric: Metric = registry.create(name, options)
    except MetricError as error:
        raise UserError(f"--metrics {text}: {error}") from error
    if not isinstance(metric, TextMetric):
        raise UserError(
            f"--metrics {text}: {metric.info.title} does not judge texts; use bleu, chrf, chrf++, ter or comet"
        )
    return metric


def _typed(value: str) -> MetricOption:
    if value in ("true", "false"):
        return value == "true"
    if value.isdecimal() and len(value) <= _MOST_DIGITS:
        return int(value)
    return float(value) if re.fullmatch(r"[0-9]*[.][0-9]+", value) else value
