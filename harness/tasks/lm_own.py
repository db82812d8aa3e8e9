"""Language-model tasks whose prompts are written in our own files, in lm-eval's field names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.data import read_documents
from harness.errors import DataError
from harness.languages import find
from harness.loader import TaskFile
from harness.spec import PromptSpec
from harness.tasks.base import Selection, chosen_languages, template_hash, unit_names
from harness.tasks.decoding_options import read_options
from harness.tasks.lm import LmEvalUnit, lm_eval_name, lm_eval_options
from harness.tasks.lm_eval_task import FEWSHOT_SEED, choices_of, make_task, target_of
from harness.types import Document

if TYPE_CHECKING:
    from lm_eval.api.task import ConfigurableTask


class LanguageModelUnit(LmEvalUnit):
    """One language, variant and prompt of a task with prompts of ours."""

    def __init__(self, task: TaskFile, data_root: Path | None, **names: Any) -> None:
        super().__init__(task, data_root, **names)
        self._made: list[tuple[ConfigurableTask, int]] = []

    @property
    def prompt_spec(self) -> PromptSpec:
        return self.spec.prompts[self.prompt]

    @property
    def shots(self) -> int:
        """Examples in every prompt."""
        return self.num_fewshot or 0

    def read(self) -> list[Document]:
        documents = read_documents(self.dataset, self.roots, self.own_code, self.where)
        if self.spec.kind == "multiple_choice":
            for document in documents:
                self._check_choice(document)
        return documents

    def lm_eval_tasks(self) -> list[tuple[ConfigurableTask, int]]:
        if not self._made:
            self._made = [(self._build_task(), len(self.documents))]
        return self._made

    def prompt_hash(self) -> str:
        prompt = self.prompt_spec.model_dump(exclude_defaults=True)
        chat = [self.chat.name] if self.chat else []
        return template_hash(prompt, self.shots, FEWSHOT_SEED, *chat)

    def decoding(self) -> str:
        if self.spec.kind != "generate_until":
            return ""
        kwargs = self.prompt_spec.generation_kwargs
        repeats = f"|repeats:{self.prompt_spec.repeats}" if self.prompt_spec.repeats > 1 else ""
        return f"{read_options(kwargs, self.where).manner}|{sorted(kwargs.items())}{repeats}"

    def release(self) -> None:
        super().release()
        self._made = []

    def fields(self, document: Document) -> Mapping[str, object]:
        """The document's columns, ``lang``, the data set's own code, and ``language``, the English name."""
        names = {"lang": self.own_code, "language": find(self.language).name}
        return {**names, **document.fields}

    def _build_task(self) -> ConfigurableTask:
        prompt = self.prompt_spec
        splits: dict[str, Callable[[], list[Document]]] = {"test": lambda: self.documents}
        fewshot_split = None
        if self.shots:
            splits, fewshot_split = self._with_fewshot()
        config: dict[str, object] = {
            "task": self.spec.task,
            "output_type": self.spec.kind,
            "test_split": "test",
            "fewshot_split": fewshot_split,
            "num_fewshot": self.shots,
            "doc_to_text": prompt.doc_to_text,
            "doc_to_target": prompt.doc_to_target,
            "doc_to_choice": _listed(prompt.doc_to_choice),
            "description": prompt.description,
            "target_delimiter": prompt.target_delimiter,
            "fewshot_delimiter": prompt.fewshot_delimiter,
            "metric_list": self._metric_list(),
        }
        if prompt.filter_list:
            config["filter_list"] = [
                {"name": chain.name, "filter": [dict(one) for one in chain.filter]} for chain in prompt.filter_list
            ]
        if prompt.fewshot_config:
            config["fewshot_config"] = dict(prompt.fewshot_config)
        if self.spec.kind == "generate_until":
            kwargs = {name: _listed(value) for name, value in prompt.generation_kwargs.items()}
            config["generation_kwargs"] = {"do_sample": False, **kwargs}
            config["repeats"] = prompt.repeats

        def rows(split: str) -> Iterator[Mapping[str, object]]:
            return map(self.fields, splits[split]())

        return make_task(config, rows, (), self.where, own=True)

    def _with_fewshot(self) -> tuple[dict[str, Callable[[], list[Document]]], str]:
        """What reads the splits lm-eval draws from, and the name of the one with the examples.

        Where examples come from the evaluated split itself, it is given whole (whatever the limit) and by its own name:
        lm-eval then draws the same examples as on the full set, and never the evaluated document.
        """
        split = self.dataset.fewshot_split
        if split is None:
            raise DataError(f"{self.where}: {self.shots}-shot needs 'fewshot_split' in the dataset")
        if self.dataset.splits == (split,):
            return {"test": self.read}, "test"

        def examples() -> list[Document]:
            return read_documents(self.examples, self.roots, self.own_code, self.where, splits=(split,))

        return {"test": lambda: self.documents, "fewshot": examples}, "fewshot"

    def _metric_list(self) -> list[dict[str, object]]:
        return [
            {
                "metric": lm_eval_name(wanted.name),
                "aggregation": "mean",
                "higher_is_better": True,
                **lm_eval_options(wanted.options),
            }
            for wanted in self.spec.metrics
            if wanted.label in self.judged_by_lm_eval()
        ]

    def _check_choice(self, document: Document) -> None:
        """Refuse a gold answer outside the choices before anything is computed (lm-eval only warns, and scores 0)."""
        prompt = self.prompt_spec
        fields = self.fields(document)
        choices = choices_of(prompt.doc_to_choice, fields, self.where)
        gold = target_of(prompt.doc_to_target, fields, self.where, has_choices=True)
        if isinstance(gold, int) and not 0 <= gold < len(choices):
            raise DataError(
                f"{self.where}: item {document.id}: gold index {gold} is outside its {len(choices)} choices"
            )
        if isinstance(gold, str) and gold not in choices:
            raise DataError(f"{self.where}: item {document.id}: gold answer '{gold}' is not among its choices")


def units(task: TaskFile, selection: Selection, data_root: Path | None) -> list[LanguageModelUnit]:
    """One unit a language, variant and prompt."""
    languages = chosen_languages(selection, task.spec)
    return [LanguageModelUnit(task, data_root, **names) for names in unit_names(task.spec, selection, languages)]


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
