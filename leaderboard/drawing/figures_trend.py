"""Drawings of scores over runs: a chart of one model's mean, and lines small enough for a table cell.

The runs stand at even distances in their order, whatever time lies between them. Lines end where data, prompt, metric
or decoding changed. Every mark has a shape of its own, and every number of a drawing stands in a table beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from leaderboard.drawing.figures import Axis, svg
from leaderboard.drawing.figures import number as formatted
from leaderboard.markup.text import plain

_HEIGHT = 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 18, 30, 44
_RUN_WIDTH, _NARROWEST, _WIDEST = 74, 300, 900
_LABEL_WIDTH = 74
_BARS = 40  # intervals of more runs are drawn as a band alone
_PAD = 22
_CHANGE_WIDTH = 50.0  # of a difference in figures; where marks are closer, the table alone has it
_SPARK_WIDTH, _SPARK_HEIGHT, _SPARK_MARGIN = 110, 24, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartPoint:
    """One run in a chart.

    Attributes:
        label: What stands under it, e.g. its date. told: What it says when pointed at.
        value, low, high: ``None`` where there is none.
        joined: Whether it may be joined with the run before it.
        step: ``better`` or ``worse`` where it surely differs from that run. change: By how much, in words.
        changed: Whether the system is another one than in the run before it.
    """

    label: str
    told: str
    value: float | None
    low: float | None
    high: float | None
    joined: bool
    step: str
    change: str
    changed: bool


def trend_chart(points: Sequence[ChartPoint], scale: Axis, title: str) -> Markup:
    """Means with their 95 % intervals, run by run; ``points`` is not empty."""
    width = max(_NARROWEST, min(_WIDEST, _LEFT + _RIGHT + _RUN_WIDTH * len(points)))
    across = [_x(place, len(points), width) for place in range(len(points))]
    parts = _frame(scale, points, across, width)
    for run in _runs(points):
        known = [place for place in run if points[place].value is not None]
        ends = [(place, points[place].low, points[place].high) for place in known]
        band = [(across[place], low, high) for place, low, high in ends if low is not None and high is not None]
        if len(band) > 1 and len(band) == len(known):
            upper = [f"{x:g} {_y(high, scale):g}" for x, _, high in band]
            lower = [f"{x:g} {_y(low, scale):g}" for x, low, _ in reversed(band)]
            parts.append(f'<path class="y-band" d="M{"L".join(upper + lower)}Z"/>')
        if len(known) > 1:
            line = "L".join(f"{across[place]:g} {_y(points[place].value or 0.0, scale):g}" for place in known)
            parts.append(f'<path class="y-line" d="M{line}"/>')
    told = dict.fromkeys(("better", "worse"), -_CHANGE_WIDTH)
    for place, point in enumerate(points):
        room = point.step in told and across[place] - told[point.step] >= _CHANGE_WIDTH
        parts += _point(point, across[place], scale, bars=len(points) <= _BARS, told=room)
        if room:
            told[point.step] = across[place]
        if place and not point.joined:
            x = round((across[place - 1] + across[place]) / 2, 1)
            parts.append(f'<path class="y-break" d="M{x:g} {_TOP - 14}V{_HEIGHT - _BOTTOM}"/>')
            parts.append(_mark("≠", x, _TOP - 18))
    return svg("y-chart", width, _HEIGHT, parts, title)


def trend_spark(runs: Sequence[Sequence[tuple[float, float]]], scale: Axis, last: float) -> Markup:
    """Values over runs as a line for each stretch of comparable ones, a dot on the last value.

    Args:
        runs: Stretches of ``(place, value)``, the place 0 for the first run and 1 for the last.
        scale: Of the values. last: The place that the last run has.
    """
    parts = []
    end = (0.0, 0.0)
    for stretch in runs:
        points = [(_spark_x(place / last if last else 0.5), _spark_y(value, scale)) for place, value in stretch]
        if len(points) == 1:
            parts.append(f'<circle class="y-dot" cx="{points[0][0]:g}" cy="{points[0][1]:g}" r="1.6"/>')
        elif points:
            parts.append(f'<path class="fi" d="M{"L".join(f"{x:g} {y:g}" for x, y in points)}"/>')
        end = points[-1] if points else end
    parts.append(f'<circle class="fd" cx="{end[0]:g}" cy="{end[1]:g}" r="2.6"/>')
    return svg("sp", _SPARK_WIDTH, _SPARK_HEIGHT, parts)


def _runs(points: Sequence[ChartPoint]) -> list[list[int]]:
    """Places of points that may be joined with each other."""
    found: list[list[int]] = []
    for place, point in enumerate(points):
        if not found or not point.joined:
            found.append([])
        found[-1].append(place)
    return found


def _frame(scale: Axis, points: Sequence[ChartPoint], across: Sequence[float], width: int) -> list[str]:
    """Lines of the vertical axis, and the dates of the runs as far as they have room; the last one always has."""
    parts = []
    for tick in scale.ticks:
        y = _y(tick, scale)
        parts.append(f'<path class="fa" d="M{_LEFT} {y:g}H{width - _RIGHT}"/>')
        text = formatted(tick, scale.digits)
        parts.append(f'<text class="ft" x="{_LEFT - 7}" y="{y + 3.5:g}" text-anchor="end">{text}</text>')
    bottom = _HEIGHT - _BOTTOM
    gap = (across[1] - across[0]) if len(across) > 1 else width
    every = max(1, math.ceil(_LABEL_WIDTH / gap))
    for place in range(len(points) - 1, -1, -1):
        x = across[place]
        parts.append(f'<path class="fk" d="M{x:g} {bottom}v4"/>')
        if (len(points) - 1 - place) % every == 0:
            text = escape(plain(points[place].label))
            parts.append(f'<text class="ft" x="{x:g}" y="{bottom + 18}" text-anchor="middle">{text}</text>')
    return parts


def _point(point: ChartPoint, x: float, scale: Axis, *, bars: bool, told: bool) -> list[str]:
    if point.value is None:
        return []
    y = _y(point.value, scale)
    parts = []
    top = bottom = y
    if point.low is not None and point.high is not None:
        top, bottom = _y(point.high, scale), _y(point.low, scale)
        if bars:
            ends = f"M{x - 4:g} {top:g}h8M{x - 4:g} {bottom:g}h8" if bottom - top > 8 else ""
            parts.append(f'<path class="fi" d="M{x:g} {top:g}V{bottom:g}{ends}"/>')
    shape = (
        f'<path class="fd" d="M{x:g} {y - 6:g}l6 6l-6 6l-6 -6Z"/>'
        if point.changed
        else f'<circle class="fd" cx="{x:g}" cy="{y:g}" r="4"/>'
    )
    parts.append(f"<g>{shape}<title>{escape(plain(point.told))}</title></g>")
    if point.step == "better":
        at = max(min(top, y - 6) - 6, 16)
        parts.append(f'<path class="y-up" d="M{x:g} {at - 9:g}l5 9h-10Z"/>')
        parts += [_mark(point.change, x, at - 12)] if told else []
    if point.step == "worse":
        at = min(max(bottom, y + 6) + 6, _HEIGHT - _BOTTOM - 24)
        parts.append(f'<path class="y-down" d="M{x:g} {at + 9:g}l5 -9h-10Z"/>')
        parts += [_mark(point.change, x, at + 21)] if told else []
    return parts


def _mark(text: str, x: float, y: float) -> str:
    return f'<text class="y-mark" x="{x:g}" y="{y:g}" text-anchor="middle">{escape(text)}</text>'


def _x(place: int, count: int, width: int) -> float:
    left, right = _LEFT + _PAD, width - _RIGHT - _PAD
    return round((left + right) / 2 if count == 1 else left + (right - left) * place / (count - 1), 1)


def _y(value: float, scale: Axis) -> float:
    bottom = _HEIGHT - _BOTTOM
    return round(bottom + (_TOP - bottom) * scale.share(value), 1)


def _spark_x(share: float) -> float:
    return round(_SPARK_MARGIN + (_SPARK_WIDTH - 2 * _SPARK_MARGIN) * share, 1)


def _spark_y(value: float, scale: Axis) -> float:
    return round(_SPARK_HEIGHT - _SPARK_MARGIN - (_SPARK_HEIGHT - 2 * _SPARK_MARGIN) * scale.share(value), 1)
