"""Pages of two models in a real browser: sorting by difference, permalinks, width, what works without scripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from leaderboard.markup.pages import pair_page
from tests.browser.axe import violations
from tests.browser.driving import DESKTOP, PHONE, By, Driver, Opener, click, column, evaluate, head, window
from tests.leaderboard_runs import HOSTILE_MODEL, MODELS


def page(site: Path, *models: str) -> Path:
    return site / pair_page(*(models or (MODELS[0], HOSTILE_MODEL)))


def table(driver: Driver) -> str:
    return driver.find_element(By.CSS_SELECTOR, ".forest table").get_attribute("id")


def test_differences_sort_and_the_link_keeps_the_order(site: Path, open_page: Opener) -> None:
    driver = open_page(page(site))
    name = table(driver)
    before = column(driver, name, 0)
    click(driver, head(driver, name, 3).find_element(By.TAG_NAME, "button"))
    after = column(driver, name, 0)
    assert after == before[::-1]
    fragment = "#" + driver.current_url.partition("#")[2]
    assert column(open_page(page(site), fragment), name, 0) == after


def test_the_whole_page_stands_without_scripts(site: Path, open_page: Opener) -> None:
    driver = open_page(page(site), scripts=False)
    row = driver.find_element(By.CSS_SELECTOR, ".forest tbody tr")
    assert row.find_elements(By.CSS_SELECTOR, "svg.fp circle")
    assert driver.find_elements(By.CSS_SELECTOR, "details.gaps summary")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["compare.html", ""])
def test_no_rule_is_broken_and_nothing_sticks_out(site: Path, open_page: Opener, dark: bool, name: str) -> None:
    own = site / name if name else page(site)
    with window(open_page(own), *(PHONE if dark else DESKTOP), mobile=dark):
        driver = open_page(own, dark=dark)
        driver.execute_script("document.querySelectorAll('details').forEach((own) => { own.open = true })")
        assert violations(driver) == []
        assert evaluate(driver, "document.documentElement.scrollWidth <= innerWidth")
