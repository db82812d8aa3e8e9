"""The pages about trends in a real browser: what only a browser can show."""

from __future__ import annotations

from pathlib import Path

import pytest

from leaderboard.site import build
from tests.browser.axe import violations
from tests.browser.driving import DESKTOP, PHONE, By, Opener, click, click_head, column, window
from tests.trend_runs import FINE, FRENCH_BROKEN, write_night


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three nights; French drops in the third."""
    root = tmp_path_factory.mktemp("nights")
    runs = [
        write_night(root / "one", FINE, night=1),
        write_night(root / "two", FINE, night=2),
        write_night(root / "three", FRENCH_BROKEN, night=3, weights="second"),
    ]
    return build(runs, tmp_path_factory.mktemp("site")).parent


def trend_of(site: Path) -> Path:
    (page,) = site.glob("trend-nightly-*.html")
    return page


def test_the_drop_in_one_language_stands_first_and_can_be_sorted_away(nights: Path, open_page: Opener) -> None:
    driver = open_page(nights / "trend.html")
    click(driver, driver.find_element(By.LINK_TEXT, "nightly"))
    table = driver.find_element(By.CSS_SELECTOR, "table.rows").get_attribute("id")
    assert column(driver, table, 0)[0].startswith("French")
    assert column(driver, table, 5)[0].endswith("worse")
    click_head(driver, table, 3)
    assert column(driver, table, 3) == ["0.750", "0.600", "0.450"]
    assert driver.get_log("browser") == []


def test_a_finding_of_the_gate_leads_to_its_segments(nights: Path, open_page: Opener) -> None:
    driver = open_page(trend_of(nights))
    click(driver, driver.find_element(By.CSS_SELECTOR, "#steps details[open] a"))
    assert "/s/" in driver.current_url
    assert "French" in driver.find_element(By.TAG_NAME, "h1").text


@pytest.mark.parametrize("name", ["trend.html", "trend of a model", "changes.html"])
def test_no_rule_is_broken_and_only_boxes_scroll(nights: Path, open_page: Opener, name: str) -> None:
    path = trend_of(nights) if name == "trend of a model" else nights / name
    for dark, size in ((False, DESKTOP), (True, PHONE)):
        with window(open_page(path), *size, mobile=size == PHONE):
            driver = open_page(path, dark=dark)
            driver.execute_script("document.querySelectorAll('details').forEach((own) => { own.open = true })")
            assert violations(driver) == []
            assert driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")


def test_without_scripts_everything_is_there(nights: Path, open_page: Opener) -> None:
    driver = open_page(trend_of(nights), scripts=False)
    assert driver.find_element(By.CSS_SELECTOR, "svg.y-chart").is_displayed()
    assert len(driver.find_elements(By.CSS_SELECTOR, "table.rows tbody tr")) == len(FINE)
