"""Small drawings as inline SVG: interval dots and layer curves. Numbers in, markup out.

Shapes carry their meaning by class only, so that the style sheet colours them for light, dark and paper; no figure is
the only place of a number, and none relies on colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from markupsafe import Markup, escape

from leaderboard.markup.text import plain

_BAR_WIDTH, _BAR_HEIGHT, _BAR_MARGIN = 160, 16, 5
_BAR_HEAD = '<svg class="iv" viewBox="0 0 160 16" aria-hidden="true">'
_DOT_WIDTH = 6.4
_SPARK_WIDTH, _SPARK_HEIGHT = 90, 22
_CURVE_WIDTH, _CURVE_HEIGHT = 460, 250
_CURVE_LEFT, _CURVE_RIGHT, _CURVE_TOP, _CURVE_BOTTOM = 38, 128, 10, 34
_LABEL_GAP = 13.0
_MINUS = "\u2212"

_Points = Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A linear axis with round ends and the step between its ticks."""

    low: float
    high: float
    step: float

    def share(self, value: float) -> float:
        """Where ``value`` lies, 0 at ``low`` and 1 at ``high``, kept inside."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    @property
    def ticks(self) -> list[float]:
        count = round((self.high - self.low) / self.step)
        return [self.low + index * self.step for index in range(count + 1)]

    @property
    def digits(self) -> int:
        return max(0, -math.floor(math.log10(self.step) + 1e-9))


@cache
def _fixed(digits: int) -> str:
    return f".{digits}f"


def number(value: float, digits: int) -> str:
    """A fixed-point number with a true minus sign; what rounds to zero has no sign."""
    text = format(value, _fixed(digits))  # a site has millions of them: putting the format together takes as long
    if text[0] == "-":
        text = text[1:] if not text.strip("-0.") else _MINUS + text[1:]
    return text


def axis(values: Sequence[float], target_steps: int = 4) -> Axis:
    """An axis with round ends (1, 2 or 5 times a power of ten a step) that holds all ``values``."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    raw = (high - low) / target_steps
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= raw * 0.999)
    return Axis(low=math.floor(low / step + 1e-9) * step, high=math.ceil(high / step - 1e-9) * step, step=step)


def interval_dot(value: float, low: float | None, high: float | None, scale: Axis, chance: float | None) -> Markup:
    """A dot with its interval as a line through it, with ends unless the dot covers them; a tall tick marks guessing.

    Hidden from screen readers: the numbers stand in the row.
    """
    wide = (_BAR_WIDTH - 2 * _BAR_MARGIN) / (scale.high - scale.low)
    start, end = _BAR_MARGIN - scale.low * wide, _BAR_WIDTH - _BAR_MARGIN
    guessing = line = ""
    if chance is not None and scale.low <= chance <= scale.high:
        guessing = f'<path class="fc" d="M{start + chance * wide:.1f} 1V15"/>'
    if low is not None and high is not None:
        left, right = max(_BAR_MARGIN, start + low * wide), min(end, start + high * wide)
        ends = f"M{left:.1f} 4V12M{right:.1f} 4V12" if right - left > _DOT_WIDTH else ""
        line = f'<path class="fi" d="M{left:.1f} 8H{right:.1f}{ends}"/>'
    dot = f'<circle class="fd" cx="{start + value * wide:.1f}" cy="8" r="3.2"/>'
    return Markup(f"{_BAR_HEAD}{guessing}{line}{dot}</svg>")


def interval_scale(scale: Axis) -> Markup:
    """The labelled axis above a column of interval dots."""
    parts = []
    shown = [scale.low, scale.high] if len(scale.ticks) > 5 else scale.ticks
    for tick in shown:
        anchor = "start" if tick == shown[0] else "end" if tick == shown[-1] else "middle"
        at = {"start": "0", "end": f"{_BAR_WIDTH}"}.get(anchor, _bar_x(tick, scale))
        parts.append(f'<text class="ft" x="{at}" y="11" text-anchor="{anchor}">{number(tick, scale.digits)}</text>')
        parts.append(f'<path class="fk" d="M{_bar_x(tick, scale)} 13V16"/>')
    return svg("iv", _BAR_WIDTH, _BAR_HEIGHT, parts)


def spark(values: _Points, scale: Axis) -> Markup:
    """A layer curve small enough for a table cell, a dot on its highest layer; ``values`` is not empty."""
    points = _polyline(values, scale, (3, _SPARK_WIDTH - 3), (_SPARK_HEIGHT - 3, 3))
    x, y = points[max(range(len(values)), key=values.__getitem__)]
    parts = [f'<path class="fi" d="{_path(points)}"/>', f'<circle class="fd" cx="{x:g}" cy="{y:g}" r="2.4"/>']
    return svg("sp", _SPARK_WIDTH, _SPARK_HEIGHT, parts)


