"""Tasks that are lm-eval's own: its files say what is asked, how examples are drawn and how answers are judged.

A family file of ours names them by pattern (``afrixnli_{lang}_{prompt}``); a language may be one of lm-eval's tasks or
a group of them (one a subject), whose documents are then one pool. Only the rows come from elsewhere: from our sources,
so that a mirror without network serves lm-eval's tasks too.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.data import identified, read_rows, shared_clusters
from harness.errors import DataError, UserError
from harness.lm_eval_index import read_config
from harness.loader import TaskFile
from harness.sources import Reading, filled_names
from harness.spec import DatasetSpec, MetricOption, merged
from harness.store import SegmentRow
from harness.tasks.base import Outcome, Selection, chosen_languages, template_hash, unit_names
from harness.tasks.decoding_options import read_options
from harness.tasks.lm import LmEvalUnit, lm_eval_name, lm_eval_options
from harness.tasks.lm_eval_task import FEWSHOT_SEED, NoDocumentsError, explained, make_task
from harness.types import Document, Request, Response
from metrics import registry

if TYPE_CHECKING:
    from lm_eval.api.task import ConfigurableTask

_FILE_BUILDERS = {"json": "jsonl", "csv": "csv", "parquet": "parquet", "text": "lines"}
"""``dataset_path`` of lm-eval files that read local files -> our format."""

_DATA_KEYS = frozenset(["dataset_path", "dataset_name", "dataset_kwargs", "metadata", "tag", "group", "metric_list"])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leaf:
    """One task of lm-eval, with how many of its documents the unit asks for.

    Attributes:
        part: What the task is within its group (the subject), the same word in every language.
    """

    part: str
    task: ConfigurableTask
    count: int


class StockUnit(LmEvalUnit):
    """One language, variant and prompt of a family of lm-eval's tasks."""

    def __init__(self, task: TaskFile, data_root: Path | None, *, limit: int | None = None, **names: Any) -> None:
        super().__init__(task, data_root, **names)
        self._limit = limit
        self._made: list[_Leaf] | None = None
        self._configs: dict[str, dict[str, Any]] | None = None
        self._splits: dict[object, Any] = {}

    @property
    def lm_eval_pattern(self) -> str:
        """Name of lm-eval's task or group of this unit."""
        pattern = self.variant_spec.lm_eval or self.spec.lm_eval or ""
        return pattern.replace("{lang}", self.own_code).replace("{prompt}", self.prompt)

    def configs(self) -> dict[str, dict[str, Any]]:
        """lm-eval's name -> its configuration, for every task of the unit.

        Raises:
            UserError: lm-eval has no such task, it is of another kind, or its code may not run.
        """
        if self._configs is None:
            index = self.task.index
            assert index is not None, "the loader gives every task with a pattern the index of lm-eval's tasks"
            self._configs = {}
            for name in index.leaves(self.lm_eval_pattern):
                config = read_config(index.entry(name), trusted=self.task.trusted)
                found = config.get("output_type") or "generate_until"
                if found != self.spec.kind:
                    raise UserError(f"{self.where}: lm-eval's task {name} is of kind {found}, not {self.spec.kind}")
                self._configs[name] = config
        return self._configs

    def read(self) -> list[Document]:
        documents: list[Document] = []
        for leaf in self._leaves():
            rows = leaf.task.eval_docs
            for index in range(leaf.count):
                documents.append(self.document(rows[index], leaf.part, index))
                if self.spec.kind == "multiple_choice":
                    with explained(f"{self.where}: item {documents[-1].id}"):
                        self._check_gold(leaf.task, documents[-1])
        seen: set[str] = set()
        for document in documents:
            if document.id in seen:
                raise DataError(f"{self.where}: '{self.dataset.key}' has '{document.id}' twice; a key names one item")
            seen.add(document.id)
        return shared_clusters(documents) if self.dataset.parallel and self.dataset.cluster else documents

    def requests(self) -> list[Request]:
        with explained(self.where):
            return super().requests()

    def parts(self) -> Iterator[tuple[list[Request], bool]]:
        with explained(self.where):
            yield from super().parts()

    def judged(self, responses: Sequence[Response]) -> list[SegmentRow]:
        with explained(self.where):
            return super().judged(responses)

    def outcome(self, shared: Sequence[Response], responses: Sequence[Response]) -> Outcome:
        with explained(self.where):
            return super().outcome(shared, responses)

    def readings(self) -> Iterator[Reading]:
        for config in self.configs().values():
            if not callable(config.get("custom_dataset")):
                for split in _splits(config):
                    yield self._reading(config, split)

    def lm_eval_tasks(self) -> list[tuple[ConfigurableTask, int]]:
        return [(leaf.task, leaf.count) for leaf in self._leaves()]

    def metric_options(self, name: str, options: Mapping[str, MetricOption]) -> dict[str, MetricOption]:
        """What lm-eval's file says of the metric, as far as our metric knows it."""
        config = next(iter(self.configs().values()))
        said = metric_entry(config, name)
        known = registry.options(name)
        taken = {key: "\n".join(value) if isinstance(value, list) else value for key, value in said.items()}
        extra = {"computed_by": f"lm-eval:{version('lm-eval')}"} if "computed_by" in known else {}
        return {**{key: value for key, value in taken.items() if key in known}, **extra, **options}

    def prompt_hash(self) -> str:
        asked = {
            name: {key: _plain(value) for key, value in config.items() if key not in _DATA_KEYS}
            for name, config in self.configs().items()
        }
        chat = [self.chat.name] if self.chat else []
        return template_hash(json.dumps(asked, sort_keys=True), self._shots(), FEWSHOT_SEED, *chat)

    def decoding(self) -> str:
        if self.spec.kind != "generate_until":
            return ""
        config = next(iter(self.configs().values()))
        kwargs = config.get("generation_kwargs") or {}
        options = read_options(kwargs, self.where)
        repeats = f"|repeats:{config.get('repeats') or 1}" if options.sampled else ""
        return f"{options.manner}|{json.dumps(kwargs, sort_keys=True, default=str)}{repeats}"

    def release(self) -> None:
        super().release()
        self._made = None
        self._configs = None
        self._splits = {}

    def _leaves(self) -> list[_Leaf]:
        """Tasks that have documents: of a group's subjects, some may have none in a selection of rows."""
        if self._made is None:
            made = []
            configs = self.configs()
            parts = parts_of([*configs])
            for (name, config), part, shots in zip(configs.items(), parts, self._shots(), strict=True):
                where = f"{self.where} ({name})"
                try:
                    task = make_task(self._prepared(config, shots), self._rows(config), (), where, own=False)
                except NoDocumentsError:
                    if len(configs) == 1:
                        raise
                    continue
                count = len(task.eval_docs)
                made.append(_Leaf(part=part, task=task, count=min(count, self._limit) if self._limit else count))
            if not made:
                raise DataError(f"{self.where}: no row of the data is left to ask about; check its columns")
            self._made = made
        return self._made

    def _shots(self) -> list[int]:
        """Few-shot examples of every task: the file's, unless ours says otherwise."""
        wanted = self.num_fewshot
        found = []
        for name, config in self.configs().items():
            fixed = config.get("num_fewshot")
            if fixed == 0 and wanted:
                raise UserError(
                    f"{self.where}: lm-eval's task {name} fixes num_fewshot at 0 (its prompt holds what it needs); "
                    f"{wanted} shots are not possible"
                )
            found.append(int((fixed or 0) if wanted is None else wanted))
        return found

    def _prepared(self, config: Mapping[str, Any], shots: int) -> dict[str, object]:
        """The configuration for lm-eval's task object: our metrics, our number of shots, nothing to download."""
        kept = {key: value for key, value in config.items() if key not in ("metric_list", "group", "tag")}
        metrics = [
            {
                "aggregation": "mean",
                "higher_is_better": True,
                **metric_entry(config, wanted.name),
                **lm_eval_options(wanted.options),
                "metric": lm_eval_name(wanted.name),
            }
            for wanted in self.spec.metrics
            if wanted.label in self.judged_by_lm_eval() and wanted.name != "mean"
        ]
        if config.get("process_results") is not None:
            metrics = []
        return {**kept, "metric_list": metrics, "num_fewshot": shots}

    def _rows(self, config: Mapping[str, Any]) -> Callable[[str], Sequence[Mapping[str, object]]]:
        """Reader of the splits of one of lm-eval's tasks."""
        if callable(config.get("custom_dataset")):
            made = config["custom_dataset"](**(config.get("metadata") or {}), **(config.get("dataset_kwargs") or {}))
            return lambda split: list(made[split])

        def rows(split: str) -> Any:
            import datasets

            reading = self._reading(config, split)
            key = (split, reading.dataset.model_dump_json(), tuple(reading.names.items()))
            if key not in self._splits:
                found = list(read_rows(reading.dataset, self.roots, reading.names, self.where, split))
                if not found:
                    raise DataError(f"{self.where}: split '{split}' is empty; give it at least one row")
                self._splits[key] = datasets.Dataset.from_list([*map(dict, found)])
            return self._splits[key]

        return rows

    def _reading(self, config: Mapping[str, Any], split: str) -> Reading:
        """A split of one of lm-eval's tasks: what its file says, and before it what ours says."""
        folders = [folder for folder in (self.roots.data_root, self.roots.task_folder) if folder is not None]
        asked = split == (config.get("test_split") or config.get("validation_split"))
        own = (self.dataset if asked else self.examples).model_dump(exclude_unset=True)
        dataset = merged(_dataset(config, split, folders), own, self.where)
        names = {"lang": self.own_code, "config": str(config.get("dataset_name") or "")}
        return Reading(dataset=dataset, names=filled_names(dataset, names), split=split)

    def _check_gold(self, task: ConfigurableTask, document: Document) -> None:
        """Refuse a gold answer outside the choices before anything is computed (lm-eval only warns, and scores 0)."""
        choices = task.doc_to_choice(document.fields)
        answer = task.doc_to_text if task.multiple_input else task.doc_to_target
        target = answer(document.fields)
        for gold in target if isinstance(target, list) else [target]:
            if not (0 <= gold < len(choices) if isinstance(gold, int) else gold in choices):
                raise DataError(
                    f"{self.where}: item {document.id}: gold answer {gold!r} is not among its {len(choices)} choices"
                )

    def document(self, fields: Mapping[str, object], part: str, index: int) -> Document:
        """The document that a row is.

        Args:
            fields: The row, as lm-eval's templates see it.
            part: What its task is within a group; empty where there is one task. index: Its place in the task, from 0.

        Raises:
            DataError: It lacks the column that names it.
        """
        prefix = f"{part}/" if part and not self.dataset.key else ""
        own, cluster = identified(self.dataset, fields, index + 1, self.where)
        identifier = prefix + (own if self.dataset.parallel else f"{self.own_code}:{own}")
        return Document(id=identifier, cluster=cluster or identifier, fields=dict(fields))


