"""axe-core run in an open page: which rules of WCAG 2.0, 2.1 and 2.2, A and AA, does it break?

The script is the one that the package ``axe-playwright-python`` carries. It is evaluated by the browser's debugging
protocol, so that the page's own policy stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.browser.driving import Driver, evaluate

PACKAGE = "axe_playwright_python"
STANDARDS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa")
COLOURS = ("color-contrast",)


@cache
def script() -> str:
    """axe-core's code; the test is skipped where the package is missing."""
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        pytest.skip("needs axe-core, from the package axe-playwright-python (extra 'dev'), which is not installed here")
    return (Path(found.submodule_search_locations[0]) / "axe.min.js").read_text(encoding="utf-8")


def violations(driver: Driver, rules: Sequence[str] = ()) -> list[str]:
    """A line for every element of the open page that breaks a rule: the rule, the element, what is wrong.

    Args:
        rules: Only these; by default all of ``STANDARDS``.
    """
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": STANDARDS}
    options = {"runOnly": only, "resultTypes": ["violations"], "preload": False}
    evaluate(driver, script() + "; undefined")
    found = evaluate(driver, f"axe.run(document, {json.dumps(options)}).then((found) => found.violations)")
    return [
        f"{rule['id']}: {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]
