"""transformers models: log-probabilities and text from causal models, pooled hidden states from any.

``hf:NAME_OR_PATH[,dtype=float32|bfloat16|float16][,device=cpu|cuda][,batch_size=N][,batch_tokens=N][,revision=R]
[,max_length=N][,sharing=none][,softmax_dtype=float32|model][,chat_template=true[,system=TEXT][,multiturn=false]
[,enable_thinking=true|false]][,pooling=mean|weighted|lasttoken|cls]``, and what ``harness.engine.loading`` says of
kernels, quantised weights and several devices. CPU and CUDA run the same code; the default dtype is float32 on CPU and
bfloat16 on CUDA. A final embedding is pooled from the last layer, by default the mean, with the options of
``harness.engine.embedding``.

Log-probabilities follow lm-eval's HFLM (same tokens, same truncation, same greedy flag; what rows have in common is
computed once, ``harness.engine.scoring``). The log-softmax is in float32; ``softmax_dtype=model`` asks for HFLM's own.
Text, greedy or sampled, is cut at the stop strings as HFLM does (``harness.engine.generation``: finished rows leave,
waiting rows enter). Encoder-decoder models are ``harness.engine.seq2seq``'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from harness.engine.base import Engine, ModelSpec, batches_by_length
from harness.engine.chat import OPTIONS as CHAT_OPTIONS
from harness.engine.chat import chat_of
from harness.engine.compiling import uncompiled
from harness.engine.embedding import OPTIONS as EMBEDDING_OPTIONS
from harness.engine.embedding import EmbeddingOptions, OwnPrompts
from harness.engine.fitting import Fitting
from harness.engine.generation import TextGenerator
from harness.engine.identity import library_versions, weights_identity
from harness.engine.loading import OPTIONS as LOADING_OPTIONS
from harness.engine.loading import load_pretrained, source_of
from harness.engine.pooling import LayerPooler, pool
from harness.engine.scoring import Scorer
from harness.engine.softmax import softmax_of
from harness.engine.windows import Encoder
from harness.engine.work import Work
from harness.errors import BackendError
from harness.types import (
    Chat,
    Embed,
    EmbedResponse,
    Generate,
    Judge,
    LogLikelihood,
    Pooling,
    Preference,
    Request,
    Response,
    RollingLogLikelihood,
)
from metrics.spelling import did_you_mean

OPTIONS = (*LOADING_OPTIONS, "batch_size", "batch_tokens", "max_length", "sharing", "softmax_dtype", "pooling")
_POOLINGS = ("mean", "weighted", "lasttoken", "cls")
_CPU_BATCH_TOKENS = 1024
_CUDA_BATCH_TOKENS = 16384
_NO_LIMIT = 10**9
_FALLBACK_LENGTH = 2048


class HuggingFaceEngine:
    """A transformers model on one device."""

    backend = "hf"
    stored = True

    def __init__(self, spec: ModelSpec) -> None:
        spec.require_known([*OPTIONS, *CHAT_OPTIONS, *EMBEDDING_OPTIONS])
        self._pooling = spec.options.get("pooling", "mean")
        if self._pooling not in _POOLINGS:
            raise BackendError(
                f"--model hf:{spec.target}: unknown pooling '{self._pooling}'{did_you_mean(self._pooling, _POOLINGS)}; "
                f"use one of {', '.join(_POOLINGS)}"
            )
        self.name = spec.name
        self.label = spec.options.get("label", "")
        loaded = load_pretrained(spec, lambda config: "AutoModelForCausalLM" if is_causal(config) else "AutoModel")
        config, dtype, self._device = loaded.config, loaded.dtype, loaded.device
        self._causal = is_causal(config)
        self._tokenizer: Any = loaded.tokenizer
        self._model: Any = loaded.model
        self.work: Work | None = Work(self._device, dtype)
        self.work.watch(self._model, self._backbone)
        self.fitting = Fitting(self.name)
        self._max_length = spec.integer("max_length", longest_input(config, self._tokenizer))
        self._batch_size = spec.integer("batch_size", 64)
        default_budget = _CPU_BATCH_TOKENS if self._device == "cpu" else _CUDA_BATCH_TOKENS
        self._batch_tokens = spec.integer("batch_tokens", default_budget)
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token or self._tokenizer.convert_ids_to_tokens(0)
        self.chat: Chat | None = chat_of(spec, self._tokenizer)
        self._pool_layers = LayerPooler(self._backbone, self.name)
        self._encoder = Encoder(self.name, self._tokenizer, self._max_length)
        self._scorer: Scorer | None = self._make_scorer(spec) if self._causal else None
        self._writer: TextGenerator | None = self._make_writer() if self._causal else None
        if self._scorer is not None:
            self._scorer.fitting = self.fitting
        if self._writer is not None:
            self._writer.fitting = self.fitting
        self.identity = {
            "backend": "hf",
            "weights": weights_identity(spec.target, config),
            "dtype": dtype,
            "device": self._device.partition(":")[0],
            "max_length": str(self._max_length),
            "batching": f"{self._batch_size} rows, {self._batch_tokens} tokens",
            **({"sharing": self._scorer.sharing} if self._scorer else {}),
            **({"softmax": "model"} if spec.options.get("softmax_dtype") == "model" else {}),
            **({"decoding": self._writer.decoding} if self._writer else {}),
            **loaded.identity,
            "versions": library_versions("torch", "transformers", "tokenizers"),
        }
        self._options = EmbeddingOptions(
            spec, OwnPrompts(texts={}), width=getattr(config.get_text_config(), "hidden_size", None)
        )
        self.space = {**self.identity, "embedding": f"{self._pooling} of the last layer"}
        pooling = {"pooling": self._pooling} if "pooling" in spec.options else {}
        self.identity = {**self.identity, **pooling, **self._options.identity()}

    def requests_answered(self) -> frozenset[type]:
        if self._causal:
            return frozenset({LogLikelihood, RollingLogLikelihood, Preference, Generate, Embed})
        return frozenset({Embed})

    def covers(self, request: Request) -> bool:  # noqa: ARG002
        return True

    def plan(self, requests: Sequence[Request]) -> list[list[int]]:
        groups: dict[object, list[int]] = {}
        for position, request in enumerate(requests):
            groups.setdefault(_group(request), []).append(position)
        batches = []
        for group, positions in groups.items():
            chosen = [requests[position] for position in positions]
            if group is LogLikelihood and self._scorer is not None:
                found = self._scorer.plan(self._encoder.planned(chosen))
            elif group is Generate and self._writer is not None:
                found = self._writer.plan([request for request in chosen if isinstance(request, Generate)])
            else:
                found = batches_by_length(self._lengths(chosen), size=self._batch_size, budget=self._batch_tokens)
            batches += [[positions[index] for index in batch] for batch in found]
        return batches

    def prepare(self, requests: Sequence[Request]) -> None:
        if self._scorer is not None:
            self._encoder.prepare([request for request in requests if _group(request) is LogLikelihood])

    def answer(self, batch: Sequence[Request]) -> list[Response]:
        import torch

        first = batch[0]
        with torch.inference_mode():
            if isinstance(first, Embed):
                return self._embed([request for request in batch if isinstance(request, Embed)])
            if isinstance(first, Generate) and self._writer is not None:
                return self._writer.answer([request for request in batch if isinstance(request, Generate)])
            if self._scorer is None:
                raise BackendError(f"{self.name}: backend hf does not answer {type(first).__name__} here")
            return self._scorer.answer(self._encoder.taken(batch))

    def amount(self, requests: Sequence[Request]) -> tuple[int, int]:
        scored = [request for request in requests if _group(request) is LogLikelihood]
        lengths = sum(self._lengths([request for request in requests if _group(request) is not LogLikelihood]))
        tokens, positions = self._scorer.amount(self._encoder.windows(scored)) if self._scorer else (0, 0)
        return lengths + tokens, lengths + positions

    def prompt(self, request: Embed) -> str:
        return "" if request.pooling else self._options.prompt(request)

    def embed(self, batch: Sequence[Embed]) -> NDArray[np.float32]:
        return np.stack(self.fitting.answered("embedded", batch, self._embed_now, self._lengths))

    def finish(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._options.finish(vector)

    def close(self) -> None:
        import torch

        self._model = self._scorer = self._writer = None
        del self._pool_layers
        if self._device != "cpu":
            torch.cuda.empty_cache()

    def _make_scorer(self, spec: ModelSpec) -> Scorer:
        sharing = spec.options.get("sharing", "auto")
        if sharing not in ("auto", "none"):
            raise BackendError(f"--model hf:{spec.target}: sharing must be auto or none, found '{sharing}'")
        scorer = Scorer(
            self._model,
            self._device,
            name=self.name,
            size=self._batch_size,
            budget=self._batch_tokens,
            max_length=self._max_length,
            share=sharing == "auto",
            work=self.work,
        )
        scorer.use(softmax_of(spec, self._model))
        return scorer

    def _make_writer(self) -> TextGenerator:
        return TextGenerator(
            self._model,
            self._tokenizer,
            self._device,
            name=self.name,
            size=self._batch_size,
            budget=self._batch_tokens,
            max_length=self._max_length,
            shares=self._scorer is not None and self._scorer.sharing in ("masked", "packed"),
        )

    def _lengths(self, requests: Sequence[Request]) -> list[int]:
        """Tokens of every request, for batching; one batched call of the tokenizer."""
        texts = [
            self.prompt(request) + request.text if isinstance(request, Embed) else _text(request)
            for request in requests
        ]
        encoded = self._tokenizer(texts, add_special_tokens=True)["input_ids"] if texts else []
        return [max(1, min(len(ids), self._max_length)) for ids in encoded]

    def _embed(self, batch: Sequence[Embed]) -> list[Response]:
        if not batch[0].pooling:
            return [EmbedResponse(vectors=self.finish(vector)) for vector in self.embed(batch)]
        return self.fitting.answered("embedded", batch, self._embed_layers, self._lengths)

    def _embed_now(self, batch: Sequence[Embed]) -> list[NDArray[np.float32]]:
        """Raw vectors ``[d]``, in one pass."""
        import torch

        encoded = self._padded([self.prompt(request) + request.text for request in batch])
        with torch.inference_mode():
            states = self._backbone(**encoded).last_hidden_state
            if self._pooling == "cls":
                pooled = states[:, 0].float()
            else:
                pooled = pool([states], encoded["attention_mask"], (cast("Pooling", self._pooling),))[:, 0, 0]
        return list(pooled.cpu().numpy())

    def _embed_layers(self, batch: Sequence[Embed]) -> list[Response]:
        """Pooled states of all layers, in one pass."""
        poolings = batch[0].pooling
        encoded = self._padded([request.text for request in batch])
        with uncompiled(self.identity):
            pooled = self._pool_layers(encoded, poolings).cpu().numpy()
        return [EmbedResponse(vectors=row) for row in pooled]

    @property
    def _backbone(self) -> Any:
        return self._model.base_model if self._causal else self._model

    def _padded(self, texts: list[str]) -> Any:
        """Token ids and mask ``[n, tokens]`` of texts to be embedded, on the device."""
        self._tokenizer.padding_side = "right"
        encoded = self._tokenizer(
            texts,
            padding=True,
            truncation=True,
            max_length=self._max_length,
            return_tensors="pt",
        ).to(self._device)
        if encoded["input_ids"].shape[1] == 0:
            raise BackendError(f"{self.name}: the tokenizer makes no token of an empty text; remove empty sentences")
        return encoded


def load(spec: ModelSpec) -> Engine:
    """A :class:`HuggingFaceEngine`, or what answers for encoder-decoder models.

    Raises:
        BackendError: The model cannot be read, or an option is wrong.
    """
    if _is_encoder_decoder(spec):
        from harness.engine.seq2seq import Seq2SeqEngine

        return Seq2SeqEngine(spec)
    return HuggingFaceEngine(spec)


def _is_encoder_decoder(spec: ModelSpec) -> bool:
    """What the model's configuration says; one that cannot be read is the engine's to report."""
    import transformers

    try:
        config = transformers.AutoConfig.from_pretrained(**source_of(spec))
    except (OSError, ValueError, KeyError, ImportError, RuntimeError):
        return False
    return bool(config.is_encoder_decoder)


def _group(request: Request) -> object:
    """Requests of one batch must share this."""
    match request:
        case Generate():
            return Generate
        case Embed():
            return (Embed, request.pooling)
        case _:
            return LogLikelihood


def _text(request: Request) -> str:
    match request:
        case LogLikelihood():
            return request.context + request.continuation
        case Preference():
            return request.context + request.completion
        case Generate():
            return request.prompt
        case Judge():
            return request.hypothesis
        case RollingLogLikelihood() | Embed():
            return request.text


def is_causal(config: Any) -> bool:
    """Whether a configuration is a language model's, which has log-probabilities and writes text."""
    return any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in config.architectures or ())


def longest_input(config: Any, tokenizer: Any) -> int:
    """Tokens the model takes: the smaller of what the config and the tokenizer say."""
    text_config = config.get_text_config() if hasattr(config, "get_text_config") else config
    names = ("max_position_embeddings", "n_positions", "n_ctx", "seq_length")
    limits = [int(value) for name in names if (value := getattr(text_config, name, None))]
    if (limit := tokenizer.model_max_length) and limit < _NO_LIMIT:
        limits.append(int(limit))
    return min(limits) if limits else _FALLBACK_LENGTH
