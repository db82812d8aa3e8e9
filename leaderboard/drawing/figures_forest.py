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
from leaderboard.markup.text import plain

_WIDTH, _HEIGHT, _MARGIN = 220, 18, 8
_BEYOND = 40  # the zero line reaches beyond the drawing; the cell of the table cuts it off
_DOT = 3.4
_DIAMOND = 4.6
_SIZE, _LEFT, _RIGHT, _TOP, _BOTTOM = 340, 44, 12, 12, 44
_LABELLED = 4
_LONGEST = 22
_LETTER = 6.2  # width of a letter of a label, about
_LINE = 12.0


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
    right, bottom = _SIZE - _RIGHT, _SIZE - _BOTTOM
    parts = []
    for tick in scale.ticks:
        x, y = _across(tick, scale), _down(tick, scale)
        text = number(tick, scale.digits)
        parts.append(f'<path class="fa" d="M{_LEFT} {y:g}H{right}M{x:g} {_TOP}V{bottom}"/>')
        parts.append(f'<text class="ft" x="{_LEFT - 6}" y="{y + 3.5:g}" text-anchor="end">{text}</text>')
        parts.append(f'<text class="ft" x="{x:g}" y="{bottom + 15}" text-anchor="middle">{text}</text>')
    parts.append(f'<path class="fk dg" d="M{_LEFT} {bottom}L{right} {_TOP}"/>')
    for dot in sorted(dots, key=lambda dot: dot.shown):
        kind = "fd" if dot.shown else "fo"
        x, y = _across(dot.value_against, scale), _down(dot.value, scale)
        name = escape(plain(dot.name))
        parts.append(f'<circle class="{kind}" cx="{x:g}" cy="{y:g}" r="4"><title>{name}</title></circle>')
    parts += _labels(dots, scale)
    middle = (_LEFT + right) / 2
    first, second = (escape(plain(name)) for name in names)
    parts.append(f'<text class="ft" x="{middle:g}" y="{_SIZE - 8}" text-anchor="middle">{second} →</text>')
    down = (_TOP + bottom) / 2
    turned = f'transform="rotate(-90 10 {down:g})"'
    parts.append(f'<text class="ft" x="10" y="{down:g}" text-anchor="middle" {turned}>{first} →</text>')
    return figures.svg("sc", _SIZE, _SIZE, parts, title)


def _labels(dots: Sequence[Dot], scale: Axis) -> list[str]:
    """Names beside the dots farthest from the diagonal, where no earlier name stands."""
    far = sorted(dots, key=lambda dot: (-abs(dot.value - dot.value_against), dot.name))
    taken: list[tuple[float, float, float]] = []
    parts = []
    for dot in far[:_LABELLED]:
        name = plain(dot.name)
        shown = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
        x, y = _across(dot.value_against, scale), _down(dot.value, scale) + 3.5
        width = _LETTER * len(shown)
        fits = x + 8 + width <= _SIZE
        left = x + 8 if fits else x - 8 - width
        if any(abs(y - line) < _LINE and left < end and start < left + width for line, start, end in taken):
            continue
        taken.append((y, left, left + width))
        place = f'x="{x + 8:g}"' if fits else f'x="{x - 8:g}" text-anchor="end"'
        parts.append(f'<text class="ft on" {place} y="{y:g}">{escape(shown)}</text>')
    return parts


def _x(value: float, scale: Axis) -> str:
    return f"{_MARGIN + (_WIDTH - 2 * _MARGIN) * scale.share(value):.1f}".removesuffix(".0")


def _across(value: float, scale: Axis) -> float:
    return round(_LEFT + (_SIZE - _RIGHT - _LEFT) * scale.share(value), 1)


def _down(value: float, scale: Axis) -> float:
    return round(_SIZE - _BOTTOM - (_SIZE - _BOTTOM - _TOP) * scale.share(value), 1)
