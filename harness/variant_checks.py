"""Rules of a task's variants, and of families that are lm-eval's own tasks: which names their patterns make.

As ``harness.task_checks``, of which this is a part: plain object in, problems with their place out. Whether lm-eval has
tasks of those names is for the loader, which knows lm-eval's index.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast, get_args

from harness.directions import read_entry
from harness.errors import UserError
from harness.languages import canonical
from harness.spec import LM_KINDS, Kind
from harness.yaml_reader import Location, Problem, shown
from metrics.spelling import did_you_mean

Raw = Mapping[str, Any]

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_KNOWN = ("lang", "prompt")


def check_pattern(pattern: object, known: Sequence[str], here: Location) -> Iterator[Problem]:
    """Placeholders of a pattern: known ones, with both braces."""
    if not isinstance(pattern, str):
        return
    names = PLACEHOLDER.findall(pattern)
    for name in names:
        if name not in known:
            allowed = ", ".join(f"{{{one}}}" for one in known) or "no placeholder"
            yield here, f"unknown placeholder {{{name}}}{did_you_mean(name, known) or f'; known here: {allowed}'}"
    if pattern.count("{") != len(names) or pattern.count("}") != len(names):
        yield here, f"a brace of {shown(pattern)} has no partner"


def read_variants(raw: Raw, languages: Mapping[str, str]) -> tuple[object, list[Problem]]:
    """The variants with canonical codes as their ``languages``, and what is wrong with languages and prompts there.

    Args:
        raw: The file's top-level mapping.
        languages: The task's languages, canonical code -> the data set's own; empty when they could not be read.
    """
    variants = raw.get("variants")
    if not isinstance(variants, dict):
        return variants, []
    own = {code: language for language, code in languages.items()}
    made: dict[str, object] = {}
    problems: list[Problem] = []
    for name, variant in variants.items():
        made[name] = variant
        if not isinstance(variant, dict):
            continue
        problems += _check_prompt_names(raw, variant, ("variants", name, "prompts"))
        problems += _check_directions(raw, variant, languages, ("variants", name, "directions"))
        written = variant.get("languages")
        if isinstance(written, list) and all(isinstance(code, str) for code in written):
            found, wrong = _read_languages(written, languages, own, ("variants", name, "languages"))
            problems += wrong
            made[name] = {**variant, "languages": found}
        if isinstance(pivot := variant.get("pivot"), str):
            code, wrong = _read_pivot(raw, pivot, languages, own, ("variants", name, "pivot"))
            problems += wrong
            made[name] = {**cast("dict[str, object]", made[name]), "pivot": code}
    return made, problems


def _read_pivot(
    raw: Raw, written: str, languages: Mapping[str, str], own: Mapping[str, str], here: Location
) -> tuple[str, list[Problem]]:
    if raw.get("kind") != "alignment":
        return written, [(here, "only tasks of kind alignment have a pivot for each variant; give the task its pivot")]
    found, problems = _read_languages([written], languages, own, here)
    return (found or [written])[0], [(here, text) for _, text in problems]


def _read_languages(
    written: Sequence[str], languages: Mapping[str, str], own: Mapping[str, str], here: Location
) -> tuple[list[str], list[Problem]]:
    found: list[str] = []
    problems: list[Problem] = []
    for index, code in enumerate(written):
        place = (*here, index)
        try:
            language = code if code in languages else own.get(code) or canonical(code)
        except UserError as error:
            problems.append((place, str(error)))
            continue
        if languages and language not in languages:
            hint = did_you_mean(language, languages) or "; add it there"
            problems.append((place, f"{language} is not under the task's 'languages'{hint}"))
        elif language in found:
            problems.append((place, f"{shown(code)} is {language}, which stands above already; keep one"))
        found.append(language)
    return found, problems


def _check_directions(raw: Raw, variant: Raw, languages: Mapping[str, str], here: Location) -> Iterator[Problem]:
    written = variant.get("directions")
    if written is not None and raw.get("directions") is None:
        yield here, "the task has no directions; remove the line"
        return
    for index, entry in enumerate(written if isinstance(written, list) and languages else ()):
        try:
            read_entry(str(entry), languages)
        except UserError as error:
            yield (*here, index), str(error)


def _check_prompt_names(raw: Raw, variant: Raw, here: Location) -> Iterator[Problem]:
    written, prompts = variant.get("prompts"), raw.get("prompts")
    if not isinstance(written, list) or not isinstance(prompts, list | dict | None):
        return
    known = [name for name in prompts or () if isinstance(name, str)]
    for index, name in enumerate(written):
        if isinstance(name, str) and name not in known:
            hint = did_you_mean(name, known) or f"; it has {', '.join(known) or 'none'}"
            yield (*here, index), f"the task has no prompt {shown(name)}{hint}"
        elif name in written[:index]:
            yield (*here, index), f"{shown(name)} stands above already; keep one"


def check_lm_eval(raw: Raw, languages: Mapping[str, str]) -> Iterator[Problem]:
    """Every problem of the patterns of lm-eval's task names, and of what they have to do with the other fields."""
    prompts, kind = raw.get("prompts"), raw.get("kind")
    names = [name for name in prompts if isinstance(name, str)] if isinstance(prompts, list | dict) else []
    patterns = dict(_patterns(raw))
    if not patterns:
        if isinstance(prompts, list) and names:
            yield ("prompts",), "a list of names is for tasks with 'lm_eval'; write each prompt with its doc_to_text"
        return
    if kind in get_args(Kind) and kind not in LM_KINDS:
        yield next(iter(patterns)), f"lm-eval's tasks are of kind {', '.join(LM_KINDS)}; kind {kind} has none"
    if isinstance(prompts, list):
        for index, name in enumerate(prompts):
            if isinstance(name, str) and name in prompts[:index]:
                yield ("prompts", index), f"{shown(name)} stands above already; keep one"
    elif isinstance(prompts, dict) and any(prompts.values()):
        yield ("prompts",), "prompts are lm-eval's own here; give a list of their names for {prompt}"
    for here, pattern in patterns.items():
        yield from check_pattern(pattern, _KNOWN, here)
    if raw.get("lm_eval") is None:
        for name, variant in raw["variants"].items():
            if isinstance(variant, dict) and variant.get("lm_eval") is None:
                yield ("variants", name), "no 'lm_eval', though other variants have it; all or none are lm-eval's tasks"
    yield from _check_told_apart(raw, languages, names)


