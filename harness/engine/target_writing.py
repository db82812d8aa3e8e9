"""Greedy text of encoder-decoder models in the decode loop of causal ones: rows stop each on their own, and leave.

transformers' ``generate`` goes on until the slowest row of a batch ends, and knows no stop strings. The loop here is
taken where a model's settings ask for nothing more than the likeliest token, and where its logits, with rows that
leave, are those of plain passes over each row alone; a few rows say so when the model is loaded.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from typing import Any, Literal

from harness.engine.answer_rows import AnswerRow
from harness.engine.decoding import Decoder
from harness.engine.decoding_probe import FAILURES, UNDONE, distance, tolerance_of
from harness.engine.source_rows import SourceForward, SourceReader, start_of
from harness.engine.stops import StopStrings
from harness.types import Generate

_ALSO_UNDONE = ("encoder_no_repeat_ngram_size", "encoder_repetition_penalty", "repetition_penalty")
_SAYS_NOTHING = {"guidance_scale": 1, "repetition_penalty": 1, "encoder_repetition_penalty": 1}
_OURS = ("num_beams", "forced_bos_token_id")  # the engine says both itself, or does not come here
_SOURCES = (9, 4, 6)
_STEPS = 3

_log = logging.getLogger(__name__)


class TargetWriter:
    """Writes answers of an encoder-decoder model, greedily.

    Args:
        model: A transformers encoder-decoder model, on its device. tokenizer: Its tokenizer. device: Where.
        name: How errors call it. budget: Most padded tokens of a pass over sources.

    Attributes:
        decoding: ``leaving`` where this loop is right for the model, else ``plain``: ``generate`` has to write.
    """

    def __init__(self, model: Any, tokenizer: Any, device: str, *, name: str, budget: int) -> None:
        self._name = name
        self._budget = budget
        self._forward = SourceForward(model, device, padding=int(tokenizer.pad_token_id))
        self._stops = StopStrings(tokenizer)
        ends = model.generation_config.eos_token_id
        self._ends = frozenset(ends if isinstance(ends, list) else [] if ends is None else [ends])
        self._start = start_of(model, int(tokenizer.pad_token_id))
        self.decoding: Literal["leaving", "plain"] = "leaving" if self._is_right(model, device) else "plain"

    def write(
        self, requests: Sequence[Generate], sources: Sequence[Sequence[int]], *, forced: Sequence[int], most: int
    ) -> list[list[int]]:
        """New tokens of every answer, without what is forced before them.

        Args:
            requests: What is asked. sources: Token ids of what the encoder reads. forced: What every answer begins
                with (a language's code). most: Most new tokens that the model has positions for.
        """
        rows = [
            AnswerRow(
                request=dataclasses.replace(request, max_tokens=min(request.max_tokens, most)),
                prompt=list(source),
                stops=request.until,
            )
            for request, source in zip(requests, sources, strict=True)
        ]
        reader = SourceReader(self._forward, (self._start, *forced))
        Decoder(
            self._forward,
            reader,
            self._stops,
            ends=self._ends,
            name=self._name,
            size=len(rows),
            budget=self._budget,
        ).write(rows)
        return [row.tokens for row in rows]

    def _is_right(self, model: Any, device: str) -> bool:
        import torch

        settings = model.generation_config
        said = {one: getattr(settings, one, None) for one in (*UNDONE, *_ALSO_UNDONE) if one not in _OURS}
        if undone := [one for one, value in said.items() if value and value != _SAYS_NOTHING.get(one)]:
            _log.info("%s: generates by transformers' own loop, for %s of its settings", self._name, ", ".join(undone))
            return False
        with torch.inference_mode():
            try:
                found = self._difference(model, device)
            except FAILURES:
                found = float("inf")
        if not found <= tolerance_of(model):
            _log.warning(
                "%s: rows that leave a batch change the logits of the others (by %.2g); text is written by "
                "transformers' own loop, which is slower",
                self._name,
                found,
            )
            return False
        return True

    def _difference(self, model: Any, device: str) -> float:
        """Largest difference from plain passes over each row alone, of rows of which one leaves."""
        import torch

        vocabulary = int(model.config.get_text_config().vocab_size)
        sources = [
            [(5 + 11 * step * step + 3 * step + 29 * number) % vocabulary for step in range(length)]
            for number, length in enumerate(_SOURCES)
        ]
        answers = [[self._start, *((7 + 13 * step + 17 * number) % vocabulary for step in range(_STEPS))]
                   for number in range(len(sources))]  # fmt: skip
        live = list(range(len(sources)))
        state = self._forward.read(sources, [answer[:1] for answer in answers])
        worst = 0.0
        for step in range(_STEPS + 1):
            for place, index in enumerate(live):
                plain = model(
                    input_ids=torch.tensor([sources[index]], device=device),
                    decoder_input_ids=torch.tensor([answers[index][: step + 1]], device=device),
                    use_cache=False,
                ).logits[0, -1]
                worst = max(worst, distance(state.logits[place], plain))
            if step == 1:
                self._forward.choose(state, [2, 0])
                live = [2, 0]
            if step < _STEPS:
                self._forward.step(state, [answers[index][step + 1] for index in live], [True] * len(live))
        return worst
