"""lm-eval's task object over our documents, with templates in the sandbox.

Few-shot draws, request construction, filters and per-document scores stay lm-eval's (0.4.13), so that our numbers are
its numbers. Two differences of ours: a template is compiled once (lm-eval compiles it on every call), and it cannot
reach outside its document.
"""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from harness.errors import DataError
from harness.prompts import evaluate, render

if TYPE_CHECKING:
    from lm_eval.api.task import ConfigurableTask


class NoDocumentsError(DataError):
    """A task has no documents: of a group, other tasks may."""


FEWSHOT_SEED = 1234
"""lm-eval's seed of few-shot draws."""

_LARGEST_LITERAL = 100_000

_BLOCK = 2000
"""Rows that become a table at a time: ``datasets`` needs some five times the memory of a table to make it."""

Rows = Callable[[str], Iterable[Mapping[str, object]]]
"""Name of a split -> its rows, or the ``datasets.Dataset`` of them; may be asked again."""


def make_task(
    config: Mapping[str, object], rows: Rows, columns: Sequence[str], where: str, *, own: bool
) -> ConfigurableTask:
    """lm-eval's task for a configuration of its kind.

    Args:
        config: Fields of an lm-eval task file, functions in place of their names.
        rows: Reads a split when lm-eval first asks for it.
        columns: More columns that templates see (none in lm-eval's own files).
        where: How errors call the task.
        own: Whether the prompts are ours: a gold answer and choices are then whatever the template's expression gives,
            and text is never parsed. lm-eval's own files get lm-eval's rules.
    """
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    often = "; often the first row's gold answer is outside its choices, or a choice is empty"
    with nullcontext() if own else explained(where, often):
        made = _classes()["own" if own else "stock"](dict(config), rows, columns, where)
    made.set_fewshot_seed(FEWSHOT_SEED)
    return made


@contextmanager
def explained(where: str, often: str = "") -> Iterator[None]:
    """What lm-eval, or code that one of its files names, trips over, as an error of the task or its data.

    Args:
        where: What to call the task. often: What is added where a list has no such item.

    Raises:
        DataError: Instead of what an unexpected value, or one that is not there, ends in.
    """
    try:
        yield
    except (
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        ArithmeticError,
        AssertionError,
        NotImplementedError,
        RecursionError,
        re.error,
    ) as error:
        reason = " ".join(str(error).split())[:300] or "no reason given"
        raise DataError(
            f"{where}: lm-eval stops at this task or its data ({type(error).__name__}: {reason}); "
            f"check its fields and the columns they name{often if isinstance(error, IndexError) else ''}"
        ) from error


def text_of(template: str, fields: Mapping[str, object], where: str) -> str:
    """A prompt: a column by its name, or a template."""
    return str(fields[template]) if template in fields else render(template, fields, where)


def target_of(template: str | int, fields: Mapping[str, object], where: str, *, has_choices: bool) -> int | str:
    """The gold answer: an index into the choices, or a text; a column by its name, a template or the index itself."""
    value = template if isinstance(template, int) else fields.get(template)
    if value is None:
        value = evaluate(str(template), fields, where)
    if isinstance(value, int):
        return int(value)
    text = str(value)
    return int(text) if has_choices and text.isdecimal() else text


def choices_of(template: object, fields: Mapping[str, object], where: str) -> list[str]:
    """The choices: a column by its name, a list of templates, or one expression that gives a list.

    Raises:
        DataError: It is not a list of texts.
    """
    if isinstance(template, list | tuple):
        return [render(str(item), fields, where) for item in template]
    value = fields[str(template)] if template in fields else evaluate(str(template), fields, where)
    if not isinstance(value, list | tuple) or not value:
        raise DataError(f"{where}: doc_to_choice must give a list, found {type(value).__name__}: {str(value)[:60]!r}")
    return [str(item) for item in value]


class _Splits(Mapping[str, Any]):
    """Splits of a data set as ``datasets.Dataset``, each read on first use."""

    def __init__(self, rows: Rows, where: str) -> None:
        self._rows = rows
        self._where = where
        self._read: dict[str, Any] = {}

    def __getitem__(self, split: str) -> Any:
        import datasets

        if split not in self._read:
            rows = self._rows(split)
            self._read[split] = rows if isinstance(rows, datasets.Dataset) else self._table(rows, split)
        return self._read[split]

    def _table(self, rows: Iterable[Mapping[str, object]], split: str) -> Any:
        """``Dataset.from_list`` of all rows, made block by block where every block has columns of the same types."""
        import datasets
        import pyarrow as pa

        waiting, blocks = iter(rows), []
        while block := [dict(row) for row in islice(waiting, _BLOCK)]:
            blocks.append(datasets.Dataset.from_list(block))
            if blocks[-1].features != blocks[0].features:
                return datasets.Dataset.from_list([dict(row) for row in self._rows(split)])
            pa.default_memory_pool().release_unused()  # as much again as the block, which would never be given back
        if len(blocks) > 1:
            return datasets.concatenate_datasets(blocks)
        return blocks[0] if blocks else datasets.Dataset.from_list([])

    def __iter__(self) -> Iterator[str]:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)


