"""Cells and rows of the big tables as ready markup, each as short as it can be: a site has hundreds of thousands.

``parts.html.j2`` hands the smallest of them to the templates.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from markupsafe import Markup, escape

from harness.boards import Cell, Model
from leaderboard.markup.labels import LanguageLabel, Side
from leaderboard.markup.pages import language_page, model_page
from leaderboard.markup.text import count, shortened, visible
from leaderboard.markup.text import plain as safe

if TYPE_CHECKING:
    from leaderboard.views.metric_view import MetricView

LONGEST_NAME = 150
"""Most characters of a model's name where it stands in a table."""

_MANY = 4096
_INTO = ' <span role="img" aria-label="into">→</span> '
_UNCOMPARABLE = (
    '<span class="ne" title="Not comparable: made from other data, another prompt or another metric than the other '
    "models' scores; left out of means and ranks\">≠</span>"
)


class Numbers(Protocol):
    """What formats the numbers of a metric."""

    def number(self, value: float | None) -> str: ...


@lru_cache(_MANY)
def model_link(model: Model, root: str = "") -> str:
    """A model's name, a link to its page, with its remarks."""
    return f'<a href="{root}{model_page(model.title)}">{model_name(model)}</a>{model_remarks(model)}'


def model_name(model: Model) -> Markup:
    return Markup(f'<bdi class="mn">{shortened(model.name, LONGEST_NAME)}</bdi>')


def model_remarks(model: Model) -> Markup:
    """What stands beside a model's name: what tells it from others of this name, and its label."""
    found = ""
    if model.tag:
        title = "Several systems have this name; this is the start of the hash of this one's identity"
        found += f' <span class="tag" title="{title}">#{escape(model.tag)}</span>'
    if model.label:
        found += f' <span class="lab" title="Remark about this model">{visible(model.label)}</span>'
    return Markup(found)


@lru_cache(_MANY)
def language_head(row: LanguageLabel, pivot: str, root: str = "") -> Markup:
    """The head of a row: the language or direction with its code, a link to its page."""
    names = language_names(row)
    native = f" {endonym(row.sides[0])}" if len(row.sides) == 1 else ""
    return Markup(
        f'<th scope="row"><a href="{root}{language_page(row.page_code(pivot))}">{names}</a>{native}'
        f'<span class="cd">{visible(row.code)}</span></th>'
    )


def language_names(row: LanguageLabel) -> Markup:
    return Markup(_INTO.join(map(side_name, row.sides)))


def side_name(side: Side) -> Markup:
    return Markup(f"<bdi>{visible(side.name)}</bdi>")


def endonym(side: Side) -> Markup:
    """What speakers call their language; empty where that is the same as in English."""
    if not side.endonym:
        return Markup("")
    lang = f' lang="{escape(side.bcp47)}"' if side.bcp47 else ""
    return Markup(f'<bdi class="en"{lang} dir="auto">{visible(side.endonym)}</bdi>')


def missing(why: str = "") -> Markup:
    return Markup(f'<span class="no" title="{escape(safe(why)) or "No score"}">–</span>')


def interval(metric: Numbers, low: float | None, high: float | None) -> Markup:
    if low is None or high is None:
        return Markup('<span class="ci no">unknown</span>')
    return Markup(f'<span class="ci">{metric.number(low)} to {metric.number(high)}</span>')


def value(metric: MetricView, cell: Cell, link: str) -> str:
    """A score; a link to its segments where there are any."""
    score = cell.score
    shown: str = missing(score.note) if score.value is None else metric.number(score.value)
    if link and score.value is not None:
        shown = f'<a href="{link}">{shown}</a>'
    return shown if cell.comparable else shown + _UNCOMPARABLE


def score_cells(metric: MetricView, model: Model, code: str, cell: Cell, root: str = "", *, plain: bool = False) -> str:
    """Score, interval, drawing, segments, failures of one model in one language.

    Args:
        plain: Without the columns that only some metrics have: layers and signatures.
    """
    score = cell.score
    link = metric.link(model, code)
    scored = count(score.n) if score.n or score.value is None else missing("The score came without segments")
    known = "" if 0 < score.n < 1000 else f' data-v="{score.n}"'
    counted = f'<td class="num"{known}>{scored}</td>'
    failed = f'<td class="num bad">{count(score.n_failed)}</td>' if score.n_failed else '<td class="num">0</td>'
    layers = f'<td class="fig">{metric.spark(cell)}</td>' if metric.has_layers and not plain else ""
    sig = "" if metric.signature or plain else f'<td class="sg"><code>{visible(score.signature)}</code></td>'
    return (
        f'<td class="num"><b>{value(metric, cell, link and root + link)}</b></td>'
        f'<td class="num">{interval(metric, score.ci_low, score.ci_high)}</td>'
        f'<td class="fig">{metric.bar(cell)}</td>{layers}'
        f"{counted}{failed}{sig}"
    )


def heat_row(metric: MetricView, row: LanguageLabel, groups: str, pivot: str) -> str:
    """One language in the languages x models table."""
    code = row.code
    common = " data-c" if code in metric.common else ""
    cells = "".join([heat_cell(metric, model, code, own.get(code)) for model, own in metric.columns])
    return f'<tr data-k="{escape(row.keys)}" data-g="{groups}"{common}>{language_head(row, pivot)}{cells}</tr>\n'


def heat_cell(metric: MetricView, model: Model, code: str, cell: Cell | None, root: str = "") -> str:
    """One score, tinted.

    Args:
        cell: That of the model in the language.
    """
    if cell is None:
        return '<td class="x">–</td>'
    score = cell.score
    if score.value is None:
        return f'<td class="x" title="{escape(safe(score.note)) or "No score"}">–</td>'
    shown = metric.number(score.value)
    if target := metric.link(model, code):
        shown = f'<a href="{root}{target}">{shown}</a>'
    if score.n_failed:
        shown += f'<sup title="{score.n_failed} failed">†</sup>'
    if not cell.comparable:
        return f'<td class="ne" title="not comparable">{shown}<sup>≠</sup></td>'
    return f'<td class="h{metric.tint(score.value)}">{shown}</td>'


def joined(rows: Iterable[str]) -> Markup:
    """Rows that are markup already."""
    return Markup("".join(rows))
