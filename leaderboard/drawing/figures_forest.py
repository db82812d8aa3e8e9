"""Differences of two systems as inline SVG: a point and its interval beside a zero line, and dots beside a diagonal.

What a shape says is not said by its colour alone: a difference that was shown is a filled dot, any other a hollow one,
the mean over languages a diamond. Numbers stand in the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from leaderboard.drawing import figures
from leaderboard.drawing.figures import Axis, number
from leaderboard.drawing.figures_frame import BOTTOM, LEFT, RIGHT, TOP, Frame
from leaderboard.markup.text import plain

_WIDTH, _HEIGHT, _MARGIN = 220, 18, 8
_BEYOND = 40  # the zero line reaches beyond the drawing; the cell of the table cuts it off
_DOT = 3.4
_DIAMOND = 4.6
_SIDE = 284  # of the square that a scatter's points lie in
_NAMED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One language of a scatter: both scores, and whether a difference was shown."""

    name: str
    value: float
    value_against: float
    shown: bool


def forest_row(
    delta: float, low: float | None, high: float | None, scale: Axis, *, shown: bool, macro: bool = False
) -> Markup:
    """A difference on ``scale``; hidden from screen readers, the numbers stand in the row."""
    middle = _HEIGHT / 2
    x = _x(delta, scale)
    parts = [f'<path class="fz" d="M{_x(0.0, scale)} {-_BEYOND}V{_HEIGHT + _BEYOND}"/>']
    if low is not None and high is not None:
        parts.append(f'<path class="fi" d="M{_x(low, scale)} {middle:g}H{_x(high, scale)}"/>')
    kind = "fd" if shown else "fo"
    if macro:
        side = _DIAMOND
        parts.append(f'<path class="{kind}" d="M{x} {middle - side:g}l{side} {side}l-{side} {side}l-{side} -{side}z"/>')
    else:
        parts.append(f'<circle class="{kind}" cx="{x}" cy="{middle:g}" r="{_DOT}"/>')
    return figures.svg("fp", _WIDTH, _HEIGHT, parts)


def forest_scale(scale: Axis) -> Markup:
    """The axis above a column of differences: zero and the two ends."""
    parts = []
    for tick, anchor in ((scale.low, "start"), (0.0, "middle"), (scale.high, "end")):
        if tick == 0.0 and anchor != "middle":
            continue
        at = {"start": "0", "end": f"{_WIDTH}"}.get(anchor, _x(tick, scale))
        text = number(tick, scale.digits)
        parts.append(f'<text class="ft" x="{at}" y="11" text-anchor="{anchor}">{"+" * (tick > 0)}{text}</text>')
        parts.append(f'<path class="fk" d="M{_x(tick, scale)} 14V18"/>')
    return figures.svg("fp", _WIDTH, _HEIGHT, parts)


def scatter(dots: Sequence[Dot], scale: Axis, names: tuple[str, str], title: str) -> Markup:
    """One dot a language, the first system upwards, the second to the right; on the diagonal both score the same.

    Args:
        dots: Not empty; the few that lie farthest from the diagonal are named.
        scale: Of both axes.
        names: What the systems are called at the axes.
        title: What the drawing shows, for those who do not see it.
    """
    frame = Frame(width=_SIDE + LEFT + RIGHT, height=_SIDE + TOP + BOTTOM, across=scale, up=scale)
    parts = frame.grid(names[1], names[0])
    parts.append(f'<path class="fk dg" d="M{LEFT} {frame.bottom}L{frame.right} {TOP}"/>')
    for dot in sorted(dots, key=lambda dot: dot.shown):
        kind = "fd" if dot.shown else "fo"
        x, y = frame.x(dot.value_against), frame.y(dot.value)
        name = escape(plain(dot.name))
        parts.append(f'<circle class="{kind}" cx="{x:g}" cy="{y:g}" r="4"><title>{name}</title></circle>')
    far = sorted(dots, key=lambda dot: (-abs(dot.value - dot.value_against), dot.name))[:_NAMED]
    parts += frame.names((dot.name, dot.value_against, dot.value) for dot in far)
    return figures.svg("sc", frame.width, frame.height, parts, title)


def _x(value: float, scale: Axis) -> str:
    return f"{_MARGIN + (_WIDTH - 2 * _MARGIN) * scale.share(value):.1f}".removesuffix(".0")
