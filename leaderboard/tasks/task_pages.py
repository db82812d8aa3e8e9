"""A page for every task, and what belongs to it: rankings over groups, its scores as data.

The models are ranked here, once; the other pages get the rankings from these jobs' summaries.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import groupby

from pydantic import TypeAdapter

from harness.boards import Board, MetricTable
from harness.evidence import SegmentEvidence
from harness.groups import ALL, Group, groups_of, together
from harness.prompt_spread import prompt_spread
from harness.ranks import Ranking, Rankings
from harness.summary_rows import PROMPT_COLUMNS, prompt_rows
from leaderboard.building import paging
from leaderboard.building.folder import Writer
from leaderboard.building.jobs import Job
from leaderboard.data.site_data import Site
from leaderboard.markup.pages import SegmentKey, group_file, task_page
from leaderboard.views import exports
from leaderboard.views.prompts_view import PromptsView
from leaderboard.views.rendering import part
from leaderboard.views.score_data import write_task
from leaderboard.views.standing_rows import group_script
from leaderboard.views.views import BoardView

_RANKINGS = TypeAdapter(list[list[Ranking]])


def jobs(site: Site) -> list[Job]:
    """One a task."""
    return [_job(site, task, list(own)) for task, own in groupby(site.boards, key=lambda board: board.task.name)]


def views(site: Site, summaries: dict[str, str]) -> list[BoardView]:
    """All boards, their models in the order that the jobs found, over all languages."""
    found = []
    for task, own in groupby(site.boards, key=lambda board: board.task.name):
        rankings = _RANKINGS.validate_json(summaries[_name(task)])
        found += [
            BoardView(board, [{ALL: one} for one in known], _groups(board), site.sources)
            for board, known in zip(own, rankings, strict=True)
        ]
    return found


def _name(task: str) -> str:
    return f"task {task}"


def _job(site: Site, task: str, own: Sequence[Board]) -> Job:
    linked = sorted(key for key in site.sources if key[1] == task)

    def make(writer: Writer) -> str:
        ranked, prompted = _ranked(site, own, linked)
        _write(site, writer, ranked, prompted)
        for view in ranked:
            _write_groups(writer, view)
        return _RANKINGS.dump_json([[metric.ranking for metric in view.metrics] for view in ranked]).decode("utf-8")

    named = [model for board in own for model in board.models]
    return Job(name=_name(task), digest=site.digest(task, named, linked, runs=site.runs_of(*own)), make=make)


def _ranked(
    site: Site, own: Iterable[Board], linked: Collection[SegmentKey]
) -> tuple[list[BoardView], list[PromptsView]]:
    """Rank the models of every board of a task, and put those of one variant in several prompts together.

    The statistics of one variant are held at a time.
    """
    found: list[BoardView] = []
    prompted: list[PromptsView] = []
    for _, boards in groupby(own, key=lambda board: board.variant):
        asked: dict[str, list[tuple[Board, MetricTable, SegmentEvidence]]] = {}
        for board in boards:
            read = [(board, table, SegmentEvidence(board, table, site.folders)) for table in board.metrics]
            found.append(_view(board, [evidence for _, _, evidence in read], linked))
            for tables in read:
                asked.setdefault(tables[1].facts.metric, []).append(tables)
        spreads = [prompt_spread(tables, language_intervals=False) for tables in asked.values() if len(tables) > 1]
        prompted += [PromptsView(spread) for spread in spreads if spread is not None]
    return found, prompted


def _view(board: Board, evidence: Sequence[SegmentEvidence], linked: Collection[SegmentKey]) -> BoardView:
    """Rank the models of a board, over all its languages and over every group of them."""
    groups = _groups(board)
    subsets = {ALL: frozenset(board.languages)} | {group.id: group.rows for group in groups}
    tables = [Rankings(table, board.pivot) for table in board.metrics]
    rankings = [
        {name: own.of(segments.of(within), within) for name, within in subsets.items()}
        for own, segments in zip(tables, evidence, strict=True)
    ]
    return BoardView(board, rankings, groups, linked)


def _groups(board: Board) -> tuple[Group, ...]:
    """The groups that are ranked over; of many, none of a single language, which has a page of its own."""
    groups = groups_of(board)
    if len(groups) * len(board.models) <= paging.GROUP_ROWS:
        return groups
    return tuple(group for group in groups if len(group.rows) > 1)


def _write(site: Site, writer: Writer, own: Sequence[BoardView], spreads: Sequence[PromptsView]) -> None:
    """The page of a task."""
    task = own[0].board.task
    page = task_page(task.name)
    stem = page.removesuffix(".html")
    write_task(writer, stem, [view.board for view in own])
    if spreads:
        rows = [row for view in spreads for row in prompt_rows(view.spread)]
        exports.write_rows(writer, f"{stem}-prompts", PROMPT_COLUMNS, rows)
    ranked = [row for view in own for metric in view.metrics for row in exports.all_standings(view, metric)]
    places = f"ranking{stem.removeprefix('task')}"
    exports.write_standings(writer, places, ranked)
    metrics = [(view, metric) for view in own for metric in view.metrics]
    many = sum(len(metric.table) for _, metric in metrics) > paging.PAGE_ROWS
    sizes = [(metric.id, len(view.labels), len(view.board.models)) for view, metric in metrics]
    text = site.render(
        page,
        "task.html.j2",
        task=task,
        views=own,
        spreads=spreads,
        stem=stem,
        places=places,
        groups=together(group for view in own for group in view.groups),
        grids=paging.fitting(sizes) if many else frozenset(),
        shown=paging.standings_shown(len(metrics)),
        groups_models=paging.GROUP_MODELS,
        matrix_models=paging.MATRIX_MODELS,
        many=many,
    )
    writer.write(page, text)


def _write_groups(writer: Writer, view: BoardView) -> None:
    """The rankings over groups of languages, as scripts that hand over their markup: a page from a file may load
    nothing else."""
    for metric in view.metrics:
        for name, standings in metric.by_group.items():
            shown = len(standings.ranking.rows)
            note = part("standing_note.html.j2", view=view, metric=metric, standings=standings, shown=shown)
            writer.write(group_file(metric.id, name), group_script(metric, standings, note, name))
