"""What jobs keep for later ones: compressed files in a hidden folder of the site, each named after its own bytes.

A name stands for one content for ever, so that nothing a former build relies on is overwritten, and damage shows.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path

FOLDER = ".glotbench-summaries"
_LEVEL = 3  # three times as fast as the default one, and a tenth larger
_NAME = re.compile("[0-9a-f]{32}")


class Summary:
    """What one job keeps, read when asked for in whatever process that is.

    Args:
        site: The folder of the site.
        kept: Files by the names of their parts.
    """

    def __init__(self, site: Path, kept: Mapping[str, str]) -> None:
        self._site = site
        self._kept = kept

    def text(self, part: str = "") -> str:
        """What the job returned, or one of the parts it kept besides; empty where there is none."""
        if part not in self._kept:
            return ""
        return zlib.decompress((self._site / FOLDER / self._kept[part]).read_bytes()).decode("utf-8")


def keep(site: Path, text: str) -> str:
    """Write a text down; returns the name of its file."""
    content = zlib.compress(text.encode("utf-8"), _LEVEL)
    name = _name(content)
    if not is_kept(site, name):
        (site / FOLDER).mkdir(exist_ok=True)
        (site / FOLDER / name).write_bytes(content)
    return name


def is_kept(site: Path, name: str) -> bool:
    """Whether a file is there as it was written."""
    try:
        return _NAME.fullmatch(name) is not None and _name((site / FOLDER / name).read_bytes()) == name
    except OSError:
        return False


def remove_all_but(site: Path, names: Collection[str]) -> None:
    """Remove what nobody needs any more; other files in the folder, which are somebody else's, stay."""
    if not (site / FOLDER).is_dir():
        return
    for path in (site / FOLDER).iterdir():
        if _NAME.fullmatch(path.name) and path.name not in names:
            path.unlink()
    if not any((site / FOLDER).iterdir()):
        (site / FOLDER).rmdir()


def _name(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
