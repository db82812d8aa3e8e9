"""All segments of a unit as data: scores at full precision, in the order of the pages, no file too large to open."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from leaderboard.markup.pages import SegmentKey
from leaderboard.segments.flags import FLAGS
from leaderboard.views import exports
from leaderboard.views.segments import SegmentView

LONGEST_DATA = 100_000
"""Most characters of one text; the run's ``segments.parquet`` has longer ones whole."""

PART_BYTES = 2_800_000
"""Most bytes of a file, unless a single segment has more."""

_TEXTS = ("source", "hypothesis", "reasoning", "failed")
_UNIT = ("model", "task", "variant", "prompt", "language")


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentData:
    """The segments of a unit with what is striking about each, and the metrics that scored them."""

    unit: SegmentKey
    segments: Sequence[SegmentView]
    flags: Sequence[Sequence[str]]
    metrics: Sequence[str]


def files(data: SegmentData) -> list[tuple[str, str]]:
    """CSV and JSON; where one file of each would be too large, several with some of the segments each.

    Of several references each has a column of the CSV, and every metric one called ``score NAME``. JSON has the unit,
    what its flags mean, and the segments, one a line.
    """
    lines = [_line(segment, flags, data.metrics) for segment, flags in zip(data.segments, data.flags, strict=True)]
    starts = [0]
    room = PART_BYTES
    for index, line in enumerate(lines):
        size = len(line.encode("utf-8")) + 4
        if size > room and index > starts[-1]:
            starts.append(index)
            room = PART_BYTES
        room -= size
    unit = dict(zip(_UNIT, data.unit, strict=True)) | {"flags": {name: flag.words for name, flag in FLAGS.items()}}
    head = json.dumps(unit, ensure_ascii=False, indent=1).removesuffix("\n}")
    return [
        (_table(data, start, end), f'{head},\n "segments": [\n  ' + ",\n  ".join(lines[start:end]) + "\n ]\n}\n")
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)
    ]


def is_cut(segments: Sequence[SegmentView]) -> bool:
    """Whether a text is too long for the files."""
    return any(len(text) > LONGEST_DATA for segment in segments for text in segment.texts)


def _line(segment: SegmentView, flags: Sequence[str], metrics: Sequence[str]) -> str:
    row: dict[str, object] = {"segment": segment.segment}
    row |= {name: _cut(getattr(segment, name)) for name in _TEXTS}
    row |= {"references": [_cut(text) for text in segment.references], "flags": flags}
    row["scores"] = {metric: segment.scores.get(metric) for metric in metrics}
    return json.dumps(row, ensure_ascii=False, allow_nan=False)


def _table(data: SegmentData, start: int, end: int) -> str:
    most = max((len(segment.references) for segment in data.segments), default=0)
    references = ["reference", *(f"reference {number}" for number in range(2, most + 1))][:most]
    scores = {metric: f"score {metric}" for metric in data.metrics}
    columns = ("segment", *_TEXTS, *references, "flags", *scores.values())
    rows: list[exports.Row] = []
    for segment, flags in zip(data.segments[start:end], data.flags[start:end], strict=True):
        row: exports.Row = dict.fromkeys(columns) | {"segment": segment.segment, "flags": " ".join(flags)}
        row |= {name: _cut(getattr(segment, name)) for name in _TEXTS}
        row |= {name: _cut(text) for name, text in zip(references, segment.references, strict=False)}
        row |= {scores[metric]: segment.scores.get(metric) for metric in data.metrics}
        rows.append(row)
    return exports.as_csv(columns, rows)


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= LONGEST_DATA:
        return text
    return f"{text[:LONGEST_DATA]}… and {len(text) - LONGEST_DATA} more characters"
