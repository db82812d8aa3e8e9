"""The rows that an encoder-decoder model is writing: sources encoded once, and a cache that rows can leave.

All rows have read equally many tokens of their answers, so that nothing is padded on the decoder's side, whatever a
model makes of positions there; sources are padded on the right and masked. Rows leave and none enters. Knows nothing of
stops, limits and requests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.engine.answer_rows import AnswerRow
from harness.engine.cache_rows import chosen
from harness.engine.live_rows import LiveRows


@dataclass(slots=True, kw_only=True)
class SourceRows(LiveRows):
    """Rows after their last token was read; ``mask`` is that of the sources, int64 ``[n, s]``.

    Attributes:
        states: The encoder's, ``[n, s, d]``.
    """

    states: Any


class SourceForward:
    """Passes of a transformers encoder-decoder model over live rows.

    Args:
        model: The model, on its device. device: Where. padding: Id of the padding token.
    """

    def __init__(self, model: Any, device: str, *, padding: int) -> None:
        self._model = model
        self._device = device
        self._padding = padding

    def read(self, sources: Sequence[Sequence[int]], prefixes: Sequence[Sequence[int]]) -> SourceRows:
        """Encode sources, each distinct one once, and read what answers begin with.

        Args:
            sources: Token ids of every row, at least one each.
            prefixes: What the decoder has read of every row, equally many tokens.
        """
        import torch

        distinct = list(dict.fromkeys(map(tuple, sources)))
        width = max(map(len, distinct))
        ids = torch.full((len(distinct), width), self._padding, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for index, source in enumerate(distinct):
            ids[index, : len(source)] = torch.tensor(source, dtype=torch.long)
            mask[index, : len(source)] = 1
        ids, mask = ids.to(self._device), mask.to(self._device)
        states = self._model.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
        places = {source: index for index, source in enumerate(distinct)}
        which = torch.tensor([places[tuple(source)] for source in sources], device=self._device)
        rows = SourceRows(
            cache=None,
            mask=mask[which],
            lengths=[len(prefix) for prefix in prefixes],
            logits=None,
            states=states[which],
        )
        self._pass(rows, [list(prefix) for prefix in prefixes])
        return rows

    def step(self, rows: LiveRows, tokens: Sequence[int], going: Sequence[bool]) -> None:  # noqa: ARG002
        """Read one token of every row, of finished ones too."""
        self._pass(_sources(rows), [[token] for token in tokens])

    def choose(self, rows: LiveRows, indices: Sequence[int]) -> None:
        """Keep some rows, in this order."""
        import torch

        rows = _sources(rows)
        wanted = torch.tensor(list(indices), dtype=torch.long, device=self._device)
        chosen(rows.cache, wanted)
        rows.mask, rows.logits, rows.states = rows.mask[wanted], rows.logits[wanted], rows.states[wanted]
        rows.lengths = [rows.lengths[index] for index in indices]

    def trim(self, rows: LiveRows) -> None:
        raise NotImplementedError("rows of an encoder-decoder model are not padded on the decoder's side")

    def join(self, rows: LiveRows, others: LiveRows) -> None:
        raise NotImplementedError("no row enters where an encoder-decoder model writes")

    def _pass(self, rows: SourceRows, ids: list[list[int]]) -> None:
        import torch
        from transformers.modeling_outputs import BaseModelOutput

        output = self._model(
            encoder_outputs=BaseModelOutput(last_hidden_state=rows.states),
            attention_mask=rows.mask,
            decoder_input_ids=torch.tensor(ids, dtype=torch.long, device=self._device),
            past_key_values=rows.cache,
            use_cache=True,
        )
        rows.cache = output.past_key_values
        rows.logits = output.logits[:, -1]


class SourceReader:
    """Reads the sources of rows that begin, or go on after memory ran out.

    Args:
        forward: Passes of the model. first: What the decoder reads before every answer.
    """

    together = True

    def __init__(self, forward: SourceForward, first: Sequence[int]) -> None:
        self._forward = forward
        self._first = tuple(first)

    def read(
        self,
        rows: Sequence[AnswerRow],
        waiting: tuple[int, ...],  # noqa: ARG002
    ) -> Iterator[tuple[list[AnswerRow], LiveRows]]:
        """Rows with their state. Those that were further than others, before memory ran out, go back to these: what is
        written greedily is written again."""
        written = min(len(row.tokens) for row in rows)
        for row in rows:
            del row.tokens[written:]
        prefixes = [(*self._first, *row.tokens) for row in rows]
        yield list(rows), self._forward.read([row.prompt for row in rows], prefixes)

    def forget(self) -> None:
        """Nothing is kept."""


def _sources(rows: LiveRows) -> SourceRows:
    assert isinstance(rows, SourceRows), "rows of this model have sources"
    return rows


def start_of(model: Any, padding: int) -> int:
    """Id of the token that starts every answer."""
    settings = (model.generation_config, model.config)
    found = (getattr(one, "decoder_start_token_id", None) for one in settings)
    return int(next((one for one in found if one is not None), padding))
