"""How well metrics tell a good translation from one with an error, as in the challenge set ACES.

Whether the good one got the higher score, document by document, goes in; a tie is a failure, as in ACES. The tau of a
phenomenon is Kendall's tau-like statistic: wins less failures over all, -1 to 1. ACES averages it over the phenomena
of a category, and the ACES score is the sum of ten categories by weight, -29.1 to 29.1.

Reference: Amrhein et al. 2022, https://aclanthology.org/2022.wmt-1.44/; https://github.com/EdinburghNLP/ACES
(``aces/cli/evaluate.py``: the phenomena of each category, and the weights).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metrics.base import DEFINITIONS, AdditiveMetric, FloatArray, MeanMetric, MetricInfo

KINDS = ("contrastive",)

CATEGORIES: dict[str, tuple[float, tuple[str, ...]]] = {
    "addition": (5, ("addition",)),
    "omission": (5, ("omission",)),
    "mistranslation": (
        5,
        (
            "ambiguous-translation-wrong-discourse-connective-since-causal",
            "ambiguous-translation-wrong-discourse-connective-since-temporal",
            "ambiguous-translation-wrong-discourse-connective-while-contrast",
            "ambiguous-translation-wrong-discourse-connective-while-temporal",
            "ambiguous-translation-wrong-gender-female-anti",
            "ambiguous-translation-wrong-gender-female-pro",
            "ambiguous-translation-wrong-gender-male-anti",
            "ambiguous-translation-wrong-gender-male-pro",
            "ambiguous-translation-wrong-sense-frequent",
            "ambiguous-translation-wrong-sense-infrequent",
            "anaphoric_group_it-they:deletion",
            "anaphoric_group_it-they:substitution",
            "anaphoric_intra_non-subject_it:deletion",
            "anaphoric_intra_non-subject_it:substitution",
            "anaphoric_intra_subject_it:deletion",
            "anaphoric_intra_subject_it:substitution",
            "anaphoric_intra_they:deletion",
            "anaphoric_intra_they:substitution",
            "anaphoric_singular_they:deletion",
            "anaphoric_singular_they:substitution",
            "coreference-based-on-commonsense",
            "hallucination-date-time",
            "hallucination-named-entity-level-1",
            "hallucination-named-entity-level-2",
            "hallucination-named-entity-level-3",
            "hallucination-number-level-1",
            "hallucination-number-level-2",
            "hallucination-number-level-3",
            "hallucination-real-data-vs-ref-word",
            "hallucination-real-data-vs-synonym",
            "hallucination-unit-conversion-amount-matches-ref",
            "hallucination-unit-conversion-unit-matches-ref",
            "lexical-overlap",
            "modal_verb:deletion",
            "modal_verb:substitution",
            "nonsense",
            "ordering-mismatch",
            "overly-literal-vs-correct-idiom",
            "overly-literal-vs-explanation",
            "overly-literal-vs-ref-word",
            "overly-literal-vs-synonym",
            "pleonastic_it:deletion",
            "pleonastic_it:substitution",
            "xnli-addition-contradiction",
            "xnli-addition-neutral",
            "xnli-omission-contradiction",
            "xnli-omission-neutral",
        ),
    ),
    "untranslated": (1, ("copy-source", "untranslated-vs-ref-word", "untranslated-vs-synonym")),
    "do-not-translate": (1, ("do-not-translate",)),
    "overtranslation": (5, ("hyponym-replacement",)),
    "undertranslation": (5, ("hypernym-replacement",)),
    "real-world-knowledge": (
        1,
        (
            "antonym-replacement",
            "commonsense-only-ref-ambiguous",
            "commonsense-src-and-ref-ambiguous",
            "real-world-knowledge-entailment",
            "real-world-knowledge-hypernym-vs-distractor",
            "real-world-knowledge-hypernym-vs-hyponym",
            "real-world-knowledge-synonym-vs-antonym",
        ),
    ),
    "wrong-language": (1, ("similar-language-high", "similar-language-low")),
    "punctuation": (
        0.1,
        (
            "punctuation:deletion_all",
            "punctuation:deletion_commas",
            "punctuation:deletion_quotes",
            "punctuation:statement-to-question",
        ),
    ),
}
"""Categories of ACES, with their weights and phenomena."""

_PHENOMENA = [phenomenon for _, phenomena in CATEGORIES.values() for phenomenon in phenomena]
_LIMIT = sum(weight for weight, _ in CATEGORIES.values())


class ContrastiveMetric(MeanMetric):
    """Mean over documents of a value for a win and one for a failure; statistics ``[n, 2]``."""

    def __init__(self, info: MetricInfo, *, failure: float) -> None:
        super().__init__(info, f"{info.name}|v:{DEFINITIONS}")
        self._failure = failure

    def win_stats(self, wins: Sequence[bool], phenomena: Sequence[str]) -> FloatArray | None:  # noqa: ARG002
        """Statistics of documents, in their order."""
        return self.stats(np.where(np.asarray(wins, dtype=bool), 1.0, self._failure))


class AcesScore(AdditiveMetric):
    """The ACES score; statistics ``[n, 2P]`` for ``P`` phenomena: wins less failures, then documents, of each.

    A category is the mean of the phenomena that the documents have. Without a document of some category, as may happen
    in a resample of few, there is no score.
    """

    def __init__(self) -> None:
        self.info = MetricInfo(
            name="aces_score",
            title="ACES score",
            description="How well a metric tells good translations from wrong ones, over ten kinds of error by weight.",
            unit="points",
            bounds=(-_LIMIT, _LIMIT),
            decimals=2,
            kinds=KINDS,
        )

    def signature(self) -> str:
        return f"aces_score|phenomena:{len(_PHENOMENA)}|v:{DEFINITIONS}"

    def win_stats(self, wins: Sequence[bool], phenomena: Sequence[str]) -> FloatArray | None:
        """Statistics of documents; ``None`` where they are not of ACES, or not of all its categories."""
        places = {phenomenon: place for place, phenomenon in enumerate(_PHENOMENA)}
        found = set(phenomena)
        if not found <= set(places) or any(found.isdisjoint(members) for _, members in CATEGORIES.values()):
            return None
        stats = np.zeros((len(wins), 2 * len(_PHENOMENA)))
        rows, columns = np.arange(len(wins)), np.array([places[phenomenon] for phenomenon in phenomena])
        stats[rows, columns] = np.where(np.asarray(wins, dtype=bool), 1.0, -1.0)
        stats[rows, columns + len(_PHENOMENA)] = 1
        return stats

    def score(self, summed: FloatArray) -> FloatArray:
        differences, counts = summed[..., : len(_PHENOMENA)], summed[..., len(_PHENOMENA) :]
        with np.errstate(invalid="ignore", divide="ignore"):
            taus = np.where(counts > 0, differences / counts, 0.0)
            total = np.zeros(summed.shape[:-1])
            start = 0
            for weight, members in CATEGORIES.values():
                own = slice(start, start + len(members))
                total = total + weight * taus[..., own].sum(axis=-1) / (counts[..., own] > 0).sum(axis=-1)
                start += len(members)
        return total

    def segment_scores(self, stats: FloatArray) -> FloatArray:
        return np.full(len(stats), np.nan)


def contrastive_accuracy() -> ContrastiveMetric:
    """Share of documents whose good translation gets the higher score, 0-1."""
    info = MetricInfo(
        name="contrastive_accuracy",
        title="contrastive accuracy",
        description="Share of pairs where the better translation gets the higher score; a tie is a failure.",
        unit="fraction",
        bounds=(0.0, 1.0),
        binary=True,
        decimals=3,
        kinds=KINDS,
    )
    return ContrastiveMetric(info, failure=0.0)


def contrastive_tau() -> ContrastiveMetric:
    """Kendall's tau-like statistic: share of wins less share of failures, -1 to 1."""
    info = MetricInfo(
        name="contrastive_tau",
        title="contrastive tau",
        description="Pairs where the better translation gets the higher score, less all others, as a share of all.",
        unit="correlation",
        bounds=(-1.0, 1.0),
        decimals=3,
        kinds=KINDS,
    )
    return ContrastiveMetric(info, failure=-1.0)


def aces_score() -> AcesScore:
    """See :class:`AcesScore`."""
    return AcesScore()
