"""Log-probabilities of rows that share prefixes and contexts, each prefix and context read once.

Three passes at most: the prefix of a batch, once, with its state kept for the next batch; the rest of every context;
and the answers of contexts that have several. Rows are padded on the right and masked. Only positions that predict a
scored token reach the output layer, picked before it, so that whatever a model does to its logits (soft caps, scaling)
is done.

Nothing here is assumed to work for a model: :func:`difference` says how far it is from plain passes.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from harness.engine.base import batches_by_length
from harness.engine.cache_rows import branched
from harness.engine.packing import Target
from harness.engine.prefixes import Context, Row, Tokens, contexts_of, shared_prefix
from harness.engine.softmax import Softmax
from harness.engine.work import Work

Score = tuple[float, bool]
"""Log-probability of the scored tokens, and whether each is the likeliest one."""

_ROWS_AT_ONCE = {"cpu": 16, "cuda": 256}  # positions whose softmax is taken together: a processor's cache holds few


class SharedScorer:
    """Scores batches of rows by a causal model.

    Args:
        model: A transformers causal model, on its device. device: Where. budget: Padded tokens of a pass over answers.
        aligned: Read answers together only where their contexts are equally long, so that no padding stands between
            the two: for layers that count positions as they lie in memory (sliding windows, some ALiBi).
        work: Told of the time that the softmax and the moving of states take.

    Attributes:
        softmax: How logits become log-probabilities.
    """

    def __init__(
        self, model: Any, device: str, *, budget: int, aligned: bool = False, work: Work | None = None
    ) -> None:
        self._model = model
        self._device = device
        self._budget = budget
        self._aligned = aligned
        self._work = work or Work(device, str(model.dtype).removeprefix("torch."))
        self.softmax = Softmax()
        self._takes_positions = "position_ids" in inspect.signature(model.forward).parameters
        self._prefix: tuple[Tokens, Any] = ((), None)

    def score(self, rows: Sequence[Row], known: Sequence[Tokens] = ()) -> list[Score]:
        """Scores of rows, in their order.

        Args:
            known: Prefixes of the plan that the rows are from.
        """
        contexts = contexts_of(rows)
        totals: dict[int, Score] = {}
        prefix = shared_prefix(contexts, known)
        state = self._state_after(prefix)
        several = [len({tuple(rows[row][1]) for row in context.rows}) > 1 for context in contexts]
        lines, targets = _first_pass(rows, contexts, several, len(prefix))
        scored, after = self._pass(lines, targets, state, len(prefix), [len(prefix)] * len(lines), keep=any(several))
        add_scores(totals, scored)
        lengths = [len(prefix) + len(line) for line in lines]
        batches = list(self._answer_batches(rows, contexts, several))
        for number, answers in enumerate(batches, start=1):
            origins = [origin for origin, _ in answers]
            own = [lengths[origin] for origin in origins]
            before = max(lengths)
            with self._work.timed():
                chosen = branched(after, _indices(origins, self._device), last=number == len(batches))
                if self._aligned and own[0] < before:
                    chosen.crop(own[0] - before)
                    before = own[0]
            lines = [rows[row][1][:-1] for _, row in answers]
            targets = [Target(row, line, 0, rows[row][1][1:]) for line, (_, row) in enumerate(answers)]
            scored, _ = self._pass(lines, targets, chosen, before, own, keep=False)
            add_scores(totals, scored)
        for context in contexts:
            copy_equal(totals, rows, context)
        return self._rounded(totals, len(rows))

    def whole(self, rows: Sequence[Row]) -> list[Score]:
        """Scores of rows that share nothing, in their order: one pass over each, as many together as the budget holds.

        Against plain passes, padding does not reach the output layer.
        """
        totals: dict[int, Score] = {}
        for batch in batches_by_length([len(inputs) for inputs, _ in rows], size=len(rows), budget=self._budget):
            targets = [Target(row, line, len(rows[row][0]) - len(rows[row][1]), rows[row][1])
                       for line, row in enumerate(batch)]  # fmt: skip
            scored, _ = self._pass([rows[row][0] for row in batch], targets, None, 0, [0] * len(batch), keep=False)
            add_scores(totals, scored)
        return self._rounded(totals, len(rows))

    def forget(self) -> None:
        """Give back the memory of the last prefix."""
        self._prefix = ((), None)

    def _rounded(self, totals: dict[int, Score], count: int) -> list[Score]:
        """Scores by row, summed over the passes that they come from."""
        return [(self.softmax.total(totals[row][0]), totals[row][1]) for row in range(count)]

    def _state_after(self, prefix: Tokens) -> Any:
        """The model's state after a prefix, of one line; of the last prefix it is remembered."""
        if not prefix:
            return None
        if self._prefix[0] != prefix:
            self._prefix = ((), None)
            _, state = self._pass([prefix], [], None, 0, [0], keep=True)
            self._prefix = (prefix, state)
        return self._prefix[1]

    def _several(self, state: Any, lines: int) -> Any:
        """The state after a prefix, for so many lines; the one given stays as it is."""
        with self._work.timed():
            return branched(state, _indices([0] * lines, self._device))

    def _answer_batches(
        self, rows: Sequence[Row], contexts: Sequence[Context], several: Sequence[bool]
    ) -> Iterator[list[tuple[int, int]]]:
        """``(line of the context, row)`` of every distinct longer answer of contexts that have several."""
        found = []
        for line, (context, many) in enumerate(zip(contexts, several, strict=True)):
            if many:
                distinct = {tuple(rows[row][1]): row for row in reversed(context.rows)}
                found += [(line, row) for answer, row in distinct.items() if len(answer) > 1]
        length = [len(context.tokens) if self._aligned else 0 for context in contexts]
        found.sort(key=lambda pair: (length[pair[0]], -len(rows[pair[1]][1]), pair))
        batch: list[tuple[int, int]] = []
        for pair in found:
            width = len(rows[(batch or [pair])[0][1]][1]) - 1
            other = bool(batch) and length[batch[0][0]] != length[pair[0]]
            if batch and (other or (len(batch) + 1) * width > self._budget):
                yield batch
                batch = []
            batch.append(pair)
        if batch:
            yield batch

    def _pass(
        self,
        lines: Sequence[Sequence[int]],
        targets: Sequence[Target],
        state: Any,
        before: int,
        seen: Sequence[int],
        *,
        keep: bool,
    ) -> tuple[list[tuple[int, Score]], Any]:
        """One forward pass of right-padded lines.

        Args:
            state: What came before, of one line or of as many as ``lines``; ``None`` for nothing.
            before: Positions the state has. seen: How many of them belong to each line; the others are padding.
            keep: Whether the state after the pass is wanted.

        Returns:
            Scores of the targets, and the state.
        """
        import torch

        width = max(len(line) for line in lines)
        ids = torch.zeros((len(lines), width), dtype=torch.long)
        mask = torch.zeros((len(lines), before + width), dtype=torch.long)
        for index, (line, own) in enumerate(zip(lines, seen, strict=True)):
            ids[index, : len(line)] = torch.tensor(list(line), dtype=torch.long)
            mask[index, :own] = 1
            mask[index, before : before + len(line)] = 1
        inputs: dict[str, Any] = {"input_ids": ids.to(self._device), "use_cache": keep or state is not None}
        if state is not None or len(lines) > 1:
            inputs["attention_mask"] = mask.to(self._device)
        if self._takes_positions:
            starts = torch.tensor(list(seen), dtype=torch.long)[:, None]
            inputs["position_ids"] = (starts + torch.arange(width)[None, :]).to(self._device)
        if state is not None:
            if state is self._prefix[1]:
                state = self._several(state, len(lines))
            inputs["past_key_values"] = state
        elif keep and self._aligned:
            inputs["past_key_values"] = _whole_state()
        output, scores = self._run(inputs, targets)
        return scores, getattr(output, "past_key_values", None) if keep else None

    def _run(self, inputs: dict[str, Any], targets: Sequence[Target]) -> tuple[Any, list[tuple[int, Score]]]:
        """The model's output, whose logits are those of the targets' positions alone, and the targets' scores."""
        places = [(target.line, target.start + offset) for target in targets for offset in range(len(target.tokens))]
        with _picked(self._model, places, self._device):
            output = self._model(**inputs)
        with self._work.timed():
            return output, _scores(output.logits, targets, self.softmax)


