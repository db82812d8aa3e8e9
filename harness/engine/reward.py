"""Reward models: one scalar for a prompt and an answer.

``reward:NAME_OR_PATH[,dtype=float32|bfloat16|float16][,device=cpu|cuda][,batch_size=N][,batch_tokens=N][,revision=R]
[,max_length=N]``: a transformers model for sequence classification with a single output.

The conversation is written by the tokenizer's chat template. A tokenizer without one gets prompt and answer as a pair
of texts where it knows how to separate them (encoder models), else the context of the task file followed by the answer.
As in RewardBench (``run_rm.py``): the raw logit is the reward, what is too long is cut on the left, and where nothing
says what padding is, the end-of-text token stands for it. Rows are padded on the right. Scores of one conversation do
not depend on its batch beyond rounding.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Sequence
from typing import Any

from harness.engine.base import ModelSpec, batches_by_length
from harness.engine.fitting import Fitting
from harness.engine.identity import library_versions, weights_identity
from harness.engine.loading import choose_device, choose_dtype
from harness.engine.work import Work
from harness.errors import BackendError
from harness.types import Chat, Preference, Request, Response, RewardResponse

_CPU_BATCH_TOKENS = 2048
_CUDA_BATCH_TOKENS = 65536
_NO_LIMIT = 10**9
_FALLBACK_LENGTH = 2048


class RewardEngine:
    """A reward model on one device."""

    backend = "reward"
    stored = True
    chat: Chat | None = None

    def __init__(self, spec: ModelSpec) -> None:
        import torch
        import transformers

        spec.require_known(["dtype", "device", "batch_size", "batch_tokens", "revision", "max_length"])
        transformers.logging.disable_progress_bar()
        transformers.logging.set_verbosity_error()
        self.name = spec.name
        self.label = spec.options.get("label", "")
        self._device = choose_device(spec)
        dtype = choose_dtype(spec, self._device)
        revision = spec.options.get("revision")
        where = f"--model reward:{spec.target}"
        try:
            self._tokenizer: Any = transformers.AutoTokenizer.from_pretrained(spec.target, revision=revision)
            self._model, loaded = transformers.AutoModelForSequenceClassification.from_pretrained(
                spec.target, revision=revision, dtype=getattr(torch, dtype), output_loading_info=True
            )
        except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise BackendError(f"{where}: cannot be loaded: {reason}") from error
        if self._model.config.num_labels != 1:
            raise BackendError(f"{where}: has {self._model.config.num_labels} outputs; a reward model has one")
        if missing := sorted(loaded["missing_keys"]):
            raise BackendError(
                f"{where}: not a reward model: {', '.join(missing[:3])} would be random; name a model that was trained "
                "for sequence classification with one output"
            )
        self._set_padding()
        self._special = not self._template_begins(where)
        self._takes = set(inspect.signature(self._model.forward).parameters)
        self._model = self._model.to(self._device).eval()
        self.work: Work | None = Work(self._device, dtype)
        self.work.watch(self._model)
        self.fitting = Fitting(self.name)
        self._max_length = spec.integer("max_length", _max_length(self._model.config, self._tokenizer))
        self._batch_size = spec.integer("batch_size", 64)
        default_budget = _CPU_BATCH_TOKENS if self._device == "cpu" else _CUDA_BATCH_TOKENS
        self._batch_tokens = spec.integer("batch_tokens", default_budget)
        self.identity = {
            "backend": "reward",
            "weights": weights_identity(spec.target, self._model.config),
            "dtype": dtype,
            "device": self._device.partition(":")[0],
            "max_length": str(self._max_length),
            "chat_template": hashlib.sha256(str(self._tokenizer.chat_template).encode("utf-8")).hexdigest()[:16],
            "batching": f"{self._batch_size} rows, {self._batch_tokens} tokens",
            "versions": library_versions("torch", "transformers", "tokenizers"),
        }

    def requests_answered(self) -> frozenset[type]:
        return frozenset({Preference})

    def covers(self, request: Request) -> bool:  # noqa: ARG002
        return True

    def plan(self, requests: Sequence[Request]) -> list[list[int]]:
        encoded = self._encoded([request for request in requests if isinstance(request, Preference)])["input_ids"]
        lengths = [max(1, len(ids)) for ids in encoded]
        return batches_by_length(lengths, size=self._batch_size, budget=self._batch_tokens)

    def answer(self, batch: Sequence[Request]) -> list[Response]:
        pairs = [request for request in batch if isinstance(request, Preference)]
        return self.fitting.answered(
            "scored", pairs, self._score, lambda some: [len(ids) for ids in self._encoded(some)["input_ids"]]
        )

    def _score(self, pairs: Sequence[Preference]) -> list[Response]:
        """Rewards, in one pass."""
        import torch

        encoded = self._encoded(pairs)
        padded = self._tokenizer.pad(encoded, padding_side="right", return_tensors="pt").to(self._device)
        with torch.inference_mode():
            logits = self._model(**{name: padded[name] for name in padded if name in self._takes}).logits
        return [RewardResponse(reward=float(value)) for value in logits[:, 0].float().cpu()]

    def close(self) -> None:
        import torch

        self._model = None
        if self._device != "cpu":
            torch.cuda.empty_cache()

    def _encoded(self, requests: Sequence[Preference]) -> Any:
        """Token ids of every conversation, and what else the model takes, not yet padded."""
        options: dict[str, Any] = {"truncation": True, "max_length": self._max_length}
        self._tokenizer.truncation_side = "left"
        if not self._tokenizer.chat_template:
            if self._tokenizer.sep_token is not None:
                return self._tokenizer(
                    [request.prompt for request in requests], [request.completion for request in requests], **options
                )
            return self._tokenizer([request.context + request.completion for request in requests], **options)
        texts = [self._conversation(request.prompt, request.completion) for request in requests]
        return self._tokenizer(texts, add_special_tokens=self._special, **options)

    def _conversation(self, prompt: str, completion: str) -> str:
        turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": completion}]
        return str(self._tokenizer.apply_chat_template(turns, tokenize=False))

    def _template_begins(self, where: str) -> bool:
        """Whether the chat template writes the first token itself, which must not stand there twice."""
        import jinja2

        bos = self._tokenizer.bos_token
        if not self._tokenizer.chat_template:
            return False
        try:
            return bool(bos) and self._conversation("?", "!").startswith(bos)
        except jinja2.TemplateError as error:
            raise BackendError(f"{where}: the tokenizer's chat template cannot be used: {error}") from error

    def _set_padding(self) -> None:
        """Say to tokenizer and model what padding is; a causal classifier reads its score before the padding."""
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token or self._tokenizer.convert_ids_to_tokens(0)
        config = self._model.config.get_text_config()
        if config.pad_token_id is None:
            config.pad_token_id = self._tokenizer.pad_token_id


def load(spec: ModelSpec) -> RewardEngine:
    """A :class:`RewardEngine`.

    Raises:
        BackendError: The model cannot be read or is no reward model, or an option is wrong.
    """
    return RewardEngine(spec)


def _max_length(config: Any, tokenizer: Any) -> int:
    """Tokens the model takes: the smaller of what the config and the tokenizer say."""
    limits = [getattr(config.get_text_config(), "max_position_embeddings", None), tokenizer.model_max_length]
    known = [int(limit) for limit in limits if limit and limit < _NO_LIMIT]
    return min(known) if known else _FALLBACK_LENGTH
