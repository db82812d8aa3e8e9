"""Rows of rankings as markup, and rankings over groups of languages as scripts that fill the same rows anew."""

from __future__ import annotations

import json
from collections.abc import Sequence

from markupsafe import Markup

from harness.boards import Model
from harness.ranks import Standing
from leaderboard.markup.text import count, short_hash
from leaderboard.views import cells
from leaderboard.views.metric_view import MetricView
from leaderboard.views.standings import StandingsView

NOTHING = "No score in any language"


def standing_rows(metric: MetricView, standings: StandingsView, shown: int, root: str = "") -> Markup:
    """The body of a ranking: its first ``shown`` rows."""
    found = []
    for position, row in enumerate(standings.ranking.rows[:shown], start=1):
        own = _cells(metric, standings, row, position)
        heads = ['<td class="rk"', f'<th scope="row">{cells.model_link(row.model, root)}</th><td class="num"']
        heads += ['<td class="fig"', *['<td class="num"'] * (len(own) - 3)]
        body = "".join(
            f"{head}{'' if value is None else f' data-v={value}'}>{text}</td>"
            for head, (value, text) in zip(heads, own, strict=True)
        )
        found.append(f'<tr data-m="{model_id(row.model)}">{body}</tr>\n')
    return cells.joined(found)


def group_script(metric: MetricView, standings: StandingsView, note: str, name: str) -> str:
    """A script that hands a ranking over a group to ``table.js``: a page from a file may load nothing else.

    Args:
        note: What stands below the ranking, as markup.
        name: The id of the group.
    """
    index = {model: position for position, model in enumerate(metric.models)}
    ranking = standings.ranking
    rows = [
        [index[row.model], *_packed(_cells(metric, standings, row, position))]
        for position, row in enumerate(ranking.rows, start=1)
    ]
    found = {
        "models": [model_id(model) for model in metric.models],
        "rows": rows,
        "common": len(ranking.common),
        "worst": ranking.worst_count,
        "axis": standings.axis(),
        "note": note,
        "means": standings.means(metric.models, metric.table.digits),
        "ranks": standings.ranks(metric.models),
    }
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    return f"glotbenchGroup({json.dumps(metric.id)},{json.dumps(name)},{text});\n"


_Value = tuple[float | int | None, str]
"""What to sort by where it is not the text, and the markup of a cell."""


def _packed(row: Sequence[_Value]) -> list[object]:
    """Cells as ``table.js`` takes them: the markup, with the value to sort by where there is one."""
    return [text if value is None else [value, text] for value, text in row]


def _cells(metric: MetricView, standings: StandingsView, row: Standing, position: int) -> list[_Value]:
    """All cells of a row but the model's, in the order of the columns."""
    found: list[_Value] = [(position if standings.order_only else None, _rank(row)), (None, _mean(metric, row))]
    found += [(None, standings.bar(row)), (None, metric.number(row.worst) or cells.missing())]
    if metric.standings.has_normalised:
        found.append((None, _normalised(metric, row)))
    if metric.standings.has_gap:
        found.append((None, _gap(metric, row)))
    failed = f'<span class="bad">{count(row.n_failed)}</span>' if row.n_failed else "0"
    segments = count(row.n) if row.n or row.mean is None else cells.missing("The scores came without segments")
    return [*found, (row.scored, f"{row.scored} of {standings.languages}"), (row.n_failed, failed), (row.n, segments)]


def _rank(row: Standing) -> str:
    if row.first is None:
        why = "Too few languages to be ranked with the others; the mean is over its own ones"
        return f'<span class="no" title="{why}">unranked</span>'
    if not row.rank_known:
        why = "No interval is known, so that no rank is: the order is that of the scores"
        return f'<span class="no" title="{why}">unknown</span>'
    return f"<b>{rank_range(row.first, row.last)}</b>"


def model_id(model: Model) -> str:
    """What stands for a model in the attributes of rows."""
    return short_hash(model.title)


def rank_range(first: int, last: int | None) -> str:
    return f"{first}" if last in (None, first) else f"{first}–{last}"


def _mean(metric: MetricView, row: Standing) -> str:
    if row.mean is None:
        return cells.missing(NOTHING)
    return f"<b>{metric.number(row.mean)}</b> {cells.interval(metric, row.low, row.high)}"


def _normalised(metric: MetricView, row: Standing) -> str:
    found = row.normalised
    if found is None:
        return cells.missing("What guessing scores is not known")
    return f"{metric.number(found.value)} {cells.interval(metric, found.low, found.high)}"


def _gap(metric: MetricView, row: Standing) -> str:
    found = row.gap
    if found is None:
        return cells.missing("No score in the language that the gap is measured from, or on other items")
    if found.low is None:
        return metric.signed(found.value)
    ends = f"{metric.signed(found.low)} to {metric.signed(found.high)}"
    return f'{metric.signed(found.value)} <span class="ci">{ends}</span>'
