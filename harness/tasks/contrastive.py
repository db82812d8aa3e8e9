"""Contrastive: does a metric give a good translation a higher score than one with an error?

The systems under test are metrics (``--model metric:NAME``). Documents have the columns of the challenge set ACES:
``source``, ``good-translation``, ``incorrect-translation``; where there are some, ``reference`` and ``phenomena`` (one
label); and ``langpair`` (``en-de``) where rows are in several languages, else translations are in the unit's language.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.data import read_documents, require_columns
from harness.errors import DataError
from harness.languages import UND, lookup
from harness.loader import TaskFile
from harness.store import SegmentRow
from harness.tasks.base import Outcome, Selection, Unit, chosen_languages, failure, unit_names
from harness.types import Document, Judge, Request, Response, RewardResponse
from metrics.contrastive import AcesScore, ContrastiveMetric

GOOD, INCORRECT = "good-translation", "incorrect-translation"


class ContrastiveUnit(Unit):
    """One language and variant of a contrastive task."""

    requests_made = frozenset({Judge})

    def read(self) -> list[Document]:
        documents = read_documents(self.dataset, self.roots, self.own_code, self.where)
        require_columns(documents, ("source", GOOD, INCORRECT), self.where)
        for document in documents:
            self._target(document)
        return documents

    def requests(self) -> list[Request]:
        return [
            Judge(
                hypothesis=str(document.fields[side]),
                source=str(document.fields["source"]),
                references=_references(document),
                target_language=self._target(document),
            )
            for document in self.documents
            for side in (GOOD, INCORRECT)
        ]

    def outcome(self, shared: Sequence[Response], responses: Sequence[Response]) -> Outcome:  # noqa: ARG002
        pairs = list(zip(responses[::2], responses[1::2], strict=True))
        reasons = [failure(pair) for pair in pairs]
        scored = [index for index, reason in enumerate(reasons) if reason is None]
        wins = {index: _reward(pairs[index][0]) > _reward(pairs[index][1]) for index in scored}
        rows = [
            SegmentRow(
                segment=document.id,
                cluster=document.cluster,
                source=str(document.fields["source"]),
                references=(str(document.fields[GOOD]), *_references(document)),
                hypothesis=str(document.fields[GOOD if wins[index] else INCORRECT]) if index in wins else None,
                failed=reasons[index],
            )
            for index, document in enumerate(self.documents)
        ]
        phenomena = [str(self.documents[index].fields.get("phenomena", "")) for index in scored]
        statistics = {}
        for name, (metric, _) in self.metrics().items():
            assert isinstance(metric, ContrastiveMetric | AcesScore), "the loader lets only its metrics through"
            stats = metric.win_stats([wins[index] for index in scored], phenomena)
            if stats is not None:
                statistics[name] = stats
        return Outcome(rows=rows, scored=scored, statistics=statistics)

    def _target(self, document: Document) -> str:
        """Canonical code of the language that the translations are in."""
        pair = document.fields.get("langpair")
        if pair is None:
            return self.target_language
        language = lookup(str(pair).rpartition("-")[2])
        if language is None or language.code == UND:
            raise DataError(f"{self.where}: item {document.id}: langpair '{pair}' names no language; write en-de")
        return language.code


def units(task: TaskFile, selection: Selection, data_root: Path | None) -> list[ContrastiveUnit]:
    """One unit a language and variant."""
    languages = chosen_languages(selection, task.spec)
    return [ContrastiveUnit(task, data_root, **names) for names in unit_names(task.spec, selection, languages)]


def _references(document: Document) -> tuple[str, ...]:
    reference = document.fields.get("reference")
    return () if reference is None else (str(reference),)


def _reward(response: Response) -> float:
    assert isinstance(response, RewardResponse), "what failed is left out before"
    return response.reward
