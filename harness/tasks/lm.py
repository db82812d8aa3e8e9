"""Language-model tasks: lm-eval's task objects build the requests and judge the answers.

What is common to tasks with prompts of ours (``harness.tasks.lm_own``) and to lm-eval's own tasks
(``harness.tasks.lm_stock``): instances of lm-eval become requests, responses become instances' answers, and lm-eval's
value of a document becomes a statistic.
"""

from __future__ import annotations

import importlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import DataError, UserError
from harness.loader import TaskFile
from harness.spec import DatasetSpec, MetricOption
from harness.store import SegmentRow
from harness.tasks.base import Outcome, Selection, Unit, failure, reasoning_of
from harness.tasks.decoding_options import read_options
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
from metrics.base import FloatArray, MeanMetric, Metric, MetricError, Segment, TextMetric
from metrics.classification import Brier, ClassMetric
from metrics.tagging import SpanF1

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


class LmEvalUnit(Unit):
    """One language, variant and prompt, made of one or several tasks of lm-eval."""

    def __init__(self, task: TaskFile, data_root: Path | None, **names: Any) -> None:
        super().__init__(task, data_root, **names)
        self.requests_made = frozenset({_REQUESTS[self.spec.kind]})
        self._instances: list[list[Instance]] = []
        self._samples: list[int] = []
        """Requests of every document."""
        self._choices = 0
        """Most choices that a document has."""

    @property
    def examples(self) -> DatasetSpec:
        """Where few-shot examples come from: a variant's ``where`` selects what it asks about, not what it shows."""
        return self.dataset.model_copy(update={"where": self.spec.dataset.where})

    @abstractmethod
    def lm_eval_tasks(self) -> list[tuple[ConfigurableTask, int]]:
        """lm-eval's tasks with how many of their documents are asked for; the unit's documents in the same order."""

    def requests(self) -> list[Request]:
        self._instances = []
        chat = self.chat
        options: dict[str, Any] = {}
        if chat is not None:
            options = {
                "apply_chat_template": True,
                "chat_template": chat.render,
                "fewshot_as_multiturn": chat.multiturn,
                "system_instruction": chat.system or None,
            }
        for task, count in self.lm_eval_tasks():
            task.build_all_requests(limit=count, rank=0, world_size=1, **options)
            grouped: list[list[Instance]] = [[] for _ in range(count)]
            for instance in task.instances:
                grouped[int(instance.doc_id or 0)].append(instance)
            self._instances += grouped
        asked = [[self._asked(instance) for instance in instances] for instances in self._instances]
        self._samples = [sum(map(len, requests)) for requests in asked]
        return [request for requests in asked for own in requests for request in own]

    def outcome(self, shared: Sequence[Response], responses: Sequence[Response]) -> Outcome:  # noqa: ARG002
        remaining = iter(responses)
        answers = [[next(remaining) for _ in range(count)] for count in self._samples]
        for instances, found in zip(self._instances, answers, strict=True):
            own = len(found) // len(instances)
            for index, instance in enumerate(instances):
                given = [self._answer(response) for response in found[index * own : (index + 1) * own]]
                instance.resps.extend(given * (max(1, instance.repeats or 1) if own == 1 else 1))
        reasons = [failure(found) for found in answers]
        values: dict[str, list[Any]] = {label: [] for label in self.judged_by_lm_eval()}
        rows: list[SegmentRow] = []
        for task, count in self.lm_eval_tasks():
            task.apply_filters()
            for index in range(len(rows), len(rows) + count):
                rows.append(self._row(task, index, answers[index], reasons[index]))
                if reasons[index] is None:
                    self._judge(task, self._instances[index], values)
        scored = [index for index, reason in enumerate(reasons) if reason is None]
        segments = [
            Segment(hypothesis=rows[index].hypothesis or "", references=rows[index].references) for index in scored
        ]
        statistics = {}
        for label, (metric, _) in self.metrics().items():
            statistics[label] = (
                metric.segment_stats(segments)
                if isinstance(metric, TextMetric)
                else document_statistics(metric, values[label], self._labels(rows), f"{self.where}: {label}")
            )
        return Outcome(rows=rows, scored=scored, statistics=statistics)

    def release(self) -> None:
        super().release()
        self._instances = []
        self._samples = []

    def fields(self, document: Document) -> Mapping[str, object]:
        """What templates see of a document."""
        return document.fields

    def gold(self, task: ConfigurableTask, document: Document) -> tuple[str, ...]:
        """Text of the right answer, or of every one of several."""
        fields = self.fields(document)
        target = task.doc_to_target(fields)
        choices = task.doc_to_choice(fields) if task.config.doc_to_choice is not None else []
        given = target if isinstance(target, list) else [target]
        return tuple(
            str(choices[one]) if isinstance(one, int) and 0 <= one < len(choices) else str(one) for one in given
        )

    def judged_by_lm_eval(self) -> list[str]:
        """Metrics whose value of a document is lm-eval's; metrics of texts are ours."""
        return [label for label, (metric, _) in self.metrics().items() if not isinstance(metric, TextMetric)]

    def _labels(self, rows: Sequence[SegmentRow]) -> Sequence[int | str]:
        """What a document's gold class may be: the same for every system, whichever documents it failed on."""
        return range(self._choices) if self._choices else sorted({gold for row in rows for gold in row.references})

    def _judge(self, task: ConfigurableTask, instances: Sequence[Instance], values: dict[str, list[Any]]) -> None:
        """Add lm-eval's value of one document to every metric's."""
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
                seed=options.seed,
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

    def _row(self, task: ConfigurableTask, index: int, answers: Sequence[Response], reason: str | None) -> SegmentRow:
        document = self.documents[index]
        first = answers[0]
        hypothesis: str | None = first.text if isinstance(first, GenerateResponse) else ""
        if self.spec.kind == "multiple_choice":
            choices = task.doc_to_choice(self.fields(document))
            self._choices = max(self._choices, len(choices))
            found = [answer.logprob if isinstance(answer, LogLikelihoodResponse) else -np.inf for answer in answers]
            hypothesis = str(choices[int(np.argmax(found[: len(choices)]))])
        return SegmentRow(
            segment=document.id,
            cluster=document.cluster,
            source=str(self._instances[index][0].args[0]),
            references=self.gold(task, document),
            hypothesis=None if reason else hypothesis,
            failed=reason,
            reasoning=reasoning_of(first),
        )