def probe_rows(vocabulary: int, longest: int) -> list[Row]:
    """Rows that share a prefix, with contexts and answers of several lengths; the same ones every time.

    Args:
        vocabulary: Token ids below it are taken. longest: Tokens of the longest row, at least 80.
    """
    ids = [(3 + 17 * step * step + 5 * step) % vocabulary for step in range(longest + 120)]
    shared = ids[: longest - 40]
    rows: list[Row] = []
    for start, length in ((40, 9), (60, 21), (90, 2)):
        context = shared + ids[start : start + length]
        for answer in (ids[100:101], ids[101:104], ids[110:117]):
            rows.append(((context + answer)[:-1], answer))
    rows.append(((shared + ids[80:100])[:-1], ids[90:100]))
    return rows


def difference(scorer: SharedScorer, rows: Sequence[Row], expected: Sequence[Score]) -> float:
    """Largest difference per token between shared scores and those of plain passes.

    Returns:
        Nats; ``inf`` where sharing fails altogether: what an architecture cannot do it says in many ways.
    """
    try:
        found = scorer.score(rows)
    except (TypeError, ValueError, RuntimeError, AttributeError, IndexError, NotImplementedError, KeyError):
        return float("inf")
    finally:
        scorer.forget()
    return max(
        abs(one - other) / len(scored) for (one, _), (other, _), (_, scored) in zip(found, expected, rows, strict=True)
    )


