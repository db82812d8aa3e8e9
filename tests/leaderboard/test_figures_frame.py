"""The frame of drawings of points: ticks at their values, names that cover neither each other nor leave the drawing."""

from __future__ import annotations

import re

import pytest

from leaderboard.drawing.figures import Axis
from leaderboard.drawing.figures_frame import BOTTOM, LEFT, RIGHT, TOP, Frame

NAMES = (
    "አማርኛ",
    "العربية",
    "မြန်မာ",
    "ภาษาไทย",
    "日本語",
    "ߒߞߏ",
    "👩🏽‍🔬",
    "a name that is longer than any drawing has room for",
)


@pytest.fixture
def frame() -> Frame:
    return Frame(
        width=300, height=200, across=Axis(low=-1.0, high=1.0, step=0.5), up=Axis(low=0.0, high=100.0, step=50.0)
    )


def test_values_lie_where_the_ticks_say(frame: Frame) -> None:
    assert (frame.x(-1.0), frame.x(1.0)) == (LEFT, 300 - RIGHT) == (LEFT, frame.right)
    assert (frame.y(0.0), frame.y(100.0)) == (200 - BOTTOM, TOP) == (frame.bottom, TOP)
    drawn = "".join(frame.grid("across", "up"))
    for tick, text in ((-1.0, "−1.0"), (0.0, "0.0"), (0.5, "0.5")):
        assert f'<path class="fa" d="M{frame.x(tick):g} {TOP}V{frame.bottom}"/>' in drawn
        assert f'x="{frame.x(tick):g}" y="{frame.bottom + 16}" text-anchor="middle">{text}<' in drawn
    assert f'<path class="fa" d="M{LEFT} {frame.y(50.0):g}H{frame.right}"/>' in drawn


def test_titles_and_names_are_text(frame: Frame) -> None:
    drawn = "".join([*frame.grid("<b>\u202e", "&"), *frame.names([('"<i>', 0.0, 50.0)])])
    assert "<b>" not in drawn
    assert "<i>" not in drawn
    assert "\u202e" not in drawn
    assert "&lt;b&gt;" in drawn
    assert "&amp; →" in drawn


def test_names_stay_inside_and_apart(frame: Frame) -> None:
    points = [(name, -1.0 + 2.0 * place / 7, 50.0 + place) for place, name in enumerate(NAMES)]
    drawn = frame.names(points)
    assert 2 < len(drawn) < len(NAMES)
    assert NAMES[0] in drawn[0]  # the first comes first
    boxes = []
    for part in drawn:
        x, y, anchor, text = re.search(r'x="([\d.]+)" y="([\d.]+)" text-anchor="(\w+)">(.+)<', part).groups()
        assert len(text) <= 22
        start = float(x) - 6.4 * len(text) if anchor == "end" else float(x)
        assert start >= 0
        assert start + 6.4 * len(text) <= frame.width
        boxes.append((start, start + 6.4 * len(text), float(y)))
    for place, (start, end, y) in enumerate(boxes):
        assert all(start >= right or end <= left or abs(y - line) >= 13 for left, right, line in boxes[:place])
