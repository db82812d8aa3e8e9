"""Drawings of differences: where points lie, what shape they have, what is named."""

from __future__ import annotations

import re

import pytest

from leaderboard.drawing.figures import Axis, axis
from leaderboard.drawing.figures_forest import Dot, forest_row, forest_scale, scatter

SCALE = Axis(low=-10.0, high=10.0, step=5.0)


def across(markup: str, pattern: str) -> float:
    found = re.search(pattern, markup)
    assert found
    return float(found[1])


def test_a_difference_lies_on_its_side_of_zero() -> None:
    zero = across(forest_row(0.0, None, None, SCALE, shown=False), 'class="fz" d="M([0-9.]+) ')
    for delta in (-4.0, 4.0):
        point = across(forest_row(delta, delta - 1, delta + 1, SCALE, shown=True), 'cx="([0-9.]+)"')
        assert (point > zero) == (delta > 0)


def test_what_was_shown_is_filled_and_the_mean_is_a_diamond() -> None:
    assert '<circle class="fd"' in forest_row(1.0, 0.5, 1.5, SCALE, shown=True)
    assert '<circle class="fo"' in forest_row(1.0, -0.5, 2.5, SCALE, shown=False)
    mean = forest_row(1.0, 0.5, 1.5, SCALE, shown=True, macro=True)
    assert "<circle" not in mean
    assert '<path class="fd"' in mean


def test_an_unknown_interval_is_not_drawn() -> None:
    assert 'class="fi"' not in forest_row(1.0, None, None, SCALE, shown=False)


@pytest.mark.parametrize(("low", "texts"), [(-10.0, ["−10", "0", "+10"]), (0.0, ["0", "+10"])])
def test_the_axis_names_its_ends_and_zero(low: float, texts: list[str]) -> None:
    drawn = forest_scale(Axis(low=low, high=10.0, step=5.0))
    assert re.findall(">([^<>]+)</text>", drawn) == texts


def test_a_scatter_names_the_dots_farthest_from_the_diagonal() -> None:
    dots = [
        Dot(name="አማርኛ", value=10.0, value_against=60.0, shown=True),
        *(Dot(name=f"near {place}", value=20.0 + place, value_against=20.0 + place, shown=False) for place in range(9)),
    ]
    drawn = scatter(dots, axis([0.0, 60.0]), ("A: <b>", "B: b"), "words")
    assert 'aria-label="words"' in drawn
    assert ">አማርኛ</text>" in drawn
    assert drawn.count("<circle") == len(dots)
    assert "<b>" not in drawn
