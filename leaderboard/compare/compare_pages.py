"""A page for every pair of models, and an index of the pairs: who is better in how many languages, by task."""

from __future__ import annotations

from collections.abc import Sequence

from harness.store import RunFolder
from leaderboard.building import paging
from leaderboard.building.folder import Writer
from leaderboard.building.jobs import Job
from leaderboard.compare import compare_exports
from leaderboard.compare.compare_index import IndexView
from leaderboard.compare.compare_section import SectionView
from leaderboard.compare.compare_view import PairView
from leaderboard.compare.segment_gaps import LanguageGaps, SegmentGaps
from leaderboard.data.model_pairs import MOST_MODELS, MOST_PAIRS, Pair
from leaderboard.data.site_data import Site
from leaderboard.views import exports
from leaderboard.views.rendering import Entry

_PAGE = "compare.html"


def entries(site: Site) -> list[Entry]:
    return [Entry(page=_PAGE, title="Compare")] if site.pairs else []


def jobs(site: Site) -> list[Job]:
    """One a pair, and one for the index."""
    if not site.pairs:
        return []
    return [_index_job(site), *_pair_jobs(site)]


def _pair_jobs(site: Site) -> list[Job]:
    runs = {view.board.key: site.runs_of(view.board) for view in site.views}
    gaps = SegmentGaps(site, site.comparisons)
    found = []
    for pair in site.pairs:
        own: dict[int, RunFolder] = {}
        for view in site.views:
            if set(pair.models) <= set(view.board.models):
                own |= {id(folder): folder for folder in runs[view.board.key]}
        found.append(_pair_job(site, pair, gaps, list(own.values())))
    return found


def _pair_job(site: Site, pair: Pair, gaps: SegmentGaps, runs: Sequence[RunFolder]) -> Job:
    def make(writer: Writer) -> str:
        _write_pair(site, writer, pair, gaps)
        return ""

    digest = site.digest(pair, runs=runs)
    return Job(name=f"pair {pair.system.title} / {pair.against.title}", digest=digest, make=make)


def _write_pair(site: Site, writer: Writer, pair: Pair, gaps: SegmentGaps) -> None:
    view = _view(site, pair)
    stem = pair.page.removesuffix(".html")
    comparison = site.comparisons.comparison(pair)
    writer.write(f"{stem}.csv", compare_exports.pair_csv(view, comparison))
    writer.write(f"{stem}.json", compare_exports.pair_json(view, comparison))
    found = [(section, own) for section in view.sections if (own := _gaps(gaps, section))]
    context = {"view": view, "stem": stem, "imported": comparison.imported}
    text = site.render(pair.page, "pair.html.j2", **context, gaps=found, without_texts=False)
    if len(text.encode("utf-8")) > paging.PAGE_BYTES:
        text = site.render(pair.page, "pair.html.j2", **context, gaps=[], without_texts=True)
    writer.write(pair.page, text)


def _gaps(gaps: SegmentGaps, section: SectionView) -> list[LanguageGaps]:
    """The segments in which the two differ most, once a board."""
    board = section.board
    return gaps.of(section.pair, board) if section.metric is board.headline and section.has_tests else []


def _index_job(site: Site) -> Job:
    def make(writer: Writer) -> str:
        pairs = [_view(site, pair) for pair in site.pairs]
        rows = [compare_exports.index_row(view, section) for view in pairs for section in view.sections]
        exports.write_rows(writer, "compare", compare_exports.INDEX_COLUMNS, rows)
        complete = len(site.models) <= MOST_MODELS
        text = site.render(
            _PAGE,
            "compare.html.j2",
            view=IndexView(pairs, site.views, complete=complete),
            models=site.models,
            most_models=MOST_MODELS,
            most_pairs=MOST_PAIRS,
        )
        writer.write(_PAGE, text)
        return ""

    return Job(name="compare index", digest=site.digest([(pair, pair.why) for pair in site.pairs]), make=make)


def _view(site: Site, pair: Pair) -> PairView:
    return PairView(pair, site.views, site.comparisons)
