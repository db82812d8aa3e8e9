"""Paired approximate randomisation against sacrebleu's own, on real metrics from the registry."""

from __future__ import annotations

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.significance import PairedTest

from harness import stats
from metrics import registry
from metrics.base import AdditiveMetric, Segment, TextMetric


def _noisy(rng: np.random.Generator, reference: str, words: list[str], kept: float) -> str:
    return " ".join(word if rng.random() < kept else str(rng.choice(words)) for word in reference.split())


@pytest.mark.parametrize(("name", "oracle", "column"), [("bleu", BLEU, "BLEU"), ("chrf", CHRF, "chrF2")])
def test_approximate_randomisation_is_sacrebleus(
    name: str, oracle: type[BLEU] | type[CHRF], column: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both draw 4,000 swaps of their own: p-values near .1 then differ by less than .025 (more than 3 errors)."""
    monkeypatch.setenv("SACREBLEU_SEED", "7")
    rng = np.random.default_rng(3)
    words = ["".join(rng.choice(list("abcdefgh"), rng.integers(2, 7))) for _ in range(400)]
    references = [" ".join(rng.choice(words, rng.integers(8, 20))) for _ in range(150)]
    systems = [[_noisy(rng, reference, words, kept) for reference in references] for kept in (0.70, 0.66)]
    named = [("first", systems[0]), ("second", systems[1])]
    _, scores = PairedTest(named, {name: oracle()}, [references], test_type="ar", n_samples=4000)()
    metric = registry.create(name, {})
    assert isinstance(metric, TextMetric)
    assert isinstance(metric, AdditiveMetric)
    rows = [
        metric.segment_stats(
            [Segment(hypothesis=one, references=(other,)) for one, other in zip(system, references, strict=True)]
        )
        for system in systems
    ]
    found = stats.paired_delta(metric, rows[1], rows[0], None, rng=np.random.default_rng(0), draws=4000)
    assert found.value_b == pytest.approx(scores[column][0].score)
    assert found.value_a == pytest.approx(scores[column][1].score)
    assert found.p == pytest.approx(scores[column][1].p_value, abs=0.025)
