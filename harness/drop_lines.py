"""Segments on which a system lost, in lines of Markdown and of plain text; texts of models are made harmless."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.markup import code_span, plain_line
from harness.pairing import SegmentDrop

_LONGEST_TEXT = 200


def segment_lines(drops: Sequence[SegmentDrop]) -> Iterator[str]:
    """Markdown list of segments; texts stand in code spans, where markup and mentions mean nothing."""
    for drop in drops:
        yield f"- segment {code_span(drop.segment)}: {drop.score_against:.4g} before, {drop.score:.4g} now"
        texts = (
            ("source", drop.source),
            ("reference", drop.reference),
            ("before", drop.hypothesis_against),
            ("now", drop.hypothesis),
        )
        for name, text in texts:
            if text is not None:
                yield f"  - {name}: {code_span(_short(text))}"


def plain_segment(drop: SegmentDrop) -> str:
    """One line without markup."""
    parts = [f"segment {drop.segment}: {drop.score_against:.4g} -> {drop.score:.4g}"]
    texts = (("reference", drop.reference), ("before", drop.hypothesis_against), ("now", drop.hypothesis))
    parts += [f"{name}: {_short(text)}" for name, text in texts if text is not None]
    return plain_line(" | ".join(parts))


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST_TEXT else flat[: _LONGEST_TEXT - 1] + "…"
