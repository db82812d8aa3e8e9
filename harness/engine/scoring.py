"""Log-probabilities of a causal model: which way rows are scored, planned so that what they share stands together.

How much a model's rows may share is found out when it is loaded, against plain passes on a few rows: ``masked``
(prefixes, contexts and answers, padded and masked), ``packed`` (besides, everything after the prefix in one pass under
a mask of its own), ``aligned`` (as ``masked``, but answers together only after contexts of equal length), ``windowed``
(as ``packed``, with the sliding windows of some layers in the mask), or ``none``.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Literal

from harness.engine.base import batches_by_length
from harness.engine.fitting import Fitting
from harness.engine.packed_scoring import PackedScorer
from harness.engine.packing import plan_packed
from harness.engine.plain_scoring import PlainScorer
from harness.engine.prefixes import Row, SharedBatch, Tokens, plan_shared, positions_left
from harness.engine.shared_scoring import Score, SharedScorer, difference, probe_rows
from harness.engine.softmax import Softmax
from harness.engine.windows import Windows
from harness.engine.work import Work
from harness.types import Failed, LogLikelihoodResponse, Response

Sharing = Literal["packed", "windowed", "masked", "aligned", "none"]

_FULL_ATTENTION = {"full_attention", "attention"}
_TOLERANCE = {"float32": 1e-4}
_HALF_TOLERANCE = 0.1  # nats a token: half precision differs from itself by this between batches; wrong masks by more
_LONGEST_PROBE = 1200
_SHORTEST_PROBE = 96
_HELD = 16  # times the budget: most positions whose states are held at once

_log = logging.getLogger(__name__)


class Scorer:
    """Scores requests of one model.

    Args:
        model: A transformers causal model, on its device. device: Where. name: How errors call it.
        size: Most rows a pass. budget: Most padded tokens a pass. max_length: Tokens the model takes.
        share: Whether anything may be shared at all. work: Told what sharing saved; it watches the model.

    Attributes:
        fitting: What the device takes.
    """

    def __init__(
        self,
        model: Any,
        device: str,
        *,
        name: str,
        size: int,
        budget: int,
        max_length: int,
        share: bool = True,
        work: Work | None = None,
    ) -> None:
        self._name = name
        self._size = size
        self._budget = budget
        self.fitting = Fitting(name)
        self._work = work or Work(device, str(model.dtype).removeprefix("torch."))
        self._plain = PlainScorer(model, device, size=size, budget=budget, work=self._work)
        self._known: list[Tokens] = []
        self.sharing: Sharing = "none"
        self._shared: SharedScorer | None = None
        if share:
            self.sharing, self._shared = self._choose(model, device, max_length)

    def use(self, softmax: Softmax) -> None:
        """Make log-probabilities so from now on. How rows share was chosen by exact softmaxes: what a rounded one adds
        is no fault of sharing."""
        self._plain.softmax = softmax
        if self._shared is not None:
            self._shared.softmax = softmax

    def plan(self, windows: Sequence[Windows | Failed]) -> list[list[int]]:
        """Positions of requests in batches: those with one row by what they share, the others by length."""
        shareable = [index for index, own in enumerate(windows) if self._shared is not None and _has_context(own)]
        batches: list[list[int]] = []
        self._known = []
        if shareable:
            rows = [_only_row(windows[index]) for index in shareable]
            planned = self._together(rows)
            self._known = list(dict.fromkeys(batch.prefix for batch in planned if batch.prefix))
            batches += [[shareable[row] for row in batch.rows] for batch in planned]
        chosen = set(shareable)
        rest = [index for index in range(len(windows)) if index not in chosen]
        lengths = [_length(windows[index]) for index in rest]
        for batch in batches_by_length(lengths, size=self._size, budget=self._budget):
            batches.append([rest[index] for index in batch])
        return batches

    def amount(self, windows: Sequence[Windows | Failed]) -> tuple[int, int]:
        """Tokens of all rows, and positions left of them when what rows share is read once."""
        rows = [row for own in windows if not isinstance(own, Failed) for row in own]
        tokens = sum(len(inputs) for inputs, _ in rows)
        alone = [_only_row(own) for own in windows if self._shared is not None and _has_context(own)]
        return tokens, tokens - sum(len(inputs) for inputs, _ in alone) + positions_left(self._together(alone))

    def answer(self, windows: Sequence[Windows | Failed]) -> list[Response]:
        """Log-probabilities summed over the windows of each request; what failed before stays failed."""
        rows: list[Row] = [window for own in windows if not isinstance(own, Failed) for window in own]
        before = self._work.counts()
        scored = iter(self.fitting.answered("scored", rows, self._score, _lengths) if rows else ())
        done = self._work.counts() - before
        self._work.save(sum(len(inputs) for inputs, _ in rows) - (done.positions - done.padded))
        answers: list[Response] = []
        for own in windows:
            if isinstance(own, Failed):
                answers.append(own)
                continue
            parts = [next(scored) for _ in own]
            answers.append(
                LogLikelihoodResponse(
                    logprob=float(sum(value for value, _ in parts)),
                    is_greedy=all(flag for _, flag in parts),
                    tokens=sum(len(target) for _, target in own),
                )
            )
        return answers

    def _together(self, rows: Sequence[Row]) -> list[SharedBatch]:
        held = self._budget * _HELD
        if isinstance(self._shared, PackedScorer):
            return plan_packed(rows, lines=self._size, budget=self._budget, held=held, width=self._shared.width)
        return plan_shared(rows, size=self._size, budget=self._budget, held=held)

    def _score(self, rows: Sequence[Row]) -> list[Score]:
        """Scores of rows, in one pass or, where they share, a few."""
        import torch

        try:
            if self._shared is None:
                return self._plain.score(rows)
            if all(len(inputs) == len(scored) for inputs, scored in rows):
                return self._shared.whole(rows)
            return self._shared.score(rows, self._known)
        except torch.OutOfMemoryError:
            if self._shared is not None:
                self._shared.forget()
            raise

    def _choose(self, model: Any, device: str, max_length: int) -> tuple[Sharing, SharedScorer | None]:
        """The fastest way that gives the numbers of plain passes."""
        import torch

        config = model.config.get_text_config()
        dtype = str(model.dtype).removeprefix("torch.")
        window = window_of(config)
        longest = min(max(_SHORTEST_PROBE, window + 16 if window < _LONGEST_PROBE else 0), max_length - 24)
        if longest < _SHORTEST_PROBE // 2 + 40:
            return "none", None
        rows = probe_rows(int(config.vocab_size), longest)
        with torch.inference_mode():
            expected = self._plain.score(rows)
            tolerance = _TOLERANCE.get(dtype, _HALF_TOLERANCE)
            for aligned in (True,) if window else (False, True):
                scorer = SharedScorer(model, device, budget=self._budget, aligned=aligned, work=self._work)
                found = difference(scorer, rows, expected)
                if found > tolerance:
                    continue
                packed = PackedScorer(model, device, budget=self._budget, work=self._work, window=window)
                if packed.usable and packed.difference(rows, expected) <= tolerance:
                    return ("windowed" if aligned else "packed"), packed
                return ("aligned" if aligned else "masked"), scorer
        _log.warning(
            "%s: sharing prefixes changes its log-probabilities (by %.2g a token); every row is read whole, which is "
            "slower",
            self._name,
            found,
        )
        return "none", None


def window_of(config: Any) -> int:
    """Positions that layers with a sliding window or chunks look back at; 0 where all layers see everything."""
    kinds = getattr(config, "layer_types", None)
    if kinds is not None and set(kinds) <= _FULL_ATTENTION:
        return 0
    if getattr(config, "use_sliding_window", True) is False:
        return 0
    for name in ("sliding_window", "attention_chunk_size"):
        if isinstance(size := getattr(config, name, None), int):
            return size
    return 0


def _has_context(windows: Windows | Failed) -> bool:
    """Whether this is one row that has tokens before the first scored one's predecessor."""
    return not isinstance(windows, Failed) and len(windows) == 1 and len(windows[0][0]) > len(windows[0][1])


def _only_row(windows: Windows | Failed) -> Row:
    assert not isinstance(windows, Failed)
    return windows[0]


def _length(windows: Windows | Failed) -> int:
    return 1 if isinstance(windows, Failed) else max(1, *(len(inputs) for inputs, _ in windows), 1)


def _lengths(rows: Sequence[Row]) -> list[int]:
    return [len(inputs) for inputs, _ in rows]
