"""Contexts with their answers one after the other in a few lines, a tree each: labels say what may look at what.

A line holds trunks (what is left of a context after the prefix) and, after each, its branches (the answers). A token
looks at the prefix, at its own trunk and at its own branch, whatever else stands in the line. Token ids in, lines out;
knows no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.engine.prefixes import Context, Row, SharedBatch, grouped


@dataclass(frozen=True, slots=True)
class Target:
    """Positions of a line that predict tokens of a row, from ``start`` on."""

    row: int
    line: int
    start: int
    tokens: Sequence[int]


@dataclass(slots=True)
class Line:
    """Tokens that are read together.

    Attributes:
        tokens: Ids. positions: How many tokens each has before it in its own row.
        trunks: Number of the context that each belongs to. branches: 0 in a trunk, else the number of the answer.
    """

    tokens: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    trunks: list[int] = field(default_factory=list)
    branches: list[int] = field(default_factory=list)

    def add(self, tokens: Sequence[int], first: int, trunk: int, branch: int) -> int:
        """Add tokens, the first of which has ``first`` before it; returns where in the line they begin."""
        start = len(self.tokens)
        self.tokens.extend(tokens)
        self.positions.extend(range(first, first + len(tokens)))
        self.trunks.extend([trunk] * len(tokens))
        self.branches.extend([branch] * len(tokens))
        return start


def plan_packed(rows: Sequence[Row], *, lines: int, budget: int, held: int, width: int) -> list[SharedBatch]:
    """Batches of contexts that share a prefix, to be read in packed lines.

    Args:
        lines: Most lines a batch. budget: Most tokens a batch, the shared prefix not counted; a single longer context
            is a batch alone. held: Most positions of a batch, the prefix counted once a line. width: Of a line, unless
            the prefix is longer.
    """
    batches = []
    for prefix, members in grouped(rows):
        own = max(width, len(prefix), *(context.length - len(prefix) + context.branches for context in members))
        most = min(budget, own * max(1, min(lines, held // (len(prefix) + own))))
        batch: list[Context] = []
        filled = 0
        for context in sorted(members, key=lambda context: -context.length):
            size = context.length - len(prefix) + context.branches
            if batch and filled + size > most:
                batches.append(SharedBatch(prefix=prefix, contexts=tuple(batch)))
                batch, filled = [], 0
            batch.append(context)
            filled += size
        batches.append(SharedBatch(prefix=prefix, contexts=tuple(batch)))
    return batches


def packed(rows: Sequence[Row], contexts: Sequence[Context], skip: int, width: int) -> tuple[list[Line], list[Target]]:
    """Contexts without their first ``skip`` tokens, and their answers, in as many lines as lines of ``width`` would be.

    Longest first, each in the shortest line, so that lines end up about equally long; some are longer than ``width``.
    """
    sizes = [context.length - skip + context.branches for context in contexts]
    width = max(width, *sizes)
    lines = [Line() for _ in range(min(len(contexts), -(-sum(sizes) // width)))]
    targets: list[Target] = []
    for number in sorted(range(len(contexts)), key=lambda index: (-sizes[index], index)):
        at = min(range(len(lines)), key=lambda index: len(lines[index].tokens))
        targets += _placed(rows, contexts[number], skip, lines[at], at, number)
    return lines, targets


def _placed(rows: Sequence[Row], context: Context, skip: int, line: Line, at: int, trunk: int) -> list[Target]:
    """A context and its answers written to the end of a line; where they are predicted."""
    distinct = {tuple(rows[row][1]): row for row in reversed(context.rows)}
    if len(distinct) == 1:
        inputs, scored = rows[context.rows[0]]
        start = line.add(inputs[skip:], skip, trunk, 0)
        return [Target(context.rows[0], at, start + len(context.tokens) - 1 - skip, scored)]
    last = line.add(context.tokens[skip:], skip, trunk, 0) + len(context.tokens) - 1 - skip
    targets = []
    for branch, (answer, row) in enumerate(distinct.items(), start=1):
        targets.append(Target(row, at, last, answer[:1]))
        if len(answer) > 1:
            start = line.add(answer[:-1], len(context.tokens), trunk, branch)
            targets.append(Target(row, at, start, answer[1:]))
    return targets
