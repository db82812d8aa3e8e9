"""One task and metric in several prompts as the templates show it."""

from __future__ import annotations

from harness.boards import digits_of
from harness.prompt_spread import PromptSpread
from harness.records import ScoreRecord
from leaderboard.drawing import figures
from leaderboard.markup.text import short_hash

_MOST_COLUMNS = 8


class PromptsView:
    """How much the wording of the question matters: every model over its languages, prompt by prompt."""

    def __init__(self, spread: PromptSpread) -> None:
        self.spread = spread
        self.task = spread.board.task.name
        self.id = f"p-{short_hash(self.task, spread.board.variant, spread.facts.metric)}"

    @property
    def facts(self) -> ScoreRecord:
        return self.spread.facts

    @property
    def setting(self) -> str:
        """The variant in words; empty where there is none."""
        return f"variant {self.spread.board.variant}" if self.spread.board.variant else ""

    @property
    def arrow(self) -> str:
        return "↑" if self.facts.higher_is_better else "↓"

    @property
    def columns(self) -> tuple[str, ...]:
        """The prompts that have a column of their own; none where there are too many."""
        return self.spread.prompts if len(self.spread.prompts) <= _MOST_COLUMNS else ()

    @property
    def rows_are(self) -> str:
        return "directions" if self.spread.board.directions else "languages"

    def number(self, value: float | None) -> str:
        """``value`` in the digits of the metric; empty when missing."""
        return "" if value is None else figures.number(value, digits_of(self.facts))

    @property
    def agreement(self) -> str:
        """Whether prompts put the models in the same order, in a sentence; empty where that cannot be said."""
        found = self.spread.agreement
        if found is None:
            return ""
        one, other = found.lowest_pair
        return (
            f"Do prompts put the {found.models} models in the same order? Kendall's tau is "
            f"{figures.number(found.mean, 2)} on average over pairs of prompts (1: the same order, 0: unrelated), "
            f"and {figures.number(found.lowest, 2)} for the least alike, {one} and {other}."
        )
