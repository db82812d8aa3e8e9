"""Run folders -> a folder of static pages that opens by double click.

Reads records and segments, renders every page and writes it; nothing in a page asks any host for anything. The same
runs give the same bytes. A later build into the same folder removes the pages of the former one that no longer exist,
and touches no other file.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from harness.boards import Board, MetricTable, Model, boards
from harness.errors import UserError
from harness.evidence import SegmentEvidence
from harness.groups import ALL, groups_of, together
from harness.prompt_spread import prompt_spread
from harness.ranks import ranking
from harness.records import RunRecord
from harness.store import RunFolder, UnitKey
from harness.summary_rows import PROMPT_COLUMNS, prompt_rows
from leaderboard import exports, paging
from leaderboard.labels import label
from leaderboard.metric_view import MetricView
from leaderboard.pages import (
    SegmentKey,
    group_file,
    language_page,
    model_page,
    numbered,
    segment_page,
    task_page,
)
from leaderboard.prompts_view import PromptsView
from leaderboard.segments import fitting_texts, read, worst_first
from leaderboard.text import count, plain, shortened, visible
from leaderboard.views import BoardView, LanguageRow

if TYPE_CHECKING:
    from jinja2 import Environment

MAX_SEGMENTS = 200
"""Most rows of a segment page."""

MAX_FAILED = 50
"""Most failed segments among them."""

_MANIFEST = ".glotbench-site"
_ASSETS = ("style.css", "table.js")


@dataclass(frozen=True, slots=True, kw_only=True)
class _SegmentSource:
    """Where the segments of a page come from."""

    model: Model
    language: str
    folder: RunFolder
    unit: UnitKey


def build(runs: Sequence[Path], out: Path) -> Path:
    """Write the leaderboard of one or more runs as static files.

    Args:
        runs: Run folders (or their ``run.json``); see ``harness.store.find_runs``.
        out: The folder to write; made when missing.

    Returns:
        The path of ``index.html`` in ``out``.

    Raises:
        UserError: No run is named, or ``out`` is a file.
        RecordError: A run cannot be read.
    """
    if not runs:
        raise UserError(f"{out}: no run to build a leaderboard of; name at least one folder that holds a run.json")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; name a folder for the site")
    folders = [RunFolder(path) for path in runs]
    records = [folder.record for folder in folders]
    found = boards(records)
    sources = _segment_sources(found, folders)
    views, prompted = _views(found, folders, sources)
    site = _Site(out)
    _write_overview(site, views, records)
    _write_tasks(site, views, prompted)
    _write_groups(site, views)
    _write_languages(site, views)
    by_board = {view.board.key: view for view in views}
    for key, source in sources.items():
        _write_segments(site, key, source, by_board[key[1:4]])
    site.render("about.html", "about.html.j2", runs=records, views=views, models=_models(found))
    site.finish()
    return out / "index.html"


def _views(
    found: Sequence[Board], folders: Sequence[RunFolder], linked: Collection[SegmentKey]
) -> tuple[list[BoardView], list[PromptsView]]:
    """Rank the models of every board, and put the boards of one task and variant in several prompts together.

    The statistics of one task and variant are held at a time.
    """
    views: list[BoardView] = []
    prompted: list[PromptsView] = []
    for _, own in groupby(found, key=lambda board: (board.task.name, board.variant)):
        asked: dict[str, list[tuple[Board, MetricTable, SegmentEvidence]]] = {}
        for board in own:
            read = [(board, table, SegmentEvidence(board, table, folders)) for table in board.metrics]
            views.append(_view(board, [evidence for _, _, evidence in read], linked))
            for tables in read:
                asked.setdefault(tables[1].facts.metric, []).append(tables)
        spreads = [prompt_spread(own, language_intervals=False) for own in asked.values() if len(own) > 1]
        prompted += [PromptsView(spread) for spread in spreads if spread is not None]
    return views, prompted


def _view(board: Board, evidence: Sequence[SegmentEvidence], linked: Collection[SegmentKey]) -> BoardView:
    """Rank the models of a board, over all its languages and over every group of them."""
    groups = groups_of(board)
    subsets = {ALL: frozenset(board.languages)} | {group.id: group.rows for group in groups}
    rankings = [
        {name: ranking(table, board.pivot, segments.of(within), within) for name, within in subsets.items()}
        for table, segments in zip(board.metrics, evidence, strict=True)
    ]
    return BoardView(board, rankings, groups, linked)


class _Site:
    """The folder being written: renders into it and remembers what it wrote."""

    def __init__(self, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self._out = out
        self._written: set[str] = set()
        self._env = _environment()
        for name in _ASSETS:
            self.write(f"assets/{name}", resources.files("leaderboard").joinpath("assets", name).read_text("utf-8"))

    def render(self, name: str, template: str, **context: object) -> None:
        """Render a page; ``root`` leads from it to the site's root."""
        self.write(name, self._env.get_template(template).render(root="../" * name.count("/"), page=name, **context))

    def markup(self, template: str, **context: object) -> str:
        """A part of a page at the site's root."""
        return self._env.get_template(template).render(root="", **context)

    def write(self, name: str, text: str) -> None:
        path = self._out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        self._written.add(name)

    def finish(self) -> None:
        """Remove what a former build wrote and this one did not; then remember what this one wrote."""
        manifest = self._out / _MANIFEST
        root = self._out.resolve()
        former = manifest.read_text(encoding="utf-8").splitlines() if manifest.is_file() else []
        for name in set(former) - self._written:
            stale = (root / name).resolve()
            if stale.is_relative_to(root):
                stale.unlink(missing_ok=True)
        self.write(_MANIFEST, "".join(f"{name}\n" for name in sorted(self._written)))


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    env = Environment(
        loader=PackageLoader("leaderboard", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    env.filters |= {"visible": visible, "shortened": shortened, "count": count}
    env.globals |= {"language_page": language_page, "task_page": task_page, "model_page": model_page, "label": label}
    return env


def _finalize(value: object) -> object:
    """Every text that a template does not mark visible itself: safe in attributes as well as between tags."""
    return plain(value) if type(value) is str else value


def _write_overview(site: _Site, views: Sequence[BoardView], records: Sequence[RunRecord]) -> None:
    rows = [row for view in views for metric in view.metrics for row in _standing_rows(view, metric)]
    site.write("overview.csv", exports.as_csv(exports.STANDING_COLUMNS, rows))
    site.write("overview.json", exports.as_json(rows))
    languages = {side.code for view in views for row in view.labels for side in row.sides}
    site.render(
        "index.html",
        "index.html.j2",
        views=views,
        models=_models([view.board for view in views]),
        languages=len(languages),
        segments=sum(cell.score.n for view in views for cell in view.headline.table.cells.values()),
        imported=sum(
            not cell.score.segments and records[cell.run].imported is not None
            for view in views
            for table in view.board.metrics
            for cell in table.cells.values()
        ),
        incomplete=[record.run_id for record in records if not record.complete],
        groups=together(group for view in views for group in view.groups),
        grids=paging.fitting(
            [(view.headline.id, len(view.labels), len(view.board.models)) for view in views if not view.is_matrix]
        ),
        shown=paging.standings_shown(len(views)),
        has_pages=False,
    )


def _standing_rows(view: BoardView, metric: MetricView) -> list[exports.Row]:
    board, name = view.board, metric.facts.metric
    rows = exports.standings(board, name, ALL, len(board.languages), metric.ranking)
    for group in view.groups:
        rows += exports.standings(board, name, group.title, len(group.rows), metric.by_group[group.id].ranking)
    return rows


def _write_tasks(site: _Site, views: Sequence[BoardView], prompted: Sequence[PromptsView]) -> None:
    """A page for every task; where it has too many scores for one, also a page for each of its models."""
    by_task: dict[str, list[BoardView]] = {}
    for view in views:
        by_task.setdefault(view.board.task.name, []).append(view)
    for task, own in by_task.items():
        page = task_page(task)
        stem = page.removesuffix(".html")
        scored = [view.board for view in own]
        site.write(f"{stem}.csv", exports.as_csv(exports.SCORE_COLUMNS, exports.score_rows(scored)))
        site.write(f"{stem}.json", exports.scores_json(scored))
        spreads = [view for view in prompted if view.task == task]
        if spreads:
            rows = [row for view in spreads for row in prompt_rows(view.spread)]
            site.write(f"{stem}-prompts.csv", exports.as_csv(PROMPT_COLUMNS, rows))
            site.write(f"{stem}-prompts.json", exports.as_json(rows))
        metrics = [(view, metric) for view in own for metric in view.metrics]
        has_pages = sum(len(metric.table.cells) for _, metric in metrics) > paging.PAGE_ROWS
        sizes = [(metric.id, len(view.labels), len(view.board.models)) for view, metric in metrics]
        models = _models(scored)
        site.render(
            page,
            "task.html.j2",
            task=own[0].board.task,
            views=own,
            spreads=spreads,
            stem=stem,
            models=models,
            groups=together(group for view in own for group in view.groups),
            grids=paging.fitting(sizes) if has_pages else frozenset(),
            shown=paging.standings_shown(len(metrics)),
            groups_models=paging.GROUP_MODELS,
            matrix_models=paging.MATRIX_MODELS,
            has_pages=has_pages,
        )
        for model in models if has_pages else ():
            sections = [((view, metric), view.rows(metric, model)) for view, metric in metrics]
            _render_parts(
                site, model_page(task, model.title), "model.html.j2", sections, model=model, task=own[0].board.task
            )


def _write_groups(site: _Site, views: Sequence[BoardView]) -> None:
    """The rankings over groups of languages, as scripts that hand over their markup: a page from a file may load
    nothing else."""
    for view in views:
        for metric in view.metrics:
            for name, standings in metric.by_group.items():
                markup = site.markup(
                    "standings.html.j2",
                    view=view,
                    metric=metric,
                    standings=standings,
                    shown=paging.PAGE_STANDINGS,
                    has_pages=False,
                )
                means = standings.means(metric.models, metric.table.digits)
                arguments = ", ".join(json.dumps(value) for value in (metric.id, name, markup, means))
                site.write(group_file(metric.id, name), f"glotbenchGroup({arguments});\n")


def _write_languages(site: _Site, views: Sequence[BoardView]) -> None:
    for code in sorted({side.code for view in views for row in view.labels for side in row.sides}):
        found = [(view, view.concerning(code)) for view in views]
        _render_parts(
            site,
            language_page(code),
            "language.html.j2",
            [(view, rows) for view, rows in found if rows],
            language=label(code).sides[0],
            without=[view for view, rows in found if not rows],
        )


def _render_parts(
    site: _Site, page: str, template: str, sections: Sequence[tuple[object, Sequence[LanguageRow]]], **context: object
) -> None:
    """Render a page that may be too long for one file: its parts lead to each other."""
    parts = paging.paginate(sections)
    pages = [numbered(page, number) for number in range(1, len(parts) + 1)]
    for name, part in zip(pages, parts, strict=True):
        site.render(name, template, sections=part, part_pages=pages, **context)


def _segment_sources(found: Sequence[Board], folders: Sequence[RunFolder]) -> dict[SegmentKey, _SegmentSource]:
    """For every model and language of a board whose run keeps texts, where they are."""
    units = [folder.units() for folder in folders]
    sources: dict[SegmentKey, _SegmentSource] = {}
    for board in found:
        for (model, language), cell in sorted(board.metrics[0].cells.items(), key=lambda item: item[0]):
            unit = cell.score.unit_key
            if unit in units[cell.run]:
                sources[model.title, *board.key, language] = _SegmentSource(
                    model=model, language=language, folder=folders[cell.run], unit=unit
                )
    return sources


def _write_segments(site: _Site, key: SegmentKey, source: _SegmentSource, view: BoardView) -> None:
    facts = view.headline.facts
    segments = read(source.folder, source.unit)
    failed = [segment for segment in segments if segment.failed is not None]
    shown_failed = failed[:MAX_FAILED]
    scored = worst_first(segments, facts.metric, facts.higher_is_better)
    shown = fitting_texts([*scored[: MAX_SEGMENTS - len(shown_failed)], *shown_failed], paging.PAGE_TEXT)
    site.render(
        segment_page(key),
        "segments.html.j2",
        view=view,
        model=source.model,
        language=label(source.language),
        cells=[(metric, metric.table.cells.get((source.model, source.language))) for metric in view.metrics],
        scored=[segment for segment in shown if segment.failed is None],
        scored_total=len(scored),
        failed=[segment for segment in shown if segment.failed is not None],
        failed_total=len(failed),
        has={
            "source": any(segment.source is not None for segment in segments),
            "references": any(segment.references for segment in segments),
            "hypothesis": any(segment.hypothesis is not None for segment in segments),
        },
    )


def _models(found: Sequence[Board]) -> list[Model]:
    return sorted({model for board in found for model in board.models})
