"""Looks at all data of a task before anything is computed, and tells what is wrong at its line of the task file.

Files, columns and keys are read as a run reads them; prompts of ours are filled in with every row and judged
(``harness.rendered_checks``). Asks no model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.data import read_documents
from harness.errors import ColumnError, DataError, UserError
from harness.findings import Findings
from harness.hub import UnreachableError
from harness.loader import TaskFile
from harness.rendered_checks import PromptCheck, RenderedRow
from harness.sources import Hub, find_source
from harness.store import content_hash
from harness.tasks import units
from harness.tasks.base import Selection, Unit
from harness.tasks.lm import LmEvalUnit
from harness.tasks.lm_own import LanguageModelUnit
from harness.tasks.pairs import PairUnit
from harness.template_checks import columns_read
from harness.types import Document
from harness.yaml_reader import Location, YamlFile, read_yaml
from metrics.base import MetricError

_QUOTED = re.compile(r"'([^']+)'")
_NO_ROW = re.compile(r"no row has (\S+) =")


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
    file = check.file
    return DataReport(
        problems=tuple(check.findings.problems(file)), remarks=tuple(check.findings.remarks(file)), units=len(made)
    )


class _DataCheck:
    """One task. Rows of a language are read once for all its prompts, which come one after the other."""

    def __init__(self, task: TaskFile) -> None:
        self.findings = Findings()
        self.file = read_yaml(task.path)
        self._task = task
        self._read: tuple[tuple[str, str], list[Document]] = (("", ""), [])
        self._unreachable: DataError | None = None
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
                unit.prompt_hash()
        except MetricError as error:
            self.findings.add(("metrics",), str(error), unit.language)
        except UnreachableError as error:
            self._unreachable = DataError(str(error).removeprefix(f"{unit.where}: "))
            self._note(unit, error)
        except UserError as error:
            self._note(unit, error)
        finally:
            unit.release()

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
                    self.findings.add(self._language_place(language), told)

    def _own_prompt(self, unit: LanguageModelUnit) -> None:
        setting = (unit.variant, unit.language)
        if self._read[0] != setting:
            documents = read_documents(unit.dataset, unit.roots, unit.own_code, unit.where)
            self._read = (setting, documents)
            if not self._names_language():
                self._same_rows(unit, unit.language, [dict(one.fields) for one in documents])
        documents = self._read[1]
        check = self._prompt_checks.setdefault(
            unit.prompt, PromptCheck(self._task.spec.kind, unit.prompt, unit.prompt_spec, self.findings)
        )
        first = unit.fields(documents[0])
        if not documents or not check.columns(first, unit.language):
            return
        rows = check.rows([(one.id, unit.fields(one)) for one in documents], unit.language)
        if len(rows) == len(documents):
            check.check(rows, unit.language)
            self._examples(unit, check, rows)

    def _examples(self, unit: LanguageModelUnit, check: PromptCheck, rows: Sequence[RenderedRow]) -> None:
        """Few-shot examples: enough of them, as good as the rows, and other ones."""
        split, shots = unit.dataset.fewshot_split, unit.num_fewshot or 0
        if not shots or split is None:
            return
        place = self._dataset_place(unit, "fewshot_split")
        if unit.dataset.splits == (split,):
            if len(rows) <= shots:
                told = f"{shots} examples beside the one that is asked need {shots + 1} rows; there are {len(rows)}"
                self.findings.add(place, told, unit.language, rule="few")
            return
        documents = read_documents(unit.dataset, unit.roots, unit.own_code, unit.where, splits=(split,))
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
            self.findings.add(self._dataset_place(unit), told, unit.language, rule="sides")
        for side in unit.sides:
            empty = [one.id for one in documents if side in one.fields and not str(one.fields[side]).strip()]
            if empty:
                rows: dict[str, Any] = {"rows": empty, "of": len(documents), "sure": len(empty) == len(documents)}
                told = f"'{side}' is empty"
                self.findings.add(self._dataset_place(unit), told, unit.language, rule=f"{told} {rows['sure']}", **rows)

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
        if isinstance(error, ColumnError):
            place = self._naming_place(unit, [error.column])
            text = str(error).removeprefix(f"{unit.where}: ")
            self.findings.add(place, text, unit.language, rule=f"column {error.column}")
            return
        for line in str(error).splitlines():
            text = line.removeprefix(f"{unit.where}: ")
            names = _QUOTED.findall(text)
            if column := _NO_ROW.match(text):
                names = [column[1]]
            elif text.startswith("no file"):
                names = [field for field in ("files", "source_files") if getattr(unit.dataset, field) is not None]
            self.findings.add(self._naming_place(unit, names), text, unit.language, rule=_QUOTED.sub("''", text))

    def _dataset_place(self, unit: Unit, field: str = "") -> Location:
        """Where the task file says where the rows of a unit are: its variant's place if that says so."""
        parts = (field,) if field else ()
        for place in (
            ("variants", unit.variant, "dataset", *parts),
            ("dataset", *parts),
            ("variants", unit.variant, "lm_eval"),
            ("lm_eval",),
        ):
            if place in self.file.spots:
                return place
        return ("dataset",)

    def _naming_place(self, unit: Unit, names: Sequence[str]) -> Location:
        """Where the file has one of the names that an error is about, as a value or as a key; else its data set."""
        places: tuple[Location, ...] = (("variants", unit.variant, "dataset"), ("dataset",), ("metrics",))
        for name in names:
            for place in places:
                found = next(_naming(_at(self.file, place), name, place), None)
                if found is not None:
                    return found
        return self._dataset_place(unit)

    def _language_place(self, language: str) -> Location:
        """The row of a language in the file."""
        codes = list(self._task.spec.languages)
        written = self.file.value["languages"] if isinstance(self.file.value, dict) else None
        position = codes.index(language)
        if isinstance(written, list):
            return ("languages", position)
        return ("languages", list(written)[position]) if isinstance(written, dict) else ("languages",)


def _at(file: YamlFile, place: Location) -> Any:
    value: Any = file.value
    for part in place:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _naming(value: Any, name: str, place: Location) -> Iterator[Location]:
    """Places of a text, as a value or as a key, below a place."""
    parts = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, one in parts:
        if name in (key, one):
            yield (*place, key)
        yield from _naming(one, name, (*place, key))
