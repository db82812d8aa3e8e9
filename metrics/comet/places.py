"""Where files lie: a checkpoint or an encoder's configuration, in a folder or on the hub; and hashes of files."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from metrics.base import MetricError

_CHECKPOINT = Path("checkpoints", "model.ckpt")
_BLOCK = 2**20
_SHA256_DIGITS = 64
_SHOWN_DIGITS = 12


def checkpoint_file(model: str, revision: str = "") -> Path:
    """The ``.ckpt`` file of a model.

    Args:
        model: A ``.ckpt`` file, a folder in the layout of released checkpoints, or a hub name such as
            ``Unbabel/wmt22-comet-da``.
        revision: Commit, tag or branch of the hub's repository; by default its main branch.

    Raises:
        MetricError: There is no such file, and the hub does not have it either.
    """
    path = Path(model).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        found = path / _CHECKPOINT
        if not found.is_file():
            raise MetricError(f"comet: {model}: no {_CHECKPOINT} in this folder; name the .ckpt file itself")
        return found
    if not model or path.suffix == ".ckpt" or path.is_absolute():
        raise MetricError(f"comet: {model}: no such file or folder; name a .ckpt file, a folder or a model on the hub")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        found = Path(snapshot_download(repo_id=model, revision=revision or None)) / _CHECKPOINT
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise MetricError(
            f"comet: {model}: no file or folder here, and the hub does not give it ({first_line(error)}); name a local "
            "copy, or log in with 'hf auth login' where the model asks for it"
        ) from error
    if not found.is_file():
        raise MetricError(f"comet: {model}: the hub's repository has no {_CHECKPOINT}; it is not a COMET model")
    return found


def encoder_file(source: str, name: str) -> Path | None:
    """A file of an encoder's folder or hub repository; ``None`` where it has no such file.

    Raises:
        MetricError: The hub cannot be asked.
    """
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder / name if (folder / name).is_file() else None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(source, name))
    except LocalEntryNotFoundError as error:
        raise _unreachable(source, error) from error
    except EntryNotFoundError:
        return None
    except (HFValidationError, HfHubHTTPError, OSError) as error:
        raise _unreachable(source, error) from error


def model_name(model: str) -> str:
    """What to call a model: its hub name, or its folder's, without the parts that every checkpoint has."""
    path = Path(model).expanduser()
    if not path.exists():
        return model
    path = path.resolve() if path.is_dir() else path.absolute()
    if path.name == _CHECKPOINT.name and path.parent.name == _CHECKPOINT.parent.name:
        path = path.parent.parent
    for folder in (path, *path.parents):
        if folder.name.startswith("models--"):
            return folder.name.removeprefix("models--").replace("--", "/")
    return path.name


def weights_hash(path: Path) -> str:
    """The first digits of the SHA-256 of a checkpoint's bytes, for signatures.

    The hub's cache names large files by that hash; there it is read off the name instead of gigabytes.
    """
    blob = path.resolve()
    if blob.parent.name == "blobs" and len(blob.name) == _SHA256_DIGITS:
        return blob.name[:_SHOWN_DIGITS]
    status = blob.stat()
    return _hash(blob, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _hash(path: Path, size: int, changed: int) -> str:  # noqa: ARG001 - a changed file is another key
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()[:_SHOWN_DIGITS]


def first_line(error: BaseException) -> str:
    """An error in at most one line of 200 characters."""
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__


def _unreachable(source: str, error: BaseException) -> MetricError:
    return MetricError(
        f"comet: the encoder '{source}' is no folder here, and the hub does not give it ({first_line(error)}); "
        "give encoder=FOLDER with the encoder's configuration and tokenizer"
    )
