"""Every language of the site: a map of equal tiles, a table, and what nobody measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from leaderboard.building.folder import Writer
from leaderboard.building.jobs import Job
from leaderboard.data.site_data import Site
from leaderboard.languages.best_scores import Choice, choices, models_id
from leaderboard.languages.language_tiles import NOT_RUN, PIVOT, UNSCORED, LanguageTiles
from leaderboard.views import exports
from leaderboard.views.rendering import Entry

PAGE = "languages.html"
TILE_CHOICES = 60
"""Most tasks that the tiles can be tinted by."""

TABLE_CHOICES = 6
"""Most tasks that have a column in the table; one of each task before the second prompt of any."""

COLUMNS = (
    *("language", "name", "endonym", "bcp47", "script", "family", "region", "resource_class", "tasks", "models"),
    *("task", "variant", "prompt", "direction", "metric", "unit", "better", "state", "best", "ci_low", "ci_high"),
    *("model", "model_tag", "models_with_overlapping_interval", "minus_pivot"),
)
"""One row a language and task. ``state`` is ``scored``, ``no score``, ``not run`` or ``pivot``; languages that a
task does not have are left out."""

_STATES = {NOT_RUN: "not run", UNSCORED: "no score", PIVOT: "pivot"}


def entries(site: Site) -> list[Entry]:
    return [Entry(page=PAGE, title="Languages")] if site.boards else []


def jobs(site: Site) -> list[Job]:
    if not site.views:
        return []

    def make(writer: Writer) -> str:
        _write(site, writer)
        return ""

    return [Job(name="languages", digest=site.digest("languages"), make=make)]


def _write(site: Site, writer: Writer) -> None:
    found = choices(site.views)
    with_page = sorted({side.code for view in site.views for row in view.labels for side in row.sides})
    every = LanguageTiles(found, site.models, with_page)
    rows = list(_rows(every))
    exports.write_rows(writer, "languages", COLUMNS, rows)
    tiles = LanguageTiles(found[:TILE_CHOICES], site.models, with_page)
    text = site.render(
        PAGE,
        "languages.html.j2",
        every=every,
        tiles=tiles,
        choices=tiles.choices,
        left_out=len(found) - len(tiles.choices),
        columns=_columns(found),
        all_choices=found,
        between=[view for view in site.views if view not in [choice.view for choice in found]],
        models_id=models_id,
        unsure=any(best.rivals is None for choice in found for best in choice.best.values()),
        first=tiles.choices[0] if tiles.choices else None,
    )
    writer.write(PAGE, text)


def _columns(found: Sequence[Choice]) -> list[Choice]:
    """The choices that the table has room for."""
    seen: dict[str, int] = {}
    ranked = []
    for position, choice in enumerate(found):
        task = choice.view.board.task.name
        ranked.append((seen.get(task, 0), position, choice))
        seen[task] = seen.get(task, 0) + 1
    chosen = sorted(ranked, key=lambda one: one[:2])[:TABLE_CHOICES]
    return [choice for _, _, choice in sorted(chosen, key=lambda one: one[1])]


def _rows(tiles: LanguageTiles) -> Iterator[exports.Row]:
    for entry in tiles.entries:
        side = entry.side
        about = (
            *(entry.code, side.name, side.endonym, side.bcp47, side.script, side.family, side.region, side.resource),
            *(entry.tasks, entry.models),
        )
        for choice in tiles.choices:
            facts = choice.metric.facts
            named = (
                *(*choice.view.board.key, choice.way, facts.metric, facts.unit),
                "higher" if facts.higher_is_better else "lower",
            )
            best = choice.best.get(entry.code)
            state = LanguageTiles.state(choice, entry.code)
            values: tuple[str | int | float | None, ...]
            if best is not None:
                score = best.cell.score
                values = (
                    *("scored", best.value, score.ci_low, score.ci_high, best.model.name, best.model.tag),
                    *(best.rivals, best.to_pivot),
                )
            elif state:
                values = (_STATES[state], None, None, None, None, None, None, None)
            else:
                continue
            yield dict(zip(COLUMNS, (*about, *named, *values), strict=True))
