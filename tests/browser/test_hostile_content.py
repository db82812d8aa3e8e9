"""Whatever a model, a task or a file wrote is shown as text: in a real browser, under the pages' own policy."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from leaderboard.markup.text import LONGEST_TEXT
from leaderboard.site import build
from tests.browser.driving import PHONE, By, Driver, Opener, complaints, evaluate, first, kinds, requests, window
from tests.harness.hostile_runs import write_hostile_run
from tests.torture_runs import LONG_LINE, NAMES, TEXTS, write_torture_run

LARGEST = 3_000_000
INJECTED = "main script, main style, main iframe, main object, main embed, main base, main form, main link, main img, \
main animate, main [onload], main [onerror], main [onmouseover], main [onfocus], main [style], \
a[href^='javascript' i], head > title ~ title, [srcdoc]"
AS_WRITTEN = """(element) => {
  const copy = element.cloneNode(true);
  copy.querySelectorAll("details, del").forEach((more) => more.remove());
  for (const box of copy.querySelectorAll(".ctl")) {
    const code = /^U\\+([0-9A-F]+)/.exec(box.title);
    box.replaceWith(code ? String.fromCodePoint(Number.parseInt(code[1], 16)) : "");
  }
  return copy.textContent;
}"""


@pytest.fixture(scope="module")
def hostile_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile-runs")
    runs = [
        write_torture_run(folder / "torture"),
        write_hostile_run(folder / "one"),
        write_hostile_run(folder / "two", worse=2),
    ]
    return build(runs, tmp_path_factory.mktemp("hostile-site")).parent


def as_written(driver: Driver, selector: str) -> list[str]:
    """The texts of elements, every box that stands for a character put back into that character."""
    return evaluate(driver, f"[...document.querySelectorAll({json.dumps(selector)})].map({AS_WRITTEN})")


def test_nothing_runs_and_nothing_is_injected_into_any_kind_of_page(hostile_site: Path, open_page: Opener) -> None:
    for kind, page in kinds(hostile_site).items():
        driver = open_page(page)
        assert evaluate(driver, "document.title").endswith(" · glotbench"), kind
        assert complaints(driver) == [], kind
        assert all(url.startswith(("file:", "about:")) for url in requests(driver)), kind
        assert evaluate(driver, f"[...document.querySelectorAll({json.dumps(INJECTED)})].map((e) => e.outerHTML)") == []
        assert "49" not in evaluate(driver, "document.querySelector('h1').innerText"), kind


def test_choosing_a_group_brings_no_markup_of_a_model_to_life(hostile_site: Path, open_page: Opener) -> None:
    page = next(path for path in hostile_site.glob("task-title-*.html"))
    driver = open_page(page)
    groups = evaluate(driver, "[...document.querySelectorAll('#g option')].map((option) => option.value)")
    driver.find_element(By.CSS_SELECTOR, f"#g option[value='{groups[1]}']").click()
    driver.find_element(By.CSS_SELECTOR, ".standings.part table.rank")
    assert evaluate(driver, f"document.querySelectorAll({json.dumps(INJECTED)}).length") == 0
    names = as_written(driver, ".standings.part table.rank .mn")
    assert names
    assert {name for name in names if not name.endswith("more characters")} <= {*NAMES.values()}
    assert complaints(driver) == []


def test_every_text_can_be_read_back_from_its_page(hostile_site: Path, open_page: Opener) -> None:
    driver = open_page(max(hostile_site.glob("s/eng-latn-arb-*.html"), key=lambda page: page.stat().st_size))
    for selector in ("td.hyp", "td.tx > div"):
        found = set(as_written(driver, selector))
        for name, text in TEXTS.items():
            if text != LONG_LINE:
                assert text in found, f"{selector}: {name}"
        (long,) = [text for text in found if text.startswith(LONG_LINE[:100])]
        assert long.startswith(LONG_LINE[:LONGEST_TEXT])
        assert long.endswith("more characters")


def test_names_of_models_can_be_read_back_and_are_exact_in_the_data(hostile_site: Path, open_page: Opener) -> None:
    written = {name for name in NAMES.values() if name.strip()}
    assert {name for name in written if len(name) <= 150} <= set(
        as_written(open_page(hostile_site / "index.html"), ".mn")
    )
    assert written <= set(as_written(open_page(hostile_site / "about.html"), ".mn"))
    page = first(hostile_site, "task-title-*.html")
    rows = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    scores = [score for table in rows for score in table["rows"]]
    assert {score[0] for score in scores} == written
    with page.with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) == len(scores) + 1


def test_no_page_is_wider_than_a_phone(hostile_site: Path, open_page: Opener) -> None:
    with window(open_page(hostile_site / "index.html"), *PHONE, mobile=True):
        for kind, page in kinds(hostile_site).items():
            driver = open_page(page)
            assert driver.execute_script("return document.documentElement.scrollWidth") <= PHONE[0], kind


def test_what_stands_after_a_name_keeps_its_place(hostile_site: Path, open_page: Opener) -> None:
    """An override or an isolate in a name would otherwise turn round the rest of its line or of the page."""
    for kind, page in kinds(hostile_site).items():
        driver = open_page(page)
        moved = evaluate(
            driver,
            """[...document.querySelectorAll('.mn + .lab, .mn + .tag')].filter((after) => {
              const end = [...after.previousElementSibling.getClientRects()].at(-1);
              const start = after.getClientRects()[0];
              return end && start && start.left < end.right - 1 && start.top < end.bottom - end.height / 2;
            }).map((after) => after.parentElement.outerHTML)""",
        )
        assert moved == [], kind
        crooked = evaluate(
            driver,
            """[...document.querySelectorAll('tr')].filter((row) => {
              const cells = [...row.cells].map((cell) => cell.getBoundingClientRect()).filter((box) => box.width > 0);
              const covers = (one, other) => other.left < one.right - 1 && other.top < one.bottom - 1;
              return cells.slice(1).some((box, before) => covers(cells[before], box));
            }).map((row) => row.textContent)""",
        )
        assert crooked == [], kind


def test_a_tower_of_marks_covers_nothing_above_it(hostile_site: Path, open_page: Opener) -> None:
    driver = open_page(first(hostile_site, "task-title-*.html"))
    tower = driver.find_element(By.CSS_SELECTOR, "p.lead")
    assert "Z\u0300" in tower.get_attribute("textContent")
    head = driver.find_element(By.TAG_NAME, "h1")
    with_tower = head.screenshot_as_png
    driver.execute_script("arguments[0].textContent = 'plain'", tower)
    assert head.screenshot_as_png == with_tower


def test_no_page_is_too_large_to_open(hostile_site: Path) -> None:
    """Pages and what they load; data to be downloaded hold whole texts."""
    loaded = [path for path in hostile_site.rglob("*") if path.suffix in (".html", ".js", ".css")]
    assert {path.name for path in loaded if path.stat().st_size > LARGEST} == set()


def test_the_policy_of_the_pages_refuses_what_would_run(hostile_site: Path, open_page: Opener) -> None:
    text = (hostile_site / "about.html").read_text(encoding="utf-8")
    planted = "<script>window.ran = 1</script><img src='data:,' onerror='window.ran = 2'><p style='color: red'>"
    broken = hostile_site / "broken.html"
    broken.write_text(text.replace("</h1>", f"</h1>{planted}"), encoding="utf-8")
    try:
        driver = open_page(broken)
        driver.execute_script("document.querySelector('main img').dispatchEvent(new Event('error'))")
        assert evaluate(driver, "window.ran") is None
        said = complaints(driver)
    finally:
        broken.unlink()
    refused = [line for line in said if "Content Security Policy" in line]
    for word in ("inline script", "inline event handler", "inline style", "image"):
        assert any(word in line.lower() for line in refused), f"{word}: {said}"
