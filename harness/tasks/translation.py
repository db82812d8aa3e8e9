"""Translation: one request a segment, the hypothesis judged against the reference in the target language.

The request carries the bare source (for translation systems and files) and a rendered prompt (for language models).

Few-shot examples come from ``fewshot_split`` of the data set and are drawn as lm-eval draws them: one generator a
direction, seeded with 1234, and a sample for every segment in order; or, with ``sampler: first_n``, always the first
ones. They are the same segments in every direction where the split is parallel. An example is the prompt, the
``target_delimiter`` and the reference (or what ``doc_to_target`` says), then the ``fewshot_delimiter``. A model with
a chat template gets them as turns, or in one turn, as its options say; what stands before the examples
(``description``) is then the system message, after the model's own if there is one, as in lm-eval.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import cast

from harness.data import read_pairs
from harness.errors import DataError
from harness.languages import find
from harness.loader import TaskFile
from harness.prompts import render
from harness.spec import MetricOption, PromptSpec
from harness.target_options import target_options
from harness.tasks.base import Outcome, Selection, failure, reasoning_of, template_hash, unit_names
from harness.tasks.decoding_options import DecodingOptions, read_options
from harness.tasks.pairs import PairUnit, reading_once, selected_directions
from harness.types import Document, Failed, Generate, GenerateResponse, Request, Response
from metrics.base import Segment, TextMetric
from metrics.parallel import segment_stats

_FEWSHOT_SEED = 1234


class TranslationUnit(PairUnit):
    """One direction of a translation task."""

    requests_made = frozenset({Generate})

    def requests(self) -> list[Request]:
        return [
            self._request(index, document, examples)
            for index, (document, examples) in enumerate(zip(self.documents, self._drawn(), strict=True))
        ]

    def outcome(self, shared: Sequence[Response], responses: Sequence[Response]) -> Outcome:  # noqa: ARG002
        texts = [response.text if isinstance(response, GenerateResponse) else None for response in responses]
        without = self.rows([failure([response]) for response in responses])
        rows = [
            dataclasses.replace(row, hypothesis=text, reasoning=reasoning_of(response))
            for row, text, response in zip(without, texts, responses, strict=True)
        ]
        scored = [index for index, response in enumerate(responses) if not isinstance(response, Failed)]
        segments = [
            Segment(hypothesis=row.hypothesis or "", references=row.references, source=row.source)
            for row in (rows[index] for index in scored)
        ]
        statistics = {
            name: segment_stats(cast(TextMetric, metric), segments) for name, (metric, _) in self.metrics().items()
        }
        return Outcome(rows=rows, scored=scored, statistics=statistics)

    def metric_options(self, name: str, options: Mapping[str, MetricOption]) -> dict[str, MetricOption]:
        return target_options(name, options, self.target_language)

    def prompt_hash(self) -> str:
        prompt = self._prompt()
        if prompt is None:
            return ""
        # Where the description stands is a part of the prompt: it was once in the first turn of the user.
        chat = [self.chat.name, *(["description:system"] if prompt.description else [])] if self.chat else []
        shown = [self._shots(), prompt.doc_to_target, prompt.target_delimiter, prompt.fewshot_delimiter]
        drawn = [_FEWSHOT_SEED, sorted(prompt.fewshot_config.items())]
        examples = [*shown, *drawn] if self._shots() else []
        return template_hash(prompt.description, prompt.doc_to_text, *examples, *chat)

    def decoding(self) -> str:
        options = self._options()
        drawn = f"|{options.temperature}|{options.top_p}|{options.top_k}|{options.seed}" if options.sampled else ""
        return f"{options.manner}|until:{options.until}|max_tokens:{options.max_tokens}{drawn}"

    def _prompt(self) -> PromptSpec | None:
        return self.spec.prompts.get(self.prompt)

    def _options(self) -> DecodingOptions:
        prompt = self._prompt()
        return read_options({"until": ("\n",), **(prompt.generation_kwargs if prompt else {})}, self.where)

    def _shots(self) -> int:
        return (self.num_fewshot or 0) if self._prompt() else 0

    def _drawn(self) -> Iterator[Sequence[Document]]:
        """The examples of every document, in order.

        Raises:
            DataError: The data set names no split for examples, or it has too few.
        """
        prompt, shots = self._prompt(), self._shots()
        if prompt is None or not shots:
            yield from ([] for _ in self.documents)
            return
        split = self.dataset.fewshot_split
        if split is None:
            raise DataError(f"{self.where}: {shots}-shot needs 'fewshot_split' in the dataset, which names none")
        pool = read_pairs(self.dataset, self.roots, self.direction(), self.where, splits=(split,))
        # Examples from the evaluated split itself are never the evaluated segment.
        own = split in self.dataset.splits
        if len(pool) - own < shots:
            raise DataError(f"{self.where}: {shots} examples wanted, but split '{split}' has {len(pool)} segments")
        random = Random(_FEWSHOT_SEED)
        for document in self.documents:
            if prompt.fewshot_config.get("sampler") == "first_n":
                drawn = pool[: shots + own]
            else:
                drawn = random.sample(pool, shots + own)
            yield [one for one in drawn if not own or one.id != document.id][:shots]

    def _request(self, index: int, document: Document, examples: Sequence[Document]) -> Generate:
        source = str(document.fields["source"])
        direction = self.direction()
        prompt = self._prompt()
        options = self._options()
        return Generate(
            prompt=self._text(prompt, document, examples) if prompt else source,
            until=options.until,
            max_tokens=options.max_tokens,
            temperature=options.temperature,
            top_p=options.top_p,
            top_k=options.top_k,
            seed=options.seed + self.sampling_seed if options.sampled else 0,
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

    def _text(self, prompt: PromptSpec, document: Document, examples: Sequence[Document]) -> str:
        """The rendered prompt with its examples, in the words of the model's chat template where it has one."""

        def rendered(template: str, of: Document) -> str:
            return render(template, {**of.fields, **languages}, self.where)

        languages = {
            "source_language": find(self.source_language).name,
            "target_language": find(self.target_language).name,
            "source_code": self.direction().source,
            "target_code": self.direction().target,
        }
        description = rendered(prompt.description, document)
        question = rendered(prompt.doc_to_text, document)
        answer_template = str(prompt.doc_to_target) or "target"
        shown = []
        for one in examples:
            column = one.fields.get(answer_template)
            shown.append((rendered(prompt.doc_to_text, one), str(column or rendered(answer_template, one))))
        if self.chat is None or not self.chat.multiturn:
            parts = [asked + prompt.target_delimiter + answer + prompt.fewshot_delimiter for asked, answer in shown]
            turns = [("user", "".join(parts) + question)]
        else:
            turns = [turn for asked, answer in shown for turn in (("user", asked), ("assistant", answer))]
            turns.append(("user", question))
        if self.chat is None:
            return description + turns[0][1]
        system = _joined(self.chat.system, description, prompt.fewshot_delimiter)
        turns = [("system", system), *turns] if system else turns
        return self.chat.render([{"role": role, "content": text} for role, text in turns])


def _joined(system: str, description: str, delimiter: str) -> str:
    """What a model and a prompt have to say before everything else, in one message as in lm-eval."""
    apart = delimiter if system and description and not (system[-1].isspace() or description[0].isspace()) else ""
    return system + apart + description


def units(task: TaskFile, selection: Selection, data_root: Path | None) -> list[TranslationUnit]:
    """One unit a direction, variant and prompt."""
    languages = selected_directions(task.spec, selection)
    names = unit_names(task.spec, selection, languages)
    return reading_once([TranslationUnit(task, data_root, **own) for own in names])
