"""All segments of a unit as data: texts whole, scores at full precision, in the order of the pages."""

from __future__ import annotations

from collections.abc import Sequence

from harness.store import UnitKey
from leaderboard import exports
from leaderboard.flags import FLAGS
from leaderboard.segments import SegmentView


def as_csv(segments: Sequence[SegmentView], flags: Sequence[Sequence[str]], metrics: Sequence[str]) -> str:
    """One row a segment; of several references each has a column, and every metric one called ``score NAME``."""
    most = max((len(segment.references) for segment in segments), default=0)
    references = ["reference", *(f"reference {number}" for number in range(2, most + 1))][:most]
    scores = {metric: f"score {metric}" for metric in metrics}
    columns = ("segment", "source", *references, "hypothesis", "reasoning", "failed", "flags", *scores.values())
    rows: list[exports.Row] = []
    for segment, own in zip(segments, flags, strict=True):
        row: exports.Row = dict.fromkeys(columns)
        row |= {name: getattr(segment, name) for name in ("segment", "source", "hypothesis", "reasoning", "failed")}
        row |= dict(zip(references, segment.references, strict=False))
        row |= {"flags": " ".join(own)} | {scores[metric]: segment.scores.get(metric) for metric in metrics}
        rows.append(row)
    return exports.as_csv(columns, rows)


def as_json(
    unit: UnitKey, segments: Sequence[SegmentView], flags: Sequence[Sequence[str]], metrics: Sequence[str]
) -> str:
    """The unit, what its flags mean, and its segments."""
    names = ("model", "task", "variant", "prompt", "language")
    rows = [
        {
            "segment": segment.segment,
            "source": segment.source,
            "references": segment.references,
            "hypothesis": segment.hypothesis,
            "reasoning": segment.reasoning,
            "failed": segment.failed,
            "flags": own,
            "scores": {metric: segment.scores.get(metric) for metric in metrics},
        }
        for segment, own in zip(segments, flags, strict=True)
    ]
    words = {name: flag.words for name, flag in FLAGS.items()}
    return exports.as_json({**dict(zip(names, unit, strict=True)), "flags": words, "segments": rows})
