"""Rules of the prompts of a task file: what is needed, how texts meet, how generation ends, what templates hold.

As ``harness.task_checks``, of which this is a part: plain object in, problems with their place out. Templates are
parsed (``harness.template_checks``), never rendered. Prompts that are lm-eval's are only names, and not looked at here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from harness.filter_checks import check_filters
from harness.spec import LM_KINDS, Kind
from harness.template_checks import check_template
from harness.yaml_reader import Location, Problem, shown
from metrics.spelling import did_you_mean

Raw = Mapping[str, Any]

_SAMPLING_KEYS = ("temperature", "top_p", "top_k", "seed")
_GENERATION_KEYS = ("until", "max_gen_toks", "do_sample", *_SAMPLING_KEYS)
_LANGUAGE_FIELDS = ("lang", "language")
_TRANSLATION_FIELDS = ("source", "target", "source_language", "target_language", "source_code", "target_code")


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
            yield from _check_choices(prompt, here)
            yield from _check_generation(str(kind), prompt, here)
            yield from _check_repeats(str(kind), prompt, here)
            yield from _check_filters(str(kind), prompt, here)
            for place, template in templates(prompt):
                yield from check_template(template, (*here, *place), fields)


def _template_fields(raw: Raw) -> tuple[str, ...]:
    """Names that templates can use; empty when only the data tells."""
    dataset = raw.get("dataset")
    said = dataset if isinstance(dataset, dict) else {}
    texts = map(str, said["texts"]) if isinstance(said.get("texts"), dict) else ()
    if raw.get("kind") == "translation":
        return (*_TRANSLATION_FIELDS, *texts)
    columns = said.get("columns")
    if not isinstance(columns, list) or not columns:
        return ()
    renamed = said["rename"] if isinstance(said.get("rename"), dict) else {}
    constants = map(str, said["constants"]) if isinstance(said.get("constants"), dict) else ()
    return (*(str(renamed.get(column, column)) for column in map(str, columns)), *constants, *texts, *_LANGUAGE_FIELDS)


def _check_required(kind: str, prompt: Raw, here: Location) -> Iterator[Problem]:
    """What lm-eval needs of a prompt of each kind; a prompt may be empty where the choices are whole sentences."""
    if kind in LM_KINDS and prompt.get("doc_to_target", "") in ("", None):
        yield here, "doc_to_target is missing; name the column or template of the gold answer"
    if kind == "multiple_choice" and not prompt.get("doc_to_choice"):
        yield here, "doc_to_choice is missing; name the column, list or template of the choices"
    given, empty = prompt.get("doc_to_text"), kind in ("loglikelihood", "loglikelihood_rolling")
    if not given and not empty and not (kind == "multiple_choice" and given == ""):
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


def _check_choices(prompt: Raw, here: Location) -> Iterator[Problem]:
    """A list of choices that is written in the file: all different, each after one space, and the gold one of them."""
    choices, delimiter = prompt.get("doc_to_choice"), prompt.get("target_delimiter", " ")
    if not isinstance(choices, list) or not all(isinstance(choice, str) for choice in choices):
        return
    for index, choice in enumerate(choices):
        place = (*here, "doc_to_choice", index)
        if choice in choices[:index]:
            yield place, f"{shown(choice)} stands above already; two choices would be the same answer"
        if choice[:1].isspace() and isinstance(delimiter, str) and delimiter[-1:].isspace():
            yield place, f"begins with white space, which 'target_delimiter' ({shown(delimiter)}) already is"
    target = prompt.get("doc_to_target")
    gold = int(target) if isinstance(target, str) and re.fullmatch(r"[0-9]{1,9}", target) else target
    if isinstance(gold, int) and not isinstance(gold, bool) and not 0 <= gold < len(choices):
        yield (*here, "doc_to_target"), f"gold index {gold} is outside the {len(choices)} choices; count from 0"


def _check_filters(kind: str, prompt: Raw, here: Location) -> Iterator[Problem]:
    chains = prompt.get("filter_list")
    if chains and kind != "generate_until":
        yield (*here, "filter_list"), f"filters are for generated answers; kind {kind} has none: remove it"
    elif chains:
        repeats = prompt.get("repeats", 1)
        yield from check_filters(chains, (*here, "filter_list"), repeats if isinstance(repeats, int) else 1)


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
            hint = did_you_mean(key, _GENERATION_KEYS) or f"; there are {', '.join(_GENERATION_KEYS)}"
            yield (*here, key), f"unknown key{hint}"
        elif key in _SAMPLING_KEYS and value and not given.get("do_sample"):
            yield (*here, key), "generation is greedy; remove the line, or say 'do_sample: true' for sampled text"
    if given.get("do_sample"):
        yield from _check_sampling(given, here)
    limit = given.get("max_gen_toks", 1)
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        yield (*here, "max_gen_toks"), f"expected a whole number of at least 1, found {shown(limit)}"
    stops = given.get("until", "?")
    stops = [stops] if isinstance(stops, str) else stops
    if not isinstance(stops, list) or not stops or not all(isinstance(stop, str) and stop for stop in stops):
        yield (*here, "until"), "expected one or more texts that end the answer, none of them empty"


def _check_repeats(kind: str, prompt: Raw, here: Location) -> Iterator[Problem]:
    repeats, given = prompt.get("repeats", 1), prompt.get("generation_kwargs")
    if not isinstance(repeats, int) or repeats <= 1:
        return
    if kind != "generate_until":
        yield (*here, "repeats"), f"kind {kind} has one answer a prompt, generate_until may have several; remove it"
    elif not (isinstance(given, dict) and given.get("do_sample")):
        yield (*here, "repeats"), "greedy answers are all the same; say 'do_sample: true' in generation_kwargs"


def _check_sampling(given: Raw, here: Location) -> Iterator[Problem]:
    if not given.get("temperature"):
        yield (*here, "do_sample"), "sampled text needs a temperature above 0; give one, or remove the line"
        return
    for key, low, high, whole in (("temperature", 0, 100, False), ("top_p", 0, 1, False), ("top_k", -1, None, True),
                                  ("seed", -1, None, True)):  # fmt: skip
        value = given.get(key, 1)
        number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if not number or value <= low or (high is not None and value > high):
            size = f"above {low} and at most {high}" if high else "of at least 0"
            yield (*here, key), f"expected a {'whole ' if whole else ''}number {size}, found {shown(value)}"


def templates(prompt: Raw) -> Iterator[tuple[Location, str]]:
    """Place within a prompt, and text, of every template."""
    for name in ("doc_to_text", "doc_to_target", "doc_to_choice", "description"):
        value = prompt.get(name)
        if isinstance(value, str):
            yield (name,), value
        elif isinstance(value, list):
            yield from (((name, index), item) for index, item in enumerate(value) if isinstance(item, str))
