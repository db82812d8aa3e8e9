"""Directions of parallel data, and the documents of one: shared by translation, bitext mining and alignment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from harness.data import Direction, pair_readings, read_pairs
from harness.errors import UserError
from harness.loader import expand_directions
from harness.sides import Sides
from harness.sources import Reading
from harness.spec import TaskSpec
from harness.tasks.base import Selection, Unit, chosen_languages
from harness.types import Document

U = TypeVar("U", bound="PairUnit")


class PairUnit(Unit):
    """A unit over pairs ``source`` and ``target`` of the same items.

    Attributes:
        sides_read: Languages that other directions of the task have read.
    """

    sides_read: Sides | None = None

    @property
    def source_language(self) -> str:
        return self.language.partition("-")[0]

    def direction(self) -> Direction:
        """The two sides in the data set's own codes."""
        own = self.spec.languages
        source, target = own[self.source_language], own[self.target_language]
        pivot = self.variant_spec.pivot or self.spec.pivot
        return Direction(source=source, target=target, other=source if self.target_language == pivot else target)

    def read(self) -> list[Document]:
        return read_pairs(self.dataset, self.roots, self.direction(), self.where, sides=self.sides_read)

    def readings(self) -> Iterator[Reading]:
        return pair_readings(self.dataset, self.direction())

    def texts(self, side: str) -> list[str]:
        """Texts of ``source`` or ``target``, in document order."""
        return [str(document.fields[side]) for document in self.documents]


def reading_once(units: list[U]) -> list[U]:
    """``units`` that read each language of their task once between them, as far as memory is kept for it."""
    sides = Sides()
    for unit in units:
        unit.sides_read = sides
    return units


def selected_directions(spec: TaskSpec, selection: Selection) -> list[str]:
    """Labels ``source-target`` of the directions to run: those the selection names, else those of the task file.

    Raises:
        UserError: The selection names a language or direction the task does not have.
    """
    languages = chosen_languages(selection, spec)
    wanted = spec
    if selection.directions:
        wanted = spec.model_copy(update={"directions": selection.directions})
    try:
        directions = expand_directions(wanted)
    except UserError as error:
        raise UserError(f"task {spec.task}: {error}") from error
    return [
        f"{source}-{target}"
        for source, target in directions
        if all(side in languages or side == spec.pivot for side in (source, target))
    ]


def selected_labels(spec: TaskSpec, selection: Selection) -> list[str]:
    """Directions to run where the task has them, else languages.

    Raises:
        UserError: As :func:`selected_directions`.
    """
    if spec.directions is not None:
        return selected_directions(spec, selection)
    return chosen_languages(selection, spec)
