"""One browser and two small sites that all tests of pages share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leaderboard.site import build
from tests.leaderboard_many_runs import write_runs
from tests.leaderboard_runs import write_run

if TYPE_CHECKING:
    from tests.browser.driving import Driver, Opener


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of one run with three models, a task of MEXA and one of translation, in this order."""
    run = write_run(tmp_path_factory.mktemp("runs") / "one")
    return build([run], tmp_path_factory.mktemp("site")).parent


@pytest.fixture(scope="session")
def whole_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of several runs that has every kind of page."""
    runs = write_runs(tmp_path_factory.mktemp("many-runs"))
    return build(runs, tmp_path_factory.mktemp("whole-site")).parent


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    """One browser for all tests: a start costs a second."""
    from tests.browser.driving import start

    driver = start(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


@pytest.fixture
def open_page(browser: Driver) -> Iterator[Opener]:
    """Opens a file in a clean state: no stored theme, no earlier log, scripts on or off, light or dark."""
    from tests.browser.driving import media

    def opener(path: Path, fragment: str = "", *, scripts: bool = True, dark: bool = False) -> Driver:
        browser.get("about:blank")
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        media(browser, prefers_color_scheme="dark" if dark else "light", prefers_reduced_motion="reduce")
        browser.get_log("browser")
        browser.get_log("performance")
        browser.get(path.resolve().as_uri() + fragment)
        return browser

    yield opener
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    browser.execute_script("try { localStorage.clear() } catch {}")
