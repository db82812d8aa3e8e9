"""Rules of a prompt's ``filter_list``: names and options are lm-eval's, patterns are patterns, an answer comes out.

Part of ``harness.prompt_checks``. lm-eval itself finds an unknown name when the model is loaded, and never finds a
chain that leaves a list, which equals no gold answer and so scores zero.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from harness.patterns import EndlessSearchError, search_power
from harness.yaml_reader import Location, Problem, shown
from metrics.spelling import did_you_mean

_LAST = "take_first"
_CODE = "custom"
_PATTERNS = ("regex_pattern", "regexes_to_ignore")


def check_filters(chains: object, here: Location, answers: int = 1) -> Iterator[Problem]:
    """Every problem of a ``filter_list``.

    Args:
        chains: What stands there; other types than a list of mappings are left to pydantic.
        here: Where it stands. answers: How many answers a prompt has.
    """
    seen: set[str] = set()
    for index, chain in enumerate(chains if isinstance(chains, list) else ()):
        if not isinstance(chain, dict):
            continue
        name, steps = chain.get("name"), chain.get("filter")
        if isinstance(name, str) and name in seen:
            yield (*here, index, "name"), f"{shown(name)} stands above already; metrics could not tell them apart"
        seen.add(str(name))
        if isinstance(steps, list):
            yield from _check_chain(steps, (*here, index, "filter"), answers)


def refused_filters(chains: object, here: Location, answers: int = 1) -> Iterator[Problem]:
    """Of the problems of a ``filter_list``, those that lm-eval itself trips over, in files of its own."""
    for index, chain in enumerate(chains if isinstance(chains, list) else ()):
        steps = chain.get("filter") if isinstance(chain, dict) else None
        for number, step in enumerate(steps if isinstance(steps, list) else ()):
            if isinstance(step, dict) and step.get("function") != _CODE:
                yield from _check_step(step, (*here, index, "filter", number), answers)


def _check_chain(steps: list[Any], here: Location, answers: int) -> Iterator[Problem]:
    names = []
    for index, step in enumerate(steps):
        if isinstance(step, dict):
            names.append(step.get("function"))
            yield from _check_step(step, (*here, index), answers)
    if not names or len(names) < len(steps) or not all(isinstance(name, str) for name in names):
        return
    if names[-1] != _LAST:
        yield here, f"ends in {names[-1]}, and an answer stays a list, which equals no text; end with {_LAST}"
    elif _LAST in names[:-1]:
        after = names[names.index(_LAST) + 1]
        yield (*here, names.index(_LAST)), f"{_LAST} gives one text, of which {after} would see single characters"


def _check_step(step: Mapping[str, Any], here: Location, answers: int) -> Iterator[Problem]:
    from lm_eval.filters import filter_registry

    name = step.get("function")
    if "function" not in step:
        yield here, f"no 'function'; name one of lm-eval's filters: {_known()}"
    if not isinstance(name, str):
        return
    if name == _CODE:
        yield (*here, "function"), f"'{_CODE}' is code, which prompts of task files do not hold; use regex"
        return
    if name not in filter_registry:
        hint = did_you_mean(name, list(filter_registry)) or f"; there are {_known()}"
        yield (*here, "function"), f"unknown filter {shown(name)}{hint}"
        return
    takes = _options(name)
    given = {key: value for key, value in step.items() if key != "function"}
    for key in sorted(given.keys() - takes.keys()):
        what = f"{name} takes {', '.join(takes)}" if takes else f"{name} takes no options"
        yield (*here, key), f"unknown key{did_you_mean(key, takes) or f'; {what}'}"
    for key in sorted(takes.keys() - given.keys()):
        if takes[key] is inspect.Parameter.empty:
            yield here, f"{name} needs '{key}'"
    for key in _PATTERNS:
        for pattern in given[key] if isinstance(given.get(key), list) else [given.get(key)]:
            if isinstance(pattern, str):
                yield from _check_pattern(pattern, (*here, key))
    wanted = given.get("k", 1)
    if name == "take_first_k" and isinstance(wanted, int) and not 1 <= wanted <= answers:
        often = "once" if answers == 1 else f"{answers} times"
        yield (*here, "k"), f"{wanted} answers are not there; a prompt is answered {often}"


def _check_pattern(pattern: str, here: Location) -> Iterator[Problem]:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        yield here, f"{shown(pattern)} is no regular expression: {error}"
        return
    try:
        search_power(pattern)
    except EndlessSearchError as error:
        yield here, f"{shown(pattern)}: {error} on an answer that a model can write; repeat what has one length"
    except ValueError:
        return  # what templates may not use, lm-eval's filters may


def _options(name: str) -> dict[str, object]:
    """Option of a filter -> its default."""
    from lm_eval.filters import filter_registry

    if name == "take_first_k":
        return {"k": inspect.Parameter.empty}
    parameters = inspect.signature(filter_registry.get(name).__init__).parameters.values()
    return {one.name: one.default for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD and one.name != "self"}


def _known() -> str:
    from lm_eval.filters import filter_registry

    return ", ".join(sorted(name for name in filter_registry if name != _CODE))
