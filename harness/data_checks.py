"""Looks at all data of a task before anything is computed, and tells what is wrong at its line of the task file.

Files, columns and keys are read as a run reads them; prompts of ours are filled in with every row and judged
(``harness.rendered_checks``). Asks no model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.data import read_documents
from harness.errors import ColumnError, DataError, UserError
from harness.findings import Findings
from harness.hub import UnreachableError
from harness.lm_eval_index import stock_root
from harness.loader import TaskFile
from harness.rendered_checks import Fields, OwnPrompt, PromptCheck, RenderedRow
from harness.sources import Hub, find_source
from harness.spec import PromptSpec
from harness.store import content_hash
from harness.task_places import TaskPlaces, told_apart
from harness.tasks import units
from harness.tasks.base import Selection, Unit
from harness.tasks.lm import LmEvalUnit
from harness.tasks.lm_eval_task import explained
from harness.tasks.lm_own import LanguageModelUnit
from harness.tasks.pairs import PairUnit
from harness.template_checks import columns_read
from harness.types import Document
from metrics.base import MetricError

if TYPE_CHECKING:
    from lm_eval.api.task import ConfigurableTask


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReport:
    """What was found, one line each, ``file:line: field: what (where in the data)``.

    Attributes:
        problems: Mistakes. remarks: What may well be so in real data. units: How many units were read.
    """

    problems: tuple[str, ...]
    remarks: tuple[str, ...]
    units: int


def check_data(task: TaskFile, data_root: Path | None, selection: Selection | None = None) -> DataReport:
    """Read the data of a task, all of it unless a part is selected, and judge it.

    Raises:
        UserError: The task has no units to look at (a variant that does not go together with the task).
    """
    check = _DataCheck(task)
    made = units(task, selection or Selection(), data_root)
    for unit in made:
        check.unit(unit)
    check.languages()
    return check.report(len(made))


class _DataCheck:
    """One task. Rows of a language are read once for all its prompts, which come one after the other."""

    def __init__(self, task: TaskFile) -> None:
        self.findings = Findings()
        self._places = TaskPlaces(task)
        self._task = task
        self._read: tuple[tuple[str, str], list[Document]] = (("", ""), [])
        self._unreachable: DataError | None = None
        self._asked: set[tuple[str, str]] = set()
        self._prompt_checks: dict[str, PromptCheck] = {}
        self._hashes: dict[str, dict[str, list[str]]] = {}

    def unit(self, unit: Unit) -> None:
        """One unit: its metrics, its data, its prompt."""
        try:
            unit.metrics()
            if self._unreachable is not None and self._only_hub(unit):
                self._note(unit, self._unreachable)
            elif isinstance(unit, LanguageModelUnit):
                self._own_prompt(unit)
            else:
                self._sides(unit, unit.documents)
                self._prompt_of(unit)
                if isinstance(unit, LmEvalUnit) and not self._is_stock():
                    self._foreign_prompt(unit)
        except MetricError as error:
            self.findings.add(("metrics",), str(error), unit.language)
        except UnreachableError as error:
            self._unreachable = DataError(str(error).removeprefix(f"{unit.where}: "))
            self._note(unit, error)
        except UserError as error:
            self._note(unit, error)
        finally:
            unit.release()

    def report(self, units: int) -> DataReport:
        """What was found, in the file's order."""
        file = self._places.file
        problems, remarks = self.findings.problems(file), self.findings.remarks(file)
        return DataReport(problems=tuple(problems), remarks=tuple(remarks), units=units)

    def _only_hub(self, unit: Unit) -> bool:
        """Whether all that a unit reads is on the hub: without a way there, waiting for it again is of no use."""
        found = [
            find_source(one.dataset, unit.roots, one.names, unit.where, one.split, one.files) for one in unit.readings()
        ]
        return all(isinstance(one, Hub) and not one.data.local and one.otherwise is None for one in found)

    def languages(self) -> None:
        """Two languages with the same rows: a file was copied, and not translated."""
        for hashes in self._hashes.values():
            for languages in hashes.values():
                for language in languages[1:]:
                    told = f"{language} has the very rows of {languages[0]}; check its file"
                    self.findings.add(self._places.language(language), told)

    def _prompt_of(self, unit: Unit) -> None:
        """The prompts of a setting filled in with every row of its first language; other languages have the same."""
        unit.prompt_hash()
        setting = (unit.variant, unit.prompt)
        if unit.prompt and not isinstance(unit, LmEvalUnit) and setting not in self._asked:
            self._asked.add(setting)
            unit.requests()

    def _is_stock(self) -> bool:
        """Whether what is asked stands in files that lm-eval brings: those are as they are."""
        return self._task.index is None or self._task.index.root == stock_root()

    def _foreign_prompt(self, unit: LmEvalUnit) -> None:
        """Prompts of lm-eval's files in a user's folder."""
        for task, count in unit.lm_eval_tasks():
            rows = [(str(index + 1), task.eval_docs[index]) for index in range(count)]
            check = PromptCheck(unit.spec.kind, (), _as_written(task), _Foreign(task), self.findings)
            if not task.multiple_input and check.columns(rows[0][1], unit.language):
                rendered = check.rows(rows, unit.language)
                if len(rendered) == len(rows):
                    check.check(rendered, unit.language)

    def _own_prompt(self, unit: LanguageModelUnit) -> None:
        setting = (unit.variant, unit.language)
        if self._read[0] != setting:
            documents = read_documents(unit.dataset, unit.roots, unit.own_code, unit.where)
            self._read = (setting, documents)
            if not self._names_language():
                self._same_rows(unit, unit.language, [dict(one.fields) for one in documents])
        documents = self._read[1]
        prompt, here = unit.prompt_spec, ("prompts", unit.prompt)
        check = self._prompt_checks.setdefault(
            unit.prompt, PromptCheck(unit.spec.kind, here, prompt, OwnPrompt(prompt), self.findings)
        )
        if not check.columns(unit.fields(documents[0]), unit.language):
            return
        rows = check.rows([(one.id, unit.fields(one)) for one in documents], unit.language)
        if len(rows) == len(documents):
            check.check(rows, unit.language)
            self._examples(unit, check, rows)

    def _examples(self, unit: LanguageModelUnit, check: PromptCheck, rows: Sequence[RenderedRow]) -> None:
        """Few-shot examples: enough of them, as good as the rows, and other ones."""
        split, shots = unit.examples.fewshot_split, unit.num_fewshot or 0
        if not shots or split is None:
            return
        place = self._places.dataset(unit.variant, "fewshot_split")
        if unit.dataset.splits == (split,):
            if len(rows) <= shots:
                told = f"{shots} examples beside the one that is asked need {shots + 1} rows; there are {len(rows)}"
                self.findings.add(place, told, unit.language, rule="few")
            return
        documents = read_documents(unit.examples, unit.roots, unit.own_code, unit.where, splits=(split,))
        examples = check.rows([(one.id, unit.fields(one)) for one in documents], unit.language)
        check.check(examples, f"{unit.language} {split}")
        if len(documents) < shots:
            told = f"{shots}-shot needs {shots} examples; split '{split}' has {len(documents)}"
            self.findings.add(place, told, unit.language, rule="few")
        asked = {(row.text, row.choices, row.gold) for row in examples}
        leaked = [row.id for row in rows if (row.text, row.choices, row.gold) in asked]
        if leaked:
            sure = len(leaked) == len(rows)
            told = f"split '{split}' of examples holds rows that are asked about"
            self.findings.add(place, told, unit.language, rule=f"leak {sure}", rows=leaked, of=len(rows), sure=sure)

    def _sides(self, unit: Unit, documents: Sequence[Document]) -> None:
        """Rows of other kinds: whether languages, and the two sides of pairs, differ."""
        first, second = unit.sides
        pairs = [(one.fields[first], one.fields[second]) for one in documents if {first, second} <= one.fields.keys()]
        if isinstance(unit, PairUnit) and len(pairs) == len(documents):
            if unit.source_language == unit.target_language:
                return
            for index, language in enumerate((unit.source_language, unit.target_language)):
                self._same_rows(unit, language, [pair[index] for pair in pairs])
        elif not isinstance(unit, LmEvalUnit):
            self._same_rows(unit, unit.language, [dict(one.fields) for one in documents])
        if len(pairs) > 1 and all(left == right for left, right in pairs):
            told = f"'{first}' and '{second}' are the same text in every row"
            self.findings.add(self._places.dataset(unit.variant), told, unit.language, rule="sides")
        for side in unit.sides:
            empty = [one.id for one in documents if side in one.fields and not str(one.fields[side]).strip()]
            if empty:
                rows: dict[str, Any] = {"rows": empty, "of": len(documents), "sure": len(empty) == len(documents)}
                told = f"'{side}' is empty"
                self.findings.add(
                    self._places.dataset(unit.variant), told, unit.language, rule=f"{told} {rows['sure']}", **rows
                )

    def _same_rows(self, unit: Unit, language: str, rows: Sequence[object]) -> None:
        """Note the rows of a language, where the source is another one for another language."""
        dataset = unit.dataset
        named = (dataset.files, dataset.source_files, dataset.target_files, dataset.path, dataset.name)
        if len(rows) < 2 or "{lang" in dataset.text or not any("{" in str(pattern) for pattern in named):
            return
        found = self._hashes.setdefault(unit.variant, {}).setdefault(content_hash([str(row) for row in rows]), [])
        if language not in found:
            found.append(language)

    def _names_language(self) -> bool:
        """Whether a prompt names the language: then the same rows may be asked about in several."""
        prompts = self._task.spec.prompts.values()
        templates = [part for one in prompts for part in (one.description, one.doc_to_text, str(one.doc_to_choice))]
        return any({"lang", "language"} & columns_read(template) for template in templates)

    def _note(self, unit: Unit, error: UserError) -> None:
        """An error of reading, at the field that it is about."""
        for line in str(error).splitlines():
            text = re.sub(rf"^{re.escape(unit.where)}( \([^()]*\))?: ", "", line)
            place = self._places.error(error, text, unit.variant, unit.dataset)
            rule = f"column {error.column}" if isinstance(error, ColumnError) else told_apart(text)
            self.findings.add(place, text, unit.language, rule=rule)


class _Foreign:
    """A prompt of one of lm-eval's files, as lm-eval fills it in."""

    def __init__(self, task: ConfigurableTask) -> None:
        self._task = task

    def text(self, fields: Fields) -> str:
        with explained(""):
            return str(self._task.doc_to_text(fields))

    def choices(self, fields: Fields) -> Sequence[str]:
        with explained(""):
            return [str(choice) for choice in self._task.doc_to_choice(fields)]

    def gold(self, fields: Fields) -> int | str:
        with explained(""):
            gold = self._task.doc_to_target(fields)
            first = gold[0] if isinstance(gold, list) and gold else gold
            return first if isinstance(first, int) else str(first)


def _as_written(task: ConfigurableTask) -> PromptSpec:
    """The texts of a prompt of lm-eval's; what code makes is left out."""
    parts = {name: getattr(task.config, name, None) for name in PromptSpec.model_fields}
    listed = {name: tuple(part) if isinstance(part, list) else part for name, part in parts.items()}
    texts: dict[str, Any] = {name: part for name, part in listed.items() if isinstance(part, str | tuple | dict)}
    return PromptSpec.model_construct(None, **texts)
