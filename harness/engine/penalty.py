"""A model's own repetition penalty, which ``generate`` applies to greedy text too (Qwen2.5-Instruct has one)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def penalised(logits: Any, rows: Sequence[Sequence[int]], penalty: float) -> Any:
    """Logits with tokens that a row has already made less likely (Keskar et al. 2019, section 4.1).

    Args:
        logits: ``[n, V]``. rows: Tokens of every row, prompt included. penalty: Above 1 makes repetition less likely. A
            logit above 0 is divided by it, one below multiplied.
    """
    import torch

    scores = logits.float().clone()
    for index, tokens in enumerate(rows):
        seen = torch.tensor(sorted(set(tokens)), dtype=torch.long, device=scores.device)
        own = scores[index, seen]
        scores[index, seen] = torch.where(own < 0, own * penalty, own / penalty)
    return scores
