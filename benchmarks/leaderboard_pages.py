"""How long a reader waits in headless Chromium: until a page shows its first row, and until it is sorted."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from tests.browser.driving import Driver, evaluate, start

WATCH = """(() => {
  const seen = { row: null };
  window.seen = seen;
  const look = () => {
    const row = [...document.querySelectorAll("main tbody tr")].find((one) => one.getClientRects().length);
    const painted = () => setTimeout(() => (seen.row = performance.now()));
    if (row) requestAnimationFrame(painted);
    else if (performance.now() < 20000) requestAnimationFrame(look);
    else seen.row = NaN;
  };
  requestAnimationFrame(look);
})()"""
ROW = """new Promise((done) => {
  const wait = () => (seen.row === null ? setTimeout(wait, 5) : done(seen.row ? seen.row / 1000 : null));
  wait();
})"""
SORT = """new Promise((done) => {
  const tables = [...document.querySelectorAll("table[data-sortable]")];
  const size = (table) => table.tBodies[0].rows.length * table.tHead.rows[0].cells.length;
  const table = tables.sort((one, other) => size(other) - size(one))[0];
  if (!table) return done(null);
  const buttons = [...table.tHead.querySelectorAll("button")];
  const button = buttons.filter((one) => one.closest("th").dataset.sort !== "text").at(-1) ?? buttons.at(-1);
  if (!button) return done(null);
  button.scrollIntoView({ block: "center" });
  requestAnimationFrame(() => setTimeout(() => {
    const begin = performance.now();
    button.click();
    const sorted = table.querySelector("th[aria-sort]").contains(button);
    requestAnimationFrame(() => setTimeout(() => done({
      seconds: (performance.now() - begin) / 1000, cells: size(table), sorted
    })));
  }));
})"""


def waits(page: Path, loads: int) -> dict[str, object]:
    """Median and slowest of several loads, each by a browser that has just started with an empty profile.

    ``first_row_s``: from the navigation until the frame with the first row of a table was painted, missing where none
    was within 20 s. ``loaded_s``: until
    the page and its script were done. ``sort_s``: from a click on a head of the page's largest table until the frame
    after it was painted.
    """
    found = [_load(page) for _ in range(loads)]
    result: dict[str, object] = {"page": page.name, "bytes": page.stat().st_size}
    for name in ("first_row_s", "loaded_s", "sort_s"):
        values = [one[name] for one in found if one[name] is not None]
        if values:
            result[name] = {"median": round(statistics.median(values), 3), "slowest": round(max(values), 3)}
    return result | {"sorted_cells": found[0]["cells"]}


def _load(page: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as profile:
        driver = start(Path(profile))
        try:
            driver.get("about:blank")
            driver.execute_cdp_cmd("Page.enable", {})
            driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
            driver.get(page.resolve().as_uri())
            return _measured(driver)
        finally:
            driver.quit()


def _measured(driver: Driver) -> dict[str, float]:
    loaded = evaluate(driver, "performance.getEntriesByType('navigation')[0].loadEventEnd / 1000")
    row = evaluate(driver, ROW)
    clicked = evaluate(driver, SORT)
    if clicked and not clicked["sorted"]:
        raise RuntimeError(f"{driver.current_url}: a click on a head did not sort")
    return {
        "first_row_s": row,
        "loaded_s": loaded,
        "sort_s": clicked and clicked["seconds"],
        "cells": clicked and clicked["cells"],
    }
