"""Encoder-decoder models of transformers: translation models that take language codes, and models that take a prompt.

``hf:NAME_OR_PATH[,codes=nllb|m2m100|mbart50|madlad|t5|none][,prefix=TEXT][,beams=N][,batch_size=N][,batch_tokens=N]
[,max_length=N]``, and the options of ``harness.engine.loading``. The backend is ``hf``; it comes here where the model's
configuration says encoder-decoder.

``codes`` is guessed from the model where it is not given. NLLB, M2M-100 and mBART-50 are told the source language by
their tokenizer and the target language by a forced first token; MADLAD-400 by ``<2xx> `` and T5 by ``translate English
to German: `` before the source. With ``codes=none`` the model reads the rendered prompt, or ``prefix`` and the source
where ``prefix`` is given (it may be empty, and may hold ``{source_language}`` and ``{target_language}``, English
names). Marian models, which have one direction, read the bare source. A language the model has no code for is not
covered.

Text is decoded greedily, or with ``beams`` beams; what else the model's own generation settings say (a length penalty)
stays. It ends at the end-of-text token, after ``max_tokens`` new tokens (without the language token), where the model
has no more positions, and before the first stop string. Rows of a batch are padded on the right and masked. Greedy rows
that end leave their batch (``harness.engine.target_writing``); beams, and models whose settings ask for more than the
likeliest token (``no_repeat_ngram_size``, a forced last token), are written by transformers' ``generate``.

Log-probabilities are of two kinds. A model that reads prompts (``codes=none`` without a prefix) answers as lm-eval's
HFLM does for encoder-decoder models: the encoder reads the context, cut on the left, and the continuation is scored
without an end-of-text token. A source and a translation (``LogLikelihood.direction``) are scored by every model as a
whole: the source as for translating, the translation as the tokenizer builds labels, its end-of-text token included,
after the language's code, which is given and not scored. A source is encoded once for all its targets of a batch.

Texts are embedded by the encoder alone, as they are (no prefix), with the source language's code before or after them
where the model's tokenizer writes one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.engine.base import ModelSpec, batches_by_length
from harness.engine.fitting import Fitting, Kind
from harness.engine.hf import longest_input
from harness.engine.identity import library_versions, weights_identity
from harness.engine.loading import OPTIONS as LOADING_OPTIONS
from harness.engine.loading import load_pretrained
from harness.engine.pooling import LayerPooler
from harness.engine.source_texts import OPTIONS as SOURCE_OPTIONS
from harness.engine.source_texts import SourceTexts
from harness.engine.stops import cut
from harness.engine.target_scoring import TargetRow, TargetScorer, prompted_row
from harness.engine.target_writing import TargetWriter
from harness.engine.work import Work
from harness.errors import BackendError
from harness.types import (
    Chat,
    Embed,
    EmbedResponse,
    Failed,
    Generate,
    GenerateResponse,
    LogLikelihood,
    Request,
    Response,
)

OPTIONS = (*SOURCE_OPTIONS, "beams", *LOADING_OPTIONS, "batch_size", "batch_tokens", "max_length")
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
        self.name = spec.name
        self.label = spec.options.get("label", "")
        loaded = load_pretrained(spec, lambda _: "AutoModelForSeq2SeqLM")
        dtype, self._device = loaded.dtype, loaded.device
        self._tokenizer: Any = loaded.tokenizer
        self._model: Any = loaded.model
        self.work: Work | None = Work(self._device, dtype)
        self.work.watch(self._model, self._model.get_encoder())
        self._pooler: Any = LayerPooler(self._model.get_encoder(), self.name)
        self.fitting = Fitting(self.name)
        self._tokenizer.padding_side = "right"
        self._beams = spec.integer("beams", 1)
        # Embedded positions end somewhere; T5's and MADLAD's are relative, and their configurations name none.
        self._most_new = (getattr(self._model.config, "max_position_embeddings", None) or _NO_LIMIT) - 1
        self._max_length = spec.integer("max_length", longest_input(self._model.config, self._tokenizer))
        self._texts = SourceTexts(
            spec, self._tokenizer, model_type=self._model.config.model_type, max_length=self._max_length
        )
        self._codes = self._texts.codes
        self._batch_size = spec.integer("batch_size", 64)
        default_budget = _CPU_BATCH_TOKENS if self._device == "cpu" else _CUDA_BATCH_TOKENS
        self._batch_tokens = spec.integer("batch_tokens", default_budget)
        self._scorer = TargetScorer(
            self._model,
            self._device,
            padding=int(self._tokenizer.pad_token_id),
            size=self._batch_size,
            budget=self._batch_tokens,
        )
        self._tokenizer.clean_up_tokenization_spaces = False
        self._writer = TargetWriter(
            self._model, self._tokenizer, self._device, name=self.name, budget=self._batch_tokens
        )
        self.identity = {
            "backend": "hf",
            "weights": weights_identity(spec.target, self._model.config),
            "dtype": dtype,
            "device": self._device.partition(":")[0],
            "codes": self._codes.scheme,
            "prefix": "" if self._texts.prefix is None else repr(self._texts.prefix),
            "beams": str(self._beams),
            "decoding": "plain" if self._beams > 1 else self._writer.decoding,
            "max_length": str(self._max_length),
            "batching": f"{self._batch_size} rows, {self._batch_tokens} tokens",
            **loaded.identity,
            "versions": library_versions("torch", "transformers", "tokenizers"),
        }

    def requests_answered(self) -> frozenset[type]:
        return frozenset({Generate, LogLikelihood, Embed})

    def covers(self, request: Request) -> bool:
        return self._texts.covers(request)

    def plan(self, requests: Sequence[Request]) -> list[list[int]]:
        groups: dict[object, list[int]] = {}
        for position, request in enumerate(requests):
            groups.setdefault(self._group(request), []).append(position)
        batches = []
        for positions in groups.values():
            if isinstance(requests[positions[0]], LogLikelihood):
                rows = self._rows([requests[position] for position in positions])
                batches += [[positions[index] for index in batch] for batch in self._scorer.plan(rows)]
                continue
            lengths = self._lengths([requests[position] for position in positions])
            beams = 1 if isinstance(requests[positions[0]], Embed) else self._beams
            budget = max(1, self._batch_tokens // beams)
            for batch in batches_by_length(lengths, size=self._batch_size, budget=budget):
                batches.append([positions[index] for index in batch])
        return batches

    def amount(self, requests: Sequence[Request]) -> tuple[int, int]:
        encoded = self._tokenizer([self._texts.text(request) for request in requests])["input_ids"] if requests else []
        tokens = sum(min(len(ids), self._max_length) for ids in encoded)
        return tokens, tokens

    def answer(self, batch: Sequence[Request]) -> list[Response]:
        kind: Kind = "written"
        if isinstance(batch[0], Embed):
            kind = "embedded"
        elif isinstance(batch[0], LogLikelihood):
            kind = "scored"
        return self.fitting.answered(kind, batch, self._answer, self._lengths)

    def _lengths(self, requests: Sequence[Request]) -> list[int]:
        """Tokens of sources, as far as the model reads them."""
        texts = [self._texts.text(request) for request in requests]
        return [max(1, min(len(ids), self._max_length)) for ids in self._tokenizer(texts)["input_ids"]]

    def _answer(self, batch: Sequence[Request]) -> list[Response]:
        """Responses of a batch, in one pass."""
        import torch

        if isinstance(batch[0], Embed):
            return self._embed([request for request in batch if isinstance(request, Embed)])
        if isinstance(batch[0], LogLikelihood):
            return self._score(self._rows(batch))
        requests = [_generate(request) for request in batch]
        first = requests[0]
        forced: dict[str, int] = {}
        if self._codes.forced:
            self._tokenizer.src_lang = self._codes.code(first.source_language)
            forced["forced_bos_token_id"] = self._codes.forced_token(first.target_language)
        sources = self._texts.ids([self._texts.text(request) for request in requests])
        if self.identity["decoding"] == "leaving":
            most = max(1, self._most_new - len(forced))
            with torch.inference_mode():
                answers = self._writer.write(requests, sources, forced=tuple(forced.values()), most=most)
            return self._written(answers, requests)
        encoded = self._tokenizer.pad({"input_ids": sources}, return_tensors="pt")
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
        return self._written(generated[:, 1 + len(forced) :], requests)

    def _written(self, answers: Any, requests: Sequence[Generate]) -> list[Response]:
        """What was written, special tokens left out, up to the first stop string of each."""
        texts = self._tokenizer.batch_decode(answers, skip_special_tokens=True)
        return [GenerateResponse(text=cut(text, one.until)) for text, one in zip(texts, requests, strict=True)]

    def close(self) -> None:
        import torch

        self._model = self._pooler = None
        del self._writer
        del self._scorer
        if self._device != "cpu":
            torch.cuda.empty_cache()

    def _score(self, rows: Sequence[TargetRow]) -> list[Response]:
        """Log-probabilities; a target that is empty or longer than the model fails."""
        most = self._most_new + 1
        fitting = [row for row in rows if 0 < len(row.labels) <= most]
        scored = iter(self._scorer.score(fitting) if fitting else [])
        return [
            next(scored)
            if 0 < len(row.labels) <= most
            else Failed(reason=f"a target has {len(row.labels)} tokens, the model takes 1 to {most}")
            for row in rows
        ]

    def _rows(self, requests: Sequence[Request]) -> list[TargetRow]:
        """Token ids of sources and targets, of one direction or of none."""
        pairs = [request for request in requests if isinstance(request, LogLikelihood)]
        direction = pairs[0].direction
        if direction is None:
            return [prompted_row(self._tokenizer, pair.context, pair.continuation, self._max_length) for pair in pairs]
        forced: tuple[int, ...] = ()
        if self._codes.forced:
            self._tokenizer.src_lang = self._codes.code(direction[0])
            self._tokenizer.tgt_lang = self._codes.code(direction[1])
            forced = (self._codes.forced_token(direction[1]),)
        distinct = list(dict.fromkeys(self._texts.text(pair) for pair in pairs))
        sources = dict(zip(distinct, map(tuple, self._texts.ids(distinct)), strict=True))
        written = self._tokenizer(
            text_target=[pair.continuation for pair in pairs], return_special_tokens_mask=True, padding=False
        )
        rows = []
        for pair, ids, special in zip(pairs, written["input_ids"], written["special_tokens_mask"], strict=True):
            own = ids if not forced or ids[:1] == [*forced] else [*forced, *(one for one in ids if one not in forced)]
            rows.append(
                TargetRow(
                    source=sources[self._texts.text(pair)],
                    labels=tuple(own),
                    given=len(forced),
                    tokens=len(special) - sum(special),
                )
            )
        return rows

    def _embed(self, batch: Sequence[Embed]) -> list[Response]:
        """Pooled states of the encoder's layers; without poolings, the mean of its last layer."""
        import torch

        poolings = batch[0].pooling
        if self._codes.forced:
            self._tokenizer.src_lang = self._codes.code(batch[0].language)
        encoded = self._encode([request.text for request in batch])
        inputs = {name: encoded[name].to(self._device) for name in ("input_ids", "attention_mask")}
        with torch.inference_mode():
            pooled = self._pooler(inputs, poolings or ("mean",)).cpu().numpy()
        return [EmbedResponse(vectors=row if poolings else row[0, -1]) for row in pooled]

    def _encode(self, texts: list[str]) -> Any:
        """``input_ids`` and ``attention_mask`` of a batch, ``[batch, tokens]``, padded on the right."""
        return self._tokenizer(texts, padding=True, truncation=True, max_length=self._max_length, return_tensors="pt")

    def _group(self, request: Request) -> object:
        """Requests of one batch must share this: a batch has one source code and one forced token, and one limit and
        one set of stops where transformers writes it."""
        if isinstance(request, Embed):
            return (Embed, request.pooling, request.language if self._codes.forced else "")
        if isinstance(request, LogLikelihood):
            return (LogLikelihood, request.direction)
        request = _generate(request)
        languages = (request.source_language, request.target_language) if self._codes.forced else ()
        if self.identity["decoding"] == "leaving":
            return (Generate, languages)
        return (request.until, request.max_tokens, languages)


def _generate(request: Request) -> Generate:
    assert isinstance(request, Generate), "the engine said that it answers nothing else"
    if request.temperature > 0:
        raise BackendError(
            "an encoder-decoder model's text is greedy, or of beams; the task asks for sampled text (temperature "
            f"{request.temperature:g}): run it on a causal model, or without do_sample"
        )
    return request
