"""transformers models: log-probabilities and text from causal models, pooled hidden states from any.

``hf:NAME_OR_PATH[,dtype=float32|bfloat16|float16][,device=cpu|cuda][,batch_size=N][,batch_tokens=N][,revision=R]
[,max_length=N][,chat_template=true[,system=TEXT][,multiturn=false]][,pooling=mean|weighted|lasttoken|cls]``. CPU and
CUDA run the same code; the default dtype is float32 on CPU and bfloat16 on CUDA. A final embedding is pooled from the
last layer, by default the mean, with the options of ``harness.engine.embedding``.

Log-probabilities follow lm-eval's HFLM (same tokens, same truncation, same greedy flag), with the log-softmax always in
float32. Rows are padded on the right, which a causal model never sees; only the rows from the first scored position on
reach the output layer. Text is decoded greedily and cut at the stop strings as HFLM does. Encoder-decoder models are
``harness.engine.seq2seq``'s.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from harness.engine.base import Engine, ModelSpec, batches_by_length
from harness.engine.chat import OPTIONS as CHAT_OPTIONS
from harness.engine.chat import chat_of
from harness.engine.embedding import OPTIONS as EMBEDDING_OPTIONS
from harness.engine.embedding import EmbeddingOptions, OwnPrompts
from harness.engine.identity import library_versions, weights_identity
from harness.engine.pooling import pool
from harness.errors import BackendError
from harness.types import (
    Chat,
    Embed,
    EmbedResponse,
    Failed,
    Generate,
    GenerateResponse,
    Judge,
    LogLikelihood,
    LogLikelihoodResponse,
    Pooling,
    Preference,
    Request,
    Response,
    RollingLogLikelihood,
)
from metrics.spelling import did_you_mean

OPTIONS = ("dtype", "device", "batch_size", "batch_tokens", "revision", "max_length", "pooling")
_POOLINGS = ("mean", "weighted", "lasttoken", "cls")
_DTYPES = ("float32", "bfloat16", "float16")
_CPU_BATCH_TOKENS = 1024
_CUDA_BATCH_TOKENS = 16384
_NO_LIMIT = 10**9
_FALLBACK_LENGTH = 2048

_Windows = list[tuple[list[int], list[int]]]


def choose_device(spec: ModelSpec) -> str:
    """``cuda`` where there is one, unless the option says otherwise."""
    import torch

    device = spec.options.get("device") or ("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise BackendError(f"--model {spec.backend}:{spec.target}: device={device}, but this machine has no usable GPU")
    return device


def choose_dtype(spec: ModelSpec, device: str) -> str:
    """Name of the dtype: as the option says, else float32 on CPU and bfloat16 on CUDA."""
    dtype = spec.options.get("dtype") or ("float32" if device == "cpu" else "bfloat16")
    if dtype not in _DTYPES:
        raise BackendError(
            f"--model {spec.backend}:{spec.target}: unknown dtype '{dtype}'; use one of {', '.join(_DTYPES)}"
        )
    return dtype


class HuggingFaceEngine:
    """A transformers model on one device."""

    backend = "hf"
    stored = True

    def __init__(self, spec: ModelSpec) -> None:
        import torch
        import transformers

        spec.require_known([*OPTIONS, *CHAT_OPTIONS, *EMBEDDING_OPTIONS])
        self._pooling = spec.options.get("pooling", "mean")
        if self._pooling not in _POOLINGS:
            raise BackendError(
                f"--model hf:{spec.target}: unknown pooling '{self._pooling}'{did_you_mean(self._pooling, _POOLINGS)}; "
                f"use one of {', '.join(_POOLINGS)}"
            )
        transformers.logging.disable_progress_bar()
        transformers.logging.set_verbosity_error()
        self.name = spec.name
        self.label = spec.options.get("label", "")
        self._device = choose_device(spec)
        dtype = choose_dtype(spec, self._device)
        revision = spec.options.get("revision")
        try:
            config = transformers.AutoConfig.from_pretrained(spec.target, revision=revision)
            self._causal = any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in config.architectures or ())
            auto = transformers.AutoModelForCausalLM if self._causal else transformers.AutoModel
            self._tokenizer: Any = transformers.AutoTokenizer.from_pretrained(spec.target, revision=revision)
            self._model: Any = auto.from_pretrained(spec.target, revision=revision, dtype=getattr(torch, dtype))
        except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise BackendError(f"--model hf:{spec.target}: cannot be loaded: {reason}") from error
        self._model = self._model.to(self._device).eval()
        self._max_length = spec.integer("max_length", longest_input(config, self._tokenizer))
        self._batch_size = spec.integer("batch_size", 64)
        default_budget = _CPU_BATCH_TOKENS if self._device == "cpu" else _CUDA_BATCH_TOKENS
        self._batch_tokens = spec.integer("batch_tokens", default_budget)
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token or self._tokenizer.convert_ids_to_tokens(0)
        self.chat: Chat | None = chat_of(spec, self._tokenizer)
        self._keeps_logits = self._causal and "logits_to_keep" in inspect.signature(self._model.forward).parameters
        self.identity = {
            "backend": "hf",
            "weights": weights_identity(spec.target, config),
            "dtype": dtype,
            "device": self._device.partition(":")[0],
            "max_length": str(self._max_length),
            "batching": f"{self._batch_size} rows, {self._batch_tokens} tokens",
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
        for positions in groups.values():
            lengths = self._lengths([requests[position] for position in positions])
            for batch in batches_by_length(lengths, size=self._batch_size, budget=self._batch_tokens):
                batches.append([positions[index] for index in batch])
        return batches

    def answer(self, batch: Sequence[Request]) -> list[Response]:
        import torch

        first = batch[0]
        with torch.inference_mode():
            if isinstance(first, Embed):
                return self._embed([request for request in batch if isinstance(request, Embed)])
            if isinstance(first, Generate):
                return self._generate([request for request in batch if isinstance(request, Generate)])
            return self._score([self._windows(request) for request in batch])

    def prompt(self, request: Embed) -> str:
        return "" if request.pooling else self._options.prompt(request)

    def embed(self, batch: Sequence[Embed]) -> NDArray[np.float32]:
        import torch

        encoded = self._padded([self.prompt(request) + request.text for request in batch])
        with torch.inference_mode():
            states = self._backbone(**encoded).last_hidden_state
            if self._pooling == "cls":
                pooled = states[:, 0].float()
            else:
                pooled = pool([states], encoded["attention_mask"], (cast("Pooling", self._pooling),))[:, 0, 0]
        vectors: NDArray[np.float32] = pooled.cpu().numpy()
        return vectors

    def finish(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._options.finish(vector)

    def close(self) -> None:
        import torch

        self._model = None
        if self._device != "cpu":
            torch.cuda.empty_cache()

    def _lengths(self, requests: Sequence[Request]) -> list[int]:
        """Tokens of every request, for batching; one batched call of the tokenizer."""
        texts = [
            self.prompt(request) + request.text if isinstance(request, Embed) else _text(request)
            for request in requests
        ]
        encoded = self._tokenizer(texts, add_special_tokens=True)["input_ids"]
        return [max(1, min(len(ids), self._max_length)) for ids in encoded]

    def _embed(self, batch: Sequence[Embed]) -> list[Response]:
        poolings = batch[0].pooling
        if not poolings:
            return [EmbedResponse(vectors=self.finish(vector)) for vector in self.embed(batch)]
        encoded = self._padded([request.text for request in batch])
        states = self._backbone(**encoded, output_hidden_states=True).hidden_states
        pooled = pool(states, encoded["attention_mask"], poolings).cpu().numpy()
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

    def _windows(self, request: Request) -> _Windows | Failed:
        """``(input, scored)`` token windows of one request; more than one only for rolling log-probabilities.

        An answer to be preferred that is longer than the model has no one log-probability: it fails.
        """
        if isinstance(request, LogLikelihood | Preference):
            scored = request.continuation if isinstance(request, LogLikelihood) else request.completion
            context, continuation = self._encode_pair(request.context, scored)
            if len(continuation) > self._max_length:
                reason = f"a continuation has {len(continuation)} tokens, the model takes {self._max_length}"
                if isinstance(request, Preference):
                    return Failed(reason=reason)
                raise BackendError(f"{self.name}: {reason}")
            whole = (context + continuation)[-(self._max_length + 1) :]
            return [(whole[:-1], continuation)]
        if not isinstance(request, RollingLogLikelihood):
            raise BackendError(f"{self.name}: backend hf does not answer {type(request).__name__} here")
        tokens = self._tokenizer.encode(request.text, add_special_tokens=False)
        return _rolling_windows(tokens, self._prefix_token(), self._max_length)

    def _encode_pair(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
        """Tokens of context and continuation, split as lm-eval's ``TemplateLM._encode_pair`` splits them."""
        encode = self._tokenizer.encode
        if context == "":
            scored = encode(continuation, add_special_tokens=False)
            prefix = self._prefix_token()
            return ([prefix], scored) if not scored or scored[0] != prefix else (scored[:1], scored[1:])
        spaces = len(context) - len(context.rstrip())
        if spaces:
            continuation = context[-spaces:] + continuation
            context = context[:-spaces]
        options = {}
        prefix_text = self._tokenizer.decode(self._prefix_token())
        if prefix_text and context.startswith(prefix_text):
            options["add_special_tokens"] = False
        context_tokens = encode(context, **options)
        return context_tokens, encode(context + continuation, **options)[len(context_tokens) :]

    def _prefix_token(self) -> int:
        bos = self._tokenizer.bos_token_id
        return int(bos if bos is not None else self._tokenizer.eos_token_id)

    def _score(self, requests: Sequence[_Windows | Failed]) -> list[Response]:
        """Log-probabilities summed over the windows of each request; what failed before stays failed."""
        rows = [window for windows in requests if not isinstance(windows, Failed) for window in windows]
        scored: dict[int, tuple[float, bool]] = {}
        lengths = [len(inputs) for inputs, _ in rows]
        # A long document is many windows: they are batched anew, or one batch of documents would fill the memory.
        for batch in batches_by_length(lengths, size=self._batch_size, budget=self._batch_tokens):
            scored.update(zip(batch, self._score_rows([rows[row] for row in batch]), strict=True))
        answers: list[Response] = []
        position = 0
        for windows in requests:
            if isinstance(windows, Failed):
                answers.append(windows)
                continue
            part = [scored[row] for row in range(position, position + len(windows))]
            position += len(windows)
            answers.append(
                LogLikelihoodResponse(
                    logprob=float(sum(value for value, _ in part)),
                    is_greedy=all(flag for _, flag in part),
                    tokens=sum(len(target) for _, target in windows),
                )
            )
        return answers

    def _score_rows(self, rows: Sequence[tuple[list[int], list[int]]]) -> list[tuple[float, bool]]:
        """``(log-probability, greedy)`` of every ``(input, scored)`` row, in one forward pass."""
        import torch

        width = max(len(inputs) for inputs, _ in rows)
        first = min(len(inputs) - len(scored) for inputs, scored in rows)
        padded = torch.full((len(rows), width), self._tokenizer.pad_token_id or 0, dtype=torch.long)
        for index, (inputs, _) in enumerate(rows):
            padded[index, : len(inputs)] = torch.tensor(inputs)
        keep = {"logits_to_keep": width - first} if self._keeps_logits else {}
        logits = self._model(padded.to(self._device), use_cache=False, **keep).logits
        offset = width - logits.shape[1]
        answers = []
        for index, (inputs, scored) in enumerate(rows):
            if not scored:
                answers.append((0.0, True))
                continue
            end = len(inputs) - offset
            log_probs = logits[index, end - len(scored) : end].float().log_softmax(dim=-1)
            targets = torch.tensor(scored, device=log_probs.device)
            chosen = log_probs.gather(1, targets[:, None]).squeeze(1)
            answers.append((float(chosen.sum()), bool((log_probs.argmax(dim=-1) == targets).all())))
        return answers

    def _generate(self, batch: Sequence[Generate]) -> list[Response]:
        """Greedy text, with HFLM's left padding, left truncation and cutting at stop strings."""
        until = [*batch[0].until, *filter(None, [self._tokenizer.eos_token])]
        room = self._max_length - batch[0].max_tokens
        if room < 1:
            raise BackendError(
                f"{self.name}: {batch[0].max_tokens} new tokens leave no room for a prompt in {self._max_length} tokens"
            )
        self._tokenizer.padding_side = "left"
        self._tokenizer.truncation_side = "left"
        prompts = [request.prompt for request in batch]
        bos = self._tokenizer.bos_token
        # A chat template writes the first token itself; HFLM looks at the first prompt of a batch, as is done here.
        special = {"add_special_tokens": False} if bos and prompts[0].startswith(bos) else {}
        encoded = self._tokenizer(
            prompts, padding=True, truncation=True, max_length=room, return_tensors="pt", **special
        )
        inputs = {name: encoded[name].to(self._device) for name in ("input_ids", "attention_mask")}
        generated = self._model.generate(
            **inputs,
            max_new_tokens=batch[0].max_tokens,
            do_sample=False,
            stop_strings=until or None,
            tokenizer=self._tokenizer,
            pad_token_id=self._tokenizer.pad_token_id,
        )
        texts = self._tokenizer.batch_decode(
            generated[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return [GenerateResponse(text=cut(text, until)) for text in texts]


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
        config = transformers.AutoConfig.from_pretrained(spec.target, revision=spec.options.get("revision"))
    except (OSError, ValueError, KeyError, ImportError, RuntimeError):
        return False
    return bool(config.is_encoder_decoder)


def _group(request: Request) -> object:
    """Requests of one batch must share this."""
    match request:
        case Generate():
            return (Generate, request.until, request.max_tokens)
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


def cut(text: str, until: Sequence[str]) -> str:
    """Text up to the first of the stop strings."""
    for stop in until:
        text = text.split(stop, maxsplit=1)[0]
    return text


def longest_input(config: Any, tokenizer: Any) -> int:
    """Tokens the model takes: the smaller of what the config and the tokenizer say."""
    text_config = config.get_text_config() if hasattr(config, "get_text_config") else config
    names = ("max_position_embeddings", "n_positions", "n_ctx", "seq_length")
    limits = [int(value) for name in names if (value := getattr(text_config, name, None))]
    if (limit := tokenizer.model_max_length) and limit < _NO_LIMIT:
        limits.append(int(limit))
    return min(limits) if limits else _FALLBACK_LENGTH


def _rolling_windows(tokens: list[int], prefix: int, length: int) -> list[tuple[list[int], list[int]]]:
    """Disjoint windows with one token of context, as lm-eval's ``get_rolling_token_windows(context_len=1)``.

    The last window is filled up with earlier tokens as context, so that every token is scored once.
    """
    windows: list[tuple[list[int], list[int]]] = []
    for start in range(0, len(tokens), length):
        scored = tokens[start : start + length]
        end = start + len(scored)
        if start == 0:
            windows.append(([prefix, *scored[:-1]], scored))
        else:
            windows.append((tokens[end - 1 - length : end - 1], scored))
    return windows
