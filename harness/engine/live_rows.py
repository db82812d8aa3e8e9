"""The rows that a causal model is writing: their cache, and the logits of every row's next token.

Rows end at the same column of the cache and are padded and masked on the left, so that a window of the last columns is
the same for all; padding stands inside a row only after a prefix that it shares. Knows nothing of stops, limits and
requests.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.engine.cache_rows import chosen, joined, without_first


@dataclass(slots=True, kw_only=True)
class LiveRows:
    """Rows after their last token was read.

    Attributes:
        cache: The model's state, of ``n`` rows. mask: int64 ``[n, t]``, 0 where a column is no token of the row.
        lengths: Tokens of every row. logits: ``[n, V]`` of the next token.
    """

    cache: Any
    mask: Any
    lengths: list[int]
    logits: Any


class Forward:
    """Passes of a transformers causal model over live rows.

    Args:
        model: The model, on its device. device: Where.
    """

    def __init__(self, model: Any, device: str) -> None:
        self._model = model
        self._device = device
        known = inspect.signature(model.forward).parameters
        self._takes_positions = "position_ids" in known
        self._state = "cache_params" if "cache_params" in known else "past_key_values"
        self._last = {"logits_to_keep": 1} if "logits_to_keep" in known else {}

    def read(self, lines: Sequence[Sequence[int]], prefix: LiveRows | None = None) -> LiveRows:
        """Rows of prompts, in one pass.

        Args:
            lines: Token ids of every prompt, at least one each.
            prefix: One row that all begin with, and which ``lines`` leave out; it stays as it is. What is padded then
                stands between the two, which layers that count columns (sliding windows) cannot have.
        """
        import torch

        width, before = max(len(line) for line in lines), prefix.lengths[0] if prefix is not None else 0
        ids = torch.zeros((len(lines), width), dtype=torch.long)
        mask = torch.zeros((len(lines), before + width), dtype=torch.long)
        mask[:, :before] = 1
        for index, line in enumerate(lines):
            ids[index, width - len(line) :] = torch.tensor(list(line), dtype=torch.long)
            mask[index, before + width - len(line) :] = 1
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, before:]
        rows = LiveRows(
            cache=None, mask=mask.to(self._device), lengths=[before + len(line) for line in lines], logits=None
        )
        if prefix is not None:
            rows.cache = copy.deepcopy(prefix.cache)
            chosen(rows.cache, torch.zeros(len(lines), dtype=torch.long, device=self._device))
        self._pass(rows, ids, positions)
        return rows

    def step(self, rows: LiveRows, tokens: Sequence[int], going: Sequence[bool]) -> None:
        """Read one token of every row.

        Args:
            tokens: One a row. going: Whether the row goes on; of one that does not nothing is to be used any more, and
                its length stays, so that it never runs out of positions.
        """
        import torch

        seen = torch.tensor([[int(one)] for one in going], dtype=torch.long)
        rows.mask = torch.cat([rows.mask, seen.to(self._device)], dim=1)
        positions = torch.tensor([[max(0, own - (not one))] for own, one in zip(rows.lengths, going, strict=True)])
        rows.lengths = [own + one for own, one in zip(rows.lengths, going, strict=True)]
        self._pass(rows, torch.tensor([[token] for token in tokens], dtype=torch.long), positions)

    def choose(self, rows: LiveRows, indices: Sequence[int]) -> None:
        """Keep some rows, in this order; columns that none of them has go."""
        import torch

        wanted = torch.tensor(list(indices), dtype=torch.long, device=self._device)
        if list(indices) != list(range(len(rows.lengths))):
            chosen(rows.cache, wanted)
            rows.mask, rows.logits = rows.mask[wanted], rows.logits[wanted]
            rows.lengths = [rows.lengths[index] for index in indices]

    def trim(self, rows: LiveRows) -> None:
        """Forget columns that no row has a token in."""
        columns = rows.mask.shape[1]
        if drop := int(rows.mask.any(dim=0).int().argmax()):
            without_first(rows.cache, columns, drop)
            rows.mask = rows.mask[:, drop:]

    def join(self, rows: LiveRows, others: LiveRows) -> None:
        """Add other rows after these."""
        import torch

        columns = max(rows.mask.shape[1], others.mask.shape[1])
        joined(rows.cache, others.cache, columns)
        masks = [torch.nn.functional.pad(one.mask, (columns - one.mask.shape[1], 0)) for one in (rows, others)]
        rows.mask = torch.cat(masks)
        rows.logits = torch.cat([rows.logits, others.logits])
        rows.lengths = [*rows.lengths, *others.lengths]

    def _pass(self, rows: LiveRows, ids: Any, positions: Any) -> None:
        inputs: dict[str, Any] = {
            "input_ids": ids.to(self._device),
            "use_cache": True,
            **self._last,
        }
        if self._takes_positions:
            inputs["position_ids"] = positions.to(self._device)
        if rows.cache is None or self._state == "past_key_values":  # a state without positions has seen its padding
            inputs["attention_mask"] = rows.mask
        if rows.cache is not None:
            inputs[self._state] = rows.cache
        output = self._model(**inputs)
        rows.cache = getattr(output, self._state)
        rows.logits = output.logits[:, -1]