def _first_pass(
    rows: Sequence[Row], contexts: Sequence[Context], several: Sequence[bool], skip: int
) -> tuple[list[Sequence[int]], list[Target]]:
    """What is read of every context after the prefix, and what is scored there."""
    lines: list[Sequence[int]] = []
    targets = []
    for line, (context, many) in enumerate(zip(contexts, several, strict=True)):
        last = len(context.tokens) - 1 - skip
        if many:
            lines.append(context.tokens[skip:])
            distinct = {tuple(rows[row][1]): row for row in reversed(context.rows)}
            targets += [Target(row, line, last, answer[:1]) for answer, row in distinct.items()]
        else:
            inputs, scored = rows[context.rows[0]]
            lines.append(inputs[skip:])
            targets.append(Target(context.rows[0], line, last, scored))
    return lines, targets


def _scores(logits: Any, targets: Sequence[Target], softmax: Softmax) -> list[tuple[int, Score]]:
    """Scores of targets whose positions stand one after the other in ``logits`` ``[1, n, V]``."""
    import torch

    tokens = [token for target in targets for token in target.tokens]
    if not tokens:
        return [(target.row, (0.0, True)) for target in targets]
    wanted = torch.tensor(tokens, device=logits.device)
    chosen, likeliest = [], []
    step = _ROWS_AT_ONCE.get(logits.device.type, 256)
    for start in range(0, len(tokens), step):
        values, flags = softmax.of(logits[0, start : start + step], wanted[start : start + step])
        chosen.append(values)
        likeliest.append(flags)
    values, greedy = torch.cat(chosen).double().cpu(), torch.cat(likeliest).cpu()
    found, place = [], 0
    for target in targets:
        end = place + len(target.tokens)
        found.append((target.row, (float(values[place:end].sum()), bool(greedy[place:end].all()))))
        place = end
    return found


@contextmanager
def _picked(model: Any, places: Sequence[tuple[int, int]], device: str) -> Iterator[None]:
    """Only some positions reach the output layer, as one line of them: ``[1, max(1, n), d]``."""
    picks = list(places) or [(0, 0)]
    lines, positions = _indices([line for line, _ in picks], device), _indices([at for _, at in picks], device)

    def pick(_: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        return (arguments[0][lines.to(arguments[0].device), positions.to(arguments[0].device)][None], *arguments[1:])

    hook = model.get_output_embeddings().register_forward_pre_hook(pick)
    try:
        yield
    finally:
        hook.remove()


def _whole_state() -> Any:
    """A state that keeps every position in every layer; which ones a layer looks at, its mask says."""
    from transformers import DynamicCache

    return DynamicCache()


def _indices(numbers: Sequence[int], device: str) -> Any:
    import torch

    return torch.tensor(list(numbers), dtype=torch.long, device=device)


def add_scores(totals: dict[int, Score], scored: Sequence[tuple[int, Score]]) -> None:
    """Add scores of parts of rows to those of their other parts."""
    for row, (value, greedy) in scored:
        before = totals.get(row, (0.0, True))
        totals[row] = (before[0] + value, before[1] and greedy)


def copy_equal(totals: dict[int, Score], rows: Sequence[Row], context: Context) -> None:
    """Rows that are asked twice get the score of the first of them."""
    first: dict[tuple[int, ...], int] = {}
    for row in context.rows:
        answer = tuple(rows[row][1])
        totals[row] = totals[first.setdefault(answer, row)]
