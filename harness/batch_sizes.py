"""Batch sizes that fitted, kept in the results folder: a model that ran out of memory does so once on a machine.

``batch-sizes.json`` names model, device and limits for people; who deletes it, or an entry, lets larger batches be
tried again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.engine.base import Engine
from harness.engine.fitting import Fitting, Kind, fitting_of
from harness.machine import device_memory, hardware
from harness.store import content_hash, write_text_atomic

FILE = "batch-sizes.json"
_KINDS: tuple[Kind, ...] = ("embedded", "scored", "written")


def remember(engine: Engine, results: Path) -> None:
    """Tell an engine what fitted before, in runs of the same model on the same machine, and keep what it learns."""
    fitting = fitting_of(engine)
    if fitting is None:
        return
    path = results / FILE
    machine = {**hardware(), "device_memory": str(device_memory())}
    key = content_hash([dict(engine.identity), machine])[:16]
    known = _read(path).get(key)
    for kind in _KINDS:
        limit = known.get("positions", {}).get(kind) if isinstance(known, dict) else None
        if isinstance(limit, int) and limit > 0:
            fitting.limits[kind] = limit
    fitting.learned = lambda: _write(path, key, {"model": engine.name, "machine": machine}, fitting)


def _write(path: Path, key: str, about: dict[str, Any], fitting: Fitting) -> None:
    entries = {**_read(path), key: {**about, "positions": dict(fitting.limits)}}
    write_text_atomic(path, json.dumps(entries, indent=1, ensure_ascii=False) + "\n")


def _read(path: Path) -> dict[str, Any]:
    """What is kept; nothing where the file is not there or damaged, as it is only there to save time."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
