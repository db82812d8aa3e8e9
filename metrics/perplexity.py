"""How many bits a text costs a language model, and how many tokens its tokenizer: ratios of sums over documents.

Log-probabilities and counts of texts in, statistics ``[n, 2]`` (numerator, denominator) out; the score is a function of
the two sums, so that long documents weigh as much as they are long. Running the model is the engine's.

A perplexity per token does not compare across tokenizers, so there is none here. Bits per byte and per character do, on
one text in one language. Across languages even these mislead, because scripts differ in bytes and characters for the
same content (Amharic takes three bytes where English takes one): on parallel text, ``information_parity`` compares the
bits of the same content, and ``tokenizer_parity`` its tokens.

References: lm-eval 0.4.13 ``loglikelihood_rolling`` (``word_perplexity``, ``byte_perplexity``, ``bits_per_byte``) and
``perplexity``; Rust et al. 2021, https://arxiv.org/abs/2012.15613 (fertility); Petrov et al. 2023,
https://arxiv.org/abs/2305.15425 and https://github.com/AleksandarPetrov/tokenization-fairness (tokenizer parity:
tokens of the whole corpus over tokens of the whole English corpus); Tsvetkov and Kipnis 2024,
https://arxiv.org/abs/2406.16013 (information parity; here the ratio of the corpus sums).
"""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from metrics.base import DEFINITIONS, AdditiveMetric, FloatArray, MetricError, MetricInfo, Unit

Count = Literal["tokens", "words", "pieces", "characters", "bytes", "documents"]

_WORDS = ("words", "pieces")
_ROLLING = "loglikelihood_rolling"
_KIND = ("perplexity",)
_LM_EVAL_KINDS = (*_KIND, _ROLLING)
_WHITE_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCounts:
    """What is known of ``n`` texts, float64 ``[n]`` each; ``nan`` where something is not known.

    Attributes:
        logprob: Natural-log probability of the text.
        tokens: The model's tokens, without special ones.
        words: Stretches without white space; words only in scripts that separate them with spaces.
        pieces: lm-eval's number of words: what white space cuts the text into, an empty piece at either end included.
        characters: Unicode code points. bytes: UTF-8 bytes. documents: One each.
    """

    logprob: FloatArray
    tokens: FloatArray
    words: FloatArray
    pieces: FloatArray
    characters: FloatArray
    bytes: FloatArray
    documents: FloatArray


def count_texts(texts: Sequence[str], logprob: Sequence[float], tokens: Sequence[int | None]) -> TextCounts:
    """Counts of ``n`` texts, as they are: nothing is stripped or normalised.

    Args:
        logprob: ``n`` natural-log probabilities. tokens: ``n`` numbers of tokens; ``None`` where not known.
    """

    def column(values: Sequence[float]) -> FloatArray:
        return np.array(values, dtype=np.float64)

    return TextCounts(
        logprob=column(logprob),
        tokens=column([math.nan if count is None else count for count in tokens]),
        words=column([len(text.split()) for text in texts]),
        pieces=column([len(_WHITE_SPACE.split(text)) for text in texts]),
        characters=column([len(text) for text in texts]),
        bytes=column([len(text.encode("utf-8", "surrogatepass")) for text in texts]),
        documents=np.ones(len(texts)),
    )


class CountMetric(AdditiveMetric):
    """A function of the ratio of two sums over texts.

    Attributes:
        needs_pivot: Whether the same texts in the pivot language belong to the statistics.
        needs_words: Whether the metric exists only for scripts that separate words with spaces.
    """

    needs_pivot = False

    def __init__(self, info: MetricInfo, signature: str, *, needs_words: bool = False) -> None:
        self.info = info
        self.needs_words = needs_words
        self._signature = signature

    def signature(self) -> str:
        return self._signature

    @abstractmethod
    def count_stats(self, counts: TextCounts, pivot: TextCounts | None = None) -> FloatArray:
        """Statistics ``[n, 2]``; ``(0, 0)`` for a text of which either side is not known.

        Args:
            counts: Of the language. pivot: Of the same texts in the pivot language.

        Raises:
            MetricError: The metric needs the pivot's counts, and there are none or of another number of texts.
        """

    def score(self, summed: FloatArray) -> FloatArray:
        """``nan`` where nothing was summed, or where the score is beyond what a float holds."""
        above, below = summed[..., 0], summed[..., 1]
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            scores = self._of_ratio(np.where(below > 0, above / below, np.nan))
        return np.where(np.isfinite(scores), scores, np.nan)

    def _of_ratio(self, ratio: FloatArray) -> FloatArray:
        return ratio


