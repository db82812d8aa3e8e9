"""Preference: does a model score the better one of several answers higher?

Documents have the columns ``prompt``, ``chosen`` and ``rejected`` (one text, or a list of them). A reward model is
asked with the bare prompt and answer; a language model reads a context made by the prompt of the task file
(``doc_to_text`` and ``target_delimiter``, by default the bare prompt and an empty line), or by its own chat template,
and its score is the log-probability of the answer. A reward has no length to be divided by: a reward model has no
scores per character or byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.data import read_documents, require_columns
from harness.errors import DataError
from harness.languages import find
from harness.loader import TaskFile
from harness.prompts import render
from harness.spec import PromptSpec
from harness.store import SegmentRow
from harness.tasks.base import Outcome, Selection, Unit, chosen_languages, failure, template_hash, unit_names
from harness.types import Document, LogLikelihoodResponse, Preference, Request, Response, RewardResponse
from metrics.preference import Per, PreferenceMetric

COLUMNS = ("prompt", "chosen", "rejected")

_DEFAULT_PROMPT = PromptSpec(doc_to_text="{{prompt}}", target_delimiter="\n\n")


class PreferenceUnit(Unit):
    """One language, variant and prompt of a preference task."""

    requests_made = frozenset({Preference})

    @property
    def chance(self) -> float | None:
        """The task's own, else the mean over documents of one over the number of answers."""
        if self.spec.chance is not None:
            return self.spec.chance
        return float(np.mean([1 / len(_answers(document)) for document in self.documents]))

    def read(self) -> list[Document]:
        documents = read_documents(self.dataset, self.roots, self.spec.languages[self.language], self.where)
        require_columns(documents, COLUMNS, self.where)
        for document in documents:
            if len(_answers(document)) < 2:
                raise DataError(f"{self.where}: item {document.id}: 'rejected' is an empty list; give it one or more")
        return documents

    def requests(self) -> list[Request]:
        return [
            Preference(
                prompt=str(document.fields["prompt"]),
                completion=answer,
                context=self._context(document),
                language=self.language,
            )
            for document in self.documents
            for answer in _answers(document)
        ]

    def outcome(self, shared: Sequence[Response], responses: Sequence[Response]) -> Outcome:  # noqa: ARG002
        remaining = iter(responses)
        answered = [[next(remaining) for _ in _answers(document)] for document in self.documents]
        reasons = [failure(found) for found in answered]
        rows = [self._row(*parts) for parts in zip(self.documents, answered, reasons, strict=True)]
        scored = [index for index, reason in enumerate(reasons) if reason is None]
        rewards = any(isinstance(response, RewardResponse) for response in responses)
        statistics = {}
        for name, (metric, _) in self.metrics().items():
            assert isinstance(metric, PreferenceMetric), "the loader lets only metrics of this kind of task through"
            if metric.per == "answer" or not rewards:
                statistics[name] = metric.score_stats(
                    [_divided(self.documents[index], answered[index], metric.per) for index in scored]
                )
        return Outcome(rows=rows, scored=scored, statistics=statistics)

    def prompt_hash(self) -> str:
        prompt = self._prompt()
        chat = [self.chat.name] if self.chat else []
        return template_hash(prompt.description, prompt.doc_to_text, prompt.target_delimiter, *chat)

    def _prompt(self) -> PromptSpec:
        return self.spec.prompts.get(self.prompt, _DEFAULT_PROMPT)

    def _context(self, document: Document) -> str:
        prompt = self._prompt()
        names = {"lang": self.spec.languages[self.language], "language": find(self.language).name}
        fields = {**names, **document.fields}
        text = render(prompt.description + prompt.doc_to_text, fields, self.where)
        if self.chat is None:
            return text + prompt.target_delimiter
        system = [{"role": "system", "content": self.chat.system}] if self.chat.system else []
        return self.chat.render([*system, {"role": "user", "content": text}])

    def _row(self, document: Document, answered: Sequence[Response], reason: str | None) -> SegmentRow:
        answers = _answers(document)
        best = answers[int(np.argmax(_scores(answered)))] if reason is None else None
        return SegmentRow(
            segment=document.id,
            cluster=document.cluster,
            source=str(document.fields["prompt"]),
            references=(answers[0],),
            hypothesis=best,
            failed=reason,
        )


def units(task: TaskFile, selection: Selection, data_root: Path | None) -> list[PreferenceUnit]:
    """One unit a language, variant and prompt."""
    languages = chosen_languages(selection, task.spec)
    return [PreferenceUnit(task, data_root, **names) for names in unit_names(task.spec, selection, languages)]


def _answers(document: Document) -> list[str]:
    """The chosen answer, then the rejected ones."""
    rejected = document.fields["rejected"]
    others = rejected if isinstance(rejected, list | tuple) else [rejected]
    return [str(document.fields["chosen"]), *map(str, others)]


def _scores(answered: Sequence[Response]) -> list[float]:
    """The reward or log-probability of every answer of a document."""
    return [
        response.reward if isinstance(response, RewardResponse) else response.logprob
        for response in answered
        if isinstance(response, RewardResponse | LogLikelihoodResponse)
    ]


def _divided(document: Document, answered: Sequence[Response], per: Per) -> list[float]:
    """Scores by the length of their answers; an empty answer counts as one long."""
    answers = _answers(document)
    lengths = {
        "answer": [1] * len(answers),
        "character": [len(answer) for answer in answers],
        "byte": [len(answer.encode("utf-8", "surrogatepass")) for answer in answers],
    }[per]
    return [score / max(1, length) for score, length in zip(_scores(answered), lengths, strict=True)]
