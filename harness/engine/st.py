"""sentence-transformers models: the model's own sentence embedding, and pooled hidden states of its transformer.

``st:NAME_OR_PATH[,dtype=...][,device=...][,batch_size=N][,batch_tokens=N][,revision=R]``, and the options of
``harness.engine.embedding``. Prompts and shortened vectors are sentence-transformers' own, except that the shortened
vectors of a model that normalises are normalised again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.engine.base import ModelSpec, batches_by_length
from harness.engine.embedding import OPTIONS, EmbeddingOptions, OwnPrompts
from harness.engine.fitting import Fitting
from harness.engine.identity import library_versions, weights_identity
from harness.engine.loading import choose_device, choose_dtype
from harness.engine.pooling import LayerPooler
from harness.engine.work import Work
from harness.errors import BackendError
from harness.types import Chat, Embed, EmbedResponse, Request, Response


class SentenceTransformersEngine:
    """A sentence encoder on one device. Embeddings are the model's own: its pooling, its normalisation, its prompts."""

    backend = "st"
    stored = True
    chat: Chat | None = None

    def __init__(self, spec: ModelSpec) -> None:
        import torch
        import transformers
        from sentence_transformers import SentenceTransformer

        spec.require_known(["dtype", "device", "batch_size", "batch_tokens", "revision", *OPTIONS])
        transformers.logging.disable_progress_bar()
        transformers.logging.set_verbosity_error()
        self.name = spec.name
        self.label = spec.options.get("label", "")
        self._device = choose_device(spec)
        dtype = choose_dtype(spec, self._device)
        try:
            self._model: Any = SentenceTransformer(
                spec.target,
                device=self._device,
                revision=spec.options.get("revision"),
                model_kwargs={"dtype": getattr(torch, dtype)},
            )
        except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise BackendError(f"--model st:{spec.target}: cannot be loaded: {reason}") from error
        self.work: Work | None = Work(self._device, dtype)
        self.work.watch(self._model[0].auto_model)
        self._pool_layers = LayerPooler(self._model[0].auto_model, self.name)
        self._batch_size = spec.integer("batch_size", 64)
        self._batch_tokens = spec.integer("batch_tokens", 2048 if self._device == "cpu" else 65536)
        self.fitting = Fitting(self.name)
        unit_length = self._normalizes()
        own = OwnPrompts(texts=dict(self._model.prompts), default=self._model.default_prompt_name)
        width = self._model.get_embedding_dimension()
        self._options = EmbeddingOptions(spec, own, width=width, unit_length=unit_length)
        self.space = {
            "backend": "st",
            "weights": weights_identity(spec.target, self._model[0].auto_model.config),
            "dtype": dtype,
            "device": self._device.partition(":")[0],
            "max_length": str(self._model.max_seq_length),
            "batching": f"{self._batch_size} rows, {self._batch_tokens} tokens",
            "versions": library_versions("torch", "transformers", "tokenizers", "sentence-transformers"),
        }
        self.identity = {**self.space, **self._options.identity()}
        if unit_length and spec.flag("normalize") is False:
            self._drop_normalization()
            self.space["normalize"] = "false"

    def requests_answered(self) -> frozenset[type]:
        return frozenset({Embed})

    def covers(self, request: Request) -> bool:  # noqa: ARG002
        return True

    def plan(self, requests: Sequence[Request]) -> list[list[int]]:
        groups: dict[object, list[int]] = {}
        for position, request in enumerate(requests):
            if isinstance(request, Embed):
                groups.setdefault(request.pooling or self.prompt(request), []).append(position)
        batches = []
        for group, positions in groups.items():
            prompt = group if isinstance(group, str) else ""
            lengths = self._lengths(
                [prompt + request.text for position in positions if isinstance(request := requests[position], Embed)]
            )
            for batch in batches_by_length(lengths, size=self._batch_size, budget=self._batch_tokens):
                batches.append([positions[index] for index in batch])
        return batches

    def amount(self, requests: Sequence[Request]) -> tuple[int, int]:
        asked = [request for request in requests if isinstance(request, Embed)]
        tokens = sum(self._lengths([("" if one.pooling else self.prompt(one)) + one.text for one in asked]))
        return tokens, tokens

    def answer(self, batch: Sequence[Request]) -> list[Response]:
        requests = [request for request in batch if isinstance(request, Embed)]
        if not requests[0].pooling:
            return [EmbedResponse(vectors=self.finish(vector)) for vector in self.embed(requests)]
        return self.fitting.answered("embedded", requests, self._embed_layers, self._text_lengths)

    def _embed_layers(self, requests: Sequence[Embed]) -> list[Response]:
        """Pooled states of all layers, in one pass."""
        texts = [request.text for request in requests]
        encoded = self._model.tokenizer(
            texts, padding=True, truncation=True, max_length=self._model.max_seq_length, return_tensors="pt"
        ).to(self._device)
        pooled = self._pool_layers(encoded, requests[0].pooling).cpu().numpy()
        return [EmbedResponse(vectors=row) for row in pooled]

    def prompt(self, request: Embed) -> str:
        return self._options.prompt(request)

    def embed(self, batch: Sequence[Embed]) -> NDArray[np.float32]:
        return np.stack(self.fitting.answered("embedded", batch, self._embed_now, self._text_lengths))

    def _text_lengths(self, requests: Sequence[Embed]) -> list[int]:
        return self._lengths([("" if one.pooling else self.prompt(one)) + one.text for one in requests])

    def _embed_now(self, batch: Sequence[Embed]) -> list[NDArray[np.float32]]:
        """Raw vectors ``[d]``, in one pass."""
        texts = [request.text for request in batch]
        vectors = self._model.encode(
            texts,
            prompt=self.prompt(batch[0]),
            batch_size=len(texts),
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        return list(np.asarray(vectors, dtype=np.float32))

    def finish(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._options.finish(vector)

    def close(self) -> None:
        import torch

        self._model = None
        del self._pool_layers
        if self._device != "cpu":
            torch.cuda.empty_cache()

    def _lengths(self, texts: list[str]) -> list[int]:
        """Tokens of every text, as far as the model reads it."""
        limit = self._model.max_seq_length or 512
        return [max(1, min(len(ids), limit)) for ids in self._model.tokenizer(texts)["input_ids"]] if texts else []

    def _normalizes(self) -> bool:
        """Whether the model's last step is to give its vectors length 1."""
        return type(self._model[-1]).__name__ == "Normalize"

    def _drop_normalization(self) -> None:
        while self._normalizes():
            del self._model[-1]


def load(spec: ModelSpec) -> SentenceTransformersEngine:
    """A :class:`SentenceTransformersEngine`.

    Raises:
        BackendError: The model cannot be read, or an option is wrong.
    """
    return SentenceTransformersEngine(spec)
