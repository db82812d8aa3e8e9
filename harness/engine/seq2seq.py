"""Encoder-decoder models of transformers: translation models that take language codes, and models that take a prompt.

``hf:NAME_OR_PATH[,codes=nllb|m2m100|mbart50|madlad|t5|none][,prefix=TEXT][,beams=N][,dtype=...][,device=...]
[,batch_size=N][,batch_tokens=N][,revision=R][,max_length=N]``. The backend is ``hf``; it comes here where the model's
configuration says encoder-decoder.

``codes`` is guessed from the model where it is not given. NLLB, M2M-100 and mBART-50 are told the source language by
their tokenizer and the target language by a forced first token; MADLAD-400 by ``<2xx> `` and T5 by ``translate English
to German: `` before the source. With ``codes=none`` the model reads the rendered prompt, or ``prefix`` and the source
where ``prefix`` is given (it may be empty, and may hold ``{source_language}`` and ``{target_language}``, English
names). Marian models, which have one direction, read the bare source. A language the model has no code for is not
covered.

Text is decoded greedily, or with ``beams`` beams; what else the model's own generation settings say (a length penalty)
stays. It ends at the end-of-text token, after ``max_tokens`` new tokens (without the language token) or where the model
has no more positions, and is cut at the first stop string afterwards. Rows of a batch are padded on the right and
masked.

Texts are embedded by the encoder alone, as they are (no prefix), with the source language's code before or after them
where the model's tokenizer writes one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast, get_args

from harness.engine.base import ModelSpec, batches_by_length
from harness.engine.hf import longest_input
from harness.engine.identity import library_versions, weights_identity
from harness.engine.loading import OPTIONS as LOADING_OPTIONS
from harness.engine.loading import load_pretrained
from harness.engine.pooling import LayerPooler
from harness.engine.stops import cut
from harness.engine.work import Work
from harness.errors import BackendError
from harness.languages import Scheme, find, system_code
from harness.types import Chat, Embed, EmbedResponse, Generate, GenerateResponse, Request, Response
from metrics.spelling import did_you_mean

OPTIONS = ("codes", "prefix", "beams", *LOADING_OPTIONS, "batch_size", "batch_tokens", "max_length")
CODES = (*get_args(Scheme), "none")
_FORCED = ("nllb", "m2m100", "mbart50")
_TOKENIZERS = {"NllbTokenizer": "nllb", "M2M100Tokenizer": "m2m100", "MBart50Tokenizer": "mbart50"}
_T5_PREFIX = "translate {source_language} to {target_language}: "
_NO_LIMIT = 10**9
_CPU_BATCH_TOKENS = 1024
_CUDA_BATCH_TOKENS = 16384


class Seq2SeqEngine:
    """An encoder-decoder model on one device."""

    backend = "hf"
    stored = True
    chat: Chat | None = None

    def __init__(self, spec: ModelSpec) -> None:
        spec.require_known(OPTIONS)
        self._where = f"--model hf:{spec.target}"
        self.name = spec.name
        self.label = spec.options.get("label", "")
        loaded = load_pretrained(spec, lambda _: "AutoModelForSeq2SeqLM")
        dtype, self._device = loaded.dtype, loaded.device
        self._tokenizer: Any = loaded.tokenizer
        self._model: Any = loaded.model
        self.work: Work | None = Work(self._device, dtype)
        self.work.watch(self._model, self._model.get_encoder())
        self._pooler: Any = LayerPooler(self._model.get_encoder(), self.name)
        self._tokenizer.padding_side = "right"
        self._codes = self._chosen_codes(spec)
        self._prefix = self._chosen_prefix(spec)
        self._beams = spec.integer("beams", 1)
        # Embedded positions end somewhere; T5's and MADLAD's are relative, and their configurations name none.
        self._most_new = (getattr(self._model.config, "max_position_embeddings", None) or _NO_LIMIT) - 1
        self._max_length = spec.integer("max_length", longest_input(self._model.config, self._tokenizer))
        self._batch_size = spec.integer("batch_size", 64)
        default_budget = _CPU_BATCH_TOKENS if self._device == "cpu" else _CUDA_BATCH_TOKENS
        self._batch_tokens = spec.integer("batch_tokens", default_budget)
        self.identity = {
            "backend": "hf",
            "weights": weights_identity(spec.target, self._model.config),
            "dtype": dtype,
            "device": self._device.partition(":")[0],
            "codes": self._codes,
            "prefix": "" if self._prefix is None else repr(self._prefix),
            "beams": str(self._beams),
            "max_length": str(self._max_length),
            "batching": f"{self._batch_size} rows, {self._batch_tokens} tokens",
            **loaded.identity,
            "versions": library_versions("torch", "transformers", "tokenizers"),
        }

    def requests_answered(self) -> frozenset[type]:
        return frozenset({Generate, Embed})

    def covers(self, request: Request) -> bool:
        """Whether the model has a code for both languages; with ``codes=none``, whether there is something to read."""
        if isinstance(request, Embed):
            return self._codes not in _FORCED or self._code(request.language) is not None
        if not isinstance(request, Generate):
            return False
        if self._codes == "none":
            return self._prefix is None or request.source is not None
        if request.source is None or not request.target_language:
            return False
        target = self._code(request.target_language)
        return target is not None and (self._codes == "madlad" or self._code(request.source_language) is not None)

    def plan(self, requests: Sequence[Request]) -> list[list[int]]:
        groups: dict[object, list[int]] = {}
        for position, request in enumerate(requests):
            groups.setdefault(self._group(request), []).append(position)
        batches = []
        for positions in groups.values():
            texts = [self._text(requests[position]) for position in positions]
            lengths = [max(1, min(len(ids), self._max_length)) for ids in self._tokenizer(texts)["input_ids"]]
            beams = 1 if isinstance(requests[positions[0]], Embed) else self._beams
            budget = max(1, self._batch_tokens // beams)
            for batch in batches_by_length(lengths, size=self._batch_size, budget=budget):
                batches.append([positions[index] for index in batch])
        return batches

    def amount(self, requests: Sequence[Request]) -> tuple[int, int]:
        encoded = self._tokenizer([self._text(request) for request in requests])["input_ids"] if requests else []
        tokens = sum(min(len(ids), self._max_length) for ids in encoded)
        return tokens, tokens

    def answer(self, batch: Sequence[Request]) -> list[Response]:
        import torch

        if isinstance(batch[0], Embed):
            return self._embed([request for request in batch if isinstance(request, Embed)])
        requests = [_generate(request) for request in batch]
        first = requests[0]
        forced: dict[str, int] = {}
        if self._codes in _FORCED:
            self._tokenizer.src_lang = self._code(first.source_language)
            target = self._token(self._written(self._code(first.target_language) or ""))
            assert target is not None, "what is not covered is not asked"
            forced["forced_bos_token_id"] = target
        encoded = self._encode([self._text(request) for request in requests])
        with torch.inference_mode():
            generated = self._model.generate(
                input_ids=encoded["input_ids"].to(self._device),
                attention_mask=encoded["attention_mask"].to(self._device),
                num_beams=self._beams,
                do_sample=False,
                max_new_tokens=min(first.max_tokens + len(forced), self._most_new),
                # A model's own 'early_stopping' is about beams, and a warning without them.
                **({} if self._beams > 1 else {"early_stopping": False}),
                **forced,
            )
        # Before the text stand the token that starts every answer and the forced one, which not every tokenizer skips.
        answers = generated[:, 1 + len(forced) :]
        texts = self._tokenizer.batch_decode(answers, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return [GenerateResponse(text=cut(text, first.until)) for text in texts]

    def close(self) -> None:
        import torch

        self._model = self._pooler = None
        if self._device != "cpu":
            torch.cuda.empty_cache()

    def _embed(self, batch: Sequence[Embed]) -> list[Response]:
        """Pooled states of the encoder's layers; without poolings, the mean of its last layer."""
        import torch

        poolings = batch[0].pooling
        if self._codes in _FORCED:
            self._tokenizer.src_lang = self._code(batch[0].language)
        encoded = self._encode([request.text for request in batch])
        inputs = {name: encoded[name].to(self._device) for name in ("input_ids", "attention_mask")}
        with torch.inference_mode():
            pooled = self._pooler(inputs, poolings or ("mean",)).cpu().numpy()
        return [EmbedResponse(vectors=row if poolings else row[0, -1]) for row in pooled]

    def _encode(self, texts: list[str]) -> Any:
        """``input_ids`` and ``attention_mask`` of a batch, ``[batch, tokens]``, padded on the right."""
        return self._tokenizer(texts, padding=True, truncation=True, max_length=self._max_length, return_tensors="pt")

    def _chosen_codes(self, spec: ModelSpec) -> str:
        """The scheme of codes: as the option says, else as the tokenizer and its vocabulary tell."""
        said = spec.options.get("codes")
        if said is not None and said not in CODES:
            raise BackendError(
                f"{self._where}: unknown codes '{said}'{did_you_mean(said, CODES)}; use one of {', '.join(CODES)}"
            )
        if said is not None:
            return said
        for base in type(self._tokenizer).__mro__:
            if base.__name__.removesuffix("Fast") in _TOKENIZERS:
                return _TOKENIZERS[base.__name__.removesuffix("Fast")]
        return "madlad" if self._token("<2en>") is not None else "none"

    def _chosen_prefix(self, spec: ModelSpec) -> str | None:
        """What stands before the source; ``None`` where the model reads the prompt, or says languages otherwise."""
        said = spec.options.get("prefix")
        if self._codes == "t5":
            return _T5_PREFIX if said is None else said
        if said is not None and self._codes != "none":
            raise BackendError(f"{self._where}: codes={self._codes} and prefix exclude each other; leave one out")
        return "" if said is None and self._codes == "none" and self._model.config.model_type == "marian" else said

    def _code(self, language: str) -> str | None:
        """What the model calls a language, as it stands in its vocabulary; ``None`` where it is not there.

        A model that was fine-tuned on a language of its own usually has it under the canonical code (NLLB).
        """
        if not language:
            return None
        if self._codes == "t5":
            return system_code("t5", language)
        found = find(language)
        own = system_code(cast(Scheme, self._codes), language)
        candidates = [own]
        if self._codes == "nllb":
            candidates.append(f"{found.iso3}_{found.script}")
        if self._codes == "madlad":
            # Some languages have a tag for each script, and the bare one is then the other script's.
            candidates.insert(0, f"{own or found.bcp47.split('-')[0]}_{found.script}")
        return next((code for code in candidates if code and self._token(self._written(code)) is not None), None)

    def _written(self, code: str) -> str:
        """The token of a code."""
        return {"m2m100": f"__{code}__", "madlad": f"<2{code}>"}.get(self._codes, code)

    def _token(self, token: str) -> int | None:
        """Id of a token; ``None`` where the vocabulary does not have it."""
        index = self._tokenizer.convert_tokens_to_ids(token)
        return None if index is None or index == self._tokenizer.unk_token_id else int(index)

    def _text(self, request: Request) -> str:
        """What the encoder reads, before the codes that the tokenizer adds."""
        if isinstance(request, Embed):
            return request.text
        request = _generate(request)
        if self._codes in _FORCED:
            return request.source or ""
        if self._codes == "madlad":
            return f"<2{self._code(request.target_language)}> {request.source}"
        if self._prefix is None:
            return request.prompt
        prefix = self._prefix
        for name, language in (("source", request.source_language), ("target", request.target_language)):
            prefix = prefix.replace("{" + name + "_language}", find(language).name if language else "")
        return prefix + (request.source or "")

    def _group(self, request: Request) -> object:
        """Requests of one batch must share this: a batch has one source code and one forced token."""
        if isinstance(request, Embed):
            return (Embed, request.pooling, request.language if self._codes in _FORCED else "")
        request = _generate(request)
        languages = (request.source_language, request.target_language) if self._codes in _FORCED else ()
        return (request.until, request.max_tokens, languages)


def _generate(request: Request) -> Generate:
    assert isinstance(request, Generate), "the engine said that it answers nothing else"
    if request.temperature > 0:
        raise BackendError(
            "an encoder-decoder model's text is greedy, or of beams; the task asks for sampled text (temperature "
            f"{request.temperature:g}): run it on a causal model, or without do_sample"
        )
    return request
