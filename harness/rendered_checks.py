"""Rules of prompts once they are filled in with the rows of a language: what lm-eval finds late, or never.

A misspelt column is there rendered as a literal, a gold answer outside the choices scores zero after a warning, and an
empty choice always wins. Part of ``harness.data_checks``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.errors import UserError
from harness.findings import Findings
from harness.prompt_checks import templates
from harness.spec import PromptSpec
from harness.tasks.lm_eval_task import choices_of, target_of, text_of
from harness.template_checks import columns_read, unknown_column
from harness.yaml_reader import Location, shown
from metrics.spelling import did_you_mean

Fields = Mapping[str, object]

_ENOUGH = 3
_SINGLE_BRACES = re.compile(r"(?<!\{)\{ *([^\W\d]\w*) *\}(?!\})")


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedRow:
    """One row as it is asked.

    Attributes:
        id: The item. text: The prompt. choices: For multiple choice; else empty. gold: An index into the choices, or a
            text.
    """

    id: str
    text: str
    choices: tuple[str, ...]
    gold: int | str


class Asked(Protocol):
    """How a row becomes what the model is asked: one method for each part of a prompt."""

    def text(self, fields: Fields) -> str:
        """The prompt."""

    def choices(self, fields: Fields) -> Sequence[str]:
        """The choices, for multiple choice."""

    def gold(self, fields: Fields) -> int | str:
        """The right answer."""


class OwnPrompt:
    """A prompt of ours."""

    def __init__(self, prompt: PromptSpec) -> None:
        self._prompt = prompt

    def text(self, fields: Fields) -> str:
        return text_of(self._prompt.doc_to_text, fields, "")

    def choices(self, fields: Fields) -> Sequence[str]:
        return choices_of(self._prompt.doc_to_choice, fields, "")

    def gold(self, fields: Fields) -> int | str:
        has_choices = self._prompt.doc_to_choice is not None
        return target_of(self._prompt.doc_to_target, fields, "", has_choices=has_choices)


class PromptCheck:
    """One prompt on the data of one language after another.

    Args:
        kind: Of the task. here: Where the prompt stands in the file.
        prompt: As it is written. asked: How it is filled in. findings: Where to note what is wrong.
    """

    def __init__(self, kind: str, here: Location, prompt: PromptSpec, asked: Asked, findings: Findings) -> None:
        self._kind = kind
        self._part = ""
        self._broken = 0
        self._prompt = prompt
        self._asked = asked
        self._here = here
        self._findings = findings

    def columns(self, fields: Fields, language: str) -> bool:
        """Whether the data has every column that the prompt names.

        Args:
            fields: What templates see of one row.
        """
        missing = False
        parts = {part: getattr(self._prompt, part) for part in PromptSpec.model_fields}
        for place, template in templates({part: _plain(value) for part, value in parts.items()}):
            for name in sorted(columns_read(template) - fields.keys()):
                missing = True
                text = unknown_column(name, list(fields))
                self._findings.add((*self._here, *place), text, language, rule=f"column {name}")
            for name in _SINGLE_BRACES.findall(template):
                if name in fields:
                    missing = True
                    text = f"'{{{name}}}' is written as it stands for every row; write two braces: {{{{{name}}}}}"
                    self._findings.add((*self._here, *place), text, language)
        return not (self._bare_names(fields, language) or missing)

    def _bare_names(self, fields: Fields, language: str) -> bool:
        """Whether a text without braces is a misspelt column; it would be the same for every row."""
        wrong = False
        for part in ("doc_to_text", "doc_to_target", "doc_to_choice"):
            text = getattr(self._prompt, part)
            if not isinstance(text, str) or "{" in text or text in fields or not text.strip():
                continue
            near = did_you_mean(text, list(fields))
            literal = part == "doc_to_target" and (text.isdecimal() or text in (self._prompt.doc_to_choice or ()))
            if part == "doc_to_choice" or (near and not literal):
                wrong = True
                hint = near or f"; the data has {', '.join(fields)}"
                told = f"{shown(text)} is no column, and is written as it stands for every row{hint}"
                self._findings.add((*self._here, part), told, language, rule="bare name")
        return wrong

    def rows(self, documents: Sequence[tuple[str, Fields]], language: str) -> list[RenderedRow]:
        """Every row as it is asked; what cannot be made is noted, and the list is then shorter.

        A prompt that cannot be made in some languages is not tried in more: it may be a costly one.

        Args:
            documents: Id, and what templates see, of every row.
        """
        made: list[RenderedRow] = []
        if self._broken >= _ENOUGH:
            return made
        for identifier, fields in documents:
            try:
                made.append(self._row(identifier, fields))
            except UserError as error:
                self._broken += 1
                reason = str(error).removeprefix(": ")
                place = (*self._here, self._part)
                self._findings.add(place, reason, language, rule="error", rows=[identifier], of=len(documents))
                break
        return made

    def _row(self, identifier: str, fields: Fields) -> RenderedRow:
        self._part = "doc_to_text"
        text = self._asked.text(fields)
        choices: tuple[str, ...] = ()
        if self._kind == "multiple_choice":
            self._part = "doc_to_choice"
            choices = tuple(self._asked.choices(fields))
        self._part = "doc_to_target"
        return RenderedRow(id=identifier, text=text, choices=choices, gold=self._asked.gold(fields))

    def check(self, rows: Sequence[RenderedRow], language: str) -> None:
        """Note what is wrong with the rows of one language."""
        for rule in self._rules(rows):
            found = [row.id for row in rows if rule.broken(row)]
            if found:
                sure = rule.each or len(found) == len(rows)
                place = (*self._here, rule.part)
                key = f"{rule.name} {sure}"
                self._findings.add(place, rule.text, language, rule=key, rows=found, of=len(rows), sure=sure)
        if len(rows) > 1 and len({(row.text, row.choices, row.gold) for row in rows}) == 1:
            told = f"asks the same of all {len(rows):,} rows; name a column"
            self._findings.add((*self._here, "doc_to_text"), told, language, rule="same")

    def _rules(self, rows: Sequence[RenderedRow]) -> Iterator[_Rule]:
        prompt, delimiter = self._prompt, self._prompt.target_delimiter
        before = f"'target_delimiter' ({shown(delimiter)})"
        if prompt.doc_to_text.strip():
            yield _Rule("doc_to_text", "empty", "the prompt is empty", lambda row: not row.text.strip(), each=True)
        if delimiter and prompt.doc_to_text == prompt.doc_to_text.rstrip():
            text = f"ends in white space when filled in, and {before} follows"
            yield _Rule("doc_to_text", "end", text, lambda row: row.text != row.text.rstrip())
        match self._kind:
            case "multiple_choice":
                yield _Rule("doc_to_target", "gold", _gold_text(rows), lambda row: not _in_choices(row), each=True)
                text = "a choice is empty; its likelihood would be 1"
                yield _Rule("doc_to_choice", "empty", text, lambda row: not all(row.choices), each=True)
                text = "fewer than two choices"
                yield _Rule("doc_to_choice", "few", text, lambda row: len(row.choices) < 2, each=True)
                text = "two choices are the same text"
                yield _Rule("doc_to_choice", "twice", text, lambda row: len(set(row.choices)) < len(row.choices))
                if delimiter[-1:].isspace():
                    text = f"every choice begins with white space, which {before} already is"
                    yield _Rule(
                        "doc_to_choice", "space", text, lambda row: all(one[:1].isspace() for one in row.choices)
                    )
            case "generate_until":
                yield _Rule("doc_to_target", "empty", "the gold answer is empty", lambda row: not str(row.gold).strip())
                ends = _texts(prompt.generation_kwargs.get("until", ()))
                text = "the gold answer holds a text of 'until', so that no answer can equal it"
                yield _Rule("doc_to_target", "until", text, lambda row: any(end in str(row.gold) for end in ends))
            case "loglikelihood":
                text = "the gold answer is empty; its likelihood would be 1"
                yield _Rule("doc_to_target", "empty", text, lambda row: not str(row.gold), each=True)


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule of rows.

    Attributes:
        part: Field of the prompt. name: Tells the rule from the field's others. text: What is wrong where it is broken.
        broken: Whether a row breaks it. each: Whether one such row is a mistake; else it is one when all rows are such.
    """

    part: str
    name: str
    text: str
    broken: Callable[[RenderedRow], bool]
    each: bool = False


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, tuple | list) else (str(value),)


def _in_choices(row: RenderedRow) -> bool:
    return 0 <= row.gold < len(row.choices) if isinstance(row.gold, int) else row.gold in row.choices


def _gold_text(rows: Sequence[RenderedRow]) -> str:
    """What is wrong with the first row whose gold answer is none of its choices."""
    row = next((row for row in rows if not _in_choices(row)), None)
    if row is None:
        return ""
    if isinstance(row.gold, int):
        hint = "; count from 0" if row.gold == len(row.choices) else ""
        return f"gold index {row.gold} is outside its {len(row.choices)} choices{hint}"
    return f"gold answer {shown(row.gold)} is not among its choices{did_you_mean(row.gold, row.choices)}"
