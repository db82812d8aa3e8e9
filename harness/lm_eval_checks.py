"""What is wrong with lm-eval's files in a user's folder, with file and line, before lm-eval trips over it or does not.

lm-eval answers an unknown key with a traceback, takes the last of two equal keys, and asks the network for a metric it
does not know: these are mistakes. A prompt that ends in white space, or a filter that leaves a list, is what a file may
mean, and most often does not: these are remarks. Only users' files are looked at; lm-eval's own are as they are.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.filter_checks import refused_filters
from harness.lm_eval_entries import SEPARATOR, Entry
from harness.lm_eval_files import Code, LmEvalFiles
from harness.lm_eval_index import Index
from harness.prompt_checks import check_prompts, templates
from harness.spec import LM_KINDS, PromptSpec
from harness.template_checks import check_template
from harness.yaml_reader import Location, YamlFile, read_yaml, shown
from metrics.spelling import did_you_mean

_FILE_KEYS = ("include", "group", "task_list", "class")
"""Keys of files that are not fields of a task."""

_METRICS = (
    "acc",
    "acc_all",
    "acc_bytes",
    "acc_mutual_info",
    "acc_norm",
    "bits_per_byte",
    "bleu",
    "brier_score",
    "bypass",
    "byte_perplexity",
    "chrf",
    "chrf++",
    "exact_match",
    "f1",
    "likelihood",
    "mcc",
    "perplexity",
    "ter",
    "word_perplexity",
)
"""Metrics that lm-eval brings."""

_TWICE = re.compile(r"^written twice\b")


def mistakes(entry: Entry, index: Index) -> list[str]:
    """What lm-eval would refuse or silently take otherwise, in the files of a task and in what its group says of it.

    Args:
        entry: A task of a user's folder. index: Where it was found.

    Raises:
        SpecError: A file cannot be read.
    """
    found: list[str] = []
    if entry.path is not None and entry.root == index.root and not entry.inline:
        config, chain = _read(entry)
        found = [problem for file in chain for problem in _in_file(file)] + list(_in_task(config, chain))
    if entry.changes and entry.name in index:
        found += _in_group(entry, index)
    return list(dict.fromkeys(found))


def remarks(entry: Entry) -> list[str]:
    """What is worth a look in the prompt of a task of a user's folder.

    Raises:
        SpecError: A file cannot be read.
    """
    if entry.path is None or entry.inline:
        return []
    config, chain = _read(entry)
    prompt = {key: config[key] for key in PromptSpec.model_fields if key in config}
    found: list[tuple[Location, str]] = []
    kwargs = prompt.get("generation_kwargs")
    if isinstance(kwargs, Mapping) and _samples_unsaid(kwargs):
        prompt["generation_kwargs"] = {**kwargs, "do_sample": True}
        told = (
            "text is sampled, as lm-eval takes a temperature; say so with 'do_sample: true', or 'false' for greedy text"
        )
        found.append((("generation_kwargs", "temperature"), told))
    raw = {"kind": entry.request_kind, "prompts": {"": prompt}}
    found += [(place[2:], text) for place, text in check_prompts(raw)]
    return list(dict.fromkeys(_problem(chain, place, text) for place, text in found))


def _samples_unsaid(kwargs: Mapping[str, object]) -> bool:
    """Whether text is sampled for its temperature alone: nothing is said of sampling."""
    warmth = kwargs.get("temperature")
    return kwargs.get("do_sample") is None and isinstance(warmth, int | float) and warmth > 0


def _read(entry: Entry) -> tuple[dict[str, Any], list[YamlFile]]:
    """A task's configuration, and its file and all that it includes."""
    assert entry.path is not None
    files = LmEvalFiles(entry.root)
    config = {**files.read(entry.path), **entry.changes}
    return config, [read_yaml(path) for path in files.chain(entry.path)]


def _in_file(file: YamlFile) -> Iterator[str]:
    known = _fields()
    for place, text in file.problems:
        if _TWICE.match(text):
            yield file.problem(place, text)
    for key in file.value if isinstance(file.value, dict) else ():
        if key not in known and key not in _FILE_KEYS:
            yield file.problem((key,), f"lm-eval has no such key{did_you_mean(key, [*known, *_FILE_KEYS])}")


def _in_task(config: Mapping[str, Any], chain: Sequence[YamlFile]) -> Iterator[str]:
    kind = config.get("output_type", "generate_until")
    if kind not in LM_KINDS:
        hint = did_you_mean(str(kind), LM_KINDS) or f"; there are {', '.join(LM_KINDS)}"
        yield _problem(chain, ("output_type",), f"unknown kind {shown(kind)}{hint}")
    prompt = {key: config[key] for key in PromptSpec.model_fields if key in config}
    told = [found for place, text in templates(prompt) for found in check_template(text, place, ())]
    repeats = config.get("repeats")
    refused = refused_filters(config.get("filter_list"), ("filter_list",), repeats if isinstance(repeats, int) else 1)
    for place, text in (*told, *refused):
        yield _problem(chain, place, text)
    metrics = config.get("metric_list")
    if isinstance(config.get("process_results"), Code) or not isinstance(metrics, list):
        return
    for number, one in enumerate(metrics):
        name = one.get("metric") if isinstance(one, Mapping) else None
        if isinstance(name, str) and name not in _METRICS:
            hint = did_you_mean(name, _METRICS) or f"; it has {', '.join(_METRICS)}"
            yield _problem(chain, ("metric_list", number, "metric"), f"lm-eval has no metric {shown(name)}{hint}")


def _in_group(entry: Entry, index: Index) -> Iterator[str]:
    """Keys that a group says of a member and that no task has, told at the group."""
    group = index.entry(entry.name.partition(SEPARATOR)[0])
    if group.path is None:
        return
    file, known = read_yaml(group.path), _fields()
    for key in entry.changes:
        if key not in known and key not in _FILE_KEYS:
            place = next((place for place in file.spots if place[-1:] == (key,)), ())
            yield file.problem(place, f"lm-eval's tasks have no such key{did_you_mean(key, known)}")


def _problem(chain: Sequence[YamlFile], place: Location, text: str) -> str:
    """A problem told in the file that has the key, else in the first one."""
    file = next((one for one in chain if place[:1] in one.spots), chain[0])
    return file.problem(place, text)


def _fields() -> tuple[str, ...]:
    """Fields of a task of lm-eval's."""
    from lm_eval.config.task import TaskConfig

    return tuple(field.name for field in dataclasses.fields(TaskConfig))
