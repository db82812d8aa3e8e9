"""Log-probabilities of rows that share prefixes and contexts, everything after the prefix in one pass.

Contexts and their answers stand one after the other in a few lines (``harness.engine.packing``), under a mask of four
dimensions that keeps them apart, so that nothing is padded but the ends of lines, and the state after the prefix is
there once a line and not once an answer. The mask is added to the attention scores, in the model's dtype: a mask of
truth values is silently wrong in models whose attention is not torch's own. What a model makes of such a mask is found
out by a probe, as for every way of sharing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.engine.packing import Line, packed
from harness.engine.prefixes import Row, Tokens, contexts_of, shared_prefix
from harness.engine.shared_scoring import Score, SharedScorer, add_scores, copy_equal, difference
from harness.engine.work import Work

WIDTH = 512
"""Tokens of a line, or as many as the prefix has.

A token's attention looks over all of its line, most of which is masked, and over the prefix, which is there once a
line: long lines cost the one, short ones the other. Between 128 and 1,024 a processor took about the same time."""

_PROBE_WIDTH = 40


class PackedScorer(SharedScorer):
    """Scores batches of rows by a causal model, in packed lines.

    Args:
        window: Positions that layers with a sliding window look back at; 0 where there is none.
    """

    width = WIDTH

    def __init__(self, model: Any, device: str, *, budget: int, work: Work | None = None, window: int = 0) -> None:
        # What is in a layer's state and what it looks at are two things: here the mask alone says the second.
        super().__init__(model, device, budget=budget, aligned=window > 0, work=work)
        self._window = window
        self._kinds = set(getattr(model.config.get_text_config(), "layer_types", None) or ())

    @property
    def usable(self) -> bool:
        """Whether the model can be told the positions of what stands side by side, and its masks are known."""
        return self._takes_positions and self._kinds <= {"full_attention", "sliding_attention"}

    def score(self, rows: Sequence[Row], known: Sequence[Tokens] = ()) -> list[Score]:
        contexts = contexts_of(rows)
        prefix = shared_prefix(contexts, known)
        state = self._state_after(prefix)
        lines, targets = packed(rows, contexts, len(prefix), max(self.width, len(prefix)))
        inputs = self._inputs(lines, len(prefix))
        if state is not None:
            inputs["past_key_values"] = self._several(state, len(lines))
        totals: dict[int, Score] = {}
        add_scores(totals, self._run(inputs, targets)[1])
        for context in contexts:
            copy_equal(totals, rows, context)
        return self._rounded(totals, len(rows))

    def difference(self, rows: Sequence[Row], expected: Sequence[Score]) -> float:
        """As :func:`harness.engine.shared_scoring.difference`, in one line and in several with padding."""
        worst = 0.0
        for width in (_PROBE_WIDTH, WIDTH):
            self.width = width
            worst = max(worst, difference(self, rows, expected))
        return worst

    def _inputs(self, lines: Sequence[Line], before: int) -> dict[str, Any]:
        """Ids, positions and mask ``[lines, 1, width, before + width]`` of a pass."""
        import torch

        width = max(len(line.tokens) for line in lines)

        def table(name: str, fill: int) -> Any:
            rows = [getattr(line, name) + [fill] * (width - len(line.tokens)) for line in lines]
            return torch.tensor(rows, dtype=torch.long).to(self._device)

        trunks, branches, positions = table("trunks", -1), table("branches", 0), table("positions", 0)
        seen = (trunks[:, :, None] == trunks[:, None, :]).tril()
        seen &= (branches[:, None, :] == 0) | (branches[:, :, None] == branches[:, None, :])
        seen = torch.cat([seen.new_ones((len(lines), width, before)), seen], dim=-1)
        mask: Any = self._added(seen)
        if self._window:
            places = torch.cat([torch.arange(before, device=seen.device).expand(len(lines), -1), positions], dim=-1)
            near = self._added(seen & (positions[:, :, None] - places[:, None, :] < self._window))
            mask = {"full_attention": mask, "sliding_attention": near} if len(self._kinds) > 1 else near
        counted = [position for line in lines for position in line.positions]
        self._work.announce(len(counted), context=sum(counted) / len(counted))
        return {
            "input_ids": table("tokens", 0),
            "position_ids": positions,
            "attention_mask": mask,
            "use_cache": before > 0,
        }

    def _added(self, seen: Any) -> Any:
        """The mask that is added to attention scores, ``[lines, 1, width, all]``, from who sees whom."""
        import torch

        dtype = self._model.dtype
        return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, torch.finfo(dtype).min)[
            :, None
        ]
