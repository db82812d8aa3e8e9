"""What rows to be scored have in common: equal contexts, and prefixes that many share. Token ids in, plans out.

A model's state after a prefix is worth computing once: the few-shot block of all questions, the context of all answers.
Rows with equal contexts always stand in one batch, and batches of one group share the group's prefix. Everything here
depends on the tokens alone, so that a run that is resumed makes the same batches. Knows no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Tokens = tuple[int, ...]
Row = tuple[Sequence[int], Sequence[int]]
"""``(input, scored)``: the last ``len(scored)`` positions of the input predict the scored tokens."""

SHORTEST = 16
"""Fewest common tokens that are worth a pass of their own."""

_SHRINK = 0.75  # a group's prefix may shrink to this share when a context joins; else the context begins a new group


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Rows that have the same tokens before the scored ones.

    Attributes:
        tokens: The context, at least one token. rows: Positions of its rows.
        length: Tokens to be read for it: the context, and of an only answer all but the last token too.
        branches: Tokens to be read of its answers, where it has several: all but the last of each.
    """

    tokens: Tokens
    rows: tuple[int, ...]
    length: int
    branches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedBatch:
    """Contexts to be read together after a common prefix, which may be empty."""

    prefix: Tokens
    contexts: tuple[Context, ...]

    @property
    def rows(self) -> list[int]:
        return [row for context in self.contexts for row in context.rows]


def context_of(row: Row) -> Tokens:
    """The tokens before the scored ones."""
    inputs, scored = row
    return tuple(inputs[: len(inputs) - len(scored) + 1]) if scored else tuple(inputs)


def contexts_of(rows: Sequence[Row]) -> list[Context]:
    """Rows by their context, in the order of tokens, which brings common prefixes together."""
    found: dict[Tokens, list[int]] = {}
    for position, row in enumerate(rows):
        found.setdefault(context_of(row), []).append(position)
    return [_context(rows, tokens, members) for tokens, members in sorted(found.items())]


def plan_shared(rows: Sequence[Row], *, size: int, budget: int, held: int) -> list[SharedBatch]:
    """Batches of contexts that share a prefix.

    Args:
        size: Most contexts a batch. budget: Most padded tokens a batch, the shared prefix not counted; a single longer
            context is a batch alone. held: Most positions of a batch, the prefix counted once a context.
    """
    batches = []
    for prefix, members in grouped(rows):
        longest_first = sorted(members, key=lambda context: -context.length)
        batch: list[Context] = []
        for context in longest_first:
            longest = (batch[0] if batch else context).length
            most = min(size, budget // max(1, longest - len(prefix)), held // longest)
            if batch and len(batch) >= most:
                batches.append(SharedBatch(prefix=prefix, contexts=tuple(batch)))
                batch = []
            batch.append(context)
        batches.append(SharedBatch(prefix=prefix, contexts=tuple(batch)))
    return batches


def grouped(rows: Sequence[Row]) -> list[tuple[Tokens, list[Context]]]:
    """Contexts by the prefix they are read after; those that share none come first, with an empty one."""
    return _groups(contexts_of(rows))


def positions_left(batches: Sequence[SharedBatch]) -> int:
    """Positions that planned batches read, padding aside: prefixes and contexts once, then the answers."""
    found = 0
    prefix: Tokens = ()
    for batch in batches:
        found += len(batch.prefix) if batch.prefix != prefix else 0
        prefix = batch.prefix
        for context in batch.contexts:
            found += context.length - len(prefix) + context.branches
    return found


def shared_prefix(contexts: Sequence[Context], known: Sequence[Tokens]) -> Tokens:
    """The prefix that contexts are read after.

    Args:
        known: Prefixes of the plan; the longest that all contexts have is taken, so that batches of a group share one.
            Without such a one, as much as the contexts have in common.
    """
    for prefix in sorted(known, key=len, reverse=True):
        if all(_begins(context.tokens, prefix) for context in contexts):
            return prefix
    common = contexts[0].tokens
    for context in contexts[1:]:
        common = common[: _common(common, context.tokens)]
    return _usable(common, contexts)


def _groups(contexts: Sequence[Context]) -> list[tuple[Tokens, list[Context]]]:
    """Runs of neighbours with a common prefix; contexts without one are the first group, with an empty prefix."""
    alone: list[Context] = []
    groups: list[tuple[Tokens, list[Context]]] = []
    members: list[Context] = []
    prefix: Tokens = ()

    def close() -> None:
        if len(members) > 1:
            groups.append((_usable(prefix, members), list(members)))
        else:
            alone.extend(members)

    for context in contexts:
        common = _common(prefix, context.tokens)
        least = max(SHORTEST, _SHRINK * len(prefix)) if len(members) > 1 else SHORTEST
        if members and common >= least:
            members.append(context)
            prefix = prefix[:common]
        else:
            close()
            members, prefix = [context], context.tokens
    close()
    return ([((), alone)] if alone else []) + groups


def _usable(prefix: Tokens, contexts: Sequence[Context]) -> Tokens:
    """A prefix that leaves every context a token to read; empty where too little is left."""
    longest = min(len(context.tokens) for context in contexts) - 1
    return prefix[:longest] if min(len(prefix), longest) >= SHORTEST and len(contexts) > 1 else ()


def _context(rows: Sequence[Row], tokens: Tokens, members: Sequence[int]) -> Context:
    answers = {tuple(rows[row][1]) for row in members}
    several = len(answers) > 1
    only = 0 if several else max(0, len(next(iter(answers))) - 1)
    branches = sum(max(0, len(answer) - 1) for answer in answers) if several else 0
    return Context(tokens=tokens, rows=tuple(members), length=len(tokens) + only, branches=branches)


def _begins(tokens: Tokens, prefix: Tokens) -> bool:
    return len(tokens) > len(prefix) and tokens[: len(prefix)] == prefix


def _common(one: Tokens, other: Tokens) -> int:
    """How many tokens two sequences begin with alike; halves are compared, which is faster than token by token."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
