"""JSON Schema of a task file, for editors: completion, hover texts and marks below what does not fit.

Made from ``harness.spec`` and its docstrings, with the short forms that people may write. An editor sees less than
``glotbench tasks validate``, which also looks across fields, at the registries and at the data.
"""

from __future__ import annotations

import inspect
import itertools
import re
import textwrap
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from harness.spec import DatasetSpec, FilterChain, MetricSpec, PromptSpec, TaskSpec, VariantSpec
from metrics import registry

_ENTRY = re.compile(r"(?:^|(?<=\. ))(?P<names>[a-z_]\w*(?:, [a-z_]\w*)*): ", re.MULTILINE)
_MODELS: tuple[type[BaseModel], ...] = (DatasetSpec, FilterChain, MetricSpec, PromptSpec, VariantSpec)


def task_schema() -> dict[str, Any]:
    """The schema, as plain objects."""
    schema = TaskSpec.model_json_schema()
    _describe(TaskSpec, schema)
    for model in _MODELS:
        _describe(model, schema["$defs"][model.__name__])
    fields, parts = schema["properties"], schema["$defs"]
    fields["languages"] = _either({"type": "array", "items": {"type": "string"}, "minItems": 1}, fields["languages"])
    names = {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True}
    fields["prompts"] = _either(names, fields["prompts"])
    changes = parts["VariantSpec"]["properties"]["dataset"]
    parts["VariantSpec"]["properties"]["dataset"] = {"description": changes["description"], **fields["dataset"]}
    parts["MetricSpec"] = _metric(parts["MetricSpec"])
    kwargs = parts["PromptSpec"]["properties"]["generation_kwargs"]
    kwargs["properties"] = {
        "until": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
        "max_gen_toks": {"type": "integer", "minimum": 1},
        "do_sample": {"type": "boolean"},
        "temperature": {"type": "number", "minimum": 0},
        "top_p": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "top_k": {"type": "integer", "minimum": 0},
        "seed": {"type": "integer", "minimum": 0},
    }
    kwargs["additionalProperties"] = False
    schema["anyOf"] = [{"required": [name]} for name in ("dataset", "lm_eval", "variants")]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_without_defaults(schema)}


def _either(short: dict[str, Any], long: dict[str, Any]) -> dict[str, Any]:
    """A field that may be written in two forms."""
    told: dict[str, Any] = {key: long[key] for key in ("title", "description") if key in long}
    return {**told, "anyOf": [short, {key: value for key, value in long.items() if key not in told}]}


def _metric(metric: Mapping[str, Any]) -> dict[str, Any]:
    """A metric: its name, or a mapping with its options beside the name. Names that are installed are offered."""
    name = {"anyOf": [{"enum": sorted(registry.names())}, {"type": "string"}]}
    return {
        "title": metric["title"],
        "description": metric["description"],
        "anyOf": [
            name,
            {
                "type": "object",
                "required": ["name"],
                "properties": {**metric["properties"], "name": name},
                "additionalProperties": {"type": ["string", "number", "boolean"]},
            },
        ],
    }


def _describe(model: type[BaseModel], part: dict[str, Any]) -> None:
    """Move what a docstring says of its attributes to the fields."""
    text, _, attributes = inspect.cleandoc(model.__doc__ or "").partition("\nAttributes:\n")
    part["description"] = " ".join(text.split())
    flowing = re.sub(r"\n +", " ", textwrap.dedent(attributes))
    found = list(_ENTRY.finditer(flowing))
    for match, following in itertools.zip_longest(found, found[1:]):
        told = flowing[match.end() : following.start() if following else None]
        for name in match["names"].split(", "):
            if name in part["properties"]:
                part["properties"][name]["description"] = " ".join(told.split())


def _without_defaults(value: Any) -> Any:
    """Without defaults that are mappings, lists or null, which an editor would offer to write out."""
    if isinstance(value, dict):
        kept = ((key, one) for key, one in value.items() if key != "default" or isinstance(one, str | int))
        return {key: _without_defaults(one) for key, one in kept}
    return [_without_defaults(one) for one in value] if isinstance(value, list) else value
