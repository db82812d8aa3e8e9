"""Language-model tasks: lm-eval's task objects build the requests and judge the answers.

What is common to tasks with prompts of ours (``harness.tasks.lm_own``) and to lm-eval's own tasks
(``harness.tasks.lm_stock``): instances of lm-eval become requests, responses become instances' answers, and lm-eval's
value of a document becomes a statistic.
"""

from __future__ import annotations

import dataclasses
import importlib
from abc import abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import UserError
from harness.loader import TaskFile
from harness.spec import DatasetSpec, MetricOption
from harness.store import SegmentRow
from harness.tasks.base import Outcome, Selection, Unit, failure, reasoning_of
from harness.tasks.decoding_options import read_options
from harness.tasks.judging import AskedDocument, AskedPart, Judged
from harness.types import (
    Document,
    Failed,
    Generate,
    GenerateResponse,
    LogLikelihood,
    LogLikelihoodResponse,
    Request,
    Response,
    RollingLogLikelihood,
)
from metrics.base import TextMetric

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance
    from lm_eval.api.task import ConfigurableTask

_REQUESTS: Mapping[str, type] = {
    "multiple_choice": LogLikelihood,
    "loglikelihood": LogLikelihood,
    "loglikelihood_rolling": RollingLogLikelihood,
    "generate_until": Generate,
}

_LM_EVAL_NAMES = {"f1_weighted": "f1", "f1_macro": "f1", "f1_binary": "f1", "span_f1": "f1"}
"""Our metric -> the name under which lm-eval gives the pair (gold, predicted)."""


def lm_eval_name(metric: str) -> str:
    """Name under which lm-eval gives a document's value of one of our metrics."""
    return _LM_EVAL_NAMES.get(metric, metric)


def lm_eval_options(options: Mapping[str, MetricOption]) -> dict[str, object]:
    """Options of one of our metrics as lm-eval's function of that name takes them."""
    taken: dict[str, object] = {name: value for name, value in options.items() if name not in ("computed_by", "of")}
    if "regexes_to_ignore" in taken:
        taken["regexes_to_ignore"] = str(taken["regexes_to_ignore"]).split("\n")
    return taken


_PART = 1000
"""Documents that are asked about and judged at a time."""


