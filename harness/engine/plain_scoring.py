"""Log-probabilities by plain forward passes: every row read whole.

Rows are padded on the right, which a causal model never sees.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from harness.engine.base import batches_by_length
from harness.engine.prefixes import Row
from harness.engine.shared_scoring import Score
from harness.engine.softmax import Softmax
from harness.engine.work import Work


class PlainScorer:
    """Scores rows one by one or in batches; the meaning that every faster way is measured against.

    Args:
        model: A transformers causal model, on its device. device: Where. size: Most rows a pass. budget: Most padded
            tokens a pass. work: Told how much of a pass is padding, which no mask says.

    Attributes:
        softmax: How logits become log-probabilities.
    """

    def __init__(self, model: Any, device: str, *, size: int, budget: int, work: Work | None = None) -> None:
        self._model = model
        self._device = device
        self._size = size
        self._budget = budget
        self._work = work or Work(device, str(model.dtype).removeprefix("torch."))
        self.softmax = Softmax()
        self._keeps_logits = "logits_to_keep" in inspect.signature(model.forward).parameters

    def score(self, rows: Sequence[Row]) -> list[Score]:
        """Scores of rows, in their order."""
        found: dict[int, Score] = {}
        for batch in batches_by_length([len(inputs) for inputs, _ in rows], size=self._size, budget=self._budget):
            found.update(zip(batch, self._pass([rows[row] for row in batch]), strict=True))
        return [found[row] for row in range(len(rows))]

    def _pass(self, rows: Sequence[Row]) -> list[Score]:
        """One forward pass; only positions from the first scored one on reach the output layer."""
        import torch

        width = max(len(inputs) for inputs, _ in rows)
        first = min(len(inputs) - len(scored) for inputs, scored in rows)
        padded = torch.zeros((len(rows), width), dtype=torch.long)
        for index, (inputs, _) in enumerate(rows):
            padded[index, : len(inputs)] = torch.tensor(list(inputs))
        keep = {"logits_to_keep": width - first} if self._keeps_logits else {}
        self._work.announce(sum(len(inputs) for inputs, _ in rows))
        logits = self._model(padded.to(self._device), use_cache=False, **keep).logits
        with self._work.timed():
            return self._scores(rows, logits, width - logits.shape[1])

    def _scores(self, rows: Sequence[Row], logits: Any, offset: int) -> list[Score]:
        """Scores of rows from logits ``[rows, positions, V]`` that begin ``offset`` positions into them."""
        import torch

        answers: list[Score] = []
        for index, (inputs, scored) in enumerate(rows):
            if not scored:
                answers.append((0.0, True))
                continue
            end = len(inputs) - offset
            targets = torch.tensor(list(scored), device=logits.device)
            chosen, likeliest = self.softmax.of(logits[index, end - len(scored) : end], targets)
            answers.append((self.softmax.total(float(chosen.double().sum())), bool(likeliest.all())))
        return answers
