"""What readers do on the pages: drill down, choose a theme, read without scripts, from the keyboard, on paper."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.browser.driving import (
    By,
    Driver,
    Keys,
    Opener,
    click,
    click_head,
    column,
    complaints,
    evaluate,
    first,
    heat,
    kinds,
    media,
    window,
)

NARROW = (320, 640)
"""A window of 1280 pixels at 400 %: what WCAG 1.4.10 asks a page to fit in without scrolling in two directions."""


class Links(HTMLParser):
    """The ids and addresses of a page."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name in ("href", "src"):
                self.addresses.append(value or "")


def test_no_link_of_the_site_is_broken_and_no_id_stands_twice(whole_site: Path) -> None:
    pages = {page.resolve(): Links(page) for page in whole_site.rglob("*.html")}
    for page, found in pages.items():
        assert len(found.ids) == len(set(found.ids)), page
        for address in found.addresses:
            parts = urlsplit(address)
            assert not parts.scheme, f"{page}: {address}"
            assert not parts.netloc, f"{page}: {address}"
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert target.is_file(), f"{page}: {address}"
            if parts.fragment and "=" not in parts.fragment:
                assert parts.fragment in pages[target].ids, f"{page}: {address}"


def test_every_page_says_what_it_is(whole_site: Path, open_page: Opener) -> None:
    titles = {}
    for kind, page in kinds(whole_site).items():
        driver = open_page(page)
        counts = evaluate(
            driver,
            "['h1', 'main', 'header', 'footer', 'nav[aria-label]', 'html[lang=en]']"
            ".map((name) => document.querySelectorAll(name).length)",
        )
        assert counts[:4] == [1, 1, 1, 1], kind
        assert counts[4] >= 1, kind
        assert counts[5] == 1, kind
        assert evaluate(driver, "document.querySelector('h1').innerText.trim()"), kind
        titles[kind] = driver.title
    assert len(set(titles.values())) == len(titles), titles


def test_from_the_overview_to_a_segment_by_clicks(site: Path, open_page: Opener) -> None:
    driver = open_page(site / "index.html")
    click(driver, driver.find_element(By.CSS_SELECTOR, "section h2 a[href^='task-mt']"))
    assert driver.find_element(By.TAG_NAME, "h1").text.startswith("mt")
    cell = driver.find_element(By.CSS_SELECTOR, "table a[href^='s/eng-latn-amh']")
    score = cell.text
    click(driver, cell)
    assert "Amharic" in driver.find_element(By.TAG_NAME, "h1").text
    assert score in driver.find_element(By.CSS_SELECTOR, ".counts").text
    assert "ጀልባው" in driver.find_element(By.CSS_SELECTOR, "td.hyp").text
    assert complaints(driver) == []


def test_a_chosen_theme_and_a_sorted_table_are_there_after_a_reload(site: Path, open_page: Opener) -> None:
    driver = open_page(site / "index.html")
    driver.find_element(By.ID, "theme").click()
    table = heat(driver)
    click_head(driver, table, 1)
    shown = column(driver, table, 0)
    driver.refresh()
    assert evaluate(driver, "document.documentElement.dataset.theme") == "dark"
    assert column(driver, table, 0) == shown
    driver.get((site / "about.html").as_uri())
    assert evaluate(driver, "getComputedStyle(document.body).colorScheme") == "dark"


def test_a_link_brings_its_theme(site: Path, open_page: Opener) -> None:
    for theme in ("dark", "light"):
        driver = open_page(site / "index.html", f"#theme={theme}", dark=theme == "light")
        assert evaluate(driver, "getComputedStyle(document.body).colorScheme") == theme


VISIBLE = """[...document.querySelectorAll("main table")].map((table) =>
  [...table.rows].map((row) => [...row.cells].map((cell) => cell.textContent.trim()).join("|")))"""


def test_without_javascript_every_page_has_the_same_tables(whole_site: Path, open_page: Opener) -> None:
    for kind, page in kinds(whole_site).items():
        without = evaluate(open_page(page, scripts=False), VISIBLE)
        hidden = "[...document.querySelectorAll('main .tools')].filter((own) => own.getClientRects().length).length"
        assert evaluate(open_page(page, scripts=False), hidden) == 0, kind
        assert evaluate(open_page(page), VISIBLE) == without, kind


