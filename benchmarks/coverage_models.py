"""Worlds in which the true score is known, to see how often an interval holds it. Used by coverage.py and the tests.

Every model draws the *statistics* of real metrics from the registry, with the spread, skew and dependence of test sets:
items that are right or wrong, graded answers heaped at 0 and 1, passages and documents of unequal length whose items
share a difficulty, sentences that are one item in every language. Truth is a formula, or the score of a sample so large
that its own error does not matter (200,000 items).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from harness import stats
from harness.resampling import Sample
from metrics import registry
from metrics.base import FloatArray, MeanMetric, Metric, MetricInfo

LARGE = 200_000

Generator = np.random.Generator
Ends = tuple[float | None, float | None]
Draw = Callable[[Generator, int], FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line of the coverage table.

    Attributes:
        method: As in ``Interval.method``, or what else is tried. kind: The score. size: How many items.
        truth: What the interval should hold. trial: Draws a data set and gives the ends of its interval.
    """

    method: str
    kind: str
    size: str
    truth: float
    trial: Callable[[Generator, int], Ends]

    @property
    def name(self) -> str:
        return f"{self.kind}, {self.size}"


def coverage(case: Case, *, trials: int, resamples: int, seed: int = 1) -> tuple[float, float, float]:
    """Shares of trials whose interval holds the truth, lies above it, and lies below it."""
    rng = np.random.default_rng([seed, *case.name.encode()])
    inside = above = 0
    for _ in range(trials):
        low, high = case.trial(rng, resamples)
        if low is None or high is None:
            raise ValueError(f"{case.name}: no interval; draw more items")
        inside += low <= case.truth <= high
        above += low > case.truth
    return inside / trials, above / trials, (trials - inside - above) / trials


# ---------------------------------------------------------------------------------------------- statistics of metrics


def unbounded_mean() -> MeanMetric:
    """COMET's kind of mean: values around .8, without ends."""
    bounds = (-np.inf, np.inf)
    info = MetricInfo(name="graded", title="graded", description="A mean.", unit="fraction", bounds=bounds)
    return MeanMetric(info, "graded")


def graded(rng: Generator, n: int) -> FloatArray:
    """COMET-like: a skewed hump around .83."""
    return MeanMetric.stats(rng.beta(20, 4, n))


def heaped(rng: Generator, n: int) -> FloatArray:
    """Word F1: three answers in five share no word with the reference, one in seven is exactly it."""
    kind = rng.random(n)
    return MeanMetric.stats(np.where(kind < 0.6, 0.0, np.where(kind < 0.75, 1.0, rng.beta(2, 3, n))))


def gains(rng: Generator, n: int) -> FloatArray:
    """nDCG@10 with one relevant text: 1 / log2(rank + 1), or 0 beyond rank ten."""
    rank = rng.geometric(rng.beta(1.2, 1.2, n))
    return MeanMetric.stats(np.where(rank <= 10, 1 / np.log2(rank + 1), 0.0))


def shares(rng: Generator, n: int) -> FloatArray:
    """A probe's accuracy: of ten experiments most are right on most items."""
    return MeanMetric.stats(rng.binomial(10, rng.beta(9, 0.9, n)) / 10)


def signs(rng: Generator, n: int) -> FloatArray:
    """Wins (1) and failures (-1) of a contrastive set."""
    return MeanMetric.stats(np.where(rng.random(n) < 0.93, 1.0, -1.0))


def chrf_rows(rng: Generator, n: int, quality: FloatArray | None = None) -> FloatArray:
    """chrF: lengths of news sentences; higher orders match less often, and a bad sentence is bad at all orders."""
    length = np.ceil(rng.lognormal(4.5, 0.5, n)).astype(int)
    reference = np.maximum(np.ceil(length * np.exp(rng.normal(0, 0.1, n))), 1).astype(int)
    quality = rng.beta(6, 4, n) if quality is None else quality
    columns = []
    for order in range(1, 7):
        hypothesis, wanted = np.maximum(length - order + 1, 0), np.maximum(reference - order + 1, 0)
        columns += [hypothesis, wanted, np.minimum(rng.binomial(hypothesis, quality ** (1 + 0.6 * order)), wanted)]
    return np.column_stack([*columns, np.ones(n)]).astype(np.float64)


def bleu_rows(rng: Generator, n: int) -> FloatArray:
    """BLEU: the same for words."""
    length = np.ceil(rng.lognormal(2.9, 0.5, n)).astype(int)
    reference = np.maximum(np.ceil(length * np.exp(rng.normal(0, 0.12, n))), 1).astype(int)
    quality = rng.beta(4, 4, n)
    totals = [np.maximum(length - order, 0) for order in range(4)]
    correct = [rng.binomial(total, quality ** (1 + 0.8 * order)) for order, total in enumerate(totals)]
    return np.column_stack([length, reference, *correct, *totals, np.ones(n)]).astype(np.float64)


def surprise(rng: Generator, n: int) -> FloatArray:
    """Bits per byte of documents: lengths over two orders of magnitude, and every document more or less surprising."""
    count = np.ceil(rng.lognormal(6, 0.8, n))
    return np.column_stack([-count * np.log(2) * rng.gamma(12, 1 / 12, n), count])


def tokens(rng: Generator, n: int) -> FloatArray:
    """Tokenizer parity: tokens of a sentence in the language and in the pivot."""
    pivot = np.ceil(rng.lognormal(3.2, 0.5, n))
    return np.column_stack([np.ceil(pivot * rng.gamma(20, 2.2 / 20, n)), pivot])


