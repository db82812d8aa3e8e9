"""The exception tree. Every message reads *where: what is wrong, what was found, what to do*.

GlotbenchError                 the command line prints the message alone and leaves with ``exit_code``
+-- UserError             (2)  something the user wrote or named is wrong
|   +-- SpecError         (2)  a task file, run file or policy is wrong; carries every mistake found
|   +-- DataError         (2)  a data file is missing, empty or misshapen
|   |   +-- ColumnError   (2)  it lacks a column
|   +-- TemplateError     (2)  a template cannot be filled in with a row
|   +-- BackendError      (2)  a model cannot be loaded, or cannot answer this kind of request
|   +-- RecordError       (2)  a run record is missing, damaged or of an unknown version
|   +-- StorageError      (2)  the disk is full, or a folder cannot be written
+-- NotComparableError         (4)  baseline missing, or two scores that do not measure the same thing
+-- RunIncompleteError         (5)  some requested scores could not be made
    +-- DeviceError            (5)  the GPU stopped working in the middle of a run
"""

from __future__ import annotations

from collections.abc import Sequence


class GlotbenchError(Exception):
    """Base of every error that is explained to the user without a traceback."""

    exit_code = 70


class UserError(GlotbenchError):
    """Something the user wrote or named is wrong."""

    exit_code = 2


class SpecError(UserError):
    """One or more mistakes in a file people write, all of them at once.

    Attributes:
        problems: One line a mistake, each ``file:line: field: what is wrong``.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class DataError(UserError):
    """A data file is missing, empty, misshapen or lacks a column."""


class ColumnError(DataError):
    """The data has no column of a name.

    Attributes:
        column: The name.
    """

    def __init__(self, message: str, column: str) -> None:
        super().__init__(message)
        self.column = column


class TemplateError(UserError):
    """A template cannot be filled in with a row.

    Attributes:
        template: Its text.
    """

    def __init__(self, message: str, template: str) -> None:
        super().__init__(message)
        self.template = template


class BackendError(UserError):
    """A model cannot be loaded, or its backend cannot answer the requests of a task."""


class RecordError(UserError):
    """A run record is missing, damaged or of an unknown version."""


class StorageError(UserError):
    """The disk is full or failing, or a folder cannot be written."""


class NotComparableError(GlotbenchError):
    """A baseline is missing, or two scores were not made from the same data, prompt, metric and decoding."""

    exit_code = 4


class RunIncompleteError(GlotbenchError):
    """The run ended, but some of the scores that were asked for could not be made."""

    exit_code = 5


class DeviceError(RunIncompleteError):
    """The GPU stopped working in the middle of a run."""
