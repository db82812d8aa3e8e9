"""What all pages of a site are made from: runs, boards, where the texts behind a score are, and digests of all that."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import harness
from harness.boards import Board, Model, boards
from harness.loader import load_policy
from harness.policy import GatePolicy
from harness.records import RunRecord
from harness.resources import default_policy
from harness.series import Series, all_series
from harness.store import RunFolder, UnitKey, content_hash
from harness.types import Progress
from leaderboard.building.jobs import silent
from leaderboard.building.reading import open_runs
from leaderboard.data.model_pairs import Pair, pairs
from leaderboard.data.step_results import Steps
from leaderboard.markup.pages import SegmentKey
from leaderboard.views.rendering import Entry, render
from leaderboard.views.score_data import ScoreData
from leaderboard.views.views import BoardView

if TYPE_CHECKING:
    from leaderboard.compare.comparisons import Comparisons

_CODE = (".py", ".j2", ".css", ".js")


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentSource:
    """Where the segments of one model in one language of a board come from."""

    model: Model
    language: str
    board: tuple[str, str, str]
    folder: RunFolder
    unit: UnitKey


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedBy:
    """The gate policy that steps from run to run are judged by; ``name`` is its file's, empty for the default one."""

    name: str
    sha256: str
    policy: GatePolicy


@dataclass(slots=True, kw_only=True)
class Site:
    """The runs of a site and what follows from them.

    Attributes:
        folders: The runs, in the order that ``Cell.run`` counts.
        boards: By task, variant and prompt.
        sources: The units whose texts a run keeps.
        series: Model names that stand in several runs.
        policy: What steps from run to run are judged by.
        base_url: Where the site will be published, without a slash at its end; empty where nobody said.
        entries: Links in the head of every page.
        steps: What changed from run to run, once that is known.
        pairs: The models that have a page together.
        views: The boards with their models in order, once the tasks' pages are made.
        comparisons: What is known of the pairs, at the same time.
        score_data: Writes the data of models and languages, at the same time.
    """

    folders: Sequence[RunFolder]
    boards: Sequence[Board]
    sources: Mapping[SegmentKey, SegmentSource]
    series: Sequence[Series]
    policy: JudgedBy
    base_url: str = ""
    pairs: Sequence[Pair] = ()
    entries: Sequence[Entry] = ()
    steps: Steps = field(default_factory=Steps)
    views: Sequence[BoardView] = field(default_factory=list)
    comparisons: Comparisons = field(init=False)
    score_data: ScoreData = field(init=False)

    @property
    def records(self) -> list[RunRecord]:
        return [folder.record for folder in self.folders]

    @property
    def models(self) -> list[Model]:
        return sorted({model for board in self.boards for model in board.models})

    def render(self, page: str, template: str, **context: object) -> str:
        """A page of this site, see :func:`leaderboard.views.rendering.render`."""
        return render(page, template, self.entries, **context)

    def digest(self, *parts: object, runs: Sequence[RunFolder] | None = None) -> str:
        """Of the code, of runs (by default all) and of whatever else decides what a file holds."""
        own = self.folders if runs is None else runs
        links = [(entry.page, entry.title) for entry in self.entries]
        return content_hash([code_digest(), links, [folder.digest for folder in own], [repr(part) for part in parts]])

    def runs_of(self, *boards: Board) -> list[RunFolder]:
        """The runs that scores of these boards come from."""
        own = {cell.run for board in boards for table in board.metrics for cell in table.cells}
        return [self.folders[run] for run in sorted(own)]


def site_data(
    runs: Sequence[Path], *, policy: Path | None = None, base_url: str = "", progress: Progress = silent
) -> Site:
    """Read runs and put their scores side by side.

    Args:
        policy: A gate policy; by default the one that holds where none is named.
        base_url: As :class:`Site` has it, with or without a slash at its end.
        progress: Is told how many runs are read.

    Raises:
        RecordError: A run cannot be read.
        SpecError: The policy is wrong.
    """
    gc.disable()  # what is read stays, and looking again and again for what does not takes longer than reading
    try:
        with open_runs(runs, progress) as folders:
            records = [folder.record for folder in folders]
            found = boards(records)
            return Site(
                folders=folders,
                boards=found,
                sources=_sources(found, folders),
                pairs=pairs(found, records),
                series=all_series(records, [folder.digest for folder in folders]),
                policy=_judged_by(policy),
                base_url=base_url.rstrip("/"),
            )
    finally:
        gc.enable()
        gc.freeze()


def _judged_by(policy: Path | None) -> JudgedBy:
    file = policy or default_policy()
    found = load_policy(file)
    return JudgedBy(
        name="" if policy is None else policy.name, sha256=hashlib.sha256(file.read_bytes()).hexdigest(), policy=found
    )


def _sources(found: Sequence[Board], folders: Sequence[RunFolder]) -> dict[SegmentKey, SegmentSource]:
    """For every model and language of a board whose run keeps texts, where they are."""
    units = [folder.units() for folder in folders]
    if not any(units):
        return {}
    sources: dict[SegmentKey, SegmentSource] = {}
    for board in found:
        for model, language, cell in sorted(board.metrics[0].items(), key=lambda item: item[:2]):
            unit = cell.score.unit_key
            if unit in units[cell.run]:
                sources[model.title, *board.key, language] = SegmentSource(
                    model=model, language=language, board=board.key, folder=folders[cell.run], unit=unit
                )
    return sources


@cache
def code_digest() -> str:
    """Of the code that makes pages and computes what they show."""
    digest = hashlib.sha256(harness.__version__.encode("utf-8"))
    for package in ("leaderboard", "harness", "metrics"):
        root = Path(str(resources.files(package)))
        for path in sorted(path for path in root.rglob("*") if path.suffix in _CODE):
            digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