def _patterns(raw: Raw) -> Iterator[tuple[Location, str]]:
    if isinstance(raw.get("lm_eval"), str):
        yield ("lm_eval",), raw["lm_eval"]
    variants = raw.get("variants")
    for name, variant in variants.items() if isinstance(variants, dict) else ():
        if isinstance(variant, dict) and isinstance(variant.get("lm_eval"), str):
            yield ("variants", name, "lm_eval"), variant["lm_eval"]


def _check_told_apart(raw: Raw, languages: Mapping[str, str], names: Sequence[str]) -> Iterator[Problem]:
    """Whether every language, prompt and variant has lm-eval tasks of its own."""
    variants = raw.get("variants")
    settings: dict[Location, Raw] = (
        {("variants", name): one for name, one in variants.items() if isinstance(one, dict)}
        if isinstance(variants, dict)
        else {}
    )
    seen: dict[tuple[object, ...], Location] = {}
    for here, variant in (settings or {(): {}}).items():
        said = variant.get("lm_eval")
        pattern, place = (said, (*here, "lm_eval")) if isinstance(said, str) else (raw.get("lm_eval"), ("lm_eval",))
        if not isinstance(pattern, str):
            continue
        held = set(PLACEHOLDER.findall(pattern))
        own_languages, own_prompts = variant.get("languages"), variant.get("prompts")
        count = len(own_languages) if isinstance(own_languages, list) else len(languages)
        asked = own_prompts if isinstance(own_prompts, list) else names
        if "lang" not in held and count > 1:
            yield place, f"every language would be the same task; put {{lang}} into {shown(pattern)}"
        if "prompt" not in held and len(asked) > 1:
            yield place, f"every prompt would be the same task; put {{prompt}} into {shown(pattern)}"
        if "prompt" in held and not names:
            yield place, "{prompt} stands for the names under 'prompts', and there are none; list them"
        whole = (pattern, str(variant.get("num_fewshot")), str(variant.get("dataset")), str(asked), str(own_languages))
        if whole in seen:
            yield here, f"says the same as {'.'.join(map(str, seen[whole]))}; keep one"
        seen[whole] = here
