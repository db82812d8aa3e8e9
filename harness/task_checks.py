"""Rules of a task file that need the registries, or look across fields. Plain object in, problems with their place out.

Works on what the file says, not on a validated spec, so that these mistakes are reported together with wrong types and
unknown keys; what does not have the right type is left to pydantic. Reads no data and renders no template.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from harness.directions import ALL, EVERY_OTHER, read_entry
from harness.errors import UserError
from harness.languages import canonical
from harness.prompt_checks import check_prompts
from harness.spec import CROSS_LINGUAL_KINDS, DIRECTION_KINDS, EMBEDDING_KINDS, LM_KINDS, SEARCH_KINDS, Kind
from harness.variant_checks import check_lm_eval
from harness.yaml_reader import Location, Problem, YamlFile, mismatch, shown
from metrics import registry
from metrics.base import MetricError
from metrics.spelling import did_you_mean

Raw = Mapping[str, Any]

_BARE_DIRECTIONS = (ALL, "xx-eng", "eng-xx")
_SOURCES = ("path", "files", "source_files", "target_files")


def check_task(raw: Raw, languages: Mapping[str, str]) -> Iterator[Problem]:
    """Every problem of a task file that pydantic cannot see.

    Args:
        raw: The file's top-level mapping.
        languages: Its languages, canonical code -> the data set's own code; empty when they could not be read.
    """
    yield from _check_parts(raw)
    yield from _check_pivot(raw, languages)
    if languages:
        yield from _check_directions(raw, languages)
    yield from _check_metrics(raw)
    yield from check_prompts(raw)
    yield from check_lm_eval(raw, languages)
    yield from _check_fewshot(raw)
    yield from _check_instruction(raw)


def is_from_lm_eval(raw: Raw) -> bool:
    """Whether lm-eval's own task files say what is asked and judged."""
    variants = raw.get("variants")
    settings = [one for one in variants.values() if isinstance(one, dict)] if isinstance(variants, dict) else []
    return any(one.get("lm_eval") is not None for one in (raw, *settings))


def _check_parts(raw: Raw) -> Iterator[Problem]:
    """What a task of its kind cannot do without."""
    kind, dataset = raw.get("kind"), raw.get("dataset")
    here: Location = ("kind",)
    if kind in DIRECTION_KINDS and not raw.get("directions"):
        yield here, f"kind {kind} needs 'directions' (all, xx-eng, eng-xx or a list)"
    if is_from_lm_eval(raw):
        return
    if kind in LM_KINDS and not raw.get("prompts"):
        yield here, f"kind {kind} needs at least one entry under 'prompts'"
    if "dataset" not in raw:
        yield ("dataset",), 'missing; say where the documents are, for example dataset: {files: "{lang}.tsv"}'
    elif isinstance(dataset, dict) and not any(dataset.get(name) is not None for name in (*_SOURCES, "parts")):
        yield ("dataset",), f"no source; give one of {', '.join(_SOURCES[:-1])} (with {_SOURCES[-1]})"


def read_languages(file: YamlFile) -> tuple[dict[str, str], list[Problem]]:
    """Languages as written (a list, or a mapping to the data set's own codes) -> canonical code to own code."""
    value = file.value.get("languages") if isinstance(file.value, dict) else None
    pairs: list[tuple[str | int, object, object]] = []
    if isinstance(value, list):
        pairs = [(index, code, code) for index, code in enumerate(value)]
    elif isinstance(value, dict):
        pairs = [(code, code, own) for code, own in value.items()]
    languages: dict[str, str] = {}
    problems: list[Problem] = []
    for part, code, own in pairs:
        here: Location = ("languages", part)
        if not isinstance(code, str) or not isinstance(own, str):
            problems.append((here, mismatch("text", own, file.raw(here))))
            continue
        try:
            found = canonical(code)
        except UserError as error:
            problems.append((here, str(error)))
            continue
        if found in languages:
            problems.append((here, f"{shown(code)} is {found}, which stands above already; keep one"))
        elif own in languages.values():
            problems.append((here, f"has the data set's code {shown(own)} of another language; both would be the same"))
        else:
            languages[found] = own
    return languages, problems


