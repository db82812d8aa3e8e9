"""What an encoder-decoder model calls languages, and its tokens for them: NLLB, M2M-100, mBART-50, MADLAD, T5."""

from __future__ import annotations

from typing import Any, cast, get_args

from harness.languages import Scheme, find, system_code

CODES = (*get_args(Scheme), "none")
FORCED = ("nllb", "m2m100", "mbart50")
"""Schemes whose models are told the target language by a forced first token, and the source language by their
tokenizer."""
_TOKENIZERS = {"NllbTokenizer": "nllb", "M2M100Tokenizer": "m2m100", "MBart50Tokenizer": "mbart50"}


class LanguageCodes:
    """The codes of one model.

    Args:
        tokenizer: transformers'. said: The scheme, if somebody says it; else the tokenizer and its vocabulary tell.
    """

    def __init__(self, tokenizer: Any, said: str | None) -> None:
        self._tokenizer = tokenizer
        self.scheme = said or self._guessed()
        self.forced = self.scheme in FORCED

    def code(self, language: str) -> str | None:
        """What the model calls a language, as it stands in its vocabulary; ``None`` where it is not there.

        A model that was fine-tuned on a language of its own usually has it under the canonical code (NLLB).
        """
        if not language:
            return None
        if self.scheme == "t5":
            return system_code("t5", language)
        found = find(language)
        own = system_code(cast(Scheme, self.scheme), language)
        candidates = [own]
        if self.scheme == "nllb":
            candidates.append(f"{found.iso3}_{found.script}")
        if self.scheme == "madlad":
            # Some languages have a tag for each script, and the bare one is then the other script's.
            candidates.insert(0, f"{own or found.bcp47.split('-')[0]}_{found.script}")
        return next((code for code in candidates if code and self._token(self._written(code)) is not None), None)

    def forced_token(self, language: str) -> int:
        """Id of the token that makes the model write a language it has."""
        token = self._token(self._written(self.code(language) or ""))
        assert token is not None, "what is not covered is not asked"
        return token

    def _guessed(self) -> str:
        for base in type(self._tokenizer).__mro__:
            if base.__name__.removesuffix("Fast") in _TOKENIZERS:
                return _TOKENIZERS[base.__name__.removesuffix("Fast")]
        return "madlad" if self._token("<2en>") is not None else "none"

    def _written(self, code: str) -> str:
        """The token of a code."""
        return {"m2m100": f"__{code}__", "madlad": f"<2{code}>"}.get(self.scheme, code)

    def _token(self, token: str) -> int | None:
        """Id of a token; ``None`` where the vocabulary does not have it."""
        index = self._tokenizer.convert_tokens_to_ids(token)
        return None if index is None or index == self._tokenizer.unk_token_id else int(index)
