"""What one model's run of one task amounts to: scores, what the run folder holds of them, and what must be said."""

from __future__ import annotations

from collections.abc import Sequence

from harness.account import Account
from harness.engine.base import Engine, Explaining
from harness.error_rate import ErrorRate
from harness.records import ScoreRecord
from harness.scoring import score_unit
from harness.store import RunWriter, SegmentRow, UnitKey
from harness.tasks.base import Outcome, Unit
from harness.types import Generate


class TaskResults:
    """Takes the outcomes of units one by one.

    Attributes:
        scores: In the order of units. units: How many were scored.
        left_out: Languages of the units that the model does not offer. errors: How much of it failed.
    """

    def __init__(self, engine: Engine, task: str, *, writer: RunWriter, seed: int, max_error_rate: float) -> None:
        self._model = engine.name
        self._task = task
        self._writer = writer
        self._seed = seed
        self._think_end = engine.identity.get("think_end") if Generate in engine.requests_answered() else None
        self._divided = 0
        self._unended = 0
        self._refused = ""
        self.scores: list[ScoreRecord] = []
        self.units = 0
        self.left_out: list[str] = []
        self.errors = ErrorRate(max_error_rate, engine.name, task)

    def refuses(self, units: Sequence[Unit], engine: Engine) -> bool:
        """Whether the engine cannot answer what the task's units ask, which is then a note and not a failure."""
        if units and units[0].requests_made <= engine.requests_answered():
            return False
        kinds = units[0].requests_made if units else frozenset()
        reason = engine.why_not(kinds) if isinstance(engine, Explaining) else ""
        said = f"{self._model} (backend {engine.backend}) cannot answer task {self._task}"
        self._refused = f"{said}: {reason}" if reason else said
        return True

    def add_rows(self, unit: Unit, rows: Sequence[SegmentRow], account: Account) -> None:
        """Write the texts of a part of a unit."""
        self._note_reasoning(rows)
        if unit.keeps_texts:
            with account.part("writing"):
                self._writer.add_unit(self._key(unit), rows, {})

    def add(self, unit: Unit, outcome: Outcome, account: Account, *, written: bool = False) -> None:
        """Score a unit, write what its scores rest on, and let its data go.

        Args:
            written: Whether its rows are, by :meth:`add_rows`.
        """
        with account.part("scoring"):
            scored = score_unit(unit, outcome, self._model, self._seed)
        if not written:
            self.add_rows(unit, scored.rows, account)
        with account.part("writing"):
            self._writer.add_unit(self._key(unit), [], scored.statistics)
        self.scores.extend(scored.scores)
        self.units += 1
        unit.release()

    def notes(self) -> list[str]:
        """What is not in the scores, in sentences."""
        found = []
        if self._refused:
            found.append(self._refused)
        if self._unended:
            found.append(
                f"{self._model}: {self._unended} of {self._divided} answers to task {self._task} never ended their "
                f"reasoning (no '{self._think_end}'); they are scored as a whole"
            )
        if self.errors.failed:
            found.append(f"{self._model} on {self._task}: {self.errors.summary()}")
        if self.left_out:
            found.append(f"{self._model} does not offer {', '.join(self.left_out)} of task {self._task}")
        return found

    def _key(self, unit: Unit) -> UnitKey:
        return (self._model, self._task, unit.variant, unit.prompt, unit.language)

    def _note_reasoning(self, rows: Sequence[SegmentRow]) -> None:
        """Count the written answers of a model that thinks, and those whose reasoning never ended."""
        if self._think_end:
            written = [row for row in rows if row.hypothesis is not None and row.failed is None]
            self._divided += len(written)
            self._unended += sum(row.reasoning is None for row in written)
