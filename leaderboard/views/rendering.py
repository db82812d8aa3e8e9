"""Templates -> text of pages. A string in a template is escaped and made safe to look at; only markup is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from leaderboard.markup.labels import label
from leaderboard.markup.pages import language_page, model_page, task_page
from leaderboard.markup.text import breakable, count, plain, shortened, visible
from leaderboard.views import cells
from leaderboard.views.score_rows import by_language, by_model, has_metrics
from leaderboard.views.standing_rows import rank_range, standing_rows

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A link in the head of every page."""

    page: str
    title: str


def render(page: str, template: str, entries: Sequence[Entry], **context: object) -> str:
    """A page.

    Args:
        page: Its path below the site's root, with ``/`` between the parts.
        template: Name of the template.
        entries: The links in its head.
    """
    root = "../" * page.count("/")
    return environment().get_template(template).render(root=root, page=page, entries=entries, **context)


def part(template: str, **context: object) -> str:
    """A part of a page at the site's root."""
    return environment().get_template(template).render(root="", **context)


@cache
def environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    env = Environment(
        loader=PackageLoader("leaderboard", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    env.filters |= {"visible": visible, "breakable": breakable, "shortened": shortened, "count": count}
    env.globals |= {"language_page": language_page, "task_page": task_page, "model_page": model_page, "label": label}
    env.globals |= {"rank_range": rank_range, "markup": cells}
    env.globals |= {
        "by_language": by_language,
        "by_model": by_model,
        "has_metrics": has_metrics,
        "standing_rows": standing_rows,
    }
    return env


def _finalize(value: object) -> object:
    """Every text that a template does not mark visible itself: safe in attributes as well as between tags."""
    return plain(value) if type(value) is str else value
