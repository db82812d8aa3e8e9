"""How close languages are to the pivot inside each model: an overview, and a page a model with everything by layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.alignment_report import ALIGNMENT, COLUMNS, ESTIMATING, FEWEST, estimates_of, report_of, rows
from harness.boards import Board, Model
from harness.report_scope import Scope
from leaderboard.alignment.alignment_view import EstimateView, estimate_views, pivot_name, ranking_views
from leaderboard.alignment.layer_heat import LayerHeat, hundredths, layer_heats
from leaderboard.building.folder import Writer
from leaderboard.building.jobs import Job
from leaderboard.data.site_data import Site
from leaderboard.markup.pages import alignment_page
from leaderboard.views import exports
from leaderboard.views.metric_view import MetricView, first_layer, layers_of
from leaderboard.views.rendering import Entry
from leaderboard.views.views import BoardView

PAGE = "alignment.html"
MODELS = 20
"""Most models that have a page of their own; the others' curves stand on the pages of the tasks."""

PANELS = 12
"""Most drawings of alignment beside measured scores on a page."""

HEAT_CELLS = 60_000
"""Most cells of languages x layers on a page: 25 bytes each."""

_MANY_MEASURED = 12
"""From so many measured metrics on only the headline of every task is set beside alignment."""

_CURVES = 6

LAYER_COLUMNS = ("task", "variant", "prompt", "metric", "model", "model_tag", "language", "layer", "value")
SUMMARY_COLUMNS = (
    *("task", "variant", "prompt", "metric", "model", "model_tag", "mean", "ci_low", "ci_high"),
    *("best_layer", "best_layer_mean", "highest_language", "highest", "lowest_language", "lowest", "languages"),
)


def entries(site: Site) -> list[Entry]:
    return [Entry(page=PAGE, title="Alignment")] if any(map(_is_aligned, site.boards)) else []


def jobs(site: Site) -> list[Job]:
    """One for the overview, one a model."""
    views = [view for view in site.views if _is_aligned(view.board)]
    if not views:
        return []
    found = list(dict.fromkeys(model for view in views for model in view.headline.models))
    with_page = found[:MODELS]
    measured = [_names(view) for view in site.views]
    overview = site.digest("alignment", found, measured)

    def make(writer: Writer) -> str:
        _write_overview(site, writer, views, with_page, found[MODELS:])
        return ""

    return [Job(name="alignment", digest=overview, make=make), *(_job(site, views, model) for model in with_page)]


def _job(site: Site, views: Sequence[BoardView], model: Model) -> Job:
    own = [view.board for view in site.views if model in view.board.models]

    def make(writer: Writer) -> str:
        _write_model(site, writer, [view for view in views if model in view.board.models], model)
        return ""

    scales = [view.board.models for view in views]
    digest = site.digest("alignment", model, scales, runs=site.runs_of(*own, *(view.board for view in views)))
    return Job(name=f"alignment {model.title}", digest=digest, make=make)


def _is_aligned(board: Board) -> bool:
    """Whether a board has curves over layers, or scores of alignment without."""
    return any(
        table.facts.metric in ALIGNMENT or any(cell.score.details and layers_of(cell) for cell in table.cells)
        for table in board.metrics
    )


def _pivots(views: Sequence[BoardView]) -> str:
    """The languages that the others are held against, as words."""
    return " or ".join(dict.fromkeys(map(pivot_name, views)))


def _names(view: BoardView) -> tuple[object, ...]:
    return (*view.board.key, *(metric.facts.metric for metric in view.metrics))


def _scope(site: Site, model: Model) -> Scope:
    """What is set beside each other for a model: everything, or the headlines where that is too much."""
    if not _is_cut(site, model):
        return Scope(models=(model.title,))
    headlines = (view.headline.facts.metric for view in site.views if model in view.board.models)
    return Scope(models=(model.title,), metrics=(*ALIGNMENT, *headlines))


def _is_cut(site: Site, model: Model) -> bool:
    """Whether only the headline of every task is set beside alignment."""
    own = [view for view in site.views if model in view.board.models and not _is_aligned(view.board)]
    return sum(len(view.metrics) for view in own) > _MANY_MEASURED


