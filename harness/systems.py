"""Systems to compare: a name, and its scores, each with the run folder that it lies in.

The scores of one system may come from several runs; ``find_systems`` makes one system of every model of every run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.errors import UserError
from harness.pairing import ScoreSource
from harness.store import RunFolder

Family = tuple[str, str, str, str]
"""``(task, variant, prompt, metric)``."""

Key = tuple[str, str, str, str, str]
"""``(task, variant, prompt, language, metric)``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One system under test.

    Attributes:
        name: What it is called in a comparison, unique there.
        scores: Its scores and where they lie, by what was measured.
    """

    name: str
    scores: Mapping[Key, ScoreSource]

    @property
    def imported(self) -> tuple[str, ...]:
        """Where scores of other programs come from, in words."""
        records = {id(source.folder): source.folder.record for source in self.scores.values()}
        return tuple(dict.fromkeys(one.imported.words for one in records.values() if one.imported is not None))


def find_systems(runs: Sequence[RunFolder]) -> list[System]:
    """Every model of every run, in order, by its name, with the run's id where that alone is ambiguous.

    A folder named twice counts once.
    """
    folders = list({folder.path.resolve(): folder for folder in runs}.values())
    found = [(model.name, folder) for folder in folders for model in folder.record.models]
    names = [name for name, _ in found]
    systems: list[System] = []
    for name, folder in found:
        label = name if names.count(name) == 1 else f"{name}@{folder.record.run_id}"
        taken = sum(system.name.split("#")[0] == label for system in systems)
        scores = {
            score.key: ScoreSource(folder=folder, score=score) for score in folder.record.scores if score.model == name
        }
        systems.append(System(name=f"{label}#{taken + 1}" if taken else label, scores=scores))
    return systems


def chosen(systems: Sequence[System], names: Sequence[str]) -> list[System]:
    """The systems of these names in their order; all where no name is given.

    Raises:
        UserError: Fewer than two systems, or a name that is not there.
    """
    known = ", ".join(system.name for system in systems) or "none"
    unknown = [name for name in names if name not in {system.name for system in systems}]
    if unknown:
        raise UserError(f"compare: no system named {', '.join(unknown)}; the runs hold {known}")
    found = [system for system in systems if not names or system.name in names]
    if len(found) < 2:
        raise UserError(f"compare: needs at least two systems, found {known}; name another run folder")
    return found


def family_of(key: Key) -> Family:
    """What the languages that are corrected together have in common."""
    task, variant, prompt, _, metric = key
    return task, variant, prompt, metric
