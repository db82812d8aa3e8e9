"""Names in a results file of lm-eval's -> where their scores belong: task, variant, prompt and language.

A name that the installed lm-eval (or a user's folder) has belongs where our own run of it puts it, so that the two can
be compared: see ``harness.lm_eval_family``. Results of several languages belong to the group or tag that holds most of
them. A name that nobody knows is a task of its own, in the language that its name tells.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import UserError
from harness.exchange.lm_eval_files import ResultsFile
from harness.exchange.lm_eval_known import KnownTasks, leaves_of
from harness.languages import UND
from harness.lm_eval_languages import LANG, Facts, read_languages
from harness.records import TaskRecord
from harness.store import content_hash
from harness.task_file import TaskFile
from harness.tasks import units
from harness.tasks.base import Selection
from harness.tasks.lm_stock import StockUnit, parts_of
from harness.types import Document

_ASKED = (
    *("output_type", "doc_to_text", "doc_to_target", "doc_to_choice", "description", "process_docs", "process_results"),
    *("target_delimiter", "fewshot_delimiter", "fewshot_split", "gen_prefix", "use_prompt"),
    *("generation_kwargs", "filter_list", "repeats"),
)
"""What of a configuration decides what a model is asked, and how its answers are judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the scores of one or several of lm-eval's tasks belong.

    Attributes:
        leaves: lm-eval's tasks, whose documents are one pool. whole: The name that has the pool's score.
        task: What is recorded of the task.
        prompt_hash, decoding: Fingerprints; those of our own run where the file asks what the installed task asks.
        unit: Our own unit; ``None`` for a name that nobody knows.
        own: What ids of documents begin with where there is no unit.
    """

    leaves: tuple[str, ...]
    whole: str
    task: TaskRecord
    variant: str
    prompt: str
    language: str
    prompt_hash: str
    decoding: str
    unit: StockUnit | None
    own: str = ""

    def documents(self, samples: Sequence[tuple[str, int, Mapping[str, object]]]) -> list[Document]:
        """Documents of ``(leaf, place in it, columns)``, with the ids that our own run gives them.

        Raises:
            DataError: A row lacks the column that names it.
        """
        if self.unit is None:
            ids = [f"{self.own}:{number + 1}" for _, number, _ in samples]
            rows = zip(ids, samples, strict=True)
            return [Document(id=one, cluster=one, fields=dict(row)) for one, (_, _, row) in rows]
        parts = dict(zip(self.leaves, parts_of(self.leaves), strict=True))
        return [self.unit.document(row, parts[leaf], number) for leaf, number, row in samples]


def places(results: ResultsFile, known: KnownTasks, named: Sequence[str] = ()) -> list[Place]:
    """Where every task of a results file belongs, in the file's order.

    Args:
        named: Tasks of ours or of lm-eval's to see the results as, before what the names suggest.

    Raises:
        UserError: There is no task of a name in ``named``.
        SpecError: A user's file of a name is wrong, or its code is not trusted.
    """
    names = [name for name in results.scores if name in results.configs or name not in results.groups]
    found: list[Place] = []

    def left() -> list[str]:
        taken = {leaf for place in found for leaf in place.leaves}
        return [name for name in names if name not in taken]

    for name in named:
        for file in known.named(name):
            found += _in_task(file, results, left())
    for name in _wholes(left(), results, known):
        for file in known.found(name):
            found += _in_task(file, results, left())
    for name in left():
        for file in known.found(name):
            found += _in_task(file, results, [name])
    order = {leaf: position for position, leaf in enumerate(names)}
    return sorted([*found, *_unknown(left(), results)], key=lambda place: order[place.leaves[0]])


def _wholes(names: Sequence[str], results: ResultsFile, known: KnownTasks) -> Iterator[str]:
    """Groups and tags that hold the names: those that were asked for, then for the rest those that hold most."""
    if len(names) < 2:
        return
    holders = known.collections
    inside = {member for members in results.groups.values() for member in members}
    left = set(names)
    for group in results.groups:
        if group in holders and group not in inside:
            left -= holders[group]
            yield group
    while left:
        best = max(holders, key=lambda name: (len(holders[name] & left), -len(holders[name]), name), default="")
        if not best or len(holders[best] & left) < 2:
            return
        yield best
        left -= holders[best]


def _in_task(file: TaskFile, results: ResultsFile, left: Sequence[str]) -> Iterator[Place]:
    """Units of a task whose tasks of lm-eval's are all among the names that are left."""
    if not file.spec.from_lm_eval or file.index is None:
        return
    free = set(left)
    for unit in units(file, Selection(), None):
        assert isinstance(unit, StockUnit), "tasks with patterns of lm-eval's names are made of them"
        leaves = leaves_of(file.index, unit.lm_eval_pattern)
        if leaves and free.issuperset(leaves):
            free -= set(leaves)
            yield _placed(file, unit, leaves, results)


