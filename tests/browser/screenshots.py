"""Pictures of every kind of page of a site: both themes, on a desk and on a phone.

``python -m tests.browser.screenshots SITE --out FOLDER`` writes ``KIND-THEME-WINDOW.png``; the names depend on nothing
but the pages.
"""

from __future__ import annotations

import argparse
import base64
import sys
import tempfile
from pathlib import Path

import pytest

WINDOWS = {"desktop": (1300, 900), "phone": (390, 844)}
THEMES = ("light", "dark")
TALLEST = 6000
"""Most CSS pixels of a page that ``--full`` takes; Chromium draws nothing beyond 16,384."""


def take(site: Path, out: Path, *, full: bool, only: str) -> list[Path]:
    """The pictures that were written.

    Args:
        full: The whole page instead of what a window shows of it.
        only: Kinds whose name begins so.
    """
    from tests.browser.driving import evaluate, kinds, media, start, window

    out.mkdir(parents=True, exist_ok=True)
    written = []
    with tempfile.TemporaryDirectory() as profile:
        driver = start(Path(profile))
        try:
            for kind, page in kinds(site).items():
                for name, (width, height) in WINDOWS.items() if kind.startswith(only) else ():
                    for theme in THEMES:
                        media(driver, prefers_color_scheme=theme, prefers_reduced_motion="reduce")
                        with window(driver, width, height, mobile=name == "phone"):
                            driver.get(page.resolve().as_uri())
                            tall = evaluate(driver, "document.documentElement.scrollHeight") if full else height
                            clip = {"x": 0, "y": 0, "width": width, "height": min(tall, TALLEST), "scale": 1}
                            picture = driver.execute_cdp_cmd(
                                "Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": full}
                            )
                        path = out / f"{kind}-{theme}-{name}.png"
                        path.write_bytes(base64.b64decode(picture["data"]))
                        written.append(path)
        finally:
            driver.quit()
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", type=Path, metavar="SITE", help="a folder that glotbench leaderboard build wrote")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the pictures go")
    parser.add_argument("--full", action="store_true", help="whole pages, not only what a window shows")
    parser.add_argument("--only", default="", metavar="KIND", help="kinds of pages whose name begins so, e.g. task")
    options = parser.parse_args()
    try:
        written = take(options.site, options.out, full=options.full, only=options.only)
    except pytest.skip.Exception as error:
        sys.exit(f"screenshots: {error}")
    print(f"{len(written)} pictures in {options.out}")


if __name__ == "__main__":
    main()
