"""What is known of the steps from run to run, by model and run."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.changes import TrackChanges, interval_changes
from harness.series import Point, Track, facets
from harness.step_verdicts import GateVerdict
from harness.steps import MeanInterval
from harness.systems import Family


@dataclass(slots=True, kw_only=True)
class Steps:
    """What is known of the steps from run to run; runs are positions in the records."""

    means: dict[tuple[str, Family, int], MeanInterval] = field(default_factory=dict)
    changes: dict[tuple[str, Family, int, int], TrackChanges] = field(default_factory=dict)
    gates: dict[tuple[str, int], list[tuple[int, GateVerdict]]] = field(default_factory=dict)

    def between(self, model: str, track: Track, later: Point, earlier: Point) -> TrackChanges:
        """Changes of a track between two of its points on comparable data; by intervals where nothing was tested."""
        found = self.changes.get((model, track.family, later.run, earlier.run))
        if found is not None:
            return found
        both = [
            language
            for language, score in later.scores.items()
            if score.value is not None
            and earlier.value(language) is not None
            and facets(score) == facets(earlier.scores[language])
        ]
        return interval_changes(model, track.family, earlier.scores, later.scores, both)
