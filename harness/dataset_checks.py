"""Rules of a task's ``dataset``, of what its variants change in it, and of the parts of retrieval sets.

As ``harness.task_checks``: plain object in, problems with their place out; no data is read. What a variant or part says
is judged together with the data set that it changes, and told where the variant says it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, get_args

from pydantic import ValidationError

from harness import validation
from harness.spec import DIRECTION_KINDS, DatasetSpec, Kind
from harness.task_checks import is_from_lm_eval
from harness.variant_checks import PLACEHOLDER, check_pattern
from harness.yaml_reader import Location, Problem, YamlFile, shown
from metrics.spelling import did_you_mean

Raw = Mapping[str, Any]

_COLUMNS = {
    "sts": ("sentence1", "sentence2", "score"),
    "preference": ("prompt", "chosen", "rejected"),
    "contrastive": ("source", "good-translation", "incorrect-translation"),
}
_KINDS_OF = {
    "sides": ("sts", "pair_classification"),
    "score": ("sts", "retrieval", "reranking"),
    "positive": ("pair_classification",),
    "query_id": ("retrieval", "reranking"),
    "corpus_id": ("retrieval", "reranking"),
}
"""Fields that only some kinds read."""

_PAIR_KINDS = (*DIRECTION_KINDS, "alignment", "perplexity")
_LANGUAGE = ("lang", "lang_code", "lang_script")
_SIDES = ("source", "target", "other")
_FILES = ("files", "source_files", "target_files")
_RELEASE_ONLY = ("format", "columns", "header", "quotes", "skip", "rename", "types", "constants", "archive")
"""Fields that say how ``files`` are read."""

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def check_datasets(file: YamlFile, languages: Mapping[str, str]) -> Iterator[Problem]:
    """Every problem of a task file's data set, of its variants' and its parts'.

    Args:
        file: The task file. languages: Its languages, canonical code -> the data set's own code.
    """
    raw = file.value
    assert isinstance(raw, dict)
    dataset, variants = raw.get("dataset"), raw.get("variants")
    own = dict(dataset) if isinstance(dataset, dict) else {}
    told = {(place[1:], text): None for place, text in _check_dataset(raw, own, languages, ("dataset",))}
    yield from ((("dataset", *place), text) for place, text in told)
    yield from _check_parts(file, own, ("dataset",))
    for name, variant in variants.items() if isinstance(variants, dict) else ():
        changes = variant.get("dataset") if isinstance(variant, dict) else None
        if isinstance(changes, dict) and changes:
            here: Location = ("variants", name, "dataset")
            whole = {**own, **changes}
            yield from _check_changed(file, own, changes, here)
            problems = _check_dataset(raw, whole, languages, here)
            yield from ((place, text) for place, text in problems if (place[3:], text) not in told)
            if "parts" in changes:
                yield from _check_parts(file, whole, here)


def _check_parts(file: YamlFile, dataset: Raw, here: Location) -> Iterator[Problem]:
    parts = dataset.get("parts")
    for name, changes in parts.items() if isinstance(parts, dict) else ():
        if isinstance(changes, dict):
            place: Location = (*here, "parts", name)
            yield from _check_changed(file, dataset, changes, place)
            if not _has_source({**dataset, **changes}):
                yield place, "no source; give 'files' or 'path' here or above"


def _check_changed(file: YamlFile, dataset: Raw, changes: Raw, here: Location) -> Iterator[Problem]:
    """Whether a data set with changes is one, and whether a commit still belongs to what it was of.

    Fields that are wrong before the change are left out: they are told at their own place.
    """
    wrong, general = _own_mistakes(dataset)
    sound = {name: value for name, value in dataset.items() if name not in wrong}
    view = YamlFile(path=file.path, content=file.content, value={**sound, **changes})
    view.spots = {place[len(here) :]: spot for place, spot in file.spots.items() if place[: len(here)] == here}
    try:
        DatasetSpec.model_validate(view.value)
    except ValidationError as error:
        for place, text in validation.problems(DatasetSpec, error, view):
            if place and place[0] != "where":
                yield (*here, *place), text
            elif not place and text not in general:
                yield here, f"together with the task's dataset: {text} (set the other to null)"
    for name, pinned in (("path", "revision"), ("url", "sha256")):
        changed = changes.get(name) not in (None, dataset.get(name)) and dataset.get(name) is not None
        if changed and dataset.get(pinned) is not None and pinned not in changes:
            yield (*here, name), f"another {name}, but the '{pinned}' is still the other's; give its own, or null"


def _own_mistakes(dataset: Raw) -> tuple[set[object], set[str]]:
    """Fields of a data set that are wrong, and what is wrong with it as a whole."""
    try:
        DatasetSpec.model_validate(dataset)
    except ValidationError as error:
        found = error.errors()
        general = {str(detail["ctx"]["error"]) for detail in found if not detail["loc"]}
        return {detail["loc"][0] for detail in found if detail["loc"]}, general
    return set(), set()


def _check_dataset(raw: Raw, dataset: Raw, languages: Mapping[str, str], here: Location) -> Iterator[Problem]:
    kind = raw.get("kind")
    sides = _given(dataset, "source_files") or _given(dataset, "target_files")
    if sides and kind in get_args(Kind) and kind not in (*DIRECTION_KINDS, "alignment"):
        yield here, f"'source_files' and 'target_files' are for directions; kind {kind} needs 'files' or 'path'"
        return
    yield from _check_selection(dataset, here)
    for field, kinds in _KINDS_OF.items():
        if field in dataset and kind in get_args(Kind) and kind not in kinds:
            yield (*here, field), f"is read by {', '.join(kinds)} alone; kind {kind} has no such column"
    yield from _check_placeholders(raw, dataset, here)
    yield from _check_paths(dataset, here)
    yield from _check_told_apart(raw, dataset, languages, here)
    yield from _check_release(dataset, here)
    path = dataset.get("path")
    if isinstance(path, str) and not _HUB_NAME.fullmatch(path):
        yield (*here, "path"), f"{shown(path)} is no data set on the hub, such as org/name; local files are 'files'"
    if dataset.get("streaming") is True and path is None and not is_from_lm_eval(raw):
        yield (*here, "streaming"), "is about the hub, and there is no 'path'; remove it"
    columns = dataset.get("columns")
    if isinstance(columns, list) and columns and kind in _COLUMNS:
        needed = _needed(kind, dataset)
        for column in needed:
            if column not in columns:
                yield (*here, "columns"), f"{kind} reads the columns {', '.join(needed)}; '{column}' is missing"


def _needed(kind: str, dataset: Raw) -> tuple[str, ...]:
    """Columns that documents of a kind have; pairs may name theirs."""
    sides, score = dataset.get("sides"), dataset.get("score")
    if kind != "sts":
        return _COLUMNS[kind]
    named = sides if isinstance(sides, list) and all(isinstance(one, str) for one in sides) else _COLUMNS[kind][:2]
    return (*named, score if isinstance(score, str) else _COLUMNS[kind][2])


def _check_selection(dataset: Raw, here: Location) -> Iterator[Problem]:
    """Values of ``where``: one, or a list of them."""
    where = dataset.get("where")
    for column, value in where.items() if isinstance(where, dict) else ():
        values = value if isinstance(value, list) else [value]
        if not values or not all(isinstance(one, str | int | float) for one in values):
            yield (*here, "where", column), "expected a value, or a list of values, that the column is to have"
    if where and _given(dataset, "cluster_files"):
        yield (*here, "where"), "leaves rows out, and 'cluster_files' has a line for each; use 'cluster', a column"


def _check_placeholders(raw: Raw, dataset: Raw, here: Location) -> Iterator[Problem]:
    names = (*_LANGUAGE, *_SIDES) if raw.get("kind") in _PAIR_KINDS else _LANGUAGE
    in_files = (*names, "split", "config")
    known = dict.fromkeys((*_FILES, "cluster_files", "url", "archive"), in_files)
    known |= {"name": (*names, "config"), "text": names, "pivot_text": names, "path": (), "revision": ()}
    for field, allowed in known.items():
        for place, pattern in _strings(dataset.get(field), (*here, field)):
            yield from check_pattern(pattern, allowed, place)
    for field, allowed in (("where", names), ("texts", (*names, "config"))):
        given = dataset.get(field)
        for key, value in given.items() if isinstance(given, dict) else ():
            for place, pattern in _strings(value, (*here, field, key)):
                yield from check_pattern(pattern, allowed, place)


def _check_paths(dataset: Raw, here: Location) -> Iterator[Problem]:
    """Whether files stay below the folder of the data."""
    for field in (*_FILES, "cluster_files", "archive", "texts"):
        given = dataset.get(field)
        parts = given.items() if isinstance(given, dict) else [("", given)]
        for key, value in parts:
            for place, pattern in _strings(value, (*here, field, key) if key else (*here, field)):
                path = PurePosixPath(pattern)
                if path.is_absolute() or ".." in path.parts:
                    yield place, f"{shown(pattern)} leaves the folder of the data; write a path below it"


def _check_told_apart(raw: Raw, dataset: Raw, languages: Mapping[str, str], here: Location) -> Iterator[Problem]:
    """Whether other rows are read for another language, another split, and the other side of a direction."""
    from_lm_eval = is_from_lm_eval(raw)
    elsewhere = _placeholders([dataset.get(name) for name in ("name", "where", "text", "archive")])
    sides = raw.get("kind") in _PAIR_KINDS and dataset.get("pivot_text") is not None  # a row holds both
    by_language = sides or bool(elsewhere & {*_LANGUAGE, *_SIDES, "config"})
    splits = dataset.get("splits")
    read = splits if isinstance(splits, list) else ["test"]
    for field in _FILES:
        for place, pattern in _strings(dataset.get(field), (*here, field)):
            names = _placeholders(pattern)
            if names - {*_LANGUAGE, *_SIDES, "split", "config"}:
                continue
            several = len(languages) > (1 if field == "files" else 2)
            if several and not by_language and not names & {*_LANGUAGE, *_SIDES, "config"}:
                wanted = "{lang}" if field == "files" else "{source}, {target} or {other}"
                yield place, f"every language would read the same file; put {wanted} into {shown(pattern)}"
            if "split" in names or dataset.get("path") is not None or from_lm_eval:
                continue
            if isinstance(splits, list) and len(splits) > 1:
                yield place, f"every split would read the same file; put {{split}} into {shown(pattern)}"
            if dataset.get("fewshot_split") not in (None, *read):
                yield place, "few-shot examples would come from the test data itself; put {split} into the pattern"
    only_hub = dataset.get("path") is not None and not any(_given(dataset, field) for field in _FILES)
    if only_hub and not by_language and len(languages) > 1 and not (from_lm_eval or dataset.get("parts")):
        yield (*here, "path"), "every language would read the same rows; put {lang} into 'name', 'where' or 'text'"
    if raw.get("kind") in DIRECTION_KINDS and not dataset.get("pivot_text"):
        yield from _check_sides(dataset, here)


def _check_sides(dataset: Raw, here: Location) -> Iterator[Problem]:
    """Whether both sides of a direction, where they stand in one file, are different columns of it."""
    if _placeholders([dataset.get(name) for name in ("where", "text")]) & set(_LANGUAGE):
        return
    for field in ("files", "name"):
        for place, pattern in _strings(dataset.get(field), (*here, field)):
            names = _placeholders(pattern)
            if names & set(_SIDES) and not names & {*_LANGUAGE, "config"}:
                yield place, "both sides would be the same text; name the pivot's column as 'pivot_text'"


def _check_release(dataset: Raw, here: Location) -> Iterator[Problem]:
    """Fields about files and where they are fetched from."""
    files = any(_given(dataset, field) for field in _FILES)
    for field in _RELEASE_ONLY:
        if _given(dataset, field) and not files:
            yield (*here, field), "says how 'files' are read, and there are none; add them or remove it"
    url = dataset.get("url")
    if isinstance(url, str):
        if not url.startswith(("https://", "http://")):
            yield (*here, "url"), f"expected https://..., found {shown(url)}"
        if not (files and (_given(dataset, "files") or _given(dataset, "archive"))):
            yield (*here, "url"), "where does it go? Name the 'archive' it is, with 'files' in it, or 'files' alone"
        if dataset.get("sha256") is not None and _placeholders(url):
            yield (*here, "sha256"), "is of one file, but 'url' names several; remove it (the manifest keeps theirs)"
    elif dataset.get("sha256") is not None:
        yield (*here, "sha256"), "is of what 'url' gives; add it"
    renamed = dataset.get("split_names")
    if isinstance(renamed, dict) and renamed:
        patterns = [dataset.get(field) for field in (*_FILES, "url", "archive")]
        if "split" not in _placeholders(patterns):
            yield (*here, "split_names"), "is for {split}, which no pattern has; remove it"
        read = [*(dataset.get("splits") or ["test"]), dataset.get("fewshot_split"), dataset.get("train_split", "train")]
        for name in renamed:
            if dataset.get("path") is None and name not in read:
                hint = did_you_mean(str(name), [one for one in read if isinstance(one, str)])
                yield (*here, "split_names", name), f"split {shown(name)} is not read{hint}"


def _has_source(dataset: Raw) -> bool:
    return any(_given(dataset, name) for name in ("path", *_FILES))


def _given(dataset: Raw, name: str) -> bool:
    """Whether a field says something: not left out, null or empty."""
    return dataset.get(name) not in (None, False, 0, "", [], {})


def _strings(value: object, here: Location) -> Iterator[tuple[Location, str]]:
    """A text, or the texts of a list, with their places."""
    if isinstance(value, str):
        yield here, value
    for index, one in enumerate(value) if isinstance(value, list) else ():
        if isinstance(one, str):
            yield (*here, index), one


def _placeholders(value: object) -> set[str]:
    """Names of the placeholders anywhere in a value."""
    if isinstance(value, str):
        return set(PLACEHOLDER.findall(value))
    inside: Sequence[object] = (
        list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    )
    return set().union(*map(_placeholders, inside))
