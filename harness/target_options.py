"""Options of metrics that follow from the target language: BLEU's tokenizer, the language and script looked for.

A metric that has an option of one of these names gets it, whoever wrote the metric, unless the option is given.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.languages import UND, bleu_tokenizer, find
from harness.spec import MetricOption
from metrics import registry

_TOKENIZED = "bleu"  # only there the target language decides; spBLEU's tokenizer is the same for all


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
