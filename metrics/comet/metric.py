"""COMET as a metric: one score a segment, averaged. The model is loaded when the first segment is scored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metrics.base import DEFINITIONS, FloatArray, MeanMetric, MetricError, MetricInfo, Segment, TextMetric
from metrics.comet.environment import PACKAGE
from metrics.comet.judgement import CometModel, ErrorSpan, Judgement, Triple
from metrics.comet.models import Loading, load
from metrics.comet.original import original
from metrics.comet.places import checkpoint_file, model_name, weights_hash
from metrics.spelling import did_you_mean

GLOTBENCH, UNBABEL = "glotbench", "unbabel"
IMPLEMENTATIONS = (GLOTBENCH, UNBABEL)
DTYPES = ("float32", "bfloat16", "float16")


class Comet(MeanMetric, TextMetric):
    """Mean of a COMET model's segment scores; statistics ``(score, 1)``.

    Several references are scored one by one and averaged; without a reference, models that can do without score the
    translation against its source. The signature names the implementation, ours or the original package.

    Args:
        loading: The model.
        implementation: One of ``IMPLEMENTATIONS``.
    """

    def __init__(self, info: MetricInfo, loading: Loading, implementation: str) -> None:
        self.info = info
        self._loading = loading
        self._implementation = implementation

    def signature(self) -> str:
        """Model, hash of its weights, implementation, dtype and version.

        Raises:
            MetricError: The model is neither here nor on the hub.
        """
        loading = self._loading
        ours = self._implementation == GLOTBENCH
        return "|".join(
            [
                "comet",
                f"model:{model_name(loading.model)}",
                f"weights:{weights_hash(checkpoint_file(loading.model, loading.revision))}",
                f"implementation:{self._implementation}",
                f"dtype:{loading.dtype if ours else 'float32'}",
                "refs:mean",
                f"v:{DEFINITIONS if ours else PACKAGE}",
            ]
        )

    def segment_stats(self, segments: Sequence[Segment]) -> FloatArray:
        triples, owners = [], []
        for index, segment in enumerate(segments):
            for reference in segment.references or (None,):
                triples.append(_triple(segment, reference))
                owners.append(index)
        scores = self._model().judge(triples).scores
        counts = np.bincount(owners, minlength=len(segments))
        means = np.bincount(owners, weights=scores, minlength=len(segments)) / np.maximum(counts, 1)
        return MeanMetric.stats(means)

    def judge(self, segments: Sequence[Segment]) -> Judgement:
        """Scores and error spans of segments, each against its first reference, or without where it has none.

        Raises:
            MetricError: A source is missing, or a reference that the model needs.
        """
        return self._model().judge([_triple(segment, next(iter(segment.references), None)) for segment in segments])

    def error_spans(self, segments: Sequence[Segment]) -> list[tuple[ErrorSpan, ...]]:
        """What the model holds to be wrong in every segment; xCOMET models tell.

        Raises:
            MetricError: The model does not tag words, or as :meth:`judge`.
        """
        spans = self.judge(segments).spans
        if spans is None:
            raise MetricError(f"comet: {model_name(self._loading.model)} does not tag words; name an xCOMET model")
        return spans

    def _model(self) -> CometModel:
        if self._implementation == UNBABEL:
            return original(checkpoint_file(self._loading.model, self._loading.revision), self._loading.encoder)
        return load(self._loading)


def comet(
    *,
    model: str = "Unbabel/wmt22-comet-da",
    revision: str = "",
    implementation: str = GLOTBENCH,
    encoder: str = "",
    device: str = "",
    dtype: str = DTYPES[0],
    batch_tokens: int = 0,
) -> Comet:
    """A COMET checkpoint's mean segment score, about 0-1 for most of them.

    Args:
        model: A ``.ckpt`` file, a folder in the released layout, or a hub name.
        revision: Commit, tag or branch of the hub's repository.
        implementation: ``glotbench``, or ``unbabel`` for the package itself (``glotbench env comet`` makes its
            environment), which always runs in float32.
        encoder: Folder with the encoder's configuration and tokenizer, where the hub is not to be asked.
        device: ``cpu``, ``cuda`` or ``cuda:1``; by default the GPU where there is one.
        dtype: Of the encoder: ``float32``, ``bfloat16`` or ``float16``.
        batch_tokens: Most tokens a batch, padding included; 0 for what suits the device.

    Raises:
        MetricError: A value that is not known or out of range.
    """
    for name, value, known in (("implementation", implementation, IMPLEMENTATIONS), ("dtype", dtype, DTYPES)):
        if value not in known:
            raise MetricError(
                f"comet: {name}: unknown value '{value}'{did_you_mean(value, known)}; known: {', '.join(known)}"
            )
    if batch_tokens < 0:
        raise MetricError(f"comet: batch_tokens: needs a whole number of at least 0, found {batch_tokens}")
    info = MetricInfo(
        name="comet",
        title=f"COMET ({model_name(model)})",
        description="Quality of the translation as a neural model, trained on people's ratings, judges it.",
        unit="fraction",
        bounds=(float("-inf"), float("inf")),
        needs_source=True,
        decimals=4,
        kinds=("translation",),
    )
    loading = Loading(
        model=model, revision=revision, encoder=encoder, device=device, dtype=dtype, batch_tokens=batch_tokens
    )
    return Comet(info, loading, implementation)


def _triple(segment: Segment, reference: str | None) -> Triple:
    if segment.source is None:
        raise MetricError("comet: needs the source of every segment; give the sources")
    return Triple(source=segment.source, hypothesis=segment.hypothesis, reference=reference)
