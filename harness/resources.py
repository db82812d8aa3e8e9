"""Where the files that come with glotbench are: in a source checkout beside the packages, else inside the wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def shipped_tasks() -> Path:
    """Folder of the task files that come with glotbench."""
    checkout = _PACKAGE.parent / "tasks"
    return checkout if (checkout / "sample").is_dir() else _PACKAGE / "shipped" / "tasks"


def default_policy() -> Path:
    """The gate policy that holds where none is named."""
    return _PACKAGE / "default_policy.yaml"


def shipped_results() -> Path:
    """Folder of the results that come with glotbench (``baseline`` in it is the sample record)."""
    checkout = _PACKAGE.parent / "results"
    in_checkout = (_PACKAGE.parent / "tasks" / "sample").is_dir() and checkout.is_dir()
    return checkout if in_checkout else _PACKAGE / "shipped" / "results"