def document_statistics(metric: Metric, values: Sequence[Any], labels: Sequence[int | str], where: str) -> FloatArray:
    """Statistics of lm-eval's values of the documents.

    Args:
        values: A number a document, a pair (log-probability, count), or a pair (gold, predicted).
        labels: The classes there are.

    Raises:
        DataError: The values are not of the kind the metric is made of.
    """
    try:
        if isinstance(metric, Brier):
            return metric.pair_stats(*_sides(values))
        if isinstance(metric, SpanF1):
            gold, predicted = _sides(values)
            return metric.span_stats(gold, [_plain(text) for text in predicted])
        if isinstance(metric, ClassMetric):
            gold, predicted = _sides(values)
            known = labels if set(gold) <= set(labels) else sorted(set(gold))
            return metric.label_stats(gold, [_plain(label) for label in predicted], known)
        found = np.array(values, dtype=np.float64)
        if found.ndim <= 1:
            return MeanMetric.stats(found)
        if found.ndim == 2 and found.shape[1] == 2:
            return found
        raise ValueError(f"shape {found.shape}")
    except (ValueError, TypeError, MetricError) as error:
        raise DataError(
            f"{where}: lm-eval gives values such as {str(values[0])[:60]!r} for a document, which this metric cannot "
            "use; name another metric"
        ) from error


def _sides(values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """First and second parts of pairs."""
    return [_plain(first) for first, _ in values], [second for _, second in values]


def _plain(label: Any) -> Any:
    """A label as Python has it; numpy's integers and one-element lists are what they hold."""
    if isinstance(label, list) and len(label) == 1:
        label = label[0]
    return label.item() if isinstance(label, np.generic) else label


def units(task: TaskFile, selection: Selection, data_root: Path | None) -> Sequence[LmEvalUnit]:
    """One unit a language, variant and prompt."""
    module = "harness.tasks.lm_stock" if task.spec.from_lm_eval else "harness.tasks.lm_own"
    made: Sequence[LmEvalUnit] = importlib.import_module(module).units(task, selection, data_root)
    return made