def units(task: TaskFile, selection: Selection, data_root: Path | None) -> list[StockUnit]:
    """One unit a language, variant and prompt."""
    languages = chosen_languages(selection, task.spec)
    return [StockUnit(task, data_root, **names) for names in unit_names(task.spec, selection, languages)]


def _dataset(config: Mapping[str, Any], split: str, roots: Sequence[Path]) -> DatasetSpec:
    """Where lm-eval's file says that the rows are; a file below one of the roots is named from there."""
    options = config.get("dataset_kwargs") or {}
    path, name = config.get("dataset_path"), config.get("dataset_name")
    form = _FILE_BUILDERS.get(str(path))
    if form is None:
        said = {"path": path, "name": name, "revision": options.get("revision")}
        return DatasetSpec.model_validate({key: value for key, value in said.items() if value is not None})
    files = options.get("data_files") or ""
    one = files.get(split, "") if isinstance(files, dict) else files
    found = str(one[0] if isinstance(one, list) and one else one)
    for root in roots:
        if Path(found).is_relative_to(root):
            found = Path(found).relative_to(root).as_posix()
    return DatasetSpec.model_validate({"files": found, "format": form, "splits": [split]})


def _splits(config: Mapping[str, Any]) -> list[str]:
    """The split that lm-eval judges, and the one it takes examples from."""
    judged = config.get("test_split") or config.get("validation_split")
    order = [config.get(name) for name in ("fewshot_split", "training_split", "validation_split")]
    examples = next(filter(None, order), judged)
    return [str(split) for split in dict.fromkeys([judged, examples]) if split]


def parts_of(names: Sequence[str]) -> list[str]:
    """What tells names of a group apart: ``anatomy`` in ``mmmlu_ko_kr_anatomy`` beside ``mmmlu_ko_kr_virology``."""
    words = [name.split("_") for name in names]
    shared = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*words, strict=False)))
    return ["_".join(word[shared:]) for word in words]


def metric_entry(config: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """Options of a metric in lm-eval's file; none where the file does not have it."""
    for entry in config.get("metric_list") or ():
        if entry.get("metric") == lm_eval_name(metric):
            left_out = ("metric", "aggregation", "higher_is_better", "hf_evaluate", "average", "weight_by_size")
            return {key: value for key, value in entry.items() if key not in left_out}
    return {}


def _plain(value: object) -> object:
    """A configuration's value as data: a function is its source text."""
    if callable(value):
        return hashlib.sha256(_source(value).encode()).hexdigest()
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _source(function: Callable[..., object]) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return getattr(function, "__qualname__", type(function).__qualname__)