def _check_pivot(raw: Raw, languages: Mapping[str, str]) -> Iterator[Problem]:
    written = raw.get("pivot", "eng_Latn")
    if not isinstance(written, str):
        return
    try:
        pivot = canonical(written)
    except UserError as error:
        yield ("pivot",), str(error)
        return
    bare = raw.get("directions") in ("xx-eng", "eng-xx")
    if bare and pivot != "eng_Latn":
        yield ("directions",), f"{raw['directions']} is about English, but the pivot is {pivot}; write [xx-{written}]"
    needed = raw.get("kind") == "alignment" or bare or _compared(raw)
    if needed and languages and pivot not in languages:
        place: Location = ("pivot",) if "pivot" in raw else ("languages",)
        yield place, f"the pivot {pivot} is not among the languages; add it"
    dataset = raw.get("dataset")
    if isinstance(dataset, dict) and dataset.get("parallel") is False and (metric := _compared(raw)):
        yield ("dataset", "parallel"), f"{metric} compares the same items in two languages; remove the metric"


def _compared(raw: Raw) -> str:
    """The first metric that needs the pivot's texts beside a language's; empty where none does."""
    if raw.get("kind") != "perplexity" or not isinstance(raw.get("metrics"), list):
        return ""
    names = [name for name, _ in map(_metric, raw["metrics"]) if name in registry.BUILT_IN]
    return next((str(name) for name in names if "pivot" in registry.options(str(name))), "")


def _check_directions(raw: Raw, languages: Mapping[str, str]) -> Iterator[Problem]:
    kind, written = raw.get("kind"), raw.get("directions")
    if kind not in DIRECTION_KINDS and (written is None or kind not in CROSS_LINGUAL_KINDS):
        if written is not None and kind in get_args(Kind):
            yield ("directions",), f"kind {kind} has no directions; remove the line"
        return
    if isinstance(written, str) and written not in _BARE_DIRECTIONS:
        yield (
            ("directions",),
            f"unknown value {shown(written)}{did_you_mean(written, _BARE_DIRECTIONS)}; "
            "write all, xx-eng, eng-xx or a list such as [deu-fra]",
        )
    elif isinstance(written, list):
        for index, entry in enumerate(written):
            if isinstance(entry, str):
                yield from _check_entry(raw, ("directions", index), entry, languages)


def _check_entry(raw: Raw, here: Location, entry: str, languages: Mapping[str, str]) -> Iterator[Problem]:
    if entry == ALL:
        pairs = [(EVERY_OTHER, EVERY_OTHER)]
    else:
        try:
            pairs = read_entry(entry, languages)
        except UserError as error:
            yield here, str(error)
            return
    dataset, pivot = raw.get("dataset"), raw.get("pivot", "eng_Latn")
    if not isinstance(dataset, dict) or not isinstance(pivot, str):
        return
    patterns = [dataset.get(name) for name in ("source_files", "target_files", "cluster_files")]
    if any("{other}" in str(pattern) for pattern in patterns):
        try:
            outside = any(canonical(pivot) not in pair for pair in pairs)
        except UserError:
            return
        if outside:
            yield here, f"the files are named by {{other}}, the side that is not {pivot}; {entry} has no such side"


def _check_metrics(raw: Raw) -> Iterator[Problem]:
    metrics = raw.get("metrics")
    if not isinstance(metrics, list):
        return
    seen: set[str] = set()
    for index, written in enumerate(metrics):
        here: Location = ("metrics", index)
        name, options = _metric(written)
        if not isinstance(name, str):
            continue
        place = (*here, "name") if isinstance(written, dict) else here
        chain = _filter(written)
        of = str(options.get("of", "")) if isinstance(options, dict) else ""
        label = "@".join(filter(None, [name, "+".join(filter(None, [of, chain]))]))
        if label in seen:
            yield place, f"{shown(label)} stands above already; a task scores each metric once"
        seen.add(label)
        yield from _check_metric_filter(raw, chain, (*here, "filter"))
        try:
            kinds = registry.info(name).kinds
        except MetricError as error:
            yield place, str(error).removeprefix(f"{name}: ")
            continue
        kind = raw.get("kind")
        if kind in get_args(Kind) and kinds and kind not in kinds:
            fitting = [other for other in registry.names() if kind in registry.info(other).kinds]
            advice = f"; these do: {', '.join(fitting)}" if fitting else ""
            yield place, f"{name} does not fit kind {kind}{advice}"
        if isinstance(options, dict):
            nested: Location = ("options",) if isinstance(written, dict) and "options" in written else ()
            yield from _check_options(name, options, (*here, *nested))


