"""The index of languages and the alignment pages in a real browser: what tints the tiles, sorting by layer."""

from __future__ import annotations

from pathlib import Path

import pytest

from leaderboard.site import build
from tests.alignment_runs import LANGUAGES, write_alignment_run
from tests.browser.driving import (
    PHONE,
    By,
    Driver,
    Opener,
    click_head,
    column,
    complaints,
    evaluate,
    first,
    head,
    numbers,
    window,
)
from tests.leaderboard_runs import HOSTILE_MODEL, write_run


@pytest.fixture(scope="module")
def aligned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of a run with alignment and accuracies, and one of translations."""
    runs = tmp_path_factory.mktemp("runs")
    made = [write_alignment_run(runs / "alignment"), write_run(runs / "translation")]
    return build(made, tmp_path_factory.mktemp("site")).parent


def tile(driver: Driver, short: str) -> tuple[str, str]:
    """Class and number of a language's tile."""
    for found in driver.find_elements(By.CSS_SELECTOR, ".tile"):
        if found.find_element(By.CLASS_NAME, "tc").text == short:
            return found.get_attribute("class").removeprefix("tile "), found.find_element(By.CLASS_NAME, "tv").text
    raise AssertionError(short)


def choose(driver: Driver, select: str, starts: str) -> None:
    options = driver.find_elements(By.CSS_SELECTOR, f"#{select} option")
    next(option for option in options if option.text.startswith(starts)).click()


def test_the_chosen_task_and_model_tint_the_tiles_and_survive_a_reload(aligned: Path, open_page: Opener) -> None:
    driver = open_page(aligned / "languages.html")
    assert tile(driver, "amh")[0].startswith("h")
    before = tile(driver, "amh")[1]
    choose(driver, "tile-task", "topics")
    assert tile(driver, "amh") == ("h0", "0.200")
    assert tile(driver, "eng") == ("h9", "0.900")
    assert tile(driver, "ewe") == ("hn", "not run")
    assert tile(driver, "fra")[1] != before
    assert "accuracy, topics" in driver.find_element(By.ID, "tile-what").text
    assert [driver.find_element(By.ID, name).text for name in ("tile-low", "tile-high")] == ["0.200", "0.900"]
    click_head(driver, "languages-t", 1)
    driver.refresh()
    assert tile(driver, "amh") == ("h0", "0.200")
    assert head(driver, "languages-t", 1).get_attribute("aria-sort") == "ascending"
    choose(driver, "tile-model", HOSTILE_MODEL[:10])
    assert tile(driver, "amh")[0] == "hx"
    driver.refresh()
    assert tile(driver, "amh")[0] == "hx"
    assert driver.find_element(By.ID, "tile-who").text.startswith(HOSTILE_MODEL[:10])
    assert complaints(driver) == []


def test_a_permalink_to_what_is_not_there_means_the_first_task(aligned: Path, open_page: Opener) -> None:
    driver = open_page(aligned / "languages.html", "#t=gone&m=gone")
    assert driver.find_element(By.ID, "tile-model").get_attribute("value") == ""
    assert tile(driver, "ewe") == tile(open_page(aligned / "languages.html"), "ewe")


def test_without_javascript_the_tiles_hold_the_first_task(aligned: Path, open_page: Opener) -> None:
    open_page(aligned / "languages.html")
    driver = open_page(aligned / "languages.html", scripts=False)
    shown = "[...document.querySelectorAll('.tile .tv')].map((own) => own.textContent).join(' ')"
    assert evaluate(driver, "document.getElementById('tile-tools').offsetHeight") == 0
    without = evaluate(driver, shown)
    assert evaluate(open_page(aligned / "languages.html"), shown) == without


def test_the_heat_map_sorts_by_a_layer_and_by_the_best_one(aligned: Path, open_page: Opener) -> None:
    driver = open_page(first(aligned, "alignment-model-*.html"))
    table = driver.find_element(By.CSS_SELECTOR, "table.lay").get_attribute("id")
    click_head(driver, table, 8)
    shown = numbers(column(driver, table, 8))
    assert shown == sorted(shown, reverse=True)
    assert len(shown) == len(LANGUAGES) + 1
    driver.refresh()
    assert numbers(column(driver, table, 8)) == shown
    driver.find_element(By.ID, "q").send_keys("ethiopic")
    assert len(column(driver, table, 0)) == 1


@pytest.mark.parametrize("page", ["languages.html", "alignment.html", "alignment-model-*.html"])
def test_only_boxes_scroll_sideways_on_a_phone(aligned: Path, open_page: Opener, page: str) -> None:
    with window(open_page(aligned / "languages.html"), *PHONE, mobile=True):
        driver = open_page(first(aligned, page))
        driver.execute_script("document.querySelectorAll('details').forEach((own) => { own.open = true })")
        assert driver.execute_script("return document.documentElement.scrollWidth") <= PHONE[0]
        assert complaints(driver) == []