class Surprise(CountMetric):
    """Bits, or perplexity, per unit of text; statistics are ``(log-probability in nats, count)``, as lm-eval's.

    Args:
        per: The unit. bits: Bits; else perplexity, ``exp`` of the nats.
    """

    def __init__(self, info: MetricInfo, signature: str, *, per: Count, bits: bool) -> None:
        super().__init__(info, signature, needs_words=per in _WORDS)
        self._per = per
        self._bits = bits

    def count_stats(self, counts: TextCounts, pivot: TextCounts | None = None) -> FloatArray:  # noqa: ARG002
        return _paired(counts.logprob, getattr(counts, self._per))

    def _of_ratio(self, ratio: FloatArray) -> FloatArray:
        return np.asarray(-ratio / math.log(2) if self._bits else np.exp(-ratio))


class TokenRate(CountMetric):
    """Tokens per unit of text; statistics are ``(tokens, count)``."""

    def __init__(self, info: MetricInfo, signature: str, *, per: Count) -> None:
        super().__init__(info, signature, needs_words=per in _WORDS)
        self._per = per

    def count_stats(self, counts: TextCounts, pivot: TextCounts | None = None) -> FloatArray:  # noqa: ARG002
        return _paired(counts.tokens, getattr(counts, self._per))


class Parity(CountMetric):
    """What the same content costs in two languages; statistics are the two sides of the ratio.

    Args:
        of: ``tokens``, the language's over the pivot's; or ``bits``, the pivot's over the language's.
    """

    needs_pivot = True

    def __init__(self, info: MetricInfo, signature: str, *, of: Literal["tokens", "bits"]) -> None:
        super().__init__(info, signature)
        self._of = of

    def count_stats(self, counts: TextCounts, pivot: TextCounts | None = None) -> FloatArray:
        if pivot is None or len(pivot.logprob) != len(counts.logprob):
            found = 0 if pivot is None else len(pivot.logprob)
            raise MetricError(
                f"{self.info.name}: needs the pivot's {len(counts.logprob)} texts, found {found}; "
                "give it parallel data that has the pivot language"
            )
        if self._of == "tokens":
            return _paired(counts.tokens, pivot.tokens)
        return _paired(-pivot.logprob, -counts.logprob)


def bits_per_byte(*, computed_by: str = "glotbench") -> Surprise:
    """``-log2 P(text)`` per UTF-8 byte.

    Args:
        computed_by: Who counted and, with version, judged: ``lm-eval:0.4.13`` for a task of lm-eval.
    """
    info = _info(
        "bits_per_byte",
        "bits per byte",
        "How many bits the model needs for one byte of text, whatever its tokenizer.",
        "bits",
        _LM_EVAL_KINDS,
    )
    return Surprise(info, _signature("bits_per_byte", "bytes:utf-8", computed_by), per="bytes", bits=True)


def bits_per_char() -> Surprise:
    """``-log2 P(text)`` per character, which is a Unicode code point: an accent or vowel sign of its own counts."""
    info = _info(
        "bits_per_char",
        "bits per character",
        "How many bits the model needs for one character (Unicode code point) of text, whatever its tokenizer.",
        "bits",
        _KIND,
    )
    return Surprise(info, _signature("bits_per_char", "chars:code points"), per="characters", bits=True)


def byte_perplexity(*, computed_by: str = "glotbench") -> Surprise:
    """``P(text) ** (-1 / bytes)``; 2 to the power of the bits per byte.

    Args:
        computed_by: Who counted and judged.
    """
    info = _info(
        "byte_perplexity",
        "perplexity per byte",
        "Among how many equally likely bytes the model seems to choose at every byte of the text.",
        "perplexity",
        _LM_EVAL_KINDS,
    )
    return Surprise(info, _signature("byte_perplexity", "bytes:utf-8", computed_by), per="bytes", bits=False)


