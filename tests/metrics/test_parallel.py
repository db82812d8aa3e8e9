"""Statistics over several processes are the statistics of one."""

from __future__ import annotations

from concurrent.futures.process import BrokenProcessPool

import pytest

from metrics import parallel, registry
from metrics.base import MetricError, Segment, TextMetric
from metrics.lexical import SacrebleuTextMetric

WORDS = ["ልጁ", "ትናንት", "ሄደ።", "学校に行きました。", "ကျောင်း", "ߞߊ߲ߓߏ", "👏🏽", "the", "cat,", ""]


def segments(count: int) -> list[Segment]:
    def text(seed: int) -> str:
        return " ".join(WORDS[(seed * step + step * step) % len(WORDS)] for step in range(seed % 7))

    return [
        Segment(hypothesis=text(index), references=tuple(text(index + 3 + k) for k in range(1 + index % 2)))
        for index in range(count)
    ]


def metric(name: str) -> TextMetric:
    made = registry.create(name)
    assert isinstance(made, TextMetric)
    return made


def test_two_processes_give_the_same_rows_and_signature() -> None:
    found = segments(41)
    for name in ("bleu", "chrf++", "ter"):
        alone, spread = metric(name), metric(name)
        expected = alone.segment_stats(found)
        assert (parallel.segment_stats(spread, found, processes=2) == expected).all()
        assert spread.signature() == alone.signature()
        assert spread.signature().startswith("nrefs:var|")


def test_work_is_divided_only_where_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    divided: list[int] = []

    def spread(metric: SacrebleuTextMetric, found: list[Segment], processes: int) -> object:
        divided.append(len(found))
        return metric.segment_stats(found)

    monkeypatch.setattr(parallel, "_spread", spread)
    monkeypatch.setattr(parallel, "_processors", lambda: 2)
    monkeypatch.setattr(parallel, "_FIRST", 10)
    found = segments(30)
    expected = metric("chrf").segment_stats(found)
    assert (parallel.segment_stats(metric("chrf"), found) == expected).all()
    assert divided == []
    monkeypatch.setattr(parallel, "_WORTHWHILE", 0.0)
    assert (parallel.segment_stats(metric("chrf"), found) == expected).all()
    assert divided == [20]
    assert (parallel.segment_stats(metric("chrf"), found[:20]) == expected[:20]).all()
    assert divided == [20]


def test_a_missing_reference_is_found_where_it_is() -> None:
    found = [*segments(20), Segment(hypothesis="ߞߊ߲", references=())]
    with pytest.raises(MetricError, match=r"^chrf: segment 20: no reference"):
        parallel.segment_stats(metric("chrf"), found, processes=2)


def test_processes_that_die_are_done_without(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def __init__(self, *arguments: object, **named: object) -> None:
            raise BrokenProcessPool

    monkeypatch.setattr(parallel, "ProcessPoolExecutor", Broken)
    monkeypatch.setattr(parallel, "_POOLS", {})
    found = segments(9)
    assert (parallel.segment_stats(metric("bleu"), found, processes=2) == metric("bleu").segment_stats(found)).all()
    assert "BLEU is computed in one" in caplog.text
