"""What the encoder of an encoder-decoder model reads of a request, and which requests there is something to read of.

A model is told languages by codes (``harness.engine.language_codes``), by a prefix, or by the prompt. Knows the
tokenizer and no model.
"""

from __future__ import annotations

from typing import Any

from harness.engine.base import ModelSpec
from harness.engine.language_codes import CODES, LanguageCodes
from harness.errors import BackendError
from harness.languages import find
from harness.types import Embed, Generate, LogLikelihood, Request
from metrics.spelling import did_you_mean

OPTIONS = ("codes", "prefix")
_T5_PREFIX = "translate {source_language} to {target_language}: "


class SourceTexts:
    """Requests as texts and token ids for the encoder.

    Args:
        spec: The model's options. tokenizer: Its tokenizer. model_type: transformers' name of its kind.
        max_length: Most tokens of a source.

    Attributes:
        codes: How the model is told languages.
        prefix: What stands before the source; ``None`` where the model reads the prompt, or says languages otherwise.

    Raises:
        BackendError: The options name unknown codes, or exclude each other.
    """

    def __init__(self, spec: ModelSpec, tokenizer: Any, *, model_type: str, max_length: int) -> None:
        self._where = f"--model hf:{spec.target}"
        self._tokenizer = tokenizer
        self._max_length = max_length
        self.codes = self._chosen_codes(spec)
        self.prefix = self._chosen_prefix(spec, model_type)

    def covers(self, request: Request) -> bool:
        """Whether the model has a code for both languages; with ``codes=none``, whether there is something to read."""
        if isinstance(request, Embed):
            return not self.codes.forced or self.codes.code(request.language) is not None
        if not isinstance(request, Generate | LogLikelihood):
            return False
        source, languages = source_of(request)
        if self.codes.scheme == "none":
            return self.prefix is None or source is not None
        if source is None or not languages[1]:
            return False
        return self.codes.code(languages[1]) is not None and (
            self.codes.scheme == "madlad" or self.codes.code(languages[0]) is not None
        )

    def text(self, request: Request) -> str:
        """What the encoder reads, before the codes that the tokenizer adds."""
        if isinstance(request, Embed):
            return request.text
        assert isinstance(request, Generate | LogLikelihood), "the engine said that it answers nothing else"
        source, languages = source_of(request)
        if self.codes.forced:
            return source or ""
        if self.codes.scheme == "madlad":
            return f"<2{self.codes.code(languages[1])}> {source}"
        if self.prefix is None:
            return request.prompt if isinstance(request, Generate) else request.context
        prefix = self.prefix
        for name, language in zip(("source", "target"), languages, strict=True):
            prefix = prefix.replace("{" + name + "_language}", find(language).name if language else "")
        return prefix + (source or "")

    def ids(self, texts: list[str]) -> list[list[int]]:
        """Token ids of texts, at least one each: a source loses its end where it is too long, a prompt its beginning,
        as in HFLM, since what is asked stands at its end."""
        if self.codes.scheme == "none" and self.prefix is None:
            found = [ids[-self._max_length :] for ids in self._tokenizer(texts)["input_ids"]]
        else:
            found = self._tokenizer(texts, truncation=True, max_length=self._max_length)["input_ids"]
        first = self._tokenizer.bos_token_id
        return [list(ids) or [self._tokenizer.eos_token_id if first is None else first] for ids in found]

    def _chosen_codes(self, spec: ModelSpec) -> LanguageCodes:
        """The scheme of codes: as the option says, else as the tokenizer and its vocabulary tell."""
        said = spec.options.get("codes")
        if said is not None and said not in CODES:
            raise BackendError(
                f"{self._where}: unknown codes '{said}'{did_you_mean(said, CODES)}; use one of {', '.join(CODES)}"
            )
        return LanguageCodes(self._tokenizer, said)

    def _chosen_prefix(self, spec: ModelSpec, model_type: str) -> str | None:
        """What stands before the source; ``None`` where the model reads the prompt, or says languages otherwise."""
        said = spec.options.get("prefix")
        if self.codes.scheme == "t5":
            return _T5_PREFIX if said is None else said
        if said is not None and self.codes.scheme != "none":
            raise BackendError(f"{self._where}: codes={self.codes.scheme} and prefix exclude each other; leave one out")
        return "" if said is None and self.codes.scheme == "none" and model_type == "marian" else said


def source_of(request: Generate | LogLikelihood) -> tuple[str | None, tuple[str, str]]:
    """The bare source segment, if the request has one, and the languages of its two sides."""
    if isinstance(request, Generate):
        return request.source, (request.source_language, request.target_language)
    return (None, ("", "")) if request.direction is None else (request.context, request.direction)
