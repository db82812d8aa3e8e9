"""Where a task file says what: the lines that errors about units, columns and languages belong to.

Knows the file as it was written, not what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.errors import ColumnError, SpecError, TemplateError, UserError
from harness.loader import TaskFile
from harness.spec import DatasetSpec
from harness.yaml_reader import Location, Spot, YamlFile, read_yaml

_QUOTED = re.compile(r"'([^']+)'")
_NO_ROW = re.compile(r"no row has (\S+) =")
_GOLD = re.compile(r"\bgold (answer|index)\b")


class TaskPlaces:
    """Places of one task file, ours or lm-eval's.

    Attributes:
        file: The file as written; empty for a group of lm-eval's tasks without a file.
    """

    def __init__(self, task: TaskFile) -> None:
        self._task = task
        try:
            self.file = read_yaml(task.path)
        except SpecError:
            self.file = YamlFile(path=task.path, content=b"", value={}, spots={(): Spot(line=1)})

    @property
    def is_ours(self) -> bool:
        """Whether it is a file of ours."""
        return isinstance(self.file.value, dict) and "kind" in self.file.value

    def dataset(self, variant: str, field: str = "") -> Location:
        """Where the file says where the rows of a variant are, or one field of that."""
        parts = (field,) if field else ()
        for place in (
            ("variants", variant, "dataset", *parts),
            ("dataset", *parts),
            ("variants", variant, "lm_eval"),
            ("lm_eval",),
            ("dataset_path",),
        ):
            if place in self.file.spots:
                return place
        return ("dataset",) if self.is_ours else ()

    def language(self, code: str) -> Location:
        """The row of a language."""
        codes = list(self._task.spec.languages)
        written = _at(self.file, ("languages",))
        if isinstance(written, list | dict) and code in codes:
            position = codes.index(code)
            return ("languages", position if isinstance(written, list) else list(written)[position])
        return ("languages",)

    def error(self, error: UserError, text: str, variant: str, dataset: DatasetSpec) -> Location:
        """The field that an error of reading or filling in is about: one whose value it names, else the data set.

        Args:
            text: One line of it. variant: Of the unit. dataset: What the unit reads.
        """
        if isinstance(error, ColumnError):
            names = [error.column]
        elif isinstance(error, TemplateError):
            names = [error.template]
        elif column := _NO_ROW.match(text):
            names = [column[1]]
        elif text.startswith("no file"):
            names = [field for field in ("files", "source_files") if getattr(dataset, field) is not None]
        else:
            names = _QUOTED.findall(text)
        places: tuple[Location, ...] = (("variants", variant, "dataset"), ("dataset",), ("metrics",))
        for name in names:
            for place in places if self.is_ours else ((),):
                found = next(_naming(_at(self.file, place), name, place), None)
                if found is not None:
                    return found
        if isinstance(error, TemplateError):
            return self._template(error.template, variant)
        if _GOLD.search(text) and ("doc_to_target",) in self.file.spots:
            return ("doc_to_target",)
        return self.dataset(variant)

    def _template(self, template: str, variant: str) -> Location:
        """The prompt that a template ends with; it may have a description before it."""
        prompts = _at(self.file, ("prompts",))
        for name, prompt in prompts.items() if isinstance(prompts, Mapping) else ():
            text = prompt.get("doc_to_text") if isinstance(prompt, Mapping) else None
            if isinstance(text, str) and text and template.endswith(text):
                return ("prompts", name, "doc_to_text")
        return self.dataset(variant)


def _at(file: YamlFile, place: Location) -> Any:
    value: Any = file.value
    for part in place:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _naming(value: Any, name: str, place: Location) -> Iterator[Location]:
    """Places of a text, as a value or as a key, below a place."""
    parts: Sequence[tuple[Any, Any]] = []
    if isinstance(value, Mapping):
        parts = list(value.items())
    elif isinstance(value, list):
        parts = list(enumerate(value))
    for key, one in parts:
        if name in (key, one):
            yield (*place, key)
        yield from _naming(one, name, (*place, key))


def told_apart(text: str) -> str:
    """An error without the values it names: the same for every language that has it."""
    return _QUOTED.sub("''", text)
