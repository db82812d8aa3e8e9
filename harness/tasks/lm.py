"""Language-model tasks: lm-eval's own task objects build the requests and judge the answers.

Our subclass supplies the documents and renders templates in the sandbox; few-shot draws, request construction, filters
and per-document scores are lm-eval's (0.4.13), so that our numbers are its numbers.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.data import read_documents
from harness.errors import DataError
from harness.loader import TaskFile
from harness.prompts import evaluate, render
from harness.spec import PromptSpec
from harness.store import SegmentRow
from harness.tasks.base import Outcome, Selection, Unit, chosen, failure, template_hash
from harness.types import (
    Document,
    Failed,
    Generate,
    GenerateResponse,
    LogLikelihood,
    LogLikelihoodResponse,
    Request,
    Response,
)
from metrics.base import MeanMetric, Segment, TextMetric

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance
    from lm_eval.api.task import ConfigurableTask

_FEWSHOT_SEED = 1234
_MAX_TOKENS = 256


class LanguageModelUnit(Unit):
    """One language, variant and prompt of a multiple-choice, generation or log-likelihood task."""

    def __init__(self, task: TaskFile, data_root: Path | None, **names: Any) -> None:
        super().__init__(task, data_root, **names)
        self.requests_made = frozenset({Generate if self.spec.kind == "generate_until" else LogLikelihood})
        self._task: ConfigurableTask | None = None
        self._instances: list[list[Instance]] = []

    @property
    def prompt_spec(self) -> PromptSpec:
        return self.spec.prompts[self.prompt]

    @property
    def num_fewshot(self) -> int:
        wanted = self.variant_spec.num_fewshot
        return self.spec.num_fewshot if wanted is None else wanted

    def read(self) -> list[Document]:
        documents = read_documents(self.dataset, self.roots, self.spec.languages[self.language], self.where)
        if self.spec.kind == "multiple_choice":
            for document in documents:
                self._check_choice(document)
        return documents

    def requests(self) -> list[Request]:
        self._task = self._build_task()
        self._task.build_all_requests(limit=len(self.documents), rank=0, world_size=1)
        self._instances = [[] for _ in self.documents]
        for instance in self._task.instances:
            self._instances[int(instance.doc_id or 0)].append(instance)
        return [self._request(instance) for instances in self._instances for instance in instances]

    def outcome(self, shared: Sequence[Response], responses: Sequence[Response]) -> Outcome:  # noqa: ARG002
        assert self._task is not None, "requests() builds the task that judges the answers"
        rows, scored = [], []
        values: dict[str, list[float]] = {name: [] for name in self._judged_by_lm_eval()}
        remaining = iter(responses)
        answers = [[next(remaining) for _ in instances] for instances in self._instances]
        for instances, found in zip(self._instances, answers, strict=True):
            for instance, response in zip(instances, found, strict=True):
                instance.resps.append(_lm_eval_answer(response))
        self._task.apply_filters()
        for index, (document, instances, found) in enumerate(
            zip(self.documents, self._instances, answers, strict=True)
        ):
            reason = failure(found)
            rows.append(self._row(document, instances, found, reason))
            if reason is None:
                results = self._task.process_results(
                    instances[0].doc, [next(iter(instance.filtered_resps.values())) for instance in instances]
                )
                scored.append(index)
                for name, series in values.items():
                    series.append(float(results[name]))
        statistics = {name: MeanMetric.stats(np.array(series)) for name, series in values.items()}
        segments = [
            Segment(hypothesis=rows[index].hypothesis or "", references=rows[index].references) for index in scored
        ]
        for name, (metric, _) in self.metrics().items():
            if isinstance(metric, TextMetric):
                statistics[name] = metric.segment_stats(segments)
        return Outcome(rows=rows, scored=scored, statistics=statistics)

    def prompt_hash(self) -> str:
        return template_hash(self.prompt_spec.model_dump_json(), self.num_fewshot, _FEWSHOT_SEED)

    def decoding(self) -> str:
        if self.spec.kind != "generate_until":
            return ""
        return f"greedy|{sorted(self.prompt_spec.generation_kwargs.items())}"

    def release(self) -> None:
        super().release()
        self._task = None
        self._instances = []

    def _judged_by_lm_eval(self) -> list[str]:
        """Metrics whose value of a document is lm-eval's; metrics of texts are ours."""
        return [name for name, (metric, _) in self.metrics().items() if not isinstance(metric, TextMetric)]

    def _build_task(self) -> ConfigurableTask:
        logging.getLogger("lm_eval").setLevel(logging.ERROR)
        prompt = self.prompt_spec
        splits = {"test": self.documents}
        fewshot_split = None
        if self.num_fewshot:
            splits, fewshot_split = self._with_fewshot()
        config = {
            "task": self.spec.task,
            "output_type": self.spec.kind,
            "test_split": "test",
            "fewshot_split": fewshot_split,
            "num_fewshot": self.num_fewshot,
            "doc_to_text": prompt.doc_to_text,
            "doc_to_target": prompt.doc_to_target,
            "doc_to_choice": _listed(prompt.doc_to_choice),
            "description": prompt.description,
            "target_delimiter": prompt.target_delimiter,
            "fewshot_delimiter": prompt.fewshot_delimiter,
            "metric_list": [
                {"metric": wanted.name, "aggregation": "mean", "higher_is_better": True, **wanted.options}
                for wanted in self.spec.metrics
                if wanted.name in self._judged_by_lm_eval()
            ],
        }
        if self.spec.kind == "generate_until":
            kwargs = {name: _listed(value) for name, value in prompt.generation_kwargs.items()}
            config["generation_kwargs"] = {"do_sample": False, **kwargs}
        rows = {name: [self._fields(document) for document in documents] for name, documents in splits.items()}
        made = _task_class()(config, rows, self.where)
        made.set_fewshot_seed(_FEWSHOT_SEED)
        return made

    def _with_fewshot(self) -> tuple[dict[str, list[Document]], str]:
        """The splits lm-eval draws from, and the name of the one with the examples.

        Where examples come from the evaluated split itself, it is given whole (whatever the limit) and by its own name:
        lm-eval then draws the same examples as on the full set, and never the evaluated document.
        """
        split = self.dataset.fewshot_split
        if split is None:
            raise DataError(f"{self.where}: {self.num_fewshot}-shot needs 'fewshot_split' in the dataset")
        if self.dataset.splits == (split,):
            return {"test": self.read()}, "test"
        own = self.spec.languages[self.language]
        fewshot = read_documents(self.dataset, self.roots, own, self.where, splits=(split,))
        return {"test": self.documents, "fewshot": fewshot}, "fewshot"

    def _fields(self, document: Document) -> dict[str, object]:
        """What templates see: the document's columns, and ``lang``, the data set's own code of the language."""
        return {"lang": self.spec.languages[self.language], **document.fields}

    def _request(self, instance: Instance) -> Request:
        if self.spec.kind == "generate_until":
            prompt, kwargs = instance.args
            until = kwargs.get("until", [])
            return Generate(
                prompt=prompt,
                until=tuple([until] if isinstance(until, str) else until),
                max_tokens=int(kwargs.get("max_gen_toks", _MAX_TOKENS)),
                target_language=self.language,
            )
        context, continuation = instance.args
        return LogLikelihood(context=context, continuation=continuation, language=self.language)

    def _check_choice(self, document: Document) -> None:
        """Refuse a gold answer outside the choices before anything is computed (lm-eval only warns, and scores 0)."""
        prompt = self.prompt_spec
        fields = self._fields(document)
        choices = _choices(prompt.doc_to_choice, fields, self.where)
        gold = _target(prompt.doc_to_target, fields, self.where, has_choices=True)
        if isinstance(gold, int) and not 0 <= gold < len(choices):
            raise DataError(
                f"{self.where}: item {document.id}: gold index {gold} is outside its {len(choices)} choices"
            )
        if isinstance(gold, str) and gold not in choices:
            raise DataError(f"{self.where}: item {document.id}: gold answer '{gold}' is not among its choices")

    def _row(
        self, document: Document, instances: Sequence[Instance], answers: Sequence[Response], reason: str | None
    ) -> SegmentRow:
        fields = self._fields(document)
        target = _target(
            self.prompt_spec.doc_to_target,
            fields,
            self.where,
            has_choices=self.prompt_spec.doc_to_choice is not None,
        )
        if self.spec.kind == "multiple_choice":
            choices = _choices(self.prompt_spec.doc_to_choice, fields, self.where)
            gold = choices[target] if isinstance(target, int) else str(target)
            scores = [answer.logprob if isinstance(answer, LogLikelihoodResponse) else -np.inf for answer in answers]
            hypothesis = choices[int(np.argmax(scores))]
        else:
            gold = str(target)
            first = answers[0]
            hypothesis = first.text if isinstance(first, GenerateResponse) else ""
        return SegmentRow(
            segment=document.id,
            cluster=document.cluster,
            source=str(instances[0].args[0]),
            references=(gold,),
            hypothesis=None if reason else hypothesis,
            failed=reason,
        )


