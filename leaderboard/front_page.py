"""A page that leads to several leaderboards below one folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.boards import sides_of
from harness.records import RunRecord
from leaderboard.building.folder import Writer
from leaderboard.site import assets
from leaderboard.views.rendering import render


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """One of the leaderboards: its folder below that of the page, what it is, and how much is in it."""

    folder: str
    title: str
    sentence: str
    models: int
    tasks: int
    languages: int
    scores: int


def entrance(folder: str, title: str, sentence: str, records: Sequence[RunRecord]) -> Entrance:
    """The way to a leaderboard that was made of ``records``."""
    scores = [score for record in records for score in record.scores]
    return Entrance(
        folder=folder,
        title=title,
        sentence=sentence,
        models=len({score.model for score in scores}),
        tasks=len({score.task for score in scores}),
        languages=len({side for score in scores for side in sides_of(score.language)}),
        scores=len(scores),
    )


def write_front_page(out: Path, boards: Sequence[Entrance], notes: Sequence[str] = ()) -> Path:
    """Write ``index.html`` and what it loads.

    Args:
        notes: What else a reader should know, a paragraph each.

    Returns:
        The path of the page.
    """
    writer = Writer(out)
    for name, text in assets().items():
        writer.write(name, text)
    writer.write("index.html", render("index.html", "front.html.j2", (), boards=boards, notes=notes))
    return out / "index.html"
