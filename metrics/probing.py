"""Classification by a probe: a logistic regression (or nearest neighbours) on few labelled vectors, as mteb 2.26 does.

Vectors and labels in, predictions and statistics out; knows no model and no text. Several *experiments* draw a few
training items a label each; a score is the mean over experiments. The draws are held fixed when uncertainty is
computed: resampling draws test items, it does not train again.
Reference: Muennighoff et al. 2023, https://aclanthology.org/2023.eacl-main.148/; mteb ``AbsTaskClassification``.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics.base import DEFINITIONS, AdditiveMetric, FloatArray, MeanMetric, MetricError, MetricInfo, VectorArray

IndexArray = NDArray[np.int64]

MTEB_SEED = 42
_MOST_ITERATIONS = 100
_NEIGHBOURS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSettings:
    """How training items are drawn.

    Attributes:
        experiments: How often. per_label: Training items of each label.
        mteb_compat: Draw as mteb does: every experiment shuffles, with the same seed, the list that the one before it
            has left. Otherwise each experiment has a generator of its own, seeded per subset, and can be repeated
            alone.
    """

    experiments: int = 10
    per_label: int = 8
    mteb_compat: bool = False

    def text(self) -> str:
        """The settings in a signature."""
        draws = "mteb" if self.mteb_compat else "per-subset"
        return f"experiments:{self.experiments}|per_label:{self.per_label}|draws:{draws}"


def training_draws(
    labels: Sequence[Sequence[Hashable]], settings: ProbeSettings, seed: Sequence[int]
) -> list[list[int]]:
    """Row numbers of the training items of every experiment.

    Args:
        labels: Labels of each training item; one where an item has one label.
        seed: Of the subset; not used with ``mteb_compat``.
    """
    several = any(len(own) != 1 for own in labels)
    if settings.mteb_compat:
        return list(_mteb_draws(labels, settings, several=several))
    draws = []
    for experiment in range(settings.experiments):
        order = np.random.default_rng([*seed, experiment]).permutation(len(labels))
        draws.append(_first_of_each(order.tolist(), labels, settings.per_label))
    return draws


def _mteb_draws(labels: Sequence[Sequence[Hashable]], settings: ProbeSettings, *, several: bool) -> list[list[int]]:
    shared = np.random.default_rng(MTEB_SEED)
    order = list(range(len(labels)))
    draws = []
    for _ in range(settings.experiments):
        if several:
            order = list(np.arange(len(labels)))
            shared.shuffle(order)
        else:
            np.random.RandomState(MTEB_SEED).shuffle(order)
        draws.append(_first_of_each(order, labels, settings.per_label))
    return draws


def _first_of_each(order: Sequence[int], labels: Sequence[Sequence[Hashable]], per_label: int) -> list[int]:
    """Items, in order, of which at least one label has not been taken often enough."""
    taken: Counter[Hashable] = Counter()
    rows = []
    for row in order:
        if any(taken[label] < per_label for label in labels[row]):
            rows.append(int(row))
            taken.update(labels[row])
    return rows


def probe(
    train: VectorArray, labels: Sequence[Hashable], test: VectorArray, draws: Sequence[Sequence[int]]
) -> IndexArray:
    """Labels that a logistic regression gives the test items, in every experiment.

    Args:
        train: ``[m, d]`` vectors of training items. labels: ``m`` class numbers.
        test: ``[n, d]``.
        draws: Rows of ``train`` that each experiment learns from.

    Returns:
        ``[experiments, n]`` class numbers.
    """
    from sklearn.linear_model import LogisticRegression

    gold = np.array(labels)
    predictions = []
    for rows in draws:
        model = LogisticRegression(max_iter=_MOST_ITERATIONS, random_state=MTEB_SEED)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that 100 iterations did not converge is part of mteb's definition
            model.fit(train[rows], gold[rows])
        predictions.append(model.predict(test))
    return np.array(predictions, dtype=np.int64)


def probe_several(
    train: VectorArray, labels: NDArray[np.int64], test: VectorArray, draws: Sequence[Sequence[int]]
) -> NDArray[np.int64]:
    """As :func:`probe` for items with several labels, by the five nearest neighbours.

    Args:
        labels: ``[m, L]`` of 0 and 1.

    Returns:
        ``[experiments, n, L]`` of 0 and 1.
    """
    from sklearn.neighbors import KNeighborsClassifier

    predictions = []
    for rows in draws:
        model = KNeighborsClassifier(n_neighbors=min(_NEIGHBOURS, len(rows)))
        model.fit(train[rows], labels[rows])
        predictions.append(model.predict(test))
    return np.array(predictions, dtype=np.int64)


class ProbeAccuracy(MeanMetric):
    """Mean over test items of the share of experiments in which the label was right; statistics ``(share, 1)``."""

    def __init__(self, info: MetricInfo, settings: ProbeSettings, several: bool = False) -> None:
        learner = f"{_NEIGHBOURS}-nn" if several else f"logistic-regression:{_MOST_ITERATIONS}"
        super().__init__(info, f"{info.name}|probe:{learner}|{settings.text()}|draws-fixed|v:{DEFINITIONS}")
        self.settings = settings

    @staticmethod
    def prediction_stats(predictions: IndexArray, gold: IndexArray) -> FloatArray:
        """Statistics ``[n, 2]`` of predictions ``[experiments, n]`` (or ``[experiments, n, L]``) of ``gold``."""
        right = predictions == gold[None]
        if right.ndim == 3:
            right = right.all(axis=2)
        return MeanMetric.stats(right.mean(axis=0))


class ProbeF1(AdditiveMetric):
    """Mean over experiments of the macro F1 (sklearn's ``average="macro"``).

    Statistics ``[n, 3 * experiments * classes]``: of each experiment and class, whether the item is a hit, was
    predicted, is of the class.
    """

    def __init__(self, info: MetricInfo, settings: ProbeSettings) -> None:
        self.info = info
        self.settings = settings

    def signature(self) -> str:
        return f"{self.info.name}|probe|average:macro|{self.settings.text()}|draws-fixed|v:{DEFINITIONS}"

    def prediction_stats(self, predictions: IndexArray, gold: IndexArray) -> FloatArray:
        """Statistics of predictions ``[experiments, n]`` of class numbers, or ``[experiments, n, L]`` of 0 and 1."""
        if predictions.ndim == 2:
            classes = int(max(predictions.max(initial=0), gold.max(initial=0))) + 1
            predicted = np.eye(classes, dtype=bool)[predictions]
            true = np.broadcast_to(np.eye(classes, dtype=bool)[gold], predicted.shape)
        else:
            predicted = predictions.astype(bool)
            true = np.broadcast_to(gold.astype(bool), predicted.shape)
        parts = np.stack([predicted & true, predicted, true])  # [3, experiments, n, classes]
        return parts.transpose(2, 0, 1, 3).reshape(len(gold), -1).astype(np.float64)

    def score(self, summed: FloatArray) -> FloatArray:
        parts = summed.reshape(*summed.shape[:-1], 3, self.settings.experiments, -1)
        hits, predicted, true = parts[..., 0, :, :], parts[..., 1, :, :], parts[..., 2, :, :]
        there = (predicted + true) > 0
        with np.errstate(invalid="ignore", divide="ignore"):
            f1 = np.where(there, 2 * hits / (predicted + true), 0.0)
            mean: FloatArray = (f1.sum(axis=-1) / there.sum(axis=-1)).mean(axis=-1)
        return mean

    def segment_scores(self, stats: FloatArray) -> FloatArray:
        return np.full(len(stats), np.nan)


def probe_accuracy(*, experiments: int = 10, per_label: int = 8, mteb_compat: bool = False) -> ProbeAccuracy:
    """mteb's main score of classification: accuracy of a logistic regression, mean over experiments, 0-1."""
    info = MetricInfo(
        name="probe_accuracy",
        title="accuracy (probe)",
        description="How often a simple classifier, trained on a few examples' vectors, finds the right class.",
        unit="fraction",
        bounds=(0.0, 1.0),
        decimals=3,
        kinds=("classification",),
    )
    return ProbeAccuracy(info, _settings(experiments, per_label, mteb_compat))


def probe_f1(*, experiments: int = 10, per_label: int = 8, mteb_compat: bool = False) -> ProbeF1:
    """Macro F1 of the same classifiers, mean over experiments, 0-1."""
    info = MetricInfo(
        name="probe_f1",
        title="macro F1 (probe)",
        description="As the probe's accuracy, but every class counts the same, however many items it has.",
        unit="fraction",
        bounds=(0.0, 1.0),
        decimals=3,
        kinds=("classification", "multilabel_classification"),
    )
    return ProbeF1(info, _settings(experiments, per_label, mteb_compat))


def multilabel_accuracy(*, experiments: int = 10, per_label: int = 8, mteb_compat: bool = False) -> ProbeAccuracy:
    """mteb's main score of multi-label classification: items whose labels are all right, mean over experiments, 0-1."""
    info = MetricInfo(
        name="multilabel_accuracy",
        title="exact label sets (probe)",
        description="How often nearest labelled neighbours give exactly the right set of labels.",
        unit="fraction",
        bounds=(0.0, 1.0),
        decimals=3,
        kinds=("multilabel_classification",),
    )
    return ProbeAccuracy(info, _settings(experiments, per_label, mteb_compat), several=True)


def _settings(experiments: int, per_label: int, mteb_compat: bool) -> ProbeSettings:
    if experiments < 1 or per_label < 1:
        raise MetricError(f"probe: experiments and per_label must be at least 1, found {experiments} and {per_label}")
    return ProbeSettings(experiments=experiments, per_label=per_label, mteb_compat=mteb_compat)
