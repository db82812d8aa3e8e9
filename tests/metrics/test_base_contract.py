"""The contract every registered metric keeps."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from harness.spec import Kind
from metrics import registry
from metrics.base import AdditiveMetric, MeanMetric, PooledMetric
from metrics.spelling import did_you_mean
from tests.metric_statistics import COMPLETE, random_statistics

LOWER_IS_BETTER = {"ter", "brier_score", "bits_per_byte", "bits_per_char", "byte_perplexity", "word_perplexity"}
LOWER_IS_BETTER |= {"perplexity", "fertility", "tokens_per_char", "tokens_per_byte", "tokenizer_parity", "anisotropy"}
LOWER_IS_BETTER |= {"off_target", "wrong_script", "empty_output", "copied_source", "repetition", "length_ratio"}


@pytest.mark.parametrize("name", registry.BUILT_IN)
def test_facts(name: str) -> None:
    metric = registry.create(name)
    info = registry.info(name)
    assert info == metric.info
    assert info.name == name
    assert info.kinds
    assert set(info.kinds) <= set(get_args(Kind))
    assert info.bounds[0] < info.bounds[1]
    assert isinstance(metric, AdditiveMetric | PooledMetric)
    assert info.higher_is_better is (name not in LOWER_IS_BETTER)


@pytest.mark.parametrize("name", COMPLETE)
def test_signature_of_a_copy(name: str) -> None:
    metric = registry.create(name)
    assert metric.signature() == metric.signature()
    assert pickle.loads(pickle.dumps(metric)).signature() == metric.signature()


@pytest.mark.parametrize("name", COMPLETE)
def test_nothing_summed_is_nan(name: str) -> None:
    metric = registry.create(name)
    stats = random_statistics(metric, np.random.default_rng(0), 3)
    assert np.isnan(metric.aggregate(stats, np.zeros((2, 3)))).all()
    if isinstance(metric, AdditiveMetric):
        assert np.isnan(metric.score(np.zeros((4, stats.shape[1])))).all()


def test_mean_metric() -> None:
    metric = registry.create("acc", {"computed_by": "lm-eval:0.4.13"})
    assert isinstance(metric, MeanMetric)
    stats = metric.stats(np.array([1.0, 0.0, 1.0, 1.0]))
    assert stats.tolist() == [[1, 1], [0, 1], [1, 1], [1, 1]]
    assert metric.value(stats) == 0.75
    assert metric.segment_scores(stats).tolist() == [1, 0, 1, 1]
    assert metric.aggregate(stats, np.array([[0.0, 2, 1, 1], [1, 1, 0, 0]])).tolist() == [0.5, 0.5]
    assert metric.signature() == "acc|lm-eval:0.4.13|v:glotbench-0.1.0"


@pytest.mark.parametrize("name", ["acc", "acc_norm", "acc_bytes", "exact_match"])
def test_accuracies_are_binary_fractions(name: str) -> None:
    info = registry.info(name)
    assert info.binary
    assert (info.unit, info.decimals, info.bounds) == ("fraction", 3, (0.0, 1.0))


def test_did_you_mean() -> None:
    assert did_you_mean("ChrF++", registry.names()) == " (did you mean 'chrf++'?)"
    assert did_you_mean("zzz", registry.names()) == ""


def test_importing_metrics_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from metrics import accuracy, alignment, answers, classification, embedding, lexical, perplexity, preference\n"
        "from metrics import registry\n"
        "registry.info('bleu'), registry.create('mexa').signature()\n"
        "heavy = {'torch', 'sklearn', 'pandas', 'sacrebleu', 'scipy', 'lm_eval', 'harness'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)\n"
    )
    repository = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