def units(task: TaskFile, selection: Selection, data_root: Path | None) -> list[LanguageModelUnit]:
    """One unit a language, variant and prompt."""
    spec = task.spec
    return [
        LanguageModelUnit(task, data_root, language=language, variant=variant, prompt=prompt, limit=selection.limit)
        for variant in chosen(selection.variants, spec.variants or [""], "variant", spec.task)
        for prompt in chosen(selection.prompts, spec.prompts, "prompt", spec.task)
        for language in chosen(selection.languages, spec.languages, "language", spec.task)
    ]


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _lm_eval_answer(response: Response) -> object:
    match response:
        case LogLikelihoodResponse():
            return (response.logprob, response.is_greedy)
        case GenerateResponse():
            return response.text
        case Failed():
            return (-np.inf, False)
        case _:
            raise TypeError(f"a language-model task cannot use {type(response).__name__}")


def _text(template: str, fields: Mapping[str, object], where: str) -> str:
    """A prompt: a column by its name, or a template."""
    return str(fields[template]) if template in fields else render(template, fields, where)


def _target(template: str | int, fields: Mapping[str, object], where: str, *, has_choices: bool) -> int | str:
    """The gold answer: an index into the choices, or a text; a column by its name, a template or the index itself."""
    value = template if isinstance(template, int) else fields.get(template)
    if value is None:
        value = evaluate(str(template), fields, where)
    if isinstance(value, int):
        return int(value)
    text = str(value)
    return int(text) if has_choices and text.isdecimal() else text