def correlated(rho: float, rng: Generator, n: int) -> FloatArray:
    """Similarities, and what people said in fifths of a point."""
    one = rng.normal(size=n)
    other = rho * one + np.sqrt(1 - rho**2) * rng.normal(size=n)
    return np.column_stack([one, np.round(np.clip(other, -2.5, 2.5) * 5) / 5])


_CLASSES = np.array([0.45, 0.3, 0.15, 0.1])
_CONFUSED = np.array([[0.8, 0.1, 0.05, 0.05], [0.1, 0.75, 0.1, 0.05], [0.15, 0.1, 0.65, 0.1], [0.2, 0.1, 0.1, 0.6]])


def classes(metric: Metric, rng: Generator, n: int) -> FloatArray:
    """Four classes, the rarest a tenth."""
    gold = rng.choice(4, n, p=_CLASSES)
    found = (rng.random(n)[:, None] > _CONFUSED.cumsum(axis=1)[gold][:, :3]).sum(axis=1)
    return np.asarray(metric.pair_stats(gold, found, 4))  # type: ignore[attr-defined]


def spans(rng: Generator, n: int) -> FloatArray:
    """Entities of sentences: 1.5 each, three in five found, .3 invented."""
    wanted = rng.poisson(1.5, n)
    right = rng.binomial(wanted, rng.beta(3, 2, n))
    return np.column_stack([right, rng.poisson(0.3, n), wanted - right, np.ones(n)]).astype(np.float64)


def pairs(rng: Generator, n: int) -> FloatArray:
    """Pairs that belong together (two in five) are nearer by 1.2 standard deviations."""
    label = (rng.random(n) < 0.4).astype(np.float64)
    return np.column_stack([label, rng.normal(size=n) + 1.2 * label])


def layers(rng: Generator, n: int) -> FloatArray:
    """MEXA: flags of 13 layers, of which a sentence that is easy in one is easy in all."""
    threshold = np.linspace(0.3, 2.5, 13)
    flags = rng.normal(size=(n, 1)) + 0.5 * rng.normal(size=(n, 13)) > threshold
    return np.column_stack([flags, np.ones(n)]).astype(np.float64)


def groups(rng: Generator, n: int) -> FloatArray:
    """V-measure: ten classes, ten clusters, six items in ten where they belong, in two experiments."""
    gold = rng.integers(10, size=n)
    columns = [gold]
    for _ in range(2):
        columns += [np.where(rng.random(n) < 0.6, gold, rng.integers(10, size=n)), np.ones(n)]
    return np.column_stack(columns).astype(np.float64)


# ---------------------------------------------------------------------------------------------- cases


@cache
def metric_of(name: str) -> Metric:
    """A metric of the registry, and ``graded``."""
    if name == "graded":
        return unbounded_mean()
    return registry.create(name, {"experiments": 2} if name == "v_measure" else {})


MODELS: dict[str, tuple[str, Draw]] = {
    "graded": ("clt", graded),
    "token_f1": ("bounded", heaped),
    "ndcg": ("bounded", gains),
    "probe_accuracy": ("bounded", shares),
    "contrastive_tau": ("wilson", signs),
    "chrf": ("bootstrap", chrf_rows),
    "bleu": ("bootstrap", bleu_rows),
    "bits_per_byte": ("bootstrap", surprise),
    "byte_perplexity": ("bootstrap", surprise),
    "tokenizer_parity": ("bootstrap", tokens),
    "f1_macro": ("bounded bootstrap", lambda rng, n: classes(metric_of("f1_macro"), rng, n)),
    "f1_weighted": ("bounded bootstrap", lambda rng, n: classes(metric_of("f1_weighted"), rng, n)),
    "span_f1": ("bounded bootstrap", spans),
    "pair_ap": ("bounded bootstrap", pairs),
    "mexa": ("bounded bootstrap", layers),
    "v_measure": ("bounded bootstrap", groups),
    "mcc": ("fisher bootstrap", lambda rng, n: classes(metric_of("mcc"), rng, n)),
    "cosine_spearman": ("fisher bootstrap", partial(correlated, 0.8)),
}
"""Metric -> the method its interval has, and how its statistics are drawn."""


@cache
def truth_of(name: str, n: int = LARGE) -> float:
    """The true score; of a V-measure the mean over test sets of ``n`` items, since it depends on how many there are."""
    draw = MODELS[name][1]
    rng = np.random.default_rng(99)
    if metric_of(name).resampling_shifts:
        return float(np.mean([metric_of(name).value(draw(rng, n)) for _ in range(2000)]))
    return metric_of(name).value(draw(rng, LARGE))


def single(name: str, n: int) -> Case:
    """Independent items, one score."""
    metric, (method, draw) = metric_of(name), MODELS[name]

    def trial(rng: Generator, resamples: int) -> Ends:
        found = stats.interval(metric, draw(rng, n), None, rng=rng, resamples=resamples)
        assert found.method in (method, "wilson"), f"{name}: {found.method}"  # all at the ends by chance
        return found.low, found.high

    return Case(method=method, kind=metric.info.title, size=f"{n} items", truth=truth_of(name, n), trial=trial)


def proportion_coverage(n: int, share: float) -> float:
    """How often the interval of a proportion holds it: exact, by the binomial distribution."""
    from scipy.stats import binom

    covered = 0.0
    for right in range(n + 1):
        low, high = stats.modified_wilson(right, n)
        covered += float(binom.pmf(right, n, share)) * (low <= share <= high)
    return covered


def paired_sample(metric: Metric, one: FloatArray, other: FloatArray, labels: list[str] | None) -> Sample:
    """Two systems on the same items."""
    return Sample(metric=metric, systems=(one, other), clusters=labels)
