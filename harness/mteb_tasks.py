"""mteb's tasks as task files of ours: ``mteb:NAME``, or ``mteb:NAME@SPLIT``.

A subset becomes a language, or a direction where its texts are in two languages. What a subset's configuration is
called follows no pattern, so that it is told per language. Where a task has several subsets of one language, each is a
variant. Reads no data and, once the index is kept, does not import mteb.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any
from urllib.parse import quote

from harness.errors import UserError
from harness.languages import lookup
from harness.mteb_index import INDEX, PREFIX, mteb_index, mteb_version
from harness.mteb_registry import MtebTask
from harness.spec import DIRECTION_KINDS, Kind, TaskSpec
from harness.task_file import TaskFile
from metrics.spelling import did_you_mean

KINDS: Mapping[str, Kind] = {
    "BitextMining": "bitext_mining",
    "STS": "sts",
    "Classification": "classification",
    "MultilabelClassification": "multilabel_classification",
    "Clustering": "clustering",
    "PairClassification": "pair_classification",
    "Retrieval": "retrieval",
    "Reranking": "reranking",
}
"""Kind of ours of mteb's types."""

LOADED = "mteb-data"
"""Folder, beside the index, of what mteb's own loaders made."""

PARTS = ("queries", "corpus", "qrels", "candidates")

_ALONE, ACROSS = ".monolingual", ".crosslingual"
"""Parts of a task that has subsets in one language and across two."""

_CROSS = ("bitext_mining", "sts", "pair_classification", "retrieval", "reranking")
RANKED = re.compile(r"(ndcg|map|recall|mrr)_at_(\d+)")
_MOST_LEFT_OUT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subset:
    """A subset that can run: its name, its language or direction, and the data set's own codes of the sides."""

    name: str
    label: str
    own: tuple[str, ...]


def mteb_tasks(name: str, cache: Path | None) -> list[TaskFile]:
    """The task files of a name: one, or two where a task has subsets in one language and across two.

    Args:
        name: A name of mteb's, perhaps with ``@SPLIT``; without it the test split, or the last of those that mteb
            scores. ``.monolingual`` or ``.crosslingual`` before that is one of the two alone.
        cache: Folder of what takes long to make.

    Raises:
        UserError: mteb is not installed, has no such task or split, or the task cannot run here.
    """
    base, _, split = name.partition("@")
    index = mteb_index(cache)
    part = next((part for part in (_ALONE, ACROSS) if base.endswith(part) and base not in index.names()), "")
    base = base.removesuffix(part)
    found = index.task(base)
    if found.route == "none":
        raise UserError(f"{PREFIX}{base}: cannot run here: it {found.reason}")
    if split and split not in found.splits:
        raise UserError(
            f"{PREFIX}{name}: mteb scores no split '{split}'{did_you_mean(split, found.splits)} of it; it has "
            f"{', '.join(found.splits)}"
        )
    usual = "test" if "test" in found.splits else found.splits[-1]
    subsets, left_out = runnable(found)
    if not subsets:
        raise UserError(f"{PREFIX}{base}: no subset can run here: {left_out[0]}")
    folder = cache or Path(tempfile.gettempdir()) / "glotbench"
    task = _TaskFiles(found, split or usual, folder, left_out, marked=bool(split))
    cross = [subset for subset in subsets if "-" in subset.label]
    alone = [subset for subset in subsets if "-" not in subset.label]
    if part and not (cross and alone):
        raise UserError(f"{PREFIX}{name}: has no '{part}' part; name the task alone")
    if not (cross and alone):
        return [task.made(subsets, "")]
    made = {_ALONE: task.made(alone, ""), ACROSS: task.made(cross, ACROSS)}
    return [made[part]] if part else list(made.values())


def languages_of(task: MtebTask) -> frozenset[str]:
    """Canonical codes of the languages of all subsets that we know."""
    codes = {code for languages in task.subsets.values() for code in languages}
    return frozenset(language.code for language in map(lookup, codes) if language is not None)


def runnable(task: MtebTask) -> tuple[list[_Subset], list[str]]:
    """Subsets whose languages we know, and why others cannot run."""
    kind = KINDS[task.type]
    subsets: list[_Subset] = []
    left_out: list[str] = []
    for name, codes in task.subsets.items():
        languages = [lookup(code) for code in codes]
        unknown = [code for code, language in zip(codes, languages, strict=True) if language is None]
        known = list(dict.fromkeys(language.code for language in languages if language is not None))
        most = 2 if kind in _CROSS and "-" in name else 1  # a pair is called so; others mix languages
        if unknown:
            left_out.append(f"{name}: unknown language {', '.join(unknown[:_MOST_LEFT_OUT])}")
        elif len(known) > most or (kind in DIRECTION_KINDS and len(known) != 2):
            left_out.append(f"{name}: {len(known)} languages in one subset")
        else:
            own = tuple(name.split("-")) if task.options.get("parallel") else tuple(known)
            subsets.append(_Subset(name=name, label="-".join(known), own=own if len(own) == len(known) else ()))
    return subsets, left_out