def test_text_runs_in_its_own_direction(site: Path, open_page: Opener) -> None:
    expected = (("arb", "rtl", "ar"), ("nqo", "rtl", "nqo"), ("tha", "ltr", "th"))
    for pattern, direction, language in expected:
        driver = open_page(first(site, f"s/eng-latn-{pattern}*.html"))
        styles = evaluate(
            driver,
            """[...document.querySelectorAll("td.hyp > .diff")]
              .filter((text) => /[^\\x00-\\u05be]/.test(text.innerText))
              .map((text) => [getComputedStyle(text).direction, text.closest("[lang]").lang])""",
        )
        assert styles, pattern
        assert {style[0] for style in styles} == {direction}, pattern
        assert {style[1] for style in styles} == {language}
        assert evaluate(driver, "getComputedStyle(document.body).direction") == "ltr"


def focused(driver: Driver) -> dict[str, object]:
    return evaluate(
        driver,
        """(() => {
          const own = document.activeElement;
          const box = own.getBoundingClientRect();
          const style = getComputedStyle(own);
          return {
            name: own.id || own.className || own.tagName, tag: own.tagName, label: own.getAttribute("aria-label"),
            outline: style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) > 0,
            seen: box.bottom > 0 && box.top < innerHeight && box.width > 0,
          };
        })()""",
    )


def test_the_keyboard_reaches_everything_in_order_and_shows_where_it_is(site: Path, open_page: Opener) -> None:
    driver = open_page(site / "index.html")
    count = evaluate(
        driver,
        "[...document.querySelectorAll('a[href], button, input, select, summary, [tabindex=\"0\"]')]"
        ".filter((own) => own.checkVisibility() && !own.disabled).length",
    )
    visited = []
    for _ in range(min(count, 60)):
        driver.switch_to.active_element.send_keys(Keys.TAB)
        visited.append(focused(driver))
    assert visited[0]["name"] == "skip"
    assert {one["tag"] for one in visited} >= {"A", "BUTTON", "SUMMARY", "DIV"}
    lost = [one for one in visited if not one["outline"] or not one["seen"]]
    assert lost == []
    assert all(one["label"] for one in visited if one["tag"] == "DIV")


def test_the_skip_link_and_the_heads_work_by_keys(site: Path, open_page: Opener) -> None:
    driver = open_page(site / "index.html")
    driver.switch_to.active_element.send_keys(Keys.TAB)
    driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert driver.current_url.endswith("#main")
    table = heat(driver)
    button = driver.find_element(By.CSS_SELECTOR, f"#{table} thead th button")
    for key in (Keys.SPACE, Keys.ENTER):
        before = column(driver, table, 0)
        button.send_keys(key)
        assert column(driver, table, 0) == before[::-1]


@pytest.mark.parametrize("contrast", ["none", "active"])
def test_no_page_needs_two_directions_of_scrolling(whole_site: Path, open_page: Opener, contrast: str) -> None:
    with window(open_page(whole_site / "index.html"), *NARROW, mobile=True):
        for kind, page in kinds(whole_site).items():
            driver = open_page(page)
            if contrast == "active":
                media(driver, forced_colors="active")
            assert evaluate(driver, "document.documentElement.scrollWidth") <= NARROW[0], kind


def test_drawings_are_seen_in_forced_colours(site: Path, open_page: Opener) -> None:
    driver = open_page(site / "index.html")
    media(driver, forced_colors="active", prefers_color_scheme="dark")
    colours = evaluate(
        driver,
        "[...document.querySelectorAll('svg .fd, svg .fi')].map((own) => [getComputedStyle(own).fill,"
        " getComputedStyle(own).stroke, getComputedStyle(document.body).backgroundColor])",
    )
    assert colours
    assert all(paper not in (fill, stroke) or fill != stroke for fill, stroke, paper in colours)


def test_paper_shows_whole_tables_and_no_buttons(whole_site: Path, open_page: Opener) -> None:
    for kind, page in kinds(whole_site).items():
        driver = open_page(page)
        media(driver, "print")
        cut = evaluate(
            driver,
            "[...document.querySelectorAll('.box')].filter((box) => getComputedStyle(box).overflowY !== 'visible'"
            " || getComputedStyle(box).maxHeight !== 'none').map((box) => box.ariaLabel)",
        )
        assert cut == [], kind
        stuck = evaluate(
            driver,
            "[...document.querySelectorAll('main *')]"
            ".filter((own) => own.checkVisibility() && getComputedStyle(own).position === 'sticky')"
            ".map((own) => own.outerHTML.slice(0, 80))",
        )
        assert stuck == [], kind
        assert evaluate(driver, "document.getElementById('theme').checkVisibility()") is False, kind


def test_nothing_moves_for_readers_who_want_rest(site: Path, open_page: Opener) -> None:
    driver = open_page(site / "index.html")
    assert evaluate(driver, "getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    assert evaluate(driver, "document.getAnimations().length") == 0
