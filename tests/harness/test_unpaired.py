"""The difference of two scores by their own intervals, against published values."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.stats import unpaired_difference, wilson


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090), ((10, 10), (0, 20), 0.6791, 1.0)],
)
def test_proportions_have_the_limits_that_newcombe_published(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    """Newcombe 1998, "Interval estimation for the difference between independent proportions", table II, method 10."""
    known = [(hits / n, *wilson(hits, n)) for hits, n in (first, second)]
    assert unpaired_difference(*known) == pytest.approx((known[0][0] - known[1][0], low, high), abs=5e-5)


def test_columns_of_scores_are_the_same_as_each_alone_and_a_missing_end_stays_missing() -> None:
    first = np.array([[50.0, 47.0, 54.0], [1.0, 1.0, 1.0], [3.0, math.nan, math.nan]])
    second = np.array([[60.0, 58.0, 61.0], [1.0, 1.0, 1.0], [2.0, 1.0, 4.0]])
    columns = np.array(unpaired_difference(tuple(first.T), tuple(second.T))).T
    alone = [unpaired_difference(tuple(one), tuple(other)) for one, other in zip(first, second, strict=True)]
    np.testing.assert_array_equal(columns, np.array(alone))
    assert columns[0].tolist() == [-10.0, -10 - math.hypot(3, 1), -10 + math.hypot(4, 2)]
    assert columns[1].tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(columns[2][1:]).all()


def test_what_is_turned_around_has_the_limits_turned_around() -> None:
    first, second = (0.5, 0.4, 0.7), (0.2, 0.05, 0.25)
    delta, low, high = unpaired_difference(first, second)
    assert unpaired_difference(second, first) == pytest.approx((-delta, -high, -low))