class _TaskFiles:
    """Makes the task files of one split of a task."""

    def __init__(self, task: MtebTask, split: str, folder: Path, left_out: Sequence[str], *, marked: bool) -> None:
        self._task = task
        self._kind = KINDS[task.type]
        self._split = split
        self._folder = folder
        self._left_out = left_out
        self._name = re.sub(r"[^A-Za-z0-9_.+-]", "-", task.name) + (f".{split}" if marked else "")

    def made(self, subsets: Sequence[_Subset], suffix: str) -> TaskFile:
        """The task file of some subsets, all of one language or all of two."""
        labels = [subset.label for subset in subsets]
        cross = "-" in labels[0]
        own = {
            code: mine
            for subset in subsets
            for code, mine in zip(subset.label.split("-"), subset.own or subset.label.split("-"), strict=True)
        }
        value: dict[str, Any] = {
            "task": self._name + suffix,
            "kind": self._kind,
            "description": self._description(),
            "source": self._task.reference or f"https://huggingface.co/datasets/{self._task.path}",
            "license": self._task.license,
            "dataset": self._dataset(),
            "languages": own,
            "metrics": self._metrics(),
        }
        several = len(set(labels)) < len(labels)
        if cross:
            every = {"-".join(pair) for pair in permutations(own, 2)}
            value["directions"] = "all" if set(labels) == every else list(dict.fromkeys(labels))
        if several:
            value["variants"] = {subset.name: self._variant(subset, cross=cross) for subset in subsets}
        spec = TaskSpec.model_validate(value)
        changes = {} if several else {subset.label: self._changes(subset) for subset in subsets}
        said = f"{mteb_version()}\n{spec.model_dump_json()}\n{sorted(subset.name for subset in subsets)}"
        return TaskFile(
            path=self._folder / INDEX,
            spec=spec,
            sha256=hashlib.sha256(said.encode()).hexdigest(),
            subsets=changes,
            mteb=self._task.name if self._task.route == "loader" else "",
        )

    def _variant(self, subset: _Subset, *, cross: bool) -> dict[str, object]:
        limits: dict[str, object] = {"directions": [subset.label]} if cross else {"languages": [subset.label]}
        return {"dataset": self._changes(subset), **limits}

    def _description(self) -> str:
        text = self._task.description
        if self._left_out:
            told = "; ".join(self._left_out[:_MOST_LEFT_OUT])
            text += f" (left out: {len(self._left_out)} of {len(self._task.subsets)} subsets, such as {told})"
        return text

    def _dataset(self) -> dict[str, object]:
        """Fields that all subsets share."""
        options = self._task.options
        fields: dict[str, object] = {"splits": [self._split], "parallel": self._kind == "bitext_mining"}
        for field in ("text", "label", "train_split"):
            if field in options:
                fields[field] = options[field]
        if self._kind in ("sts", "pair_classification"):
            fields["sides"] = options["sides"]
        if self._task.route == "rows":
            return {**fields, "path": self._task.path, "revision": self._task.revision}
        return {**fields, "format": "jsonl", **({"key": "id"} if self._kind in ("retrieval", "reranking") else {})}

    def _changes(self, subset: _Subset) -> dict[str, object]:
        """Fields of the data set that are this subset's."""
        changes: dict[str, object] = {}
        if self._kind == "bitext_mining":
            to_pivot = subset.label.endswith("-eng_Latn")
            first, second = ("sentence1", "sentence2") if to_pivot else ("sentence2", "sentence1")
            changes = {"text": first, "pivot_text": second}
        if self._task.route == "loader":
            place = f"{LOADED}/{self._task.name}/{quote(subset.name, safe='')}"
            if self._kind in ("retrieval", "reranking"):
                parts = PARTS if self._kind == "reranking" else PARTS[:3]
                return {"parts": {part: {"files": f"{place}/{part}.{self._split}.jsonl"} for part in parts}}
            return {**changes, "files": f"{place}/{{split}}.jsonl"}
        if self._task.options.get("parallel"):
            return {"text": "{lang}"}
        config = subset.name if self._task.several else self._task.config
        return {**changes, **({"name": config} if config else {})}

    def _metrics(self) -> list[object]:
        """mteb's main score first, where we have it."""
        options, main = self._task.options, self._task.main_score
        match self._kind:
            case "bitext_mining":
                return ["bitext_f1", "bitext_accuracy"]
            case "sts":
                return ["cosine_spearman"]
            case "pair_classification":
                return ["pair_ap"]
            case "clustering":
                sizes = {key: options[key] for key in ("fraction", "documents") if options[key] is not None}
                own = {"experiments": options["experiments"], "sample": options["sample"], **sizes}
                return [{"name": "v_measure", "mteb_compat": True, **own}]
            case "classification" | "multilabel_classification":
                own = {"per_label": options["per_label"], "experiments": options["experiments"], "mteb_compat": True}
                accuracy = "probe_accuracy" if self._kind == "classification" else "multilabel_accuracy"
                names = ["probe_f1", accuracy] if main == "f1" else [accuracy, "probe_f1"]
                return [{"name": name, **own} for name in names]
            case _:
                return list(_ranking_metrics(main, self._kind))


def _ranking_metrics(main: str, kind: str) -> Iterator[object]:
    """Each measure once: at the depth of the main score, else at mteb's usual one."""
    wanted = {"ndcg": 10, "map": 1000, "recall": 100, "mrr": 10}
    first = "map" if kind == "reranking" else "ndcg"
    if match := RANKED.fullmatch(main):
        first = match[1]
        wanted[first] = int(match[2])
    for name in dict.fromkeys([first, *wanted]):
        yield {"name": name, "k": wanted[name]}
