"""Which models have a page together: all pairs while they are few, else those that readers ask for first.

Of many models each is compared with its neighbours in the order of every task and with the first there, places from
the top. A pair is always the same way round: the system that stands later in the runs against the earlier one, as
``glotbench compare`` has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from harness.boards import Board, Model
from harness.ranks import mean, shared_field
from harness.records import RunRecord
from leaderboard.markup.pages import pair_page

MOST_MODELS = 12
"""Up to so many models all pairs have a page: 66 of them."""

MOST_PAIRS = 50
"""Most pages of pairs where there are more models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """``system`` against ``against``.

    Attributes:
        why: Why this pair was chosen, where not all are there.
    """

    system: Model
    against: Model
    why: tuple[str, ...] = ()

    @property
    def page(self) -> str:
        return pair_page(self.system.title, self.against.title)

    @property
    def models(self) -> tuple[Model, Model]:
        return self.system, self.against


def pairs(boards: Sequence[Board], records: Sequence[RunRecord]) -> tuple[Pair, ...]:
    """The pairs that have a page, in the order of the models; none where no two models share a board."""
    order = {model: place for place, model in enumerate(_in_runs(boards, records))}
    if len(order) > MOST_MODELS:
        chosen = _closest(boards)
    else:
        chosen = {
            frozenset(two): [] for board in boards for two in combinations(board.models, 2) if len(board.models) > 1
        }
    found = [(sorted(two, key=order.__getitem__), why) for two, why in chosen.items()]
    found.sort(key=lambda item: [order[model] for model in item[0]])
    return tuple(Pair(against=two[0], system=two[1], why=tuple(why)) for two, why in found)


def others(found: Sequence[Pair], model: Model) -> list[tuple[Model, str]]:
    """The models that ``model`` is compared with, each with the page."""
    return [
        (pair.against if pair.system == model else pair.system, pair.page) for pair in found if model in pair.models
    ]


def _in_runs(boards: Sequence[Board], records: Sequence[RunRecord]) -> list[Model]:
    """The models in the order in which the runs name them."""
    first: dict[Model, int] = {}
    for board in boards:
        for model, cells in board.metrics[0].by_model.items():
            runs = {cell.run for cell in cells.values()}
            if runs:
                first[model] = min(*runs, first.get(model, len(records)))
    places = [{own.name: place for place, own in enumerate(record.models)} for record in records]
    return sorted(first, key=lambda model: (first[model], places[first[model]].get(model.name, len(places)), model))


def _closest(boards: Sequence[Board]) -> dict[frozenset[Model], list[str]]:
    """Neighbours and pairs with the first model, from the top of every board's order down, each with its reasons."""
    proposed = [list(_proposed(board)) for board in boards]
    found: dict[frozenset[Model], list[str]] = {}
    for place in range(max(map(len, proposed), default=0)):
        for own in proposed:
            for two, why in own[place : place + 1]:
                if two in found or len(found) < MOST_PAIRS:
                    found.setdefault(two, []).append(why)
    return found


def _proposed(board: Board) -> Iterator[tuple[frozenset[Model], str]]:
    name = " ".join(filter(None, (board.task.name, board.variant, board.prompt)))
    ranked = _order(board)
    for place in range(1, len(ranked)):
        yield frozenset((ranked[place - 1], ranked[place])), f"places {place} and {place + 1} of {name}"
        if place > 1:
            yield frozenset((ranked[0], ranked[place])), f"places 1 and {place + 1} of {name}"


def _order(board: Board) -> list[Model]:
    """The ranked models by the mean of the headline metric, best first: the order of ``ranks.ranking``."""
    table = board.metrics[0]
    own = {
        model: {language: value for language, cell in cells.items() if (value := cell.value) is not None}
        for model, cells in table.by_model.items()
    }
    field = shared_field(table.languages, own)
    sign = -1 if table.facts.higher_is_better else 1
    return sorted(
        field.models, key=lambda model: (sign * (mean([own[model][row] for row in field.languages]) or 0.0), model)
    )
