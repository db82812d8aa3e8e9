"""F1, Matthews correlation and balanced accuracy of predicted classes, from counts that add up over documents.

Gold and predicted class of every document in, statistics ``[n, 3 C]`` out: whether each of ``C`` classes is the gold
one, the predicted one, and both. All scores here are functions of the sums, equal to scikit-learn's on the same pairs
(a class that is neither gold nor predicted does not exist; a quotient without denominator is 0). Which answer of a
model is which class is for the task to say.

Reference: scikit-learn ``f1_score``, ``matthews_corrcoef``, ``balanced_accuracy_score``; lm-eval 0.4.13's ``f1``,
``mcc`` and ``weighted_f1_score`` call the first two.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from metrics.base import DEFINITIONS, AdditiveMetric, FloatArray, MeanMetric, MetricError, MetricInfo, Unit

IntArray = NDArray[np.int64]

CLASS_KINDS = ("multiple_choice", "generate_until")


class ClassMetric(AdditiveMetric):
    """A score of gold and predicted classes."""

    def __init__(self, info: MetricInfo, signature: str) -> None:
        self.info = info
        self._signature = signature

    def signature(self) -> str:
        return self._signature

    def pair_stats(self, gold: IntArray, predicted: IntArray, classes: int) -> FloatArray:
        """Statistics of ``n`` documents.

        Args:
            gold, predicted: ``[n]`` classes, 0 to ``classes - 1``.
            classes: How many there are. Two systems that will be compared need the same classes in the same order.

        Returns:
            ``[n, 3 C]``: class is the gold one ``[C]``, is the predicted one ``[C]``, is both ``[C]``.

        Raises:
            MetricError: The two have different lengths, or hold something that is not a class.
        """
        if gold.shape != predicted.shape or gold.ndim != 1:
            raise MetricError(
                f"{self.info.name}: needs one gold and one predicted class a document, found {list(gold.shape)} and "
                f"{list(predicted.shape)}"
            )
        for side, found in (("gold", gold), ("predicted", predicted)):
            if len(found) and (found.min() < 0 or found.max() >= classes):
                raise MetricError(
                    f"{self.info.name}: {side} classes must be 0 to {classes - 1}, found {found.min()} to {found.max()}"
                )
        units = np.eye(classes)
        return np.hstack([units[gold], units[predicted], units[gold] * units[predicted]])

    def label_stats(
        self, gold: Sequence[Hashable], predicted: Sequence[Hashable], labels: Sequence[Hashable] = ()
    ) -> FloatArray:
        """Statistics of ``n`` documents by their labels.

        Whatever a model writes that is no label is one class more, the last one. (scikit-learn on the bare texts would
        make every such text a class of its own, which changes macro F1 and Matthews correlation, but no other score.)

        Args:
            gold, predicted: ``n`` labels each.
            labels: All there are, in order; by default those that occur in ``gold``.

        Raises:
            MetricError: The two have different lengths, or a gold label is not among ``labels``.
        """
        known = {label: number for number, label in enumerate(labels or _in_order(gold))}
        if unknown := [label for label in gold if label not in known]:
            raise MetricError(f"{self.info.name}: gold label {unknown[0]!r} is not among {', '.join(map(repr, known))}")
        codes = np.array([known[label] for label in gold], dtype=np.int64)
        answers = np.array([known.get(label, len(known)) for label in predicted], dtype=np.int64)
        return self.pair_stats(codes, answers, len(known) + 1)


class WeightedF1(ClassMetric):
    """F1 of every class, weighted by how often it is the gold one."""

    def score(self, summed: FloatArray) -> FloatArray:
        gold, predicted, both = _split(summed)
        return _quotient((_f1(gold, predicted, both) * gold).sum(axis=-1), gold.sum(axis=-1), np.nan)


class MacroF1(ClassMetric):
    """Plain mean of the F1 of every class that occurs, as gold or as prediction."""

    def score(self, summed: FloatArray) -> FloatArray:
        gold, predicted, both = _split(summed)
        return _quotient(_f1(gold, predicted, both).sum(axis=-1), (gold + predicted > 0).sum(axis=-1), np.nan)


class BalancedAccuracy(ClassMetric):
    """Plain mean of the recall of every class that occurs as gold."""

    def score(self, summed: FloatArray) -> FloatArray:
        gold, _, both = _split(summed)
        return _quotient(_quotient(both, gold, 0.0).sum(axis=-1), (gold > 0).sum(axis=-1), np.nan)


class Matthews(ClassMetric):
    """Matthews correlation of several classes (Gorodkin 2004, the R_K statistic); 0 where either side is constant."""

    def score(self, summed: FloatArray) -> FloatArray:
        gold, predicted, both = _split(summed)
        total = gold.sum(axis=-1)
        covariance = both.sum(axis=-1) * total - (gold * predicted).sum(axis=-1)
        spread = (total**2 - (gold**2).sum(axis=-1)) * (total**2 - (predicted**2).sum(axis=-1))
        scores = _quotient(covariance, np.sqrt(np.maximum(spread, 0.0)), 0.0)
        return np.where(total > 0, scores, np.nan)

    def segment_scores(self, stats: FloatArray) -> FloatArray:
        return np.full(len(stats), np.nan)


class BinaryF1(ClassMetric):
    """F1 of one class; statistics are ``[n, 4]``: gold is it, prediction is it, both, and 1.

    Args:
        positive: The class: its number, or its label.
    """

    def __init__(self, info: MetricInfo, signature: str, *, positive: int | str) -> None:
        super().__init__(info, signature)
        self._positive = positive

    def pair_stats(self, gold: IntArray, predicted: IntArray, classes: int) -> FloatArray:
        super().pair_stats(gold, predicted, classes)
        if not isinstance(self._positive, int):
            raise MetricError(
                f"{self.info.name}: positive: {self._positive!r} is a label, but classes are numbers here; "
                f"give the number, 0 to {classes - 1}"
            )
        return self._stats(gold == self._positive, predicted == self._positive)

    def label_stats(
        self,
        gold: Sequence[Hashable],
        predicted: Sequence[Hashable],
        labels: Sequence[Hashable] = (),  # noqa: ARG002
    ) -> FloatArray:
        positive = str(self._positive)
        return self._stats(*(np.array([str(label) == positive for label in side]) for side in (gold, predicted)))

    def score(self, summed: FloatArray) -> FloatArray:
        gold, predicted, both, total = (summed[..., column] for column in range(4))
        return np.where(total > 0, _f1(gold, predicted, both), np.nan)

    def segment_scores(self, stats: FloatArray) -> FloatArray:
        return np.full(len(stats), np.nan)

    @staticmethod
    def _stats(gold: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> FloatArray:
        return np.column_stack([gold, predicted, gold & predicted, np.ones(len(gold))]).astype(np.float64)


class Brier(MeanMetric):
    """Mean squared distance between the probabilities of the choices and the right answer (Brier 1950)."""

    @staticmethod
    def pair_stats(gold: Sequence[int], probabilities: Sequence[Sequence[float]]) -> FloatArray:
        """Statistics ``[n, 2]`` from the right choice and the probabilities of all choices of ``n`` documents."""
        values = []
        for right, found in zip(gold, probabilities, strict=True):
            distance = np.array(found, dtype=np.float64)
            distance[right] -= 1.0
            values.append(float(distance @ distance))
        return MeanMetric.stats(np.array(values))


def f1_weighted(*, computed_by: str = "lm-eval") -> WeightedF1:
    """F1 averaged over classes by their frequency; AfriXNLI's and SIB-200's score in lm-eval.

    Args:
        computed_by: Who told the classes, with version.
    """
    description = "F1 of every class, averaged by how often the class is the right one."
    return WeightedF1(*_facts("f1_weighted", "F1 (weighted)", description, computed_by))


def f1_macro(*, computed_by: str = "lm-eval") -> MacroF1:
    """F1 averaged over classes, each counting the same.

    Args:
        computed_by: Who told the classes.
    """
    description = "F1 of every class, averaged with rare classes counting as much as frequent ones."
    return MacroF1(*_facts("f1_macro", "F1 (macro)", description, computed_by))


def f1_binary(*, positive: int | str = 1, computed_by: str = "lm-eval") -> BinaryF1:
    """F1 of one class; lm-eval's and scikit-learn's plain ``f1``.

    Args:
        positive: The class: its number among the choices, or its label. computed_by: Who told the classes.
    """
    info, signature = _facts("f1_binary", "F1", "F1 of the class that is looked for.", f"{positive}|{computed_by}")
    return BinaryF1(info, signature, positive=positive)


def balanced_acc(*, computed_by: str = "lm-eval") -> BalancedAccuracy:
    """Accuracy averaged over classes: guessing the most frequent one does not pay.

    Args:
        computed_by: Who told the classes.
    """
    description = "Accuracy within every class, averaged with rare classes counting as much as frequent ones."
    return BalancedAccuracy(*_facts("balanced_acc", "balanced accuracy", description, computed_by))


def mcc(*, computed_by: str = "lm-eval") -> Matthews:
    """Matthews correlation coefficient.

    Args:
        computed_by: Who told the classes.
    """
    description = "Correlation of predicted and right classes; 0 is what guessing gives, whatever the frequencies."
    return Matthews(*_facts("mcc", "Matthews correlation", description, computed_by, "correlation", (-1.0, 1.0)))


def brier_score(*, computed_by: str = "lm-eval") -> Brier:
    """Brier score over all choices, 0 (sure and right) to 2 (sure and wrong).

    Args:
        computed_by: Who told the probabilities.
    """
    info = MetricInfo(
        name="brier_score",
        title="Brier score",
        description="How far the probabilities of the choices are from the right answer; being sure and wrong is 2.",
        unit="fraction",
        bounds=(0.0, 2.0),
        higher_is_better=False,
        decimals=3,
        kinds=("multiple_choice",),
    )
    return Brier(info, f"brier_score|{computed_by}|v:{DEFINITIONS}")


def _facts(
    name: str,
    title: str,
    description: str,
    settings: str,
    unit: Unit = "fraction",
    bounds: tuple[float, float] = (0.0, 1.0),
) -> tuple[MetricInfo, str]:
    info = MetricInfo(
        name=name, title=title, description=description, unit=unit, bounds=bounds, decimals=3, kinds=CLASS_KINDS
    )
    return info, f"{name}|{settings}|v:{DEFINITIONS}"


def _in_order(labels: Sequence[Hashable]) -> list[Hashable]:
    """Distinct labels in an order that depends on nothing else: two systems must have the same columns."""
    return sorted(set(labels), key=lambda label: (type(label).__name__, str(label).zfill(20)))


def _split(summed: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """``[..., 3 C]`` as gold, predicted and both, ``[..., C]`` each."""
    classes = summed.shape[-1] // 3
    return summed[..., :classes], summed[..., classes : 2 * classes], summed[..., 2 * classes :]


def _f1(gold: FloatArray, predicted: FloatArray, both: FloatArray) -> FloatArray:
    return _quotient(2 * both, gold + predicted, 0.0)


def _quotient(above: FloatArray, below: FloatArray, otherwise: float) -> FloatArray:
    """``above / below``, and ``otherwise`` where nothing is below."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(below > 0, above / below, otherwise)
