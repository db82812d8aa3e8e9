"""Translation: one request a segment, the hypothesis judged against the reference in the target language.

The request carries the bare source (for translation systems and files) and a rendered prompt (for language models).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from harness.languages import bleu_tokenizer, find
from harness.loader import TaskFile
from harness.prompts import render
from harness.spec import MetricOption, PromptSpec
from harness.tasks.base import Outcome, Selection, failure, template_hash, unit_names
from harness.tasks.pairs import PairUnit, selected_directions
from harness.types import Document, Failed, Generate, GenerateResponse, Request, Response
from metrics.base import Segment, TextMetric

_MAX_TOKENS = 256


class TranslationUnit(PairUnit):
    """One direction of a translation task."""

    requests_made = frozenset({Generate})

    def requests(self) -> list[Request]:
        return [self._request(index, document) for index, document in enumerate(self.documents)]

    def outcome(self, shared: Sequence[Response], responses: Sequence[Response]) -> Outcome:  # noqa: ARG002
        texts = [response.text if isinstance(response, GenerateResponse) else None for response in responses]
        without = self.rows([failure([response]) for response in responses])
        rows = [dataclasses.replace(row, hypothesis=text) for row, text in zip(without, texts, strict=True)]
        scored = [index for index, response in enumerate(responses) if not isinstance(response, Failed)]
        segments = [
            Segment(hypothesis=row.hypothesis or "", references=row.references, source=row.source)
            for row in (rows[index] for index in scored)
        ]
        statistics = {
            name: cast(TextMetric, metric).segment_stats(segments) for name, (metric, _) in self.metrics().items()
        }
        return Outcome(rows=rows, scored=scored, statistics=statistics)

    def metric_options(self, name: str, options: Mapping[str, MetricOption]) -> dict[str, MetricOption]:
        if name == "bleu" and "tokenize" not in options:
            return {"tokenize": bleu_tokenizer(self.target_language), **options}
        return dict(options)

    def prompt_hash(self) -> str:
        prompt = self._prompt()
        chat = [self.chat.name] if self.chat else []
        return template_hash(prompt.description, prompt.doc_to_text, *chat) if prompt else ""

    def decoding(self) -> str:
        return f"greedy|until:{self._until()}|max_tokens:{self._max_tokens()}"

    def _prompt(self) -> PromptSpec | None:
        return self.spec.prompts.get(self.prompt)

    def _until(self) -> tuple[str, ...]:
        prompt = self._prompt()
        given = prompt.generation_kwargs.get("until", ("\n",)) if prompt else ("\n",)
        return tuple(given) if isinstance(given, tuple | list) else (str(given),)

    def _max_tokens(self) -> int:
        prompt = self._prompt()
        return int(cast(int, prompt.generation_kwargs.get("max_gen_toks", _MAX_TOKENS))) if prompt else _MAX_TOKENS

    def _request(self, index: int, document: Document) -> Generate:
        source = str(document.fields["source"])
        direction = self.direction()
        prompt = self._prompt()
        fields = {
            **document.fields,
            "source_language": find(self.source_language).name,
            "target_language": find(self.target_language).name,
        }
        text = render(prompt.description + prompt.doc_to_text, fields, self.where) if prompt else source
        if prompt and self.chat:
            said = [{"role": "system", "content": self.chat.system}] if self.chat.system else []
            text = self.chat.render([*said, {"role": "user", "content": text}])
        return Generate(
            prompt=text,
            until=self._until(),
            max_tokens=self._max_tokens(),
            source=source,
            source_language=self.source_language,
            target_language=self.target_language,
            locator=(
                ("task", self.spec.task),
                ("source", direction.source),
                ("target", direction.target),
                ("source_code", self.source_language),
                ("target_code", self.target_language),
                ("other", direction.other),
            ),
            line=index,
            lines=self.total,
        )


def units(task: TaskFile, selection: Selection, data_root: Path | None) -> list[TranslationUnit]:
    """One unit a direction, variant and prompt."""
    languages = selected_directions(task.spec, selection)
    return [TranslationUnit(task, data_root, **names) for names in unit_names(task.spec, selection, languages)]
