"""What a transformers model *is*: the hub commit it came from, or the hash of its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.store import content_hash, sha256_file

_WEIGHTS = ("*.safetensors", "*.bin", "*.json", "*.model", "*.txt", "**/*.json")


def weights_identity(target: str, config: Any) -> str:
    """Identity of the weights and tokenizer of a model folder or hub id.

    Args:
        target: What the user named.
        config: The loaded transformers config, which knows the hub commit.

    Returns:
        ``commit:...`` for a hub model, ``sha256:...`` over names and contents for a folder.
    """
    folder = Path(target)
    if folder.is_dir():
        files = sorted({file for pattern in _WEIGHTS for file in folder.glob(pattern) if file.is_file()})
        return "sha256:" + content_hash([[file.relative_to(folder).as_posix(), sha256_file(file)] for file in files])
    return f"commit:{getattr(config, '_commit_hash', None) or 'unknown'}"


def library_versions(*packages: str) -> str:
    """``name version`` of the packages that compute, for an identity."""
    from importlib.metadata import version

    return ", ".join(f"{package} {version(package)}" for package in packages)
