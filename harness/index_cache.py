"""An index of somebody else's tasks, kept as one JSON file of a cache folder and made anew when its key changes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def kept_index(file: Path, key: str) -> dict[str, Any] | None:
    """What is kept, unless it is missing, damaged or of another state of what it is about."""
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or content.get("key") != key or not isinstance(content.get("rows"), dict):
        return None
    return content


def keep_index(file: Path, content: Mapping[str, object]) -> None:
    """Write the cache whole or not at all; a folder that cannot be written only costs time."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, delete=False) as handle:
            json.dump(content, handle, ensure_ascii=False, separators=(",", ":"))
        Path(handle.name).replace(file)
    except OSError:
        return
