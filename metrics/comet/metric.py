"""COMET as a metric: one score a segment, averaged. The model is loaded when the first segment is scored."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from metrics.base import DEFINITIONS, FloatArray, MeanMetric, MetricError, MetricInfo, Segment, TextMetric
from metrics.comet.checkpoint import locate, weights_hash
from metrics.comet.models import CometModel, ErrorSpan, Triple
from metrics.comet.original import OriginalComet
from metrics.spelling import did_you_mean

IMPLEMENTATIONS = ("glotbench", "unbabel")
DTYPES = ("float32", "bfloat16", "float16")
_CPU_TOKENS, _CUDA_TOKENS = 4096, 65536

_models: dict[tuple[object, ...], CometModel] = {}


class Comet(MeanMetric, TextMetric):
    """Mean of a COMET model's segment scores; statistics ``(score, 1)``.

    Several references are scored one by one and averaged. Statistics are made with one of two implementations, ours or
    the unbabel-comet package in an environment of its own; the signature says which.
    """

    def __init__(
        self, info: MetricInfo, *, model: str, implementation: str, encoder: str, device: str, dtype: str
    ) -> None:
        self.info = info
        self._model = model
        self._implementation = implementation
        self._encoder = encoder
        self._device = device
        self._dtype = dtype

    def signature(self) -> str:
        return self._text

    @cached_property
    def _text(self) -> str:
        path = locate(self._model)
        name = Path(self._model).name if Path(self._model).exists() else self._model
        dtype = self._dtype if self._implementation == "glotbench" else "float32"
        return (
            f"comet|model:{name}|weights:{weights_hash(path)}|implementation:{self._implementation}|dtype:{dtype}"
            f"|refs:mean|v:{DEFINITIONS}"
        )

    def segment_stats(self, segments: Sequence[Segment]) -> FloatArray:
        triples, owners = [], []
        for index, segment in enumerate(segments):
            if segment.source is None:
                raise MetricError("comet: needs the source of every segment; give the sources")
            for reference in segment.references or (None,):
                triples.append(Triple(source=segment.source, hypothesis=segment.hypothesis, reference=reference))
                owners.append(index)
        if self._implementation == "unbabel":
            scores = OriginalComet(locate(self._model)).scores(triples)
        else:
            scores = self.loaded().judge(triples).scores
        counts = np.bincount(owners, minlength=len(segments))
        means = np.bincount(owners, weights=scores, minlength=len(segments)) / np.maximum(counts, 1)
        return MeanMetric.stats(means)

    def error_spans(self, segments: Sequence[Segment]) -> list[list[ErrorSpan]]:
        """What an xCOMET model holds to be wrong in every segment, against its first reference.

        Raises:
            MetricError: The model does not tag words, or a source is missing.
        """
        triples = [
            Triple(
                source=segment.source or "",
                hypothesis=segment.hypothesis,
                reference=segment.references[0] if segment.references else None,
            )
            for segment in segments
        ]
        spans = self.loaded().judge(triples).spans
        if spans is None:
            raise MetricError("comet: this model does not tag words; name an xCOMET model")
        return spans

    def loaded(self) -> CometModel:
        """The model, kept for the life of the process: a second system on the same test set finds its sentences."""
        import torch

        device = self._device or ("cuda" if torch.cuda.is_available() else "cpu")
        key = (self._model, self._encoder, device, self._dtype)
        if key not in _models:
            _models.clear()
            _models[key] = CometModel(
                self._model,
                encoder=self._encoder,
                device=device,
                dtype=self._dtype,
                batch_tokens=_CPU_TOKENS if device == "cpu" else _CUDA_TOKENS,
            )
        return _models[key]


def comet(
    *,
    model: str = "Unbabel/wmt22-comet-da",
    implementation: str = "glotbench",
    encoder: str = "",
    device: str = "",
    dtype: str = "float32",
) -> Comet:
    """A COMET checkpoint's mean segment score, about 0-1 for most of them.

    Args:
        model: A ``.ckpt`` file, a folder in the released layout, or a hub name.
        implementation: ``glotbench``, or ``unbabel`` for the package itself (``glotbench env comet`` makes its
            environment).
        encoder: Folder with the encoder's configuration and tokenizer, where the hub is not to be asked.
        device: ``cpu`` or ``cuda``; by default ``cuda`` where there is one. dtype: Of the encoder.

    Raises:
        MetricError: A value that is not known.
    """
    for name, value, known in (("implementation", implementation, IMPLEMENTATIONS), ("dtype", dtype, DTYPES)):
        if value not in known:
            raise MetricError(
                f"comet: {name}: unknown value '{value}'{did_you_mean(value, known)}; known: {', '.join(known)}"
            )
    info = MetricInfo(
        name="comet",
        title="COMET",
        description="Quality of the translation as a neural model, trained on people's ratings, judges it.",
        unit="fraction",
        bounds=(float("-inf"), float("inf")),
        needs_source=True,
        decimals=4,
        kinds=("translation",),
    )
    return Comet(info, model=model, implementation=implementation, encoder=encoder, device=device, dtype=dtype)
