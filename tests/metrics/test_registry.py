"""Names and options to metrics, and what is said when they are wrong."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import numpy as np
import pytest

from metrics import registry
from metrics.base import MeanMetric, MetricError, MetricInfo


def test_names_come_in_the_order_of_the_table() -> None:
    assert registry.names()[:4] == ("bleu", "chrf", "chrf++", "ter")
    assert set(registry.BUILT_IN) <= set(registry.names())


def test_options_lists_defaults() -> None:
    assert registry.options("mexa") == {"pooling": "weighted", "pivot": "eng_Latn"}
    assert registry.options("bleu")["smooth_value"] is None


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("chrF", None, r"^chrF: unknown metric \(did you mean 'chrf'\?\); known: bleu, "),
        ("comet23", None, r"^comet23: unknown metric"),
        (
            "bleu",
            {"lowercas": True},
            r"^bleu: lowercas: unknown option \(did you mean 'lowercase'\?\); it takes: token",
        ),
        ("bitext_f1", {"x": 1}, r"^bitext_f1: x: unknown option; it takes none$"),
        ("bleu", {"lowercase": "yes"}, r"^bleu: lowercase: needs bool, found str 'yes'$"),
        ("chrf", {"char_order": True}, r"^chrf: char_order: needs int, found bool True$"),
        ("chrf", {"char_order": 6.5}, r"^chrf: char_order: needs int, found float 6.5$"),
        ("chrf", {"char_order": 0}, r"^chrf: char_order: 0 is too small; give 1 or more$"),
        ("bleu", {"smooth_method": "floor", "smooth_value": "x"}, r"needs float, found str"),
        ("bleu", {"smooth_value": 0.5}, r"^bleu: smooth_value: smoothing 'exp' takes no value"),
        ("bleu", {"tokenize": "13b"}, r"^bleu: tokenize: unknown value '13b' \(did you mean '13a'\?\)"),
        ("bleu", {"nrefs": -2}, r"^bleu: nrefs: -2 is not a number of references"),
        ("mexa", {"pooling": "last"}, r"^mexa: pooling: unknown value 'last'"),
    ],
)
def test_mistakes(name: str, options: dict[str, registry.Option] | None, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        registry.create(name, options)


def test_whole_number_is_a_float() -> None:
    registry.create("bleu", {"smooth_method": "add-k", "smooth_value": 2})


def length(*, scale: float = 1.0) -> MeanMetric:
    """A third party's factory."""
    info = MetricInfo(name="length", title="length", description="Length.", unit="points", bounds=(0, 100))
    return MeanMetric(info, f"length|scale:{scale}")


def test_third_parties(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("length", f"{__name__}:length", registry.ENTRY_POINT_GROUP),
        EntryPoint("broken", "no_such_module_at_all:x", registry.ENTRY_POINT_GROUP),
        EntryPoint("bleu", "no_such_module_at_all:x", registry.ENTRY_POINT_GROUP),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    assert registry.names()[-2:] == ("broken", "length")
    metric = registry.create("length", {"scale": 2})
    assert metric.signature() == "length|scale:2"
    assert metric.value(MeanMetric.stats(np.array([1.0, 2.0]))) == 1.5
    assert registry.info("bleu").title == "BLEU"
    with pytest.raises(MetricError, match=r"^broken: entry point no_such_module_at_all:x cannot be imported"):
        registry.create("broken")
    with pytest.raises(MetricError, match="did you mean 'scale'"):
        registry.create("length", {"scal": 2})
