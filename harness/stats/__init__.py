"""Intervals, paired tests, corrections for many tests, power and ranks: arrays in, numbers out.

Everything rests on the one decomposition of ``metrics.base``: statistics ``[n, k]`` are summed by cluster, and a matrix
of resampling weights times those sums gives every resample at once (``harness.resampling``). One sentence in 200
languages is *one* item: samples that share cluster labels are resampled together, so macro means over languages have
honest errors. Every random function takes a numpy Generator.

``intervals`` one system, or the difference of two, on one sample or many. ``paired`` two systems on the same items,
with tests. ``corrections`` many tests. ``power`` what could have been found. ``rank_intervals`` many systems. Below
them: ``means``, ``proportions``, ``exact``, ``unpaired`` (closed forms) and ``resampled`` (the bootstrap's scales).

Knows no file, run, model or language; ``compare``, ``gate``, ``scoring`` and the leaderboard build on it. Which method
is whose, and how well each covers: ``docs/statistics.md``.
"""

from harness.resampling import Sample
from harness.stats.corrections import benjamini_hochberg, corrected, holm
from harness.stats.exact import mcnemar, mcnemar_worse
from harness.stats.intervals import bootstrap, interval, macro_difference, macro_interval, resampled_mean
from harness.stats.means import is_mean, student_quantile
from harness.stats.paired import (
    PairedEvidence,
    approximate_randomisation,
    macro_delta,
    paired_delta,
    paired_evidence,
    paired_evidences,
)
from harness.stats.power import minimum_detectable_effect, unpaired_detectable_effect
from harness.stats.proportions import modified_wilson, paired_difference, score_interval, wilson
from harness.stats.rank_intervals import rank_intervals, tie_groups
from harness.stats.results import DRAWS, METHODS, POOLED_DRAWS, RESAMPLES, Delta, Interval
from harness.stats.unpaired import unpaired_difference

__all__ = [
    "DRAWS",
    "METHODS",
    "POOLED_DRAWS",
    "RESAMPLES",
    "Delta",
    "Interval",
    "PairedEvidence",
    "Sample",
    "approximate_randomisation",
    "benjamini_hochberg",
    "bootstrap",
    "corrected",
    "holm",
    "interval",
    "is_mean",
    "macro_delta",
    "macro_difference",
    "macro_interval",
    "mcnemar",
    "mcnemar_worse",
    "minimum_detectable_effect",
    "modified_wilson",
    "paired_delta",
    "paired_difference",
    "paired_evidence",
    "paired_evidences",
    "rank_intervals",
    "resampled_mean",
    "score_interval",
    "student_quantile",
    "tie_groups",
    "unpaired_detectable_effect",
    "unpaired_difference",
    "wilson",
]