class LmEvalUnit(Unit):
    """One language, variant and prompt, made of one or several tasks of lm-eval."""

    def __init__(self, task: TaskFile, data_root: Path | None, **names: Any) -> None:
        super().__init__(task, data_root, **names)
        self.requests_made = frozenset({_REQUESTS[self.spec.kind]})
        self._waiting: deque[AskedPart] = deque()
        self._judged = Judged()
        self._named: list[tuple[str, str]] = []

    @property
    def examples(self) -> DatasetSpec:
        """Where few-shot examples come from: a variant's ``where`` selects what it asks about, not what it shows."""
        return self.dataset.model_copy(update={"where": self.spec.dataset.where})

    @abstractmethod
    def lm_eval_tasks(self) -> list[tuple[ConfigurableTask, int]]:
        """lm-eval's tasks with how many of their documents are asked for; the unit's documents in the same order."""

    def requests(self) -> list[Request]:
        self._named = self._names()
        return [request for requests, _ in self._asked_parts() for request in requests]

    def parts(self) -> Iterator[tuple[list[Request], bool]]:
        """Requests of some documents at a time; of the documents nothing is held that lm-eval's own do not say."""
        self.lm_eval_tasks()
        self._named = self._names()
        self._documents = None
        yield from self._asked_parts()

    def judged(self, responses: Sequence[Response]) -> list[SegmentRow]:
        """Rows of the documents of the earliest part that is not judged yet."""
        part, remaining = self._waiting.popleft(), iter(responses)
        rows: list[SegmentRow] = []
        for task, documents in part.asked:
            found = [[next(remaining) for _ in range(document.samples)] for document in documents]
            for document, answers in zip(documents, found, strict=True):
                self._give(document.instances, answers)
            task._instances = [instance for document in documents for instance in document.instances]
            task.apply_filters()
            task._instances = []
            for document, answers in zip(documents, found, strict=True):
                rows.append(self._row(task, document, answers))
                self._judged.add(rows[-1])
                if rows[-1].failed is None:
                    self._judge(task, document.instances)
        return rows

    def outcome(self, shared: Sequence[Response], responses: Sequence[Response]) -> Outcome:  # noqa: ARG002
        """Statistics of all documents; of those that were judged before, rows are without texts.

        Args:
            responses: To the requests of all parts that are not judged yet.
        """
        rows: list[SegmentRow] = []
        remaining = iter(responses)
        while self._waiting:
            rows += self.judged([*islice(remaining, self._waiting[0].requests)])
        found = self._judged.outcome({label: metric for label, (metric, _) in self.metrics().items()}, self.where)
        return dataclasses.replace(found, rows=found.rows[: len(found.rows) - len(rows)] + rows)

    def release(self) -> None:
        super().release()
        self._waiting.clear()
        self._judged = Judged()
        self._named = []

    def fields(self, document: Document) -> Mapping[str, object]:
        """What templates see of a document."""
        return document.fields

    def gold(self, task: ConfigurableTask, fields: Mapping[str, object]) -> tuple[str, ...]:
        """Text of the right answer, or of every one of several."""
        target = task.doc_to_target(fields)
        choices = task.doc_to_choice(fields) if task.config.doc_to_choice is not None else []
        given = target if isinstance(target, list) else [target]
        return tuple(
            str(choices[one]) if isinstance(one, int) and 0 <= one < len(choices) else str(one) for one in given
        )

    def judged_by_lm_eval(self) -> list[str]:
        """Metrics whose value of a document is lm-eval's; metrics of texts are ours."""
        return [label for label, (metric, _) in self.metrics().items() if not isinstance(metric, TextMetric)]

    def _asked_parts(self) -> Iterator[tuple[list[Request], bool]]:
        """Requests of parts, and whether each is the last; instances wait until they are judged."""
        self._waiting.clear()
        ours = [label for label, (metric, _) in self.metrics().items() if isinstance(metric, TextMetric)]
        self._judged = Judged(values={label: [] for label in self.judged_by_lm_eval()}, keeps_texts=bool(ours))
        options: dict[str, Any] = {}
        if (chat := self.chat) is not None:
            options = {
                "apply_chat_template": True,
                "chat_template": chat.render,
                "fewshot_as_multiturn": chat.multiturn,
                "system_instruction": chat.system or None,
            }
        tasks = self.lm_eval_tasks()
        first, left, part, requests = 0, sum(count for _, count in tasks), AskedPart(), list[Request]()
        for task, count in tasks:
            for start in range(0, count, _PART):
                end = min(count, start + _PART)
                task.asked_documents = range(start, end)
                task.build_all_requests(rank=0, world_size=1, **options)
                documents = [AskedDocument(number=first + number) for number in range(start, end)]
                for instance in task.instances:
                    documents[int(instance.doc_id or 0) - start].instances.append(instance)
                task._instances = []
                for document in documents:
                    asked = [request for instance in document.instances for request in self._asked(instance)]
                    document.samples = len(asked)
                    requests += asked
                part.asked.append((task, documents))
                left -= end - start
                if part.documents >= _PART or not left:
                    self._waiting.append(part)
                    yield requests, not left
                    part, requests = AskedPart(), []
            first += count

    def _names(self) -> list[tuple[str, str]]:
        """Id and cluster of every document."""
        return [(document.id, document.cluster) for document in self.documents]

    def _give(self, instances: Sequence[Instance], answers: Sequence[Response]) -> None:
        """Answers of a document to its instances, as lm-eval's models give them."""
        own = len(answers) // len(instances)
        for index, instance in enumerate(instances):
            given = [self._answer(response) for response in answers[index * own : (index + 1) * own]]
            instance.resps.extend(given * (max(1, instance.repeats or 1) if own == 1 else 1))

    def _judge(self, task: ConfigurableTask, instances: Sequence[Instance]) -> None:
        """Add lm-eval's value of one document to every metric's."""
        values = self._judged.values
        results: dict[str, Mapping[str, Any]] = {}
        for wanted in self.spec.metrics:
            if wanted.label not in values:
                continue
            filters = list(instances[0].filtered_resps)
            chain = wanted.filter or filters[0]
            if chain not in filters:
                raise UserError(
                    f"{self.where}: metric {wanted.label}: no filter '{chain}'; it has {', '.join(filters)}"
                )
            if chain not in results:
                filtered = [instance.filtered_resps[chain] for instance in instances]
                results[chain] = task.process_results(instances[0].doc, filtered)
            name = str(wanted.options.get("of") or lm_eval_name(wanted.name))
            if name not in results[chain]:
                has = ", ".join(map(str, results[chain]))
                raise UserError(f"{self.where}: lm-eval's task gives no '{name}' for a document; it gives {has}")
            values[wanted.label].append(results[chain][name])

    def _asked(self, instance: Instance) -> list[Request]:
        """The requests of an instance: one, or as many as the samples of it; greedy text repeats itself."""
        arguments = instance.args
        if instance.request_type == "loglikelihood_rolling":
            return [RollingLogLikelihood(text=arguments[0], language=self.language)]
        if instance.request_type != "generate_until":
            return [LogLikelihood(context=arguments[0], continuation=arguments[1], language=self.language)]
        options = read_options(arguments[1], self.where)
        return [
            Generate(
                prompt=arguments[0],
                until=options.until,
                max_tokens=options.max_tokens,
                temperature=options.temperature,
                top_p=options.top_p,
                top_k=options.top_k,
                seed=options.seed + self.sampling_seed if options.sampled else 0,
                sample=sample,
                target_language=self.language,
            )
            for sample in range(max(1, instance.repeats or 1) if options.sampled else 1)
        ]

    def _answer(self, response: Response) -> object:
        """A response as lm-eval's models give it."""
        match response:
            case LogLikelihoodResponse() if self.spec.kind == "loglikelihood_rolling":
                return response.logprob
            case LogLikelihoodResponse():
                return (response.logprob, response.is_greedy)
            case GenerateResponse():
                return response.text
            case Failed() if self.spec.kind == "generate_until":
                return ""
            case Failed():
                return -np.inf if self.spec.kind == "loglikelihood_rolling" else (-np.inf, False)
            case _:
                raise TypeError(f"a language-model task cannot use {type(response).__name__}")

    def _row(self, task: ConfigurableTask, document: AskedDocument, answers: Sequence[Response]) -> SegmentRow:
        fields, first, reason = document.instances[0].doc, answers[0], failure(answers)
        hypothesis: str | None = first.text if isinstance(first, GenerateResponse) else ""
        if self.spec.kind == "multiple_choice":
            choices = task.doc_to_choice(fields)
            self._judged.choices = max(self._judged.choices, len(choices))
            found = [answer.logprob if isinstance(answer, LogLikelihoodResponse) else -np.inf for answer in answers]
            hypothesis = str(choices[int(np.argmax(found[: len(choices)]))])
        segment, cluster = self._named[document.number]
        return SegmentRow(
            segment=segment,
            cluster=cluster,
            source=str(document.instances[0].args[0]),
            references=self.gold(task, fields),
            hypothesis=None if reason else hypothesis,
            failed=reason,
            reasoning=reasoning_of(first),
        )


def units(task: TaskFile, selection: Selection, data_root: Path | None) -> Sequence[LmEvalUnit]:
    """One unit a language, variant and prompt."""
    module = "harness.tasks.lm_stock" if task.spec.from_lm_eval else "harness.tasks.lm_own"
    made: Sequence[LmEvalUnit] = importlib.import_module(module).units(task, selection, data_root)
    return made
