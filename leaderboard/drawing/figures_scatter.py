"""Two numbers a language as a drawing of points. Numbers in, markup out; the numbers stand in a table beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from leaderboard.drawing import figures
from leaderboard.drawing.figures import Axis
from leaderboard.markup.text import plain

_WIDTH, _HEIGHT = 430, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 14, 42
_LABEL_HEIGHT, _LETTER = 13.0, 6.4
_LONGEST_LABEL = 20


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
    parts = _frame(across, up, x_title, y_title)
    if level is not None and up.low <= level <= up.high:
        parts.append(f'<path class="fc" d="M{_LEFT} {_y(level, up)}H{_WIDTH - _RIGHT}"/>')
    if slope is not None and (ends := _clipped(slope, across, up)):
        path = "L".join(f"{_x(x, across)} {_y(slope * x, up)}" for x in ends)
        parts.append(f'<path class="sl" d="M{path}"/>')
    for point in sorted(points, key=lambda point: (point.named, point.name)):
        said = f"{plain(point.name)}: {figures.number(point.x, 3)}, {figures.number(point.y, 3)}"
        shape = (
            f'<circle class="{"so" if point.named else "sd"}" cx="{_x(point.x, across)}" cy="{_y(point.y, up)}" r="4">'
        )
        parts.append(f"{shape}<title>{escape(said)}</title></circle>")
    parts += _names([point for point in points if point.named], across, up)
    return figures.svg("sc", _WIDTH, _HEIGHT, parts, title)


def _frame(across: Axis, up: Axis, x_title: str, y_title: str) -> list[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = []
    for tick in up.ticks:
        y = _y(tick, up)
        parts.append(f'<path class="fa" d="M{_LEFT} {y}H{right}"/>')
        text = figures.number(tick, up.digits)
        parts.append(f'<text class="ft" x="{_LEFT - 7}" y="{float(y) + 3.5:g}" text-anchor="end">{text}</text>')
    for tick in across.ticks:
        x = _x(tick, across)
        parts.append(f'<path class="fa" d="M{x} {_TOP}V{bottom}"/>')
        text = figures.number(tick, across.digits)
        parts.append(f'<text class="ft" x="{x}" y="{bottom + 16}" text-anchor="middle">{text}</text>')
    middle = (_LEFT + right) / 2
    parts.append(
        f'<text class="ft" x="{middle:g}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(plain(x_title))} →</text>'
    )
    turned = f'transform="rotate(-90 12 {(_TOP + bottom) / 2:g})"'
    at = f'x="12" y="{(_TOP + bottom) / 2:g}"'
    parts.append(f'<text class="ft" {at} {turned} text-anchor="middle">{escape(plain(y_title))} →</text>')
    return parts


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


def _names(points: Sequence[Point], across: Axis, up: Axis) -> list[str]:
    """Names beside their points, as far as they do not cover each other."""
    parts: list[str] = []
    placed: list[tuple[float, float, float]] = []
    for point in points:
        text = plain(point.name)
        text = text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…"
        width = _LETTER * len(text)
        x, y = float(_x(point.x, across)), float(_y(point.y, up))
        to_left = x + 8 + width > _WIDTH
        start = x - 8 - width if to_left else x + 8
        if any(
            abs(y - other) < _LABEL_HEIGHT and start < end and begin < start + width for begin, end, other in placed
        ):
            continue
        placed.append((start, start + width, y))
        anchor = f'x="{x - 8:g}" text-anchor="end"' if to_left else f'x="{x + 8:g}"'
        parts.append(f'<text class="ft sn" {anchor} y="{y + 3.5:g}">{escape(text)}</text>')
    return parts


def _x(value: float, axis: Axis) -> str:
    return f"{_LEFT + (_WIDTH - _LEFT - _RIGHT) * axis.share(value):.1f}".removesuffix(".0")


def _y(value: float, axis: Axis) -> str:
    bottom = _HEIGHT - _BOTTOM
    return f"{bottom - (bottom - _TOP) * axis.share(value):.1f}".removesuffix(".0")
