"""Two numbers a language as a drawing of points. Numbers in, markup out; the numbers stand in a table beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from leaderboard.drawing import figures
from leaderboard.drawing.figures import Axis
from leaderboard.drawing.figures_frame import LEFT, Frame
from leaderboard.markup.text import plain

_WIDTH, _HEIGHT = 430, 320


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One language; ``named`` ones have their name beside them."""

    name: str
    x: float
    y: float
    named: bool = False


def scatter(
    points: Sequence[Point], title: str, x_title: str, y_title: str, *, slope: float | None, level: float | None
) -> Markup:
    """Points with axes.

    Args:
        points: Not empty.
        title: What the drawing shows, for those who do not see it.
        x_title, y_title: What the axes measure.
        slope: Of a dashed line through the origin; ``None`` for none.
        level: Height of a dotted line, where guessing ends up; ``None`` for none.
    """
    across = figures.axis([point.x for point in points])
    lined = [] if slope is None else [slope * point.x for point in points]
    up = figures.axis([*(point.y for point in points), *lined])
    frame = Frame(width=_WIDTH, height=_HEIGHT, across=across, up=up)
    parts = frame.grid(x_title, y_title)
    if level is not None and up.low <= level <= up.high:
        parts.append(f'<path class="fc" d="M{LEFT} {frame.y(level):g}H{frame.right}"/>')
    if slope is not None and (ends := _clipped(slope, across, up)):
        path = "L".join(f"{frame.x(x):g} {frame.y(slope * x):g}" for x in ends)
        parts.append(f'<path class="sl" d="M{path}"/>')
    for point in sorted(points, key=lambda point: (point.named, point.name)):
        said = f"{plain(point.name)}: {figures.number(point.x, 3)}, {figures.number(point.y, 3)}"
        kind = "so" if point.named else "sd"
        shape = f'<circle class="{kind}" cx="{frame.x(point.x):g}" cy="{frame.y(point.y):g}" r="4">'
        parts.append(f"{shape}<title>{escape(said)}</title></circle>")
    parts += frame.names((point.name, point.x, point.y) for point in points if point.named)
    return figures.svg("sc", _WIDTH, _HEIGHT, parts, title)


def _clipped(slope: float, across: Axis, up: Axis) -> tuple[float, float] | None:
    """Where the line through the origin enters and leaves the frame; ``None`` where it never does."""
    low, high = across.low, across.high
    if slope > 0:
        low, high = max(low, up.low / slope), min(high, up.high / slope)
    elif slope < 0:
        low, high = max(low, up.high / slope), min(high, up.low / slope)
    elif not up.low <= 0 <= up.high:
        return None
    return (low, high) if low < high else None
