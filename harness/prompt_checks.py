"""Rules of the prompts of a task file: what is needed, how a prompt may end, how generation ends, what templates name.

As ``harness.task_checks``, of which this is a part: plain object in, problems with their place out. Templates are
parsed, never rendered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from harness.spec import LM_KINDS, Kind
from harness.yaml_reader import Location, Problem, shown
from metrics.spelling import did_you_mean

Raw = Mapping[str, Any]

_GENERATION_KEYS = ("until", "max_gen_toks", "do_sample", "temperature")
_JINJA_NAMES = frozenset(["loop", "self", "super", "caller", "varargs", "kwargs"])
_TRANSLATION_FIELDS = ("source", "target", "source_language", "target_language")


def check_prompts(raw: Raw) -> Iterator[Problem]:
    """Every problem of a task file's prompts that pydantic cannot see.

    Args:
        raw: The file's top-level mapping.
    """
    kind, prompts = raw.get("kind"), raw.get("prompts")
    if not isinstance(prompts, dict):
        return
    if kind not in (*LM_KINDS, "translation", "preference"):
        if prompts and kind in get_args(Kind):
            yield ("prompts",), f"kind {kind} gives texts to the model as they are; remove the prompts"
        return
    fields = _template_fields(raw)
    for name, prompt in prompts.items():
        if isinstance(prompt, dict):
            here: Location = ("prompts", name)
            yield from _check_required(str(kind), prompt, here)
            yield from _check_prompt_end(prompt, here)
            yield from _check_generation(str(kind), prompt, here)
            for place, template in _templates(prompt):
                yield from _check_template(template, (*here, *place), fields)


def _template_fields(raw: Raw) -> tuple[str, ...]:
    """Names that templates can use; empty when only the data tells."""
    if raw.get("kind") == "translation":
        return _TRANSLATION_FIELDS
    dataset = raw.get("dataset")
    columns = dataset.get("columns") if isinstance(dataset, dict) else None
    return (*map(str, columns), "lang") if isinstance(columns, list) and columns else ()


def _check_required(kind: str, prompt: Raw, here: Location) -> Iterator[Problem]:
    if kind in LM_KINDS and prompt.get("doc_to_target", "") in ("", None):
        yield here, "doc_to_target is missing; name the column or template of the gold answer"
    if kind == "multiple_choice" and not prompt.get("doc_to_choice"):
        yield here, "doc_to_choice is missing; name the column, list or template of the choices"
    if kind != "loglikelihood" and not prompt.get("doc_to_text"):
        yield here, "doc_to_text is missing; write the prompt"


def _check_prompt_end(prompt: Raw, here: Location) -> Iterator[Problem]:
    """A prompt that ends in a space makes tokens that no text has; a line feed mostly comes from ``|`` in YAML."""
    text, delimiter = prompt.get("doc_to_text"), prompt.get("target_delimiter", " ")
    if not isinstance(text, str) or text == text.rstrip():
        return
    place = (*here, "doc_to_text")
    if text != text.rstrip(" \t"):
        yield place, f"ends in white space; remove it, 'target_delimiter' ({shown(delimiter)}) stands before the answer"
    elif delimiter != "":
        advice = "write '|-' instead of '|', or set target_delimiter: ''"
        yield place, f"ends in a line break, and 'target_delimiter' ({shown(delimiter)}) follows; {advice}"


def _check_generation(kind: str, prompt: Raw, here: Location) -> Iterator[Problem]:
    given = prompt.get("generation_kwargs")
    if kind == "generate_until" and not (isinstance(given, dict) and {"until", "max_gen_toks"} & given.keys()):
        yield here, "generation has no end; give generation_kwargs: {until: [...], max_gen_toks: N}, or one of them"
    if not isinstance(given, dict) or not given:
        return
    here = (*here, "generation_kwargs")
    if kind not in ("generate_until", "translation"):
        yield here, f"kind {kind} generates nothing; remove it"
        return
    for key, value in given.items():
        if key not in _GENERATION_KEYS:
            hint = did_you_mean(key, _GENERATION_KEYS) or "; generation is greedy, with 'until' and 'max_gen_toks'"
            yield (*here, key), f"unknown key{hint}"
        elif key in ("do_sample", "temperature") and value:
            yield (*here, key), "generation is greedy, so that a run can be repeated; remove the line"
    limit = given.get("max_gen_toks", 1)
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        yield (*here, "max_gen_toks"), f"expected a whole number of at least 1, found {shown(limit)}"
    stops = given.get("until", "?")
    stops = [stops] if isinstance(stops, str) else stops
    if not isinstance(stops, list) or not stops or not all(isinstance(stop, str) and stop for stop in stops):
        yield (*here, "until"), "expected one or more texts that end the answer, none of them empty"


def _templates(prompt: Raw) -> Iterator[tuple[Location, str]]:
    for name in ("doc_to_text", "doc_to_target", "doc_to_choice", "description"):
        value = prompt.get(name)
        if isinstance(value, str):
            yield (name,), value
        elif isinstance(value, list):
            yield from (((name, index), item) for index, item in enumerate(value) if isinstance(item, str))


def _check_template(template: str, here: Location, fields: Sequence[str]) -> Iterator[Problem]:
    """Syntax, names of filters and tests, and names of columns where those are known. Nothing is rendered."""
    if "{" not in template:
        return
    import jinja2
    from jinja2 import nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment()
    try:
        tree = environment.parse(template)
    except (jinja2.TemplateError, RecursionError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split()) or "nested too deep"
        yield here, f"template {shown(template)} is malformed: {reason}"
        return
    # jinja2.meta would tell the names too, but it computes constant expressions (9**9**9) on the way.
    names = list(tree.find_all(nodes.Name))
    own = {name.name for name in names if name.ctx != "load"} | environment.globals.keys() | _JINJA_NAMES
    for name in sorted({name.name for name in names} - own - set(fields)) if fields else ():
        hint = did_you_mean(name, fields) or f"; known: {', '.join(fields)}"
        yield here, f"template names {shown(name)}, which the data does not have{hint}"
    filters = {*environment.filters, "regex_replace"}
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        known, what = (filters, "filter") if isinstance(node, nodes.Filter) else (set(environment.tests), "test")
        if node.name not in known:
            yield here, f"template uses the unknown {what} {shown(node.name)}{did_you_mean(node.name, known)}"
