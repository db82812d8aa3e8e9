"""The leaderboard in a real browser, opened from a file as by double click."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.driving import (
    PHONE,
    By,
    Driver,
    Keys,
    Opener,
    WebDriverWait,
    click_head,
    column,
    complaints,
    evaluate,
    first,
    head,
    heat,
    numbers,
    requests,
    window,
)
from tests.leaderboard_runs import MODELS, TEXTS


def test_every_kind_of_page_opens_without_a_complaint_or_a_request(site: Path, open_page: Opener) -> None:
    kinds = (
        "index.html",
        "about.html",
        "task-mt-*.html",
        "task-mexa-*.html",
        "language-amh*.html",
        "s/*fra-latn*.html",
    )
    for kind in kinds:
        driver = open_page(first(site, kind))
        assert driver.find_element(By.TAG_NAME, "h1").is_displayed()
        assert complaints(driver) == []
        urls = requests(driver)
        assert urls
        assert all(url.startswith(("file:", "about:")) for url in urls), urls


def test_style_and_script_are_allowed_by_the_policy_from_a_file(site: Path, open_page: Opener) -> None:
    driver = open_page(site / "index.html")
    assert driver.find_element(By.ID, "theme").is_displayed()
    position = driver.execute_script("return getComputedStyle(document.querySelector('thead th')).position")
    assert position == "sticky"


def test_hostile_text_runs_nothing_and_is_readable(site: Path, open_page: Opener) -> None:
    page = next(path for path in sorted(site.glob("s/*.html")) if "evil</bdi></h1>" in path.read_text("utf-8"))
    driver = open_page(page)
    hypotheses = [cell.text for cell in driver.find_elements(By.CSS_SELECTOR, "td.hyp")]
    assert any(text.startswith("<script>alert(1)</script>") and "RLO" in text for text in hypotheses)
    assert driver.find_elements(By.CSS_SELECTOR, "main script, main img") == []


def test_a_click_on_a_head_sorts_and_says_so(site: Path, open_page: Opener) -> None:
    driver = open_page(site / "index.html")
    table = heat(driver)
    assert head(driver, table, 0).get_attribute("aria-sort") == "ascending"
    click_head(driver, table, 1)
    found = numbers(column(driver, table, 1))
    assert found == sorted(found, reverse=True)
    assert head(driver, table, 1).get_attribute("aria-sort") == "descending"
    assert head(driver, table, 0).get_attribute("aria-sort") is None
    click_head(driver, table, 1)
    found = numbers(column(driver, table, 1))
    assert found == sorted(found)


def test_missing_scores_are_last_in_both_directions(site: Path, open_page: Opener) -> None:
    driver = open_page(site / "index.html")
    table = heat(driver, 1)
    heads = driver.find_elements(By.CSS_SELECTOR, f"#{table} thead th")
    weak = next(index for index, cell in enumerate(heads) if "weak" in cell.text)
    for _ in range(2):
        click_head(driver, table, weak)
        assert column(driver, table, weak)[-1] == "–"


def test_sorting_works_from_the_keyboard(site: Path, open_page: Opener) -> None:
    driver = open_page(site / "index.html")
    table = heat(driver)
    head(driver, table, 1).find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    assert head(driver, table, 1).get_attribute("aria-sort") == "descending"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("amharic", "amh_Ethi"),
        ("አማርኛ", "amh_Ethi"),
        ("nkoo", "nqo_Nkoo"),
        ("japonic", "jpn_Jpan"),
        ("FRANÇAIS", "fra_Latn"),
    ],
)
def test_the_filter_finds_names_endonyms_scripts_and_families(
    site: Path, open_page: Opener, query: str, expected: str
) -> None:
    driver = open_page(site / "index.html")
    driver.find_element(By.ID, "q").send_keys(query)
    (row,) = column(driver, heat(driver), 0)
    assert expected in row
    assert f"of {len(TEXTS) * 2} rows shown" in driver.find_element(By.ID, "hits").text


def test_the_filter_restricts_the_means_of_the_last_row(site: Path, open_page: Opener) -> None:
    driver = open_page(site / "index.html")
    table = heat(driver)
    foot = f"#{table} tfoot td"
    before = [cell.text for cell in driver.find_elements(By.CSS_SELECTOR, foot)]
    driver.find_element(By.ID, "q").send_keys("amh_Ethi")
    row = driver.find_elements(By.CSS_SELECTOR, f"#{table} tbody tr:not([hidden]) td")
    assert [cell.text for cell in driver.find_elements(By.CSS_SELECTOR, foot)] == [cell.text for cell in row]
    driver.find_element(By.ID, "clear").click()
    assert [cell.text for cell in driver.find_elements(By.CSS_SELECTOR, foot)] == before


def test_a_permalink_keeps_filter_and_sort_after_a_reload(site: Path, open_page: Opener) -> None:
    driver = open_page(site / "index.html")
    table = heat(driver)
    click_head(driver, table, 1)
    driver.find_element(By.ID, "q").send_keys("afro-asiatic")
    shown = column(driver, table, 0)
    assert len(shown) == 2
    address = driver.current_url
    assert "#" in address
    driver.refresh()
    assert column(driver, table, 0) == shown
    fragment = "#" + address.split("#")[1]
    driver = open_page(site / "index.html", fragment)
    assert column(driver, table, 0) == shown
    assert driver.find_element(By.ID, "q").get_attribute("value") == "afro-asiatic"
    assert head(driver, table, 1).get_attribute("aria-sort") == "descending"


@pytest.mark.parametrize("fragment", ["#q=%3Cscript%3E&nope=1d", "#=", "#t-x=99d", "#q", "#%E0%A4%A"])
def test_a_broken_permalink_breaks_nothing(site: Path, open_page: Opener, fragment: str) -> None:
    driver = open_page(site / "index.html", fragment)
    assert driver.find_element(By.CSS_SELECTOR, "table.heat").is_displayed()
    assert complaints(driver) == []


def test_without_javascript_the_tables_are_there_in_the_servers_order(site: Path, open_page: Opener) -> None:
    driver = open_page(site / "index.html", scripts=False)
    text = evaluate(driver, "document.querySelector('main').innerText + document.querySelectorAll('button').length")
    assert "Amharic" in text
    assert MODELS[0] in text
    assert text.endswith("2")  # the two buttons of the page itself, hidden; none was added to a head
    assert "Filter languages" not in text


def test_the_theme_follows_the_system_and_can_be_changed(site: Path, open_page: Opener) -> None:
    def background(driver: Driver) -> int:
        colour = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in colour.strip("rgb()").split(",")[:3])

    assert background(open_page(site / "index.html")) > 600
    driver = open_page(site / "index.html", dark=True)
    assert background(driver) < 200
    driver.find_element(By.ID, "theme").click()
    assert background(driver) > 600
    driver.refresh()
    assert background(driver) > 600


def test_wide_tables_scroll_inside_their_own_box(site: Path, open_page: Opener) -> None:
    pages = ("index.html", "about.html", "task-mt-*.html", "language-amh*.html", "s/*fra-latn*.html")
    with window(open_page(site / "index.html"), *PHONE, mobile=True):
        for page in pages:
            driver = open_page(first(site, page))
            assert driver.execute_script("return document.documentElement.scrollWidth") <= PHONE[0], page


def choose(driver: Driver, value: str) -> None:
    """Choose a group of languages and wait until every ranking is over it."""
    driver.find_element(By.CSS_SELECTOR, f"#g option[value='{value}']").click()
    WebDriverWait(driver, 10).until(
        lambda found: all(
            "Only " in note.text or "No language" in note.text
            for note in found.find_elements(By.CSS_SELECTOR, ".standings .note")
        )
    )


def test_a_group_of_languages_changes_the_scores_of_the_ranking_and_says_so(site: Path, open_page: Opener) -> None:
    driver = open_page(site / "index.html")
    ranking = driver.find_elements(By.CSS_SELECTOR, "table.rank")[1].get_attribute("id")
    before = column(driver, ranking, 2)
    choose(driver, "script-ethi")
    after = column(driver, ranking, 2)
    assert after != before
    assert "Mean over 1 direction" in head(driver, ranking, 2).text
    assert "the rankings below are over this group only" in driver.find_element(By.ID, "hits").text
    table = heat(driver, 1)
    (row,) = column(driver, table, 0)
    assert "amh_Ethi" in row
    heads = [cell.text.split("\n")[0] for cell in driver.find_elements(By.CSS_SELECTOR, f"#{table} thead th")]
    foot = [cell.text for cell in driver.find_elements(By.CSS_SELECTOR, f"#{table} tfoot td")]
    means = dict(zip(column(driver, ranking, 1), (text.split()[0] for text in after), strict=True))
    assert {name: mean for name, mean in zip(heads[1:], foot, strict=True) if mean != "–"} == means
    driver.find_element(By.ID, "clear").click()
    assert column(driver, ranking, 2) == before
    assert complaints(driver) == []


def test_a_ranking_over_a_group_sorts_and_survives_a_reload(site: Path, open_page: Opener) -> None:
    driver = open_page(site / "index.html")
    ranking = driver.find_elements(By.CSS_SELECTOR, "table.rank")[1].get_attribute("id")
    choose(driver, "script-latn")
    click_head(driver, ranking, 1)
    shown = column(driver, ranking, 1)
    assert "g=script-latn" in driver.current_url
    driver.refresh()
    WebDriverWait(driver, 10).until(lambda found: "Only script Latin" in found.find_element(By.TAG_NAME, "main").text)
    assert column(driver, ranking, 1) == shown
    assert head(driver, ranking, 1).get_attribute("aria-sort") == "ascending"


def test_an_unknown_group_in_a_permalink_means_all_languages(site: Path, open_page: Opener) -> None:
    driver = open_page(site / "index.html", "#g=script-none")
    assert driver.find_element(By.ID, "g").get_attribute("value") == ""
    assert "Only " not in driver.find_element(By.CSS_SELECTOR, ".standings .note").text
