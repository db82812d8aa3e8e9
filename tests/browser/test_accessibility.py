"""Every kind of page against axe-core's rules of WCAG A and AA, in both themes, on a desk and on a phone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.axe import COLOURS, violations
from tests.browser.driving import DESKTOP, PHONE, Opener, click, kinds, window

_FEW_OF_A_KIND = """
  document.querySelectorAll("tbody > tr:nth-child(n + 7)").forEach((row) => row.remove());
  const opened = {};
  for (const own of document.querySelectorAll("details")) {
    opened[own.className] = (opened[own.className] ?? 0) + 1;
    own.open = opened[own.className] <= 2;
  }
"""
"""Opens what is folded; rows of a table and details of a kind are all made alike, the first ones stand for them."""


@pytest.mark.parametrize(
    ("dark", "size", "rules"),
    [(False, DESKTOP, ()), (True, PHONE, ()), (True, DESKTOP, COLOURS), (False, PHONE, COLOURS)],
    ids=["light desktop", "dark phone", "dark desktop", "light phone"],
)
def test_no_kind_of_page_breaks_a_rule(
    whole_site: Path, open_page: Opener, dark: bool, size: tuple[int, int], rules: tuple[str, ...]
) -> None:
    """All rules once in each theme and at each width; contrast, the only one that needs both, in all four."""
    found = []
    with window(open_page(whole_site / "index.html"), *size, mobile=size == PHONE):
        for kind, page in kinds(whole_site).items():
            driver = open_page(page, dark=dark)
            driver.execute_script(_FEW_OF_A_KIND)
            found += [f"{kind}: {line}" for line in violations(driver, rules)]
    assert found == []


def test_the_theme_that_a_reader_chooses_breaks_no_rule(whole_site: Path, open_page: Opener) -> None:
    driver = open_page(whole_site / "index.html")
    click(driver, driver.find_element("id", "theme"))
    assert violations(driver) == []


def test_a_rule_that_is_broken_is_found(site: Path, open_page: Opener, tmp_path: Path) -> None:
    broken = tmp_path / "broken.html"
    text = (site / "about.html").read_text(encoding="utf-8").replace('lang="en"', "", 1)
    broken.write_text(text.replace("</h1>", '</h1><img src="x.png"><input>', 1), encoding="utf-8")
    rules = {line.split(":")[0] for line in violations(open_page(broken))}
    assert rules >= {"html-has-lang", "image-alt", "label"}