def layer_curves(
    curves: Mapping[str, _Points], scale: Axis, title: str, y_title: str, *, first_layer: int = 0
) -> Markup:
    """All languages' curves of one model: each a thin line, their mean thick, the lowest dashed and the highest dotted.

    Args:
        curves: One finite value a layer, by the language's name; layer 0 is the embeddings' output. Not empty.
        scale: The vertical axis, shared by the models of a task.
        title: What the drawing shows, for those who do not see it.
        y_title: What the vertical axis measures.
        first_layer: The layer of the first value.
    """
    longest = max(len(values) for values in curves.values())
    across = (_CURVE_LEFT, _CURVE_WIDTH - _CURVE_RIGHT)
    down = (_CURVE_HEIGHT - _CURVE_BOTTOM, _CURVE_TOP)
    full = {name: values for name, values in curves.items() if len(values) == longest}
    mean = [math.fsum(column) / len(full) for column in zip(*full.values(), strict=True)]
    order = sorted(full, key=lambda name: (max(full[name]), name))
    named = {"lowest": order[0], "highest": order[-1]} if len(order) > 2 else {}
    parts = _grid(scale, range(first_layer, first_layer + longest), y_title)
    for name, values in sorted(full.items()):
        role = next((role for role, chosen in named.items() if chosen == name), "thin")
        path = _path(_polyline(values, scale, across, down))
        parts.append(f'<path class="l-{role}" d="{path}"><title>{escape(plain(name))}</title></path>')
    mean_points = _polyline(mean, scale, across, down)
    parts.append(f'<path class="l-mean" d="{_path(mean_points)}"><title>mean over languages</title></path>')
    ends = {f"mean of {len(full)}": mean_points[-1][1]}
    for chosen in named.values():
        ends[chosen] = _polyline(full[chosen], scale, across, down)[-1][1]
    for text, y in _spread(ends).items():
        shown = plain(text) if len(text) <= 20 else plain(text)[:19] + "…"
        parts.append(f'<text class="ft" x="{across[1] + 8}" y="{y + 3.5:g}">{escape(shown)}</text>')
    return svg("lc", _CURVE_WIDTH, _CURVE_HEIGHT, parts, title)


def _grid(scale: Axis, layers: range, y_title: str) -> list[str]:
    left, right = _CURVE_LEFT, _CURVE_WIDTH - _CURVE_RIGHT
    bottom = _CURVE_HEIGHT - _CURVE_BOTTOM
    parts = []
    for tick in scale.ticks:
        y = bottom + (_CURVE_TOP - bottom) * scale.share(tick)
        label = number(tick, scale.digits)
        parts.append(f'<path class="fa" d="M{left} {y:g}H{right}"/>')
        parts.append(f'<text class="ft" x="{left - 6}" y="{y + 3.5:g}" text-anchor="end">{label}</text>')
    for layer in layers[:: max(1, math.ceil((len(layers) - 1) / 6))]:
        x = left + (right - left) * (layer - layers[0]) / max(1, len(layers) - 1)
        parts.append(f'<text class="ft" x="{x:g}" y="{bottom + 15}" text-anchor="middle">{layer}</text>')
    x = (left + right) / 2
    text = f"layer{'' if layers[0] else ' (0: embeddings)'}; height: {plain(y_title)}"
    parts.append(f'<text class="ft" x="{x:g}" y="{bottom + 30}" text-anchor="middle">{escape(text)}</text>')
    return parts


def _spread(heights: Mapping[str, float]) -> dict[str, float]:
    """Move labels apart where they would cover each other, keeping their order."""
    placed: dict[str, float] = {}
    previous = -math.inf
    for text, height in sorted(heights.items(), key=lambda item: item[1]):
        previous = max(height, previous + _LABEL_GAP)
        placed[text] = previous
    return placed


def _polyline(
    values: _Points, scale: Axis, across: tuple[float, float], down: tuple[float, float]
) -> list[tuple[float, float]]:
    steps = max(1, len(values) - 1)
    return [
        (
            round(across[0] + (across[1] - across[0]) * index / steps, 1),
            round(down[0] + (down[1] - down[0]) * scale.share(value), 1),
        )
        for index, value in enumerate(values)
    ]


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)


def _bar_x(value: float, scale: Axis) -> str:
    return f"{_BAR_MARGIN + (_BAR_WIDTH - 2 * _BAR_MARGIN) * scale.share(value):.1f}".removesuffix(".0")


def svg(name: str, width: int, height: int, parts: Sequence[str], title: str = "") -> Markup:
    """A drawing; without a title it is hidden from screen readers."""
    seen = f'role="img" aria-label="{escape(plain(title))}"' if title else 'aria-hidden="true"'
    body = "".join(parts)
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return Markup(f'<svg class="{name}" {size} {seen}>{body}</svg>')
