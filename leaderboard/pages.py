"""What the files of a site are called: readable, and safe for any name on any file system."""

from __future__ import annotations

from leaderboard.text import slug

TREND = "trend.html"
CHANGES = "changes.html"
FEED = "feed.xml"

SegmentKey = tuple[str, str, str, str, str]
"""``(model title, task, variant, prompt, language)``: what a segment page is about."""


def task_page(task: str) -> str:
    return f"task-{slug(task)}.html"


def language_page(code: str) -> str:
    return f"language-{slug(code)}.html"


def model_page(task: str, model: str) -> str:
    """A model's scores in a task that has too many for one page."""
    return f"model-{slug(model, task)}.html"


def trend_page(model: str) -> str:
    """The runs of one model name, in order."""
    return f"trend-{slug(model)}.html"


def numbered(page: str, number: int) -> str:
    """The ``number``-th part of a page, counted from 1; the first part keeps the name."""
    return page if number == 1 else f"{page.removesuffix('.html')}-{number}.html"


def group_file(metric: str, group: str) -> str:
    """A ranking over one group of languages, loaded when the group is chosen."""
    return f"g/{metric}-{group}.js"


def segment_page(key: SegmentKey) -> str:
    """Kept short: an overview of 20,000 cells names 20,000 of them."""
    return f"s/{slug(key[-1], *key)}.html"
