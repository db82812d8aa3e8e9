"""A COMET checkpoint -> its settings and weights. Nothing in it can run code.

The released layout is a folder with ``hparams.yaml`` and ``checkpoints/model.ckpt``, a Lightning checkpoint: a pickle,
which torch reads with ``weights_only=True``. As in unbabel-comet the settings are those inside the checkpoint and,
where it is silent, the defaults of its class; the file beside it names the class, and says that layers are mixed by
softmax where it has ``sparsemax_patch`` (https://github.com/Unbabel/COMET/issues/244).
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metrics.base import MetricError
from metrics.bounded_yaml import load_bounded
from metrics.comet.places import first_line

if TYPE_CHECKING:
    from torch import Tensor

REGRESSION, REFERENCELESS = "regression_metric", "referenceless_regression_metric"
UNIFIED, XCOMET = "unified_metric", "xcomet_metric"
CLASSES = (REGRESSION, REFERENCELESS, UNIFIED, XCOMET)
_ALL_SEGMENTS = ("mt", "src", "ref")
_XCOMET_LABELS = ("minor", "major", "critical")
_PATCH = "sparsemax_patch"
_MOST_SETTINGS = 1_000_000

_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    REGRESSION: {"pretrained_model": "xlm-roberta-large", "layer_transformation": "softmax", "layer_norm": True},
    REFERENCELESS: {"pretrained_model": "xlm-roberta-large", "layer_transformation": "softmax", "layer_norm": True},
    UNIFIED: {
        "pretrained_model": "microsoft/infoxlm-large",
        "layer_transformation": "sparsemax",
        "layer_norm": True,
        "word_layer": 24,
    },
    XCOMET: {
        "encoder_model": "XLM-RoBERTa-XL",
        "pretrained_model": "facebook/xlm-roberta-xl",
        "layer_transformation": "sparsemax",
        "layer_norm": False,
        "word_layer": 36,
    },
}
"""What the classes of unbabel-comet 2.2.7 take where a checkpoint says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a checkpoint says of itself.

    Attributes:
        kind: One of ``CLASSES``.
        encoder: Kind of encoder, e.g. ``XLM-RoBERTa``.
        pretrained: Hub name of the encoder, for its configuration and tokenizer.
        pool: How token states become a sentence vector: ``avg``, ``max``, ``cls`` or ``default``.
        layer: The layer that is used; ``None`` for a mix of all.
        sparse_mix: Whether the mix is by sparsemax; else softmax.
        layer_norm: Whether layers are normalised before they are mixed.
        activation, final_activation: Names of the activations of the estimator.
        segments: Which texts a joint input may hold.
        word_layer: Layer that errors are tagged from; ``None`` where words are not tagged.
        labels: Severities of errors, mildest first.
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

    @property
    def joint(self) -> bool:
        """Whether a translation is encoded together with its source and reference."""
        return self.kind in (UNIFIED, XCOMET)

    @property
    def uses_reference(self) -> bool:
        """Whether a reference changes the score."""
        return self.kind != REFERENCELESS and "ref" in self.segments

    @property
    def needs_reference(self) -> bool:
        """Whether there is no score without a reference."""
        return self.kind == REGRESSION or (self.joint and "src" not in self.segments)


def read(path: Path) -> tuple[Settings, Mapping[str, Tensor]]:
    """Settings and weights of a checkpoint.

    Returns:
        The settings, and the weights by name, mapped from the file and read when they are used.

    Raises:
        MetricError: The file is no checkpoint, wants to run code, or is of a class that is not known.
    """
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise MetricError(
            f"comet: {path}: refused: the file holds more than weights and plain values, and reading it could run code "
            f"({_offender(error)})"
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError, AttributeError) as error:
        raise MetricError(f"comet: {path}: not a readable checkpoint ({first_line(error)})") from error
    if not isinstance(content, dict) or not isinstance(content.get("state_dict"), Mapping):
        raise MetricError(f"comet: {path}: not a Lightning checkpoint: no 'state_dict' in it")
    inside = content.get("hyper_parameters")
    return _settings(path, dict(inside) if isinstance(inside, Mapping) else {}), content["state_dict"]


def _settings(path: Path, inside: Mapping[str, Any]) -> Settings:
    beside = _beside(path)
    kind = str(beside.get("class_identifier") or inside.get("class_identifier") or "")
    if kind not in CLASSES:
        raise MetricError(f"comet: {path}: class_identifier: found '{kind}'; known: {', '.join(CLASSES)}")
    values = {**_DEFAULTS[kind], **(inside or beside)}
    joint = kind in (UNIFIED, XCOMET)
    tagged = kind == XCOMET or bool(values.get("word_level_training", False))
    mix = _PATCH if beside.get("layer_transformation") == _PATCH else values["layer_transformation"]
    try:
        layer = values.get("sent_layer" if joint else "layer", "mix")
        return Settings(
            kind=kind,
            encoder=str(values.get("encoder_model", "XLM-RoBERTa")),
            pretrained=str(values["pretrained_model"]),
            pool="cls" if joint else str(values.get("pool", "avg")),
            layer=None if layer == "mix" else int(layer),
            sparse_mix=mix == "sparsemax",
            layer_norm=bool(values["layer_norm"]),
            activation=str(values.get("activations", "Tanh")),
            final_activation=values.get("final_activation"),
            segments=_ALL_SEGMENTS if kind == XCOMET else tuple(values.get("input_segments", _ALL_SEGMENTS)),
            word_layer=int(values["word_layer"]) if tagged else None,
            labels=_XCOMET_LABELS
            if kind == XCOMET
            else tuple(map(str, values.get("error_labels", _XCOMET_LABELS[:2]))),
        )
    except (TypeError, ValueError) as error:
        raise MetricError(f"comet: {path}: its settings cannot be read ({first_line(error)})") from error


def _beside(path: Path) -> dict[str, Any]:
    import yaml

    file = path.absolute().parent.parent / "hparams.yaml"
    if not file.is_file():
        return {}
    try:
        if file.stat().st_size > _MOST_SETTINGS:
            raise MetricError(f"comet: {file}: larger than settings can be ({_MOST_SETTINGS:,} bytes); is it them?")
        found = load_bounded(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise MetricError(f"comet: {file}: not readable YAML ({first_line(error)})") from error
    return found if isinstance(found, dict) else {}


def _offender(error: BaseException) -> str:
    """What torch refused, out of its page of advice (which ends in how to allow it)."""
    lines = [line.strip() for line in str(error).splitlines()]
    named = [line.partition(" was not an allowed")[0] for line in lines if "Unsupported" in line]
    return named[0].removeprefix("WeightsUnpickler error: ") if named else first_line(error)
