"""Pages for every model and language of a board whose run keeps texts: its segments, worst first, and all as data.

The pages of one board and language are made together, because each shows what the other systems wrote.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from leaderboard.building import paging
from leaderboard.building.folder import Writer
from leaderboard.building.jobs import Job
from leaderboard.data.site_data import SegmentSource, Site
from leaderboard.markup.labels import label
from leaderboard.markup.pages import SEGMENTS_PER_PAGE, SegmentKey, numbered, segment_page
from leaderboard.markup.text import LONGEST_TEXT
from leaderboard.segments import segment_exports
from leaderboard.segments.flags import FLAGS, LONGEST_LOOKED_AT, Flagger, is_free_text
from leaderboard.segments.segment_exports import SegmentData
from leaderboard.segments.segment_rows import MOST_REFERENCES, Row, System, short_name
from leaderboard.views import segments
from leaderboard.views.rendering import Entry
from leaderboard.views.segments import SegmentView
from leaderboard.views.views import BoardView

RIVALS = 2
"""Most other systems whose hypotheses stand beside a segment."""

MODELS_LINKED = 30
"""Most models whose pages of the same segments a page links to."""

_STEP = 3
_SHORTEST_TEXT = 10
_TEXTS_BESIDE = 4
_TOO_SHORT_FOR_OTHERS = 100

_Sources = Sequence[tuple[SegmentKey, SegmentSource]]


def entries(_: Site) -> list[Entry]:
    return []


def jobs(site: Site) -> list[Job]:
    """One a board and language."""
    by_board = {view.board.key: view for view in site.views}
    found = sorted(site.sources.items(), key=lambda item: (item[0][1:], item[0]))
    return [
        _job(site, by_board[unit[:3]], unit[3], list(own)) for unit, own in groupby(found, key=lambda item: item[0][1:])
    ]


def _job(site: Site, view: BoardView, language: str, own: _Sources) -> Job:
    places = {model: place for place, model in enumerate(view.headline.models)}
    sources = sorted(own, key=lambda item: places.get(item[1].model, len(places)))

    def make(writer: Writer) -> str:
        _write_all(site, writer, view, sources)
        return ""

    cells = [
        [(metric.facts, metric.description, metric.table.cell(source.model, language)) for metric in view.metrics]
        for _, source in sources
    ]
    folders = list({source.folder.digest: source.folder for _, source in sources}.values())
    return Job(
        name=f"segments {' / '.join((*view.board.key, language))}",
        digest=site.digest(view.board.key, view.setting, language, [key for key, _ in sources], cells, runs=folders),
        make=make,
    )


def _write_all(site: Site, writer: Writer, view: BoardView, sources: _Sources) -> None:
    """The pages of all models; held at once are only the few systems that stand beside the others."""
    comparable = [key for key, source in sources if _is_comparable(view, source)]
    best = comparable[: RIVALS + 1]
    kept = {key: _system(view, key, source) for key, source in sources if key in best}
    for key, source in sources:
        own = kept.get(key) or _system(view, key, source)
        rivals = [kept[rival] for rival in best if rival != key][:RIVALS]
        same = [(other.model, segment_page(name)) for name, other in sources]
        _write(site, writer, view, source, own, rivals if key in comparable else [], same)


def _is_comparable(view: BoardView, source: SegmentSource) -> bool:
    cell = view.headline.table.cell(source.model, source.language)
    return cell is not None and cell.comparable


def _system(view: BoardView, key: SegmentKey, source: SegmentSource) -> System:
    facts = view.headline.facts
    found = segments.read(source.folder, source.unit)
    shown = segments.listed(found, facts.metric, facts.higher_is_better)
    free = is_free_text(view.board.task.kind, found)
    flagger = Flagger(view.board.task.kind, source.language, free=free)
    return System(
        model=source.model,
        name=short_name(source.model),
        key=key,
        segments=found,
        listed=shown,
        links=segments.links(key, shown),
        by_id={segment.segment: segment for segment in found},
        free=free,
        flags={segment.segment: flagger.flags(segment) for segment in found},
    )


def _write(
    site: Site,
    writer: Writer,
    view: BoardView,
    source: SegmentSource,
    own: System,
    rivals: Sequence[System],
    same: Sequence[tuple[object, str]],
) -> None:
    first = segment_page(own.key)
    data = _write_data(writer, first.removesuffix(".html"), own)
    pages = [own.listed[start : start + SEGMENTS_PER_PAGE] for start in range(0, len(own.listed), SEGMENTS_PER_PAGE)]
    flags = Counter(name for segment in own.segments for name in own.flags[segment.segment])
    linked = same[:MODELS_LINKED]
    for number, part in enumerate(pages or [[]], start=1):
        page = numbered(first, number)
        context = {
            "view": view,
            "model": source.model,
            "language": label(source.language),
            "cells": [(metric, metric.table.cell(source.model, source.language)) for metric in view.metrics],
            "own": own,
            "rows": [Row(own, segment, view.headline, rivals) for segment in part],
            "best": rivals[0].model if rivals else None,
            "start": (number - 1) * SEGMENTS_PER_PAGE + 1,
            **data,
            "number": number,
            "pages": [numbered(first, place) for place in range(1, len(pages) + 1)],
            "most": segments.MOST_LISTED,
            "flags": [(flag, flags[flag.id], _first(own, flag.id)) for flag in FLAGS.values() if flags[flag.id]],
            "here": Counter(name for segment in part for name in own.flags[segment.segment]),
            "same": linked if len(linked) > 1 else [],
            "more_models": len(same) - len(linked),
            "looked_at": LONGEST_LOOKED_AT,
        }
        writer.write(page, _fitting(site, page, context, _longest(part, rivals)))


def _longest(part: Sequence[SegmentView], rivals: Sequence[System]) -> int:
    """A length of texts at which their bytes alone would fit on a page; what is around them may take more room."""
    texts = [text for segment in part for text in segment.texts[: MOST_REFERENCES + _TEXTS_BESIDE]]
    for segment in part:
        others = (rival.by_id.get(segment.segment) for rival in rivals)
        texts += [other.hypothesis for other in others if other is not None and other.hypothesis is not None]
    longest = LONGEST_TEXT
    while sum(len(text[:longest].encode("utf-8", "surrogatepass")) for text in texts) > paging.PAGE_BYTES:
        longest //= _STEP
    return longest


def _fitting(site: Site, page: str, context: dict[str, object], longest: int) -> str:
    """The page with its texts cut as far as it takes to open everywhere, the other systems' left out if it must be."""
    while True:
        text = site.render(
            page,
            "segments.html.j2",
            **context,
            longest=longest,
            with_others=longest > _TOO_SHORT_FOR_OTHERS,
            is_cut=longest < LONGEST_TEXT,
        )
        if len(text.encode("utf-8")) <= paging.PAGE_BYTES or longest <= _SHORTEST_TEXT:
            return text
        longest //= _STEP


def _first(own: System, flag: str) -> str:
    """Where the first segment with a flag stands; empty where no page shows one."""
    return next((own.links[found.segment] for found in own.listed if flag in own.flags[found.segment]), "")


def _write_data(writer: Writer, stem: str, own: System) -> dict[str, object]:
    """All segments as CSV and JSON, those that the pages show first and in their order; what to say of these files."""
    listed = {segment.segment for segment in own.listed}
    rows = [*own.listed, *(segment for segment in own.segments if segment.segment not in listed)]
    data = SegmentData(
        unit=own.key,
        segments=rows,
        flags=[own.flags[segment.segment] for segment in rows],
        metrics=list(dict.fromkeys(metric for segment in rows for metric in segment.scores)),
    )
    files: dict[str, list[str]] = {"CSV": [], "JSON": []}
    for number, part in enumerate(segment_exports.files(data), start=1):
        for kind, text in zip(files, part, strict=True):
            name = numbered(f"{stem}.html", number).removesuffix("html") + kind.lower()
            writer.write(name, text)
            files[kind].append(name)
    return {"files": files, "longest_data": segment_exports.LONGEST_DATA if segment_exports.is_cut(rows) else None}
