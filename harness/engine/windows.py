"""Requests for log-probabilities -> rows of token ids, as lm-eval's HFLM makes them.

The same tokens, the same split of context and continuation, the same truncation from the left, the same rolling
windows. Texts go to the tokenizer in batches, and every context once.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

from harness.errors import BackendError
from harness.types import Failed, LogLikelihood, Preference, Request, RollingLogLikelihood

Windows = list[tuple[list[int], list[int]]]
"""``(input, scored)`` of one request; more than one only where a text is rolled over."""

_Kept = list["tuple[array[int], array[int]]"]
"""Rows in four bytes a token."""

_REMEMBERED = 2**21
"""Most tokens, and 64 for every request, of rows that are kept from the plan until they are answered: about 8 MB."""


class Encoder:
    """Makes rows for a causal model.

    Args:
        name: How errors call the model. tokenizer: transformers'. max_length: Tokens the model takes.
    """

    def __init__(self, name: str, tokenizer: Any, max_length: int) -> None:
        self._name = name
        self._tokenizer = tokenizer
        self._max_length = max_length
        self._ahead: dict[Request, _Kept] = {}
        self._planned: dict[Request, _Kept] = {}

    def prepare(self, requests: Sequence[Request]) -> None:
        """Keep rows of requests that :meth:`planned` will be asked for, as many as it keeps; any thread may do so."""
        self._ahead.update(_kept(requests, self.windows(requests)))

    def planned(self, requests: Sequence[Request]) -> list[Windows | Failed]:
        """As :meth:`windows`, for requests that will soon be asked for again: the first of them are kept."""
        found = self._completed(requests, [self._ahead.pop(request, None) for request in requests])
        self._planned = _kept(requests, found)
        return found

    def taken(self, requests: Sequence[Request]) -> list[Windows | Failed]:
        """As :meth:`windows`; what :meth:`planned` has kept of them is used, and kept no longer."""
        return self._completed(requests, [self._planned.pop(request, None) for request in requests])

    def _completed(self, requests: Sequence[Request], kept: Sequence[_Kept | None]) -> list[Windows | Failed]:
        """Rows of every request, made of those that were not kept."""
        rest = iter(self.windows([request for request, own in zip(requests, kept, strict=True) if own is None]))
        return [
            next(rest) if own is None else [(inputs.tolist(), scored.tolist()) for inputs, scored in own]
            for own in kept
        ]

    def windows(self, requests: Sequence[Request]) -> list[Windows | Failed]:
        """Rows of every request.

        A continuation without a token has no log-probability, and an answer to be preferred that is longer than the
        model no one of them: these fail.

        Raises:
            BackendError: A continuation longer than the model, or a request of another kind.
        """
        pairs = [_pair(request) for request in requests]
        encoded = iter(self._encode_pairs([pair for pair in pairs if pair is not None]))
        found: list[Windows | Failed] = []
        for request, pair in zip(requests, pairs, strict=True):
            if pair is not None:
                found.append(self._row(request, *next(encoded)))
            elif isinstance(request, RollingLogLikelihood):
                tokens = self._tokenizer.encode(request.text, add_special_tokens=False)
                found.append(rolling_windows(tokens, self._first_token(), self._max_length))
            else:
                raise BackendError(f"{self._name}: backend hf does not answer {type(request).__name__} here")
        return found

    def _row(self, request: Request, context: list[int], continuation: list[int]) -> Windows | Failed:
        if not continuation:
            return Failed(reason="a continuation has no token of its own after its context")
        if len(continuation) > self._max_length:
            reason = f"a continuation has {len(continuation)} tokens, the model takes {self._max_length}"
            if isinstance(request, Preference):
                return Failed(reason=reason)
            raise BackendError(f"{self._name}: {reason}")
        whole = (context + continuation)[-(self._max_length + 1) :]
        return [(whole[:-1], continuation)]

    def _encode_pairs(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[list[int], list[int]]]:
        """Tokens of contexts and continuations, split as lm-eval's ``TemplateLM._encode_pair`` splits them."""
        moved = [spaces_to_continuation(context, continuation) for context, continuation in pairs]
        whole = self._encode([context + continuation for context, continuation in moved], self._bare(moved))
        distinct = list(dict.fromkeys(context for context, _ in moved if context))
        contexts = dict(
            zip(distinct, self._encode(distinct, self._bare([(context, "") for context in distinct])), strict=True)
        )
        found = []
        for (context, _), tokens in zip(moved, whole, strict=True):
            if context:
                before = contexts[context]
                found.append((before, tokens[len(before) :]))
            else:
                first = self._first_token()
                begins = bool(tokens) and tokens[0] == first
                found.append((tokens[:1], tokens[1:]) if begins else ([first], tokens))
        return found

    def _bare(self, pairs: Sequence[tuple[str, str]]) -> list[bool]:
        """Whether each text is encoded without special tokens: it has no context, or its context writes them itself."""
        first = self._tokenizer.decode(self._first_token())
        return [not context or bool(first and context.startswith(first)) for context, _ in pairs]

    def _encode(self, texts: Sequence[str], bare: Sequence[bool]) -> list[list[int]]:
        found: list[list[int]] = [[] for _ in texts]
        for without in (True, False):
            chosen = [index for index, own in enumerate(bare) if own == without]
            if chosen:
                options = {"add_special_tokens": False} if without else {}
                encoded = self._tokenizer([texts[index] for index in chosen], **options)["input_ids"]
                for index, tokens in zip(chosen, encoded, strict=True):
                    found[index] = list(tokens)
        return found

    def _first_token(self) -> int:
        bos = self._tokenizer.bos_token_id
        return int(bos if bos is not None else self._tokenizer.eos_token_id)


def _kept(requests: Sequence[Request], found: Sequence[Windows | Failed]) -> dict[Request, _Kept]:
    """Rows of the first requests, as far as there is room."""
    kept: dict[Request, _Kept] = {}
    room = _REMEMBERED
    for request, own in zip(requests, found, strict=True):
        if not isinstance(own, Failed):
            room -= 64 + sum(len(inputs) + len(scored) for inputs, scored in own)
            if room < 0:
                break
            kept[request] = [(array("i", inputs), array("i", scored)) for inputs, scored in own]
    return kept


def rolling_windows(tokens: list[int], prefix: int, length: int) -> Windows:
    """Disjoint windows with one token of context, as lm-eval's ``get_rolling_token_windows(context_len=1)``.

    The last window is filled up with earlier tokens as context, so that every token is scored once.
    """
    windows: Windows = []
    for start in range(0, len(tokens), length):
        scored = tokens[start : start + length]
        end = start + len(scored)
        if start == 0:
            windows.append(([prefix, *scored[:-1]], scored))
        else:
            windows.append((tokens[end - 1 - length : end - 1], scored))
    return windows


def _pair(request: Request) -> tuple[str, str] | None:
    match request:
        case LogLikelihood():
            return request.context, request.continuation
        case Preference():
            return request.context, request.completion
        case _:
            return None


def spaces_to_continuation(context: str, continuation: str) -> tuple[str, str]:
    """Spaces at the end of a context belong to the continuation."""
    spaces = len(context) - len(context.rstrip())
    if not context or not spaces:
        return context, continuation
    return context[:-spaces], context[-spaces:] + continuation
