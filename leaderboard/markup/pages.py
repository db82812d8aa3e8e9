"""What the files of a site are called: readable, and safe for any name on any file system."""

from __future__ import annotations

from leaderboard.markup.text import slug

TREND = "trend.html"
CHANGES = "changes.html"
FEED = "feed.xml"

SegmentKey = tuple[str, str, str, str, str]
"""``(model title, task, variant, prompt, language)``: what a segment page is about."""

_PAIR_NAME = 15  # characters of each name that stay readable where there are two


def task_page(task: str) -> str:
    return f"task-{slug(task)}.html"


def language_page(code: str) -> str:
    return f"language-{slug(code)}.html"


def model_page(model: str) -> str:
    """Everything about one model, named by its title."""
    return f"model-{slug(model)}.html"


def trend_page(model: str) -> str:
    """The runs of one model name, in order."""
    return f"trend-{slug(model)}.html"


def trend_data(model: str, task: str) -> str:
    """Stem of the files with all of a model's scores in a task, run by run."""
    return f"trend-{slug(task, model)}"


def alignment_page(model: str) -> str:
    """How a model's languages align with the pivot, layer by layer."""
    return f"alignment-{slug(model)}.html"


def numbered(page: str, number: int) -> str:
    """The ``number``-th part of a page, counted from 1; the first part keeps the name."""
    return page if number == 1 else f"{page.removesuffix('.html')}-{number}.html"


def group_file(metric: str, group: str) -> str:
    """A ranking over one group of languages, loaded when the group is chosen."""
    return f"g/{metric}-{group}.js"


def segment_page(key: SegmentKey) -> str:
    """Kept short: an overview of 20,000 cells names 20,000 of them."""
    return f"s/{slug(key[-1], *key)}.html"


SEGMENTS_PER_PAGE = 200


def segment_anchor(segment: str) -> str:
    """What a segment's row is called on its page, whatever the segment itself is called."""
    return f"seg-{slug(segment)}"


def segment_link(key: SegmentKey, segment: str, position: int) -> str:
    """Where a segment stands.

    Args:
        position: Its place among the unit's segments, worst first, counted from 0 (``segments.listed``).
    """
    return f"{numbered(segment_page(key), position // SEGMENTS_PER_PAGE + 1)}#{segment_anchor(segment)}"


def pair_page(first: str, second: str) -> str:
    """The comparison of two models, in either order."""
    titles = sorted((first, second))
    return f"pair-{slug(' '.join(title[:_PAIR_NAME] for title in titles), *titles)}.html"