def word_perplexity(*, computed_by: str = "glotbench") -> Surprise:
    """``P(text) ** (-1 / words)``, words as lm-eval counts them.

    Undefined in scripts that do not separate words; lm-eval's own tasks count there what stands between spaces.

    Args:
        computed_by: Who counted and judged.
    """
    info = _info(
        "word_perplexity",
        "perplexity per word",
        "Among how many equally likely words the model seems to choose at every word of the text.",
        "perplexity",
        _LM_EVAL_KINDS,
    )
    return Surprise(info, _signature("word_perplexity", "words:white space", computed_by), per="pieces", bits=False)


def perplexity(*, computed_by: str = "lm-eval") -> Surprise:
    """``exp`` of minus the mean log-probability of a document's answer, as in lm-eval's LAMBADA.

    Args:
        computed_by: Who counted and judged.
    """
    info = _info(
        "perplexity",
        "perplexity per answer",
        "Among how many equally likely answers the model seems to choose.",
        "perplexity",
        ("loglikelihood", _ROLLING),
    )
    return Surprise(info, _signature("perplexity", "documents", computed_by), per="documents", bits=False)


def fertility() -> TokenRate:
    """Tokens per word, in scripts that separate words with spaces; undefined in the others."""
    info = _info(
        "fertility",
        "tokens per word",
        "Into how many tokens the model's tokenizer cuts a word, on average; 1 is one token a word.",
        "tokens",
        _KIND,
    )
    return TokenRate(info, _signature("fertility", "words:white space"), per="words")


def tokens_per_char() -> TokenRate:
    """Tokens per Unicode code point."""
    info = _info(
        "tokens_per_char",
        "tokens per character",
        "How many tokens the model's tokenizer needs for one character (Unicode code point).",
        "tokens",
        _KIND,
    )
    return TokenRate(info, _signature("tokens_per_char", "chars:code points"), per="characters")


def tokens_per_byte() -> TokenRate:
    """Tokens per UTF-8 byte: 1 for a tokenizer that falls back to bytes."""
    info = _info(
        "tokens_per_byte",
        "tokens per byte",
        "How many tokens the model's tokenizer needs for one byte; 1 means that it knows only bytes.",
        "tokens",
        _KIND,
    )
    return TokenRate(info, _signature("tokens_per_byte", "bytes:utf-8"), per="bytes")


def tokenizer_parity(*, pivot: str = "eng_Latn") -> Parity:
    """Tokens of the language over tokens of the pivot on parallel text: Petrov's premium.

    Args:
        pivot: Canonical code of the other side; the task's pivot.
    """
    info = _info(
        "tokenizer_parity",
        "tokenizer parity",
        "How many times as many tokens as in the pivot language the same sentences take; 1 is parity.",
        "ratio",
        _KIND,
    )
    return Parity(info, _signature("tokenizer_parity", f"pivot:{pivot}"), of="tokens")


def information_parity(*, pivot: str = "eng_Latn") -> Parity:
    """Bits of the pivot over bits of the language on parallel text: 1 when the model knows both equally well.

    Args:
        pivot: Canonical code of the other side; the task's pivot.
    """
    info = MetricInfo(
        name="information_parity",
        title="information parity",
        description="Bits the model needs for the pivot language's sentences, per bit it needs for the same sentences "
        "in this language; 1 is parity.",
        unit="ratio",
        bounds=(0.0, math.inf),
        higher_is_better=True,
        decimals=3,
        kinds=_KIND,
    )
    return Parity(info, _signature("information_parity", f"pivot:{pivot}"), of="bits")


def _info(name: str, title: str, description: str, unit: Unit, kinds: tuple[str, ...]) -> MetricInfo:
    return MetricInfo(
        name=name,
        title=title,
        description=description,
        unit=unit,
        bounds=(1.0 if unit == "perplexity" else 0.0, math.inf),
        higher_is_better=False,
        decimals=3,
        kinds=kinds,
    )


def _signature(*parts: str) -> str:
    return "|".join([*parts, f"v:{DEFINITIONS}"])


def _paired(above: FloatArray, below: FloatArray) -> FloatArray:
    stats = np.column_stack([above, below])
    stats[np.isnan(stats).any(axis=1)] = 0.0
    return stats
