"""Accuracies of language-model tasks: facts and averages of values that lm-eval has computed, one a document.

What is right and what is wrong is lm-eval's to say (``Task.process_results``), so that our numbers are its numbers;
here stand the names, units and signatures. Knows no task, prompt or model.
"""

from __future__ import annotations

from metrics.base import DEFINITIONS, MeanMetric, MetricInfo

CHOICE_KINDS = ("multiple_choice",)


def acc(*, computed_by: str = "lm-eval") -> MeanMetric:
    """Share of documents whose gold choice has the highest log-probability (in ``loglikelihood``: is the greedy text).

    Args:
        computed_by: Who computed the values, with version, e.g. ``lm-eval:0.4.13``.
    """
    return _binary(
        "acc",
        "accuracy",
        "Share of questions for which the model finds the right choice most likely.",
        computed_by,
        (*CHOICE_KINDS, "loglikelihood"),
    )


def acc_norm(*, computed_by: str = "lm-eval") -> MeanMetric:
    """Accuracy by log-probability per *character* of the choice (lm-eval divides by ``len(choice)``, not by bytes)."""
    return _binary(
        "acc_norm",
        "accuracy (per character)",
        "Accuracy after dividing each choice's log-probability by its length in characters.",
        computed_by,
        CHOICE_KINDS,
    )


def acc_bytes(*, computed_by: str = "lm-eval") -> MeanMetric:
    """Accuracy by log-probability per UTF-8 *byte* of the choice: a character of Khmer counts three, of Latin one."""
    return _binary(
        "acc_bytes",
        "accuracy (per byte)",
        "Accuracy after dividing each choice's log-probability by its length in UTF-8 bytes.",
        computed_by,
        CHOICE_KINDS,
    )


def exact_match(
    *,
    ignore_case: bool = False,
    ignore_punctuation: bool = False,
    ignore_numbers: bool = False,
    regexes_to_ignore: str = "",
    computed_by: str = "lm-eval",
) -> MeanMetric:
    """Share of answers equal to the gold answer after the task's filters.

    Args:
        ignore_case, ignore_punctuation, ignore_numbers: What does not count as a difference, in lm-eval's meaning.
        regexes_to_ignore: Patterns, one a line, whose matches are removed from both sides.
        computed_by: Who computed the values.
    """
    flags = {"case": ignore_case, "punctuation": ignore_punctuation, "numbers": ignore_numbers}
    ignored = [word for word, is_ignored in flags.items() if is_ignored]
    ignored += [f"regexes:{regexes_to_ignore!r}"] if regexes_to_ignore else []
    settings = f"ignore:{'+'.join(ignored)}|{computed_by}" if ignored else computed_by
    return _binary(
        "exact_match",
        "exact match",
        "Share of answers that are exactly the expected one.",
        settings,
        (*CHOICE_KINDS, "generate_until"),
    )


def mean(*, of: str = "value", higher_is_better: bool = True, computed_by: str = "lm-eval") -> MeanMetric:
    """Mean over documents of a value that an lm-eval task computes with code of its own.

    Args:
        of: The name the task gives the value. computed_by: Who computed the values.
    """
    info = MetricInfo(
        name="mean",
        title=f"mean {of}",
        description=f"Mean over documents of '{of}', as the task's own code computes it.",
        unit="fraction",
        bounds=(float("-inf"), float("inf")),
        higher_is_better=higher_is_better,
        decimals=3,
        kinds=("multiple_choice", "generate_until", "loglikelihood", "loglikelihood_rolling"),
    )
    return MeanMetric(info, f"mean|of:{of}|{computed_by}|v:{DEFINITIONS}")


def _binary(name: str, title: str, description: str, computed_by: str, kinds: tuple[str, ...]) -> MeanMetric:
    info = MetricInfo(
        name=name,
        title=title,
        description=description,
        unit="fraction",
        bounds=(0.0, 1.0),
        binary=True,
        decimals=3,
        kinds=kinds,
    )
    return MeanMetric(info, f"{name}|{computed_by}|v:{DEFINITIONS}")
