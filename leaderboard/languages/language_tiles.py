"""Languages as equal tiles, by region and family, and as rows of a table. Places and formats; computes no score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.boards import Model
from harness.languages import REGIONS
from leaderboard.languages.best_scores import Choice
from leaderboard.markup.labels import LanguageLabel, Side, label
from leaderboard.markup.text import fold

NOT_RUN, UNSCORED, PIVOT = "n", "x", "p"
"""Instead of a score: nobody ran it; it has no score that can be compared; the others are held against it."""

EMBEDDED_VALUES = 40_000
"""Most scores of single models that a page holds; a score is about five bytes."""

_REGION_UNKNOWN = "Region not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageEntry:
    """One language of the site.

    Attributes:
        short: What stands on its tile: the code without the script where that says it.
        tasks, models: How many have a score in it, or scores that it is the pivot of.
        has_page: Whether anything was run in it.
    """

    label: LanguageLabel
    short: str
    tasks: int
    models: int
    has_page: bool

    @property
    def code(self) -> str:
        return self.label.code

    @property
    def side(self) -> Side:
        return self.label.sides[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The tiles of one language family in a region."""

    name: str
    languages: tuple[LanguageEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """The tiles of one region, the largest family first."""

    name: str
    families: tuple[Family, ...]

    @property
    def size(self) -> int:
        return sum(len(family.languages) for family in self.families)


class LanguageTiles:
    """Every language of the site, and what it can be tinted by.

    Args:
        found: What the tiles can be tinted by.
        models: The models of the site.
        with_page: Codes of the languages that have a page.
    """

    def __init__(self, found: Sequence[Choice], models: Sequence[Model], with_page: Sequence[str]) -> None:
        self.choices = found
        self.with_page = frozenset(with_page)
        self.values = sum(len(own) for choice in found for own in choice.values.values())
        self.models = tuple(models) if self.values <= EMBEDDED_VALUES else ()
        """The models whose own scores are held; none where there are too many scores."""

    @cached_property
    def entries(self) -> tuple[LanguageEntry, ...]:
        """By name."""
        codes = self.with_page.union(*(choice.not_run for choice in self.choices))
        codes |= {choice.pivot for choice in self.choices if choice.pivot}
        bases = Counter(code.partition("_")[0] for code in codes)
        tasks: dict[str, set[str]] = {}
        models: dict[str, set[tuple[str, str]]] = {}
        for choice in self.choices:
            for code, own in choice.values.items():
                names = {(model.name, model.tag) for model, _ in own}
                for covered in filter(None, (code, choice.pivot)):
                    tasks.setdefault(covered, set()).add(choice.view.board.task.name)
                    models.setdefault(covered, set()).update(names)
        found = [
            LanguageEntry(
                label=label(code),
                short=base if bases[base := code.partition("_")[0]] == 1 else code,
                tasks=len(tasks.get(code, ())),
                models=len(models.get(code, ())),
                has_page=code in self.with_page,
            )
            for code in codes
        ]
        return tuple(sorted(found, key=lambda entry: (fold(entry.label.name), entry.code)))

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """In the order of the continents' names, what is not known last."""
        grouped: dict[str, dict[str, list[LanguageEntry]]] = {}
        for entry in self.entries:
            region = entry.side.region or _REGION_UNKNOWN
            grouped.setdefault(region, {}).setdefault(entry.side.family, []).append(entry)
        names = [*(name for name in REGIONS if name in grouped), *([_REGION_UNKNOWN] * (_REGION_UNKNOWN in grouped))]
        return tuple(
            Region(
                name=name,
                families=tuple(
                    Family(name=family or "Family not known", languages=tuple(own))
                    for family, own in sorted(grouped[name].items(), key=lambda item: (-len(item[1]), item[0]))
                ),
            )
            for name in names
        )

    def data(self, entry: LanguageEntry) -> str:
        """What the script needs of one language, a part for every choice, with ``|`` between them.

        A part is empty (no language of the task), :data:`NOT_RUN`, :data:`UNSCORED`, :data:`PIVOT`, or the best
        score and, where they are held, the scores of the models in their order, with commas; a missing score is empty.
        """
        return "|".join(self._part(choice, entry.code) for choice in self.choices)

    def _part(self, choice: Choice, code: str) -> str:
        best = choice.best.get(code)
        if best is None:
            return self.state(choice, code)
        digits = choice.metric.table.digits
        own = dict(choice.values[code]) if self.models else {}
        scores = (f"{own[model]:.{digits}f}" if model in own else "" for model in self.models)
        return ",".join((f"{best.value:.{digits}f}", *scores)).rstrip(",")

    @staticmethod
    def state(choice: Choice, code: str) -> str:
        """Why a language has no score in a choice."""
        if code == choice.pivot:
            return PIVOT
        return NOT_RUN if code in choice.not_run else UNSCORED if code in choice.unscored else ""

    @property
    def thinnest(self) -> list[tuple[int, list[LanguageEntry]]]:
        """The two smallest numbers of tasks that languages have scores in, with those languages."""
        by_count: dict[int, list[LanguageEntry]] = {}
        for entry in self.entries:
            by_count.setdefault(entry.tasks, []).append(entry)
        return [(count, by_count[count]) for count in sorted(by_count)[:2]] if len(by_count) > 1 else []

    @property
    def never_run(self) -> list[tuple[str, list[LanguageEntry]]]:
        """By task, the languages of its file that nobody ran in any variant or prompt."""
        missing: dict[str, frozenset[str]] = {}
        for choice in self.choices:
            task = choice.view.board.task.name
            missing[task] = missing.get(task, choice.not_run) & choice.not_run
        return [
            (task, [entry for entry in self.entries if entry.code in codes]) for task, codes in missing.items() if codes
        ]
