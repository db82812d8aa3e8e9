"""A COMET checkpoint on disk or on the hub -> its settings and weights. Nothing in it can run code.

The released layout is a folder with ``hparams.yaml`` and ``checkpoints/model.ckpt``, a Lightning checkpoint: a pickle,
which torch reads with ``weights_only=True``.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metrics.base import MetricError

if TYPE_CHECKING:
    from torch import Tensor

CLASSES = ("regression_metric", "referenceless_regression_metric", "unified_metric", "xcomet_metric")
_BLOCK = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a checkpoint says of itself.

    Attributes:
        kind: One of ``CLASSES``. encoder: Kind of encoder, e.g. ``XLM-RoBERTa``.
        pretrained: Hub name of the encoder, for its configuration and tokenizer.
        pool: How token states become a sentence vector. layer: Layer that is used; ``None`` for a mix of all.
        sparse_mix: Whether the mix is by sparsemax; else softmax. layer_norm: Whether layers are normalised first.
        activation, final_activation: Names of the activations of the estimator.
        segments: What a joint input is made of, in order. word_layer: Layer that errors are tagged from; ``None``
            without word-level training. labels: Severities, after "no error".
    """

    kind: str
    encoder: str
    pretrained: str
    pool: str
    layer: int | None
    sparse_mix: bool
    layer_norm: bool
    activation: str
    final_activation: str | None
    segments: tuple[str, ...]
    word_layer: int | None
    labels: tuple[str, ...]


def locate(model: str) -> Path:
    """The ``.ckpt`` file of a model.

    Args:
        model: A ``.ckpt`` file, a folder in the released layout, or a hub name such as ``Unbabel/wmt22-comet-da``.

    Raises:
        MetricError: There is no such file, and the hub does not have it either.
    """
    path = Path(model).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        found = path / "checkpoints" / "model.ckpt"
        if not found.is_file():
            raise MetricError(f"comet: {model}: no checkpoints/model.ckpt in this folder; name the .ckpt file")
        return found
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repo_id=model)) / "checkpoints" / "model.ckpt"
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise MetricError(
            f"comet: {model}: neither a file, nor a folder, nor to be had from the hub ({reason})"
        ) from error


def read(path: Path) -> tuple[Settings, Mapping[str, Tensor]]:
    """Settings and weights of a checkpoint.

    Returns:
        The settings, and the weights by name, still on disk until they are used.

    Raises:
        MetricError: The file is no checkpoint, wants to run code, or is of a class that is not known.
    """
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise MetricError(
            f"comet: {path}: refused: the file holds more than weights and plain values, and reading it could run code "
            f"({_first_line(error)})"
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise MetricError(f"comet: {path}: not a readable checkpoint ({_first_line(error)})") from error
    if not isinstance(content, dict) or not isinstance(content.get("state_dict"), dict):
        raise MetricError(f"comet: {path}: not a Lightning checkpoint: no 'state_dict' in it")
    inside = content.get("hyper_parameters")
    return _settings(path, dict(inside) if isinstance(inside, Mapping) else {}), content["state_dict"]


def weights_hash(path: Path) -> str:
    """Short hash of a checkpoint's bytes, for signatures."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()[:12]


def _settings(path: Path, inside: Mapping[str, Any]) -> Settings:
    """Settings: those inside the checkpoint, completed by ``hparams.yaml``, as the original does.

    The file's ``class_identifier`` comes first; its ``sparsemax_patch`` means softmax (unbabel-comet issue 244).
    """
    beside = _beside(path)
    values = {**beside, **inside}
    kind = str(beside.get("class_identifier") or inside.get("class_identifier") or "")
    if kind not in CLASSES:
        raise MetricError(f"comet: {path}: class_identifier: found '{kind}'; known: {', '.join(CLASSES)}")
    joint = kind in ("unified_metric", "xcomet_metric")
    layer = values.get("sent_layer" if joint else "layer", "mix")
    tagged = kind == "xcomet_metric" or bool(values.get("word_level_training", False))
    segments = ("mt", "src", "ref") if kind == "xcomet_metric" else tuple(values.get("input_segments", ()))
    labels = values.get("error_labels") or (
        ["minor", "major", "critical"] if kind == "xcomet_metric" else ["minor", "major"]
    )
    return Settings(
        kind=kind,
        encoder=str(values.get("encoder_model", "XLM-RoBERTa")),
        pretrained=str(values.get("pretrained_model", "xlm-roberta-large")),
        pool="cls" if joint else str(values.get("pool", "avg")),
        layer=None if layer == "mix" else int(layer),
        sparse_mix=values.get("layer_transformation", "sparsemax" if joint else "softmax") == "sparsemax"
        and beside.get("layer_transformation") != "sparsemax_patch",
        layer_norm=bool(values.get("layer_norm", kind != "xcomet_metric")),
        activation=str(values.get("activations", "Tanh")),
        final_activation=values.get("final_activation"),
        segments=segments or ("mt", "src", "ref"),
        word_layer=int(values.get("word_layer", 36 if kind == "xcomet_metric" else 24)) if tagged else None,
        labels=tuple(str(label) for label in labels),
    )


def _beside(path: Path) -> dict[str, Any]:
    import yaml

    file = path.resolve().parent.parent / "hparams.yaml"
    if not file.is_file():
        return {}
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise MetricError(f"comet: {file}: not readable YAML ({_first_line(error)})") from error
    return found if isinstance(found, dict) else {}


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
