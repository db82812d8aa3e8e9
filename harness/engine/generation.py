"""Text of causal models: prompts become token ids, the decode loop writes, and what it wrote is cut as HFLM cuts it.

As HFLM does: a prompt loses tokens on the left where it and ``max_tokens`` are longer than the model; the tokenizer's
end-of-text is one more stop string; special tokens are not part of the text, which ends before the first stop string.
Unlike HFLM's, a row ends where *it* stops, not where the slowest of its batch does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.engine.answer_rows import AnswerRow
from harness.engine.base import batches_by_length
from harness.engine.decoding import Decoder, Decoding
from harness.engine.decoding_probe import decoding_of
from harness.engine.fitting import Fitting
from harness.engine.live_rows import Forward
from harness.engine.prompt_reading import PromptReader
from harness.engine.stops import StopStrings
from harness.errors import BackendError
from harness.types import Generate, GenerateResponse, Response

# Answers become durable together, and while the last rows of a group are written the others' places stand empty. At
# four times the rows that are written at once about a tenth of the places do so, and a killed run loses minutes.
_GROUP = 4


class TextGenerator:
    """Answers requests for text.

    Args:
        model: A transformers causal model, on its device. tokenizer: Its tokenizer, with a padding token. device:
            Where. name: How errors call it. size: Most rows at once. budget: Most padded tokens of a pass over prompts.
        max_length: Tokens the model takes. shares: Whether a prefix of several rows may be read once
            (``harness.engine.scoring`` found that padding may stand behind it).

    Attributes:
        decoding: How text is written; a part of the model's identity, since it decides how numbers are rounded.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        device: str,
        *,
        name: str,
        size: int,
        budget: int,
        max_length: int,
        shares: bool = False,
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._device = device
        self._name = name
        self._size = size
        self._budget = budget
        self._max_length = max_length
        self._stops = StopStrings(tokenizer)
        self.decoding: Decoding = decoding_of(model, device, name=name, max_length=max_length)
        settings = model.generation_config
        ends = settings.eos_token_id
        forward = Forward(model, device)
        self._decoder = Decoder(
            forward,
            PromptReader(forward, size=size, budget=budget, together=self.decoding != "rolling", shares=shares),
            self._stops,
            ends=frozenset(ends if isinstance(ends, list) else [] if ends is None else [ends]),
            name=name,
            size=size,
            budget=budget,
            penalty=float(settings.repetition_penalty or 1.0),
        )

    @property
    def fitting(self) -> Fitting:
        """What the device takes."""
        return self._decoder.fitting

    @fitting.setter
    def fitting(self, fitting: Fitting) -> None:
        self._decoder.fitting = fitting

    def plan(self, requests: Sequence[Generate]) -> list[list[int]]:
        """Positions of requests in groups; those that may write most stand first, so that they do not end last."""
        lengths = [len(ids) for ids in self._encoded(requests)]
        if self.decoding == "plain":
            return self._plain_plan(requests, lengths)
        order = sorted(
            range(len(requests)),
            key=lambda index: (-requests[index].max_tokens, -lengths[index], requests[index].prompt, index),
        )
        group = _GROUP * self._size
        return [order[start : start + group] for start in range(0, len(order), group)]

    def answer(self, requests: Sequence[Generate]) -> list[Response]:
        """Texts of one planned group.

        Raises:
            BackendError: A request leaves no room for its prompt, or does not fit into the device's memory.
        """
        prompts = self._encoded(requests)
        rows = [
            AnswerRow(request=request, prompt=prompt, stops=self._stop_strings(request))
            for request, prompt in zip(requests, prompts, strict=True)
        ]
        if self.decoding == "plain":
            self.fitting.answered("written", rows, self._generate, _longest)
        else:
            self._decoder.write(rows)
        return [GenerateResponse(text=self._stops.text(row.tokens, row.stops)) for row in rows]

    def _stop_strings(self, request: Generate) -> tuple[str, ...]:
        return tuple(filter(None, (*request.until, self._tokenizer.eos_token)))

    def _encoded(self, requests: Sequence[Generate]) -> list[list[int]]:
        """Token ids of prompts, shortened on the left to what leaves room for the answer."""
        bos = self._tokenizer.bos_token
        # A chat template writes the first token itself.
        written = [bool(bos) and request.prompt.startswith(bos) for request in requests]
        found: dict[int, list[int]] = {}
        for special in (True, False):
            chosen = [index for index, own in enumerate(written) if own != special]
            texts = [requests[index].prompt for index in chosen]
            ids = self._tokenizer(texts, add_special_tokens=special)["input_ids"] if texts else []
            found.update(zip(chosen, ids, strict=True))
        first = next(
            (one for one in (self._tokenizer.bos_token_id, self._tokenizer.eos_token_id) if one is not None), 0
        )
        return [
            list(found[index][-self._room(request) :]) or [first]  # an empty prompt: nothing but the token before texts
            for index, request in enumerate(requests)
        ]

    def _room(self, request: Generate) -> int:
        room = self._max_length - request.max_tokens
        if room < 1:
            raise BackendError(
                f"{self._name}: {request.max_tokens} new tokens leave no room for a prompt in {self._max_length} tokens"
            )
        return room

    def _plain_plan(self, requests: Sequence[Generate], lengths: Sequence[int]) -> list[list[int]]:
        """Batches of equal limits and stop strings, which ``generate`` has one of."""
        groups: dict[object, list[int]] = {}
        for index, request in enumerate(requests):
            groups.setdefault((request.until, request.max_tokens), []).append(index)
        return [
            [positions[index] for index in batch]
            for positions in groups.values()
            for batch in batches_by_length(
                [lengths[position] for position in positions], size=self._size, budget=self._budget
            )
        ]

    def _generate(self, rows: Sequence[AnswerRow]) -> Sequence[AnswerRow]:
        """Write rows by transformers' own loop, in which all run to the end of the slowest; the same rows."""
        import torch

        if any(row.request.temperature for row in rows):
            raise BackendError(
                f"{self._name}: this model's text is written by transformers' own loop, whose samples would depend on "
                "what shares their batch; ask for greedy text (temperature 0)"
            )

        def reached(written: Any, _scores: Any) -> Any:
            found = self._stops.reached([(tokens, rows[0].stops) for tokens in written[:, width:].tolist()])
            return torch.tensor(found, device=written.device)

        width = max(len(row.prompt) for row in rows)
        ids = torch.full((len(rows), width), int(self._tokenizer.pad_token_id), dtype=torch.long)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for index, row in enumerate(rows):
            ids[index, width - len(row.prompt) :] = torch.tensor(row.prompt, dtype=torch.long)
            mask[index, width - len(row.prompt) :] = 1
        generated = self._model.generate(
            input_ids=ids.to(self._device),
            attention_mask=mask.to(self._device),
            max_new_tokens=rows[0].request.max_tokens,
            do_sample=False,
            stopping_criteria=[reached],
            pad_token_id=self._tokenizer.pad_token_id,
        )
        for row, tokens in zip(rows, generated[:, width:].tolist(), strict=True):
            row.tokens = tokens
        return rows


def _longest(rows: Sequence[AnswerRow]) -> list[int]:
    return [row.longest for row in rows]