def _choices(template: object, fields: Mapping[str, object], where: str) -> list[str]:
    """The choices: a column by its name, a list of templates, or one expression that gives a list.

    Raises:
        DataError: It is not a list of texts.
    """
    if isinstance(template, list | tuple):
        return [render(str(item), fields, where) for item in template]
    value = fields[str(template)] if template in fields else evaluate(str(template), fields, where)
    if not isinstance(value, list | tuple) or not value:
        raise DataError(f"{where}: doc_to_choice must give a list, found {type(value).__name__}: {str(value)[:60]!r}")
    return [str(item) for item in value]


@cache
def _task_class() -> type[ConfigurableTask]:
    """The subclass, made on first use because lm-eval takes seconds to import."""
    import datasets
    from lm_eval.api.task import ConfigurableTask

    class SandboxedTask(ConfigurableTask):  # type: ignore[misc]
        """lm-eval's task over our documents, with templates in the sandbox and document text never parsed."""

        def __init__(self, config: dict[str, Any], splits: dict[str, list[dict[str, object]]], where: str) -> None:
            self._where = where
            made = {name: datasets.Dataset.from_list(rows) for name, rows in splits.items()}
            super().__init__(config={**config, "custom_dataset": lambda **_: made})

        def doc_to_text(self, doc: Mapping[str, object], doc_to_text: str | None = None) -> str:
            return _text(doc_to_text or self.config.doc_to_text, doc, self._where)

        def doc_to_target(self, doc: Mapping[str, object], doc_to_target: str | int | None = None) -> int | str:
            template = self.config.doc_to_target if doc_to_target is None else doc_to_target
            return _target(template, doc, self._where, has_choices=self.config.doc_to_choice is not None)

        def doc_to_choice(self, doc: Mapping[str, object], doc_to_choice: object = None) -> list[str]:
            return _choices(doc_to_choice or self.config.doc_to_choice, doc, self._where)

        def resolve_field(self, doc: Mapping[str, object], field: str | None = None) -> str | None:
            return _text(field, doc, self._where) if field else None

    return SandboxedTask
