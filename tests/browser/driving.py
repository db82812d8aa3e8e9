"""How tests drive a real browser: starting one, reading and clicking tables, looking at what it complained about.

Without selenium, Chromium or chromedriver every test that imports this module is skipped.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium, see the extra 'dev'")
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402, F401
from selenium.webdriver.remote.webelement import WebElement  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402, F401

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")

if CHROMIUM is None or CHROMEDRIVER is None:
    pytest.skip("needs Chromium and chromedriver, which are not installed here", allow_module_level=True)

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
PHONE = (360, 740)
DESKTOP = (1300, 900)

Driver = webdriver.Chrome
Opener = Callable[..., Driver]
"""``open_page(path, fragment="", *, scripts=True, dark=False)``, see the fixture."""


def start(profile: Path) -> Driver:
    """A headless Chromium that logs what pages complain about and what they ask for."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    os.environ["SE_OFFLINE"] = "true"
    return webdriver.Chrome(options=options, service=Service(CHROMEDRIVER))


@contextmanager
def window(driver: Driver, width: int, height: int, *, mobile: bool = False) -> Iterator[None]:
    """The page is laid out in a window of this size, in CSS pixels."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        yield
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def media(driver: Driver, kind: str = "", **features: str) -> None:
    """Emulate a medium (``print``) and its features, ``_`` for ``-``: ``prefers_color_scheme="dark"``."""
    named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": kind, "features": named})


def evaluate(driver: Driver, expression: str) -> Any:
    """The value of a JavaScript expression, or of its promise; works where the page's own scripts are switched off."""
    command = {"expression": expression, "returnByValue": True, "awaitPromise": True}
    found = driver.execute_cdp_cmd("Runtime.evaluate", command)
    assert "exceptionDetails" not in found, found["exceptionDetails"]
    return found["result"].get("value")


def complaints(driver: Driver) -> list[str]:
    """What the console said since the page was opened: script errors, violations of the policy, missing files."""
    return [entry["message"] for entry in driver.get_log("browser")]


def requests(driver: Driver) -> list[str]:
    """The addresses that the page asked for since it was opened."""
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]


def first(site: Path, pattern: str) -> Path:
    """The first page of a kind, e.g. ``language-*.html``."""
    found = sorted(site.glob(pattern))
    assert found, f"{site}: no {pattern}"
    return found[0]


def kinds(site: Path) -> dict[str, Path]:
    """A page of every kind, the largest: by what its name begins with; every page of a task, they differ most."""
    found: dict[str, Path] = {}
    for page in sorted(site.rglob("*.html"), key=lambda path: (path.stat().st_size, path)):
        stem = page.relative_to(site).as_posix().removesuffix(".html")
        kind = stem if stem.startswith("task-") else stem.split("/")[0].split("-")[0]
        found[kind] = page
    return found


def heat(driver: Driver, task: int = 0) -> str:
    """Id of a languages x models table, by its place on the page."""
    return driver.find_elements(By.CSS_SELECTOR, "table.heat")[task].get_attribute("id")


def column(driver: Driver, table: str, index: int) -> list[str]:
    """Texts of the visible cells of a column."""
    cells = driver.find_elements(By.CSS_SELECTOR, f"#{table} tbody tr:not([hidden]) > :nth-child({index + 1})")
    return [cell.text for cell in cells]


def head(driver: Driver, table: str, index: int) -> WebElement:
    return driver.find_element(By.CSS_SELECTOR, f"#{table} thead th:nth-child({index + 1})")


def click(driver: Driver, element: WebElement) -> None:
    """Bring an element into view and click on it."""
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


def click_head(driver: Driver, table: str, index: int) -> None:
    click(driver, head(driver, table, index).find_element(By.TAG_NAME, "button"))


def number(text: str) -> float:
    return float(text.rstrip("†≠").replace("\N{MINUS SIGN}", "-"))


def numbers(texts: Sequence[str]) -> list[float]:
    return [number(text) for text in texts]
