"""What the README beside lm-eval's files says of a benchmark: its title, and where it comes from."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_BEGINNING = 4_000
"""Characters that are looked at; title and addresses stand at the top."""

_TITLE = re.compile(r"^\W*(?:paper )?title\W*:\W*(?P<text>.+?)[\s`*\"”.]*$", re.IGNORECASE | re.MULTILINE)
_HEADING = re.compile(r"^#\s+(?P<text>.+?)\s*$", re.MULTILINE)
_HOMEPAGE = re.compile(r"^\W*(?:homepage|abstract|paper|link)\W*:?\W*(?P<url>https?://[^\s`)>\]]+)", re.I | re.M)
_LINK = re.compile(r"https?://[^\s`)>\]\"',]+")
_MARKUP = re.compile(r"[`*_]{1,3}|\[|\]\([^)]*\)")


@cache
def about(folder: Path, root: Path) -> tuple[str, str]:
    """Title and address in the README of a folder, or of the nearest one above it.

    Args:
        folder: Where the task's file is. root: The last folder that is looked into is the one below this.

    Returns:
        Both may be empty.
    """
    while folder != root and root in folder.parents:
        for name in ("README.md", "readme.md", "README"):
            try:
                text = (folder / name).read_text(encoding="utf-8", errors="replace")[:_BEGINNING]
            except OSError:
                continue
            title = _TITLE.search(text) or _HEADING.search(text)
            home = _HOMEPAGE.search(text)
            link = home["url"] if home else next(iter(_LINK.findall(text)), "")
            return _MARKUP.sub("", title["text"]).strip() if title else "", link.rstrip(".,")
        folder = folder.parent
    return "", ""
