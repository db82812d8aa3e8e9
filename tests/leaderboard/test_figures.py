import xml.etree.ElementTree as ET

import pytest

from leaderboard.drawing import figures


@pytest.mark.parametrize("values", [[0.0, 1.0], [3.2, 61.7], [-0.4, 0.9], [5.0], [], [99.999, 100.0], [1e-7, 2e-7]])
def test_an_axis_holds_its_values_and_has_few_round_ticks(values: list[float]) -> None:
    scale = figures.axis(values)
    assert all(scale.low - 1e-9 <= value <= scale.high + 1e-9 for value in values)
    assert 2 <= len(scale.ticks) <= 8


def test_numbers_have_a_true_minus_and_no_negative_zero() -> None:
    assert figures.number(-1.25, 1) == "\u22121.2"
    assert figures.number(-0.01, 1) == "0.0"
    assert figures.number(0.12345, 3) == "0.123"


def test_figures_are_well_formed_and_carry_no_style() -> None:
    scale = figures.axis([0.0, 1.0])
    curves = {"<b>": (0.1, 0.5, 0.4), "N'Ko": (0.0, 0.1, 0.1), "c": (0.2, 0.9, 0.3), "short": (0.1,)}
    drawings = [
        figures.interval_dot(0.5, 0.4, 0.6, scale, 0.25),
        figures.interval_dot(0.5, None, None, scale, None),
        figures.interval_scale(scale),
        figures.spark((0.1, 0.9, 0.3), scale),
        figures.layer_curves(curves, scale, 'the "title"', "MEXA"),
    ]
    for drawing in drawings:
        root = ET.fromstring(drawing)
        assert root.get("aria-hidden") == "true" or root.get("aria-label")
        assert all("style" not in element.attrib for element in root.iter())


def test_the_dot_lies_at_its_share_of_the_axis() -> None:
    root = ET.fromstring(figures.interval_dot(0.5, 0.25, 0.75, figures.axis([0.0, 1.0]), None))
    assert root.find("circle").get("cx") == "80.0"  # type: ignore[union-attr]
