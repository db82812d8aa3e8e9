import pytest

from leaderboard.building.paging import PAGE_CELLS, fitting, paginate, standings_shown


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_pages_hold_every_row_once_in_order_and_never_too_many(limit: int) -> None:
    sections = [("a", list(range(10))), ("b", []), ("c", list(range(10, 15)))]
    pages = paginate(sections, limit)
    assert [row for page in pages for _, rows in page for row in rows] == list(range(15))
    assert all(sum(len(rows) for _, rows in page) <= limit for page in pages)
    assert len(pages) == -(-15 // limit)


def test_there_is_a_page_even_of_nothing() -> None:
    assert paginate([]) == [[]]


def test_tables_fit_until_the_page_is_full() -> None:
    assert fitting([("big", PAGE_CELLS, 100), ("a", 100, 94), ("b", 100, 94), ("c", 100, 94)]) == {"a", "b"}


def test_many_rankings_are_shortened_alike() -> None:
    assert standings_shown(1) == 1000
    assert standings_shown(10) == 100
    assert standings_shown(10_000) == 3