def _literal(text: str, what: str, where: str) -> object:
    """The Python literal that lm-eval reads from a rendered template."""
    try:
        if len(text) > _LARGEST_LITERAL:
            raise ValueError(f"{len(text)} characters")
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise DataError(f"{where}: {what} must give a list, found {text[:60]!r}") from error


@cache
def _classes() -> dict[str, type[ConfigurableTask]]:
    """The subclasses, made on first use because lm-eval takes seconds to import."""
    import datasets
    from lm_eval.api.task import ConfigurableTask

    datasets.disable_progress_bars()  # lm-eval's tasks map and filter; a bar for each of 57 subjects helps nobody

    class SandboxedTask(ConfigurableTask):  # type: ignore[misc]
        """lm-eval's task over rows that we read.

        Attributes:
            asked_documents: Which documents requests are made of; ``None`` for all.
        """

        asked_documents: range | None = None

        def __init__(self, config: dict[str, Any], rows: Rows, columns: Sequence[str], where: str) -> None:
            self._where = where
            self._columns = columns
            splits = _Splits(rows, where)
            super().__init__(config={**config, "custom_dataset": lambda **_: splits})

        def download(self, dataset_kwargs: object = None, **kwargs: object) -> None:  # noqa: ARG002
            self.dataset = self.config.custom_dataset()

        @property
        def eval_docs(self) -> Any:
            docs = super().eval_docs
            if len(docs) == 0:
                raise NoDocumentsError(f"{self._where}: no row of the data is left to ask about")
            return docs

        def doc_iterator(self, **options: Any) -> Iterator[tuple[int, Any]]:
            docs, asked = self.eval_docs, self.asked_documents
            if asked is None or asked == range(len(docs)):
                yield from super().doc_iterator(**options)
            elif isinstance(docs, datasets.Dataset):
                yield from zip(asked, docs.select(asked), strict=True)
            else:
                yield from ((index, docs[index]) for index in asked)

        def fewshot_docs(self) -> Any:
            """Examples only where shots are asked for: a zero-shot run needs no split of examples."""
            return super().fewshot_docs() if self.config.num_fewshot else None

        def resolve_field(self, doc: Mapping[str, object], field: str | None = None) -> str | None:
            return text_of(field, doc, self._where) if field else None

    class OwnTask(SandboxedTask):
        """A task whose prompts are written in our files."""

        def doc_to_text(self, doc: Mapping[str, object], doc_to_text: str | None = None) -> str:
            return text_of(doc_to_text or self.config.doc_to_text, doc, self._where)

        def doc_to_target(self, doc: Mapping[str, object], doc_to_target: str | int | None = None) -> int | str:
            template = self.config.doc_to_target if doc_to_target is None else doc_to_target
            return target_of(template, doc, self._where, has_choices=self.config.doc_to_choice is not None)

        def doc_to_choice(self, doc: Mapping[str, object], doc_to_choice: object = None) -> list[str]:
            return choices_of(doc_to_choice or self.config.doc_to_choice, doc, self._where)

    class StockTask(SandboxedTask):
        """A task of lm-eval's own file: functions, columns and lists as lm-eval has them, templates in the sandbox."""

        def doc_to_text(self, doc: Mapping[str, object], doc_to_text: object = None) -> Any:
            template = self.config.doc_to_text if doc_to_text is None else doc_to_text
            if not self._is_template(template):
                return super().doc_to_text(doc, doc_to_text)
            text = render(str(template), doc, self._where)
            return int(text) if text.isdigit() and self.config.doc_to_choice is not None else text

        def doc_to_target(self, doc: Mapping[str, object], doc_to_target: object = None) -> Any:
            template = self.config.doc_to_target if doc_to_target is None else doc_to_target
            if not self._is_template(template):
                return super().doc_to_target(doc, doc_to_target)
            text = render(str(template), doc, self._where)
            if text.isdigit() and self.config.doc_to_choice is not None:
                return int(text)
            if len(text) >= 2 and text[0] == "[" and text[-1] == "]":
                try:
                    return _literal(text, "doc_to_target", self._where)
                except DataError:
                    return text
            return text

        def doc_to_choice(self, doc: Mapping[str, object], doc_to_choice: object = None) -> Any:
            template = self.config.doc_to_choice if doc_to_choice is None else doc_to_choice
            if not self._is_template(template):
                return super().doc_to_choice(doc, doc_to_choice)
            value = evaluate(str(template), doc, self._where)
            return value if isinstance(value, list) else _literal(str(value), "doc_to_choice", self._where)

        def doc_to_prefix(self, doc: Mapping[str, object]) -> str | None:
            return self.resolve_field(doc, self.config.gen_prefix)

        def _is_template(self, template: object) -> bool:
            return isinstance(template, str) and template not in self.features

    return {"own": OwnTask, "stock": StockTask}