def _metric(written: object) -> tuple[object, object]:
    """Name and options of a metric, which may be a bare name, or have its options beside the name."""
    if not isinstance(written, dict):
        return written, {}
    beside = {key: value for key, value in written.items() if key not in ("name", "filter")}
    return written.get("name"), written.get("options", beside)


def _filter(written: object) -> str:
    """Name of the filter whose output a metric judges; empty for the first one."""
    named = written.get("filter") if isinstance(written, dict) else None
    return named if isinstance(named, str) else ""


def _check_metric_filter(raw: Raw, chain: str, here: Location) -> Iterator[Problem]:
    """Whether every prompt of ours has the filter that a metric names."""
    prompts = raw.get("prompts")
    if not chain or not isinstance(prompts, dict) or is_from_lm_eval(raw):
        return
    for name, prompt in prompts.items():
        chains = prompt.get("filter_list") if isinstance(prompt, dict) else None
        known = [one.get("name") for one in chains if isinstance(one, dict)] if isinstance(chains, list) else []
        if chain not in known:
            texts = [text for text in known if isinstance(text, str)]
            hint = did_you_mean(chain, texts) or f"; it has {', '.join(texts) or 'none'}"
            yield here, f"prompt {shown(name)} has no filter {shown(chain)} in its filter_list{hint}"


def _check_options(name: str, options: Mapping[str, Any], here: Location) -> Iterator[Problem]:
    known = registry.options(name)
    good = {}
    for key, value in options.items():
        if key not in known:
            takes = f"{name} takes: {', '.join(known)}" if known else f"{name} takes no options"
            yield (*here, key), f"unknown key{did_you_mean(key, known) or f'; {takes}'}"
        elif isinstance(value, str | int | float | bool):
            try:
                registry.create(name, {key: value})
                good[key] = value
            except MetricError as error:
                yield (*here, key), str(error).removeprefix(f"{name}: ").removeprefix(f"{key}: ")
    if len(good) == len(options) > 1:
        try:
            registry.create(name, good)
        except MetricError as error:
            yield here, str(error)


def _check_fewshot(raw: Raw) -> Iterator[Problem]:
    dataset, variants = raw.get("dataset"), raw.get("variants")
    if not isinstance(dataset, dict):
        return
    wanted: list[tuple[Location, object, Raw]] = [(("num_fewshot",), raw.get("num_fewshot"), dataset)]
    for name, variant in variants.items() if isinstance(variants, dict) else ():
        if isinstance(variant, dict):
            changes = variant.get("dataset")
            merged = {**dataset, **changes} if isinstance(changes, dict) else dataset
            wanted.append((("variants", name, "num_fewshot"), variant.get("num_fewshot"), merged))
    for here, count, source in wanted:
        if isinstance(count, int) and count > 0:
            if raw.get("kind") not in (*LM_KINDS, "translation"):
                yield here, f"kind {raw.get('kind')} has no few-shot examples; remove the line"
            elif source.get("fewshot_split") is None and not is_from_lm_eval(raw):
                yield here, f"{count}-shot needs examples; name their split as 'fewshot_split' in 'dataset'"


def _check_instruction(raw: Raw) -> Iterator[Problem]:
    """Only embedding models are told what to do this way, and only a search has sides."""
    written, kind = raw.get("instruction"), raw.get("kind")
    if not written or kind not in get_args(Kind):
        return
    here: Location = ("instruction",)
    if kind not in EMBEDDING_KINDS:
        yield here, f"kind {kind} makes no sentence embeddings; remove the line"
    elif isinstance(written, dict) and kind not in SEARCH_KINDS:
        yield here, f"kind {kind} has no queries and passages; write one text"
