"""Bodies of the tables of single scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup, escape

from leaderboard.views import cells
from leaderboard.views.views import BoardView, LanguageRow


def by_language(view: BoardView, rows: Sequence[LanguageRow], *, with_model: bool, root: str = "") -> Markup:
    """Rows by language. What the filter box looks for stands in the first row of each language."""
    return cells.joined(_by_language(view, rows, with_model, root))


def _by_language(view: BoardView, rows: Sequence[LanguageRow], with_model: bool, root: str) -> Iterator[str]:
    former = ""
    for row in rows:
        code = row.label.code
        keys = first = ""
        if code != former:
            keys = f' data-k="{escape(row.label.keys)}" data-g="{view.groups_by_row[code]}"'
            first = ' class="first"' if with_model else ""
            former = code
        model = f"<td>{cells.model_link(row.model, root)}</td>" if with_model else ""
        head = cells.language_head(row.label, view.board.pivot, root)
        yield f"<tr{keys}{first}>{head}{model}{cells.score_cells(row.metric, row.model, code, row.cell, root)}</tr>\n"


def has_metrics(rows: Sequence[LanguageRow]) -> bool:
    """Whether rows are of several metrics or directions, so that each must say which."""
    return len({(row.metric.id, row.label.code) for row in rows}) > 1


def by_model(view: BoardView, rows: Sequence[LanguageRow], root: str = "") -> Markup:
    """Rows by metric and direction of one language, model by model."""
    return cells.joined(_by_model(view, rows, root))


def _by_model(view: BoardView, rows: Sequence[LanguageRow], root: str) -> Iterator[str]:
    former: tuple[str, str] | None = None
    named = has_metrics(rows)
    for row in rows:
        metric, code = row.metric, row.label.code
        first = ' class="first"' if (metric.id, code) != former else ""
        former = (metric.id, code)
        chance = row.cell.score.chance
        guessing = "" if chance is None else f" <small>guessing: {metric.number(chance)}</small>"
        way = f'<td class="nb">{cells.language_names(row.label)}</td>' if view.directions else ""
        what = f"<td>{escape(metric.facts.title)}&nbsp;{metric.arrow}{guessing}</td>"
        yield (
            f"<tr{first}>{what if named else ''}{way}"
            f'<th scope="row">{cells.model_link(row.model, root)}</th>'
            f"{cells.score_cells(metric, row.model, code, row.cell, root, plain=True)}</tr>\n"
        )