def _write_model(site: Site, writer: Writer, views: Sequence[BoardView], model: Model) -> None:
    report = report_of(site.boards, site.folders, _scope(site, model))
    page = alignment_page(model.title)
    stem = page.removesuffix(".html")
    exports.write_rows(writer, stem, COLUMNS, list(rows(report)))
    curves = [curve for view in views for metric in view.metrics for curve in _curves(view, metric, model)]
    by_layer = [row for curve in curves for row in _layer_rows(curve)]
    writer.write(f"{stem}-layers.csv", exports.as_csv(LAYER_COLUMNS, by_layer))
    writer.write(f"{stem}-layers.json", exports.as_json([dataclasses.asdict(curve) for curve in curves]))
    beside = estimate_views(report.estimates, site.views)
    sections = []
    room = HEAT_CELLS
    for view in views:
        shown: list[LayerHeat] = []
        cut: list[LayerHeat] = []
        for heat in layer_heats(view.metrics, model, view.labels):
            (shown if heat.cells <= room else cut).append(heat)
            room -= heat.cells if heat.cells <= room else 0
        sections.append((view, shown, cut, ranking_views(report.rankings, view)))
    text = site.render(
        page,
        "alignment_model.html.j2",
        model=model,
        stem=stem,
        sections=sections,
        hundredths=hundredths,
        beside=beside[:PANELS],
        more_beside=beside[PANELS:],
        headlines_only=_is_cut(site, model),
        pivot=_pivots(views),
        pivot_name=pivot_name,
        fewest=FEWEST,
        estimating=ESTIMATING,
    )
    writer.write(page, text)


def _write_overview(
    site: Site, writer: Writer, views: Sequence[BoardView], models: Sequence[Model], without: Sequence[Model]
) -> None:
    found = [row for view in views for row in _summaries(view, models)]
    summary = [_summary_row(view, heat, metric) for view, heat, metric in found]
    exports.write_rows(writer, "alignment", SUMMARY_COLUMNS, summary)
    headlines = tuple(dict.fromkeys(view.headline.facts.metric for view in site.views))
    beside: list[EstimateView] = []
    for model in models:
        scope = Scope(models=(model.title,), metrics=headlines)
        beside += estimate_views(estimates_of(site.boards, site.folders, scope), site.views)
    panels: dict[str, EstimateView] = {}
    for one in beside:
        panels.setdefault(one.estimate.model, one)
    curves = {}
    for view in views:
        ordered = [model for model in view.headline.models if model in models]
        heats = (layer_heats(view.metrics, model, view.labels) for model in ordered)
        distinct = [heat.metrics[0] for heat in next(filter(None, heats), [])]
        curves[view.id] = (distinct, ordered[:_CURVES])
    text = site.render(
        PAGE,
        "alignment.html.j2",
        sections=[(view, [(heat, metric) for own, heat, metric in found if own is view]) for view in views],
        models=models,
        without=without,
        curves=curves,
        beside=beside,
        panels=list(panels.values())[:PANELS],
        by_title={model.title: model for model in models},
        pages={model.title: alignment_page(model.title) for model in models},
        pivot=_pivots(views),
        pivot_name=pivot_name,
        fewest=FEWEST,
        estimating=ESTIMATING,
    )
    writer.write(PAGE, text)


def _summaries(view: BoardView, models: Sequence[Model]) -> Iterator[tuple[BoardView, LayerHeat, MetricView]]:
    """Every metric with layers of every model, in the order of the headline's ranking."""
    for metric in view.metrics:
        for model in metric.models:
            if model in models:
                heat = LayerHeat([metric], model, view.labels)
                if heat.rows:
                    yield view, heat, metric


def _summary_row(view: BoardView, heat: LayerHeat, metric: MetricView) -> exports.Row:
    standing = metric.standings.of(heat.model)
    best, ends = heat.best_layer, heat.extremes
    values = (
        *(*view.board.key, metric.facts.metric, heat.model.name, heat.model.tag),
        *((standing.mean, standing.low, standing.high) if standing else (None, None, None)),
        *(best, max(heat.mean_by_layer)),
        *(value for row, score in ends for value in (row.label.code, score)),
        len(heat.rows),
    )
    return dict(zip(SUMMARY_COLUMNS, values, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Curve:
    """One language's values by layer; the first one is that of ``first_layer``."""

    task: str
    variant: str
    prompt: str
    metric: str
    model: str
    model_tag: str
    language: str
    first_layer: int
    layers: tuple[float, ...]


def _curves(view: BoardView, metric: MetricView, model: Model) -> Iterator[_Curve]:
    task, variant, prompt = view.board.key
    for label in view.labels:
        cell = metric.table.cell(model, label.code)
        if cell and (layers := layers_of(cell)):
            yield _Curve(
                task=task,
                variant=variant,
                prompt=prompt,
                metric=metric.facts.metric,
                model=model.name,
                model_tag=model.tag,
                language=label.code,
                first_layer=first_layer(cell.score.signature),
                layers=layers,
            )


def _layer_rows(curve: _Curve) -> Iterator[exports.Row]:
    """Rows of ``LAYER_COLUMNS``, one a layer."""
    names = (curve.task, curve.variant, curve.prompt, curve.metric, curve.model, curve.model_tag, curve.language)
    for layer, value in enumerate(curve.layers, start=curve.first_layer):
        yield dict(zip(LAYER_COLUMNS, (*names, layer, value), strict=True))