def _placed(file: TaskFile, unit: StockUnit, leaves: tuple[str, ...], results: ResultsFile) -> Place:
    shots = [results.shots.get(leaf, 0) for leaf in leaves]
    prompt_hash, decoding = _asked_hash(results, leaves), ""
    try:
        usual = [int(config.get("num_fewshot") or 0) for config in unit.configs().values()]
        wanted = usual if unit.num_fewshot is None else [unit.num_fewshot] * len(leaves)
        if wanted != shots and len(set(shots)) == 1:
            unit = StockUnit(
                file,
                None,
                language=unit.language,
                variant=unit.variant,
                prompt=unit.prompt,
                num_fewshot=shots[0],
            )
            wanted = shots
        if wanted == shots and all(_asks_the_same(unit, leaf, results.configs.get(leaf, {})) for leaf in leaves):
            unit.chat = _Chat(*results.chat) if results.chat else None
            prompt_hash = unit.prompt_hash()
        decoding = unit.decoding()
    except UserError:  # the installed task's code cannot be imported, or cannot have so many shots: another prompt then
        pass
    return Place(
        leaves=leaves,
        whole=unit.lm_eval_pattern,
        task=file.record,
        variant=unit.variant,
        prompt=unit.prompt,
        language=unit.language,
        prompt_hash=prompt_hash,
        decoding=decoding,
        unit=unit,
    )


class _Chat:
    """A chat template of which only the name is needed; called as ``harness.engine.chat`` calls the same."""

    def __init__(self, template: str, multiturn: bool, system: str) -> None:
        import hashlib

        digest = hashlib.sha256(template.encode("utf-8")).hexdigest()[:16]
        self.name = f"chat:{digest}|multiturn:{multiturn}|system:{system}"
        self.system = system
        self.multiturn = multiturn

    def render(self, messages: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> str:
        raise NotImplementedError("an imported run asks nothing")


def _asks_the_same(unit: StockUnit, leaf: str, found: Mapping[str, object]) -> bool:
    """Whether a file's configuration asks what the installed task asks."""
    from lm_eval.config.task import TaskConfig

    config: dict[str, Any] = dict(unit.configs()[leaf])
    known = {key: value for key, value in config.items() if key in TaskConfig.__dataclass_fields__}
    expected = json.loads(json.dumps(TaskConfig(**known).to_dict(), default=str))
    return _asked(expected) == _asked(found)


def _asked(config: Mapping[str, object]) -> dict[str, object]:
    asked = {key: config[key] for key in _ASKED if config.get(key) not in (None, "", [], {})}
    shots = config.get("fewshot_config")
    sampler = shots.get("sampler", "default") if isinstance(shots, dict) else "default"
    return {**asked, "sampler": sampler}


def _asked_hash(results: ResultsFile, leaves: Sequence[str]) -> str:
    """Fingerprint of what a file's tasks ask, where it is not what an installed task asks."""
    asked = [[_asked(results.configs.get(leaf, {})), results.shots.get(leaf, 0)] for leaf in leaves]
    return f"lm-eval:{content_hash([asked, list(results.chat or [])])[:16]}"


def _unknown(names: Sequence[str], results: ResultsFile) -> Iterator[Place]:
    """Tasks that nobody knows, by what their names tell of their language."""
    facts = {name: Facts(dataset_name=_dataset_name(results, name), folder="") for name in names}
    taken: set[tuple[str, str]] = set()
    for name, reading in read_languages(facts).items():
        language = reading.language or UND
        called = re.sub(r"[_-]{2,}", "_", reading.pattern.replace(LANG, "")).strip("_-") or name
        if (called, language) in taken:
            called = name
        taken.add((called, language))
        config = results.configs.get(name, {})
        kind = config.get("output_type")
        yield Place(
            leaves=(name,),
            whole=name,
            task=TaskRecord(
                name=called, kind=kind if isinstance(kind, str) else "", languages=tuple(language.split("-"))
            ),
            variant="",
            prompt="",
            language=language,
            prompt_hash=_asked_hash(results, [name]),
            decoding="",
            unit=None,
            own=name,
        )


def _dataset_name(results: ResultsFile, name: str) -> str:
    found = results.configs.get(name, {}).get("dataset_name")
    return found if isinstance(found, str) and len(found) < 100 else ""
