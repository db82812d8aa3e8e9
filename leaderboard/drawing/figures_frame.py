"""What drawings of points have in common: two axes with their ticks and titles, and names beside points."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import escape

from leaderboard.drawing.figures import Axis, number
from leaderboard.markup.text import plain

LEFT, RIGHT, TOP, BOTTOM = 52, 14, 14, 42
"""What a frame leaves free around the points, for ticks and titles."""

_LETTER, _LINE = 6.4, 13.0  # width of a letter of a name and height of a line, about
_LONGEST_NAME = 22
_BESIDE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A drawing's size in CSS pixels, and its axes."""

    width: int
    height: int
    across: Axis
    up: Axis

    @property
    def right(self) -> int:
        """Where the frame of the points ends."""
        return self.width - RIGHT

    @property
    def bottom(self) -> int:
        return self.height - BOTTOM

    def x(self, value: float) -> float:
        """Where a value lies, from the left edge of the drawing."""
        return round(LEFT + (self.right - LEFT) * self.across.share(value), 1)

    def y(self, value: float) -> float:
        """Where a value lies, from the upper edge of the drawing."""
        return round(self.bottom - (self.bottom - TOP) * self.up.share(value), 1)

    def grid(self, x_title: str, y_title: str) -> list[str]:
        """Lines at the ticks, their numbers, and what the axes measure."""
        parts = []
        for tick in self.up.ticks:
            y = self.y(tick)
            parts.append(f'<path class="fa" d="M{LEFT} {y:g}H{self.right}"/>')
            parts.append(_text(LEFT - 7, y + 3.5, number(tick, self.up.digits), "end"))
        for tick in self.across.ticks:
            x = self.x(tick)
            parts.append(f'<path class="fa" d="M{x:g} {TOP}V{self.bottom}"/>')
            parts.append(_text(x, self.bottom + 16, number(tick, self.across.digits), "middle"))
        down = (TOP + self.bottom) / 2
        turned = f' transform="rotate(-90 12 {down:g})"'
        parts.append(_text((LEFT + self.right) / 2, self.height - 6, f"{plain(x_title)} →", "middle"))
        parts.append(_text(12, down, f"{plain(y_title)} →", "middle", turned))
        return parts

    def names(self, points: Iterable[tuple[str, float, float]]) -> list[str]:
        """Names beside points, as far as they do not cover an earlier one.

        Args:
            points: ``(name, value across, value up)``, the most important ones first.
        """
        parts: list[str] = []
        placed: list[tuple[float, float, float]] = []
        for name, across, up in points:
            text = plain(name)
            text = text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"
            width = _LETTER * len(text)
            x, y = self.x(across), self.y(up)
            to_left = x + _BESIDE + width > self.width
            start = x - _BESIDE - width if to_left else x + _BESIDE
            if any(abs(y - other) < _LINE and start < end and begin < start + width for begin, end, other in placed):
                continue
            placed.append((start, start + width, y))
            at, anchor = (x - _BESIDE, "end") if to_left else (x + _BESIDE, "start")
            parts.append(f'<text class="ft sn" x="{at:g}" y="{y + 3.5:g}" text-anchor="{anchor}">{escape(text)}</text>')
        return parts


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return f'<text class="ft" x="{x:g}" y="{y:g}" text-anchor="{anchor}"{more}>{escape(text)}</text>'
