"""What the files of a site are called: readable, and safe for any name on any file system."""

from __future__ import annotations

from leaderboard.text import slug

SegmentKey = tuple[str, str, str, str, str]
"""``(model title, task, variant, prompt, language)``: what a segment page is about."""


def task_page(task: str) -> str:
    return f"task-{slug(task)}.html"


def language_page(code: str) -> str:
    return f"language-{slug(code)}.html"


def segment_page(key: SegmentKey) -> str:
    """Kept short: an overview of 20,000 cells names 20,000 of them."""
    return f"s/{slug(key[-1], *key)}.html"
