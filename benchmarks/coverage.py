"""How often 95 % intervals hold the truth: every method, from ten items to a thousand. JSON or a Markdown table out.

Run: python -m benchmarks.coverage [--trials 2000] [--resamples 1000] [--only TEXT] [--out FILE] [--markdown FILE].
Proportions are exact sums over the binomial distribution; everything else is simulated, with a standard error of half a
point at 2,000 trials. The worlds are in coverage_models.py and coverage_clusters.py; the table in docs/statistics.md is
this program's.
"""

# ruff: noqa: E402 - the number of threads is set before numpy is imported

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np

from benchmarks import coverage_clusters as clusters
from benchmarks.coverage_models import MODELS, Case, coverage, proportion_coverage, single

SIZES: dict[str, tuple[int, ...]] = {
    "graded": (20, 50, 200),
    "token_f1": (20, 50, 200),
    "ndcg": (20, 50, 200),
    "probe_accuracy": (20, 50, 200),
    "contrastive_tau": (50, 200),
    "chrf": (20, 50, 100, 500),
    "bleu": (20, 50, 100, 500),
    "bits_per_byte": (10, 20, 50, 200),
    "byte_perplexity": (10, 20, 50, 200),
    "tokenizer_parity": (20, 50, 200),
    "f1_macro": (50, 100, 204),
    "f1_weighted": (50, 204),
    "span_f1": (30, 100, 300),
    "pair_ap": (50, 100, 300),
    "mexa": (20, 50, 100, 300),
    "v_measure": (200,),
    "mcc": (50, 100, 204),
    "cosine_spearman": (20, 50, 100, 250),
}

PROPORTIONS = [(n, share) for n in (20, 50, 204, 1012) for share in (0.005, 0.02, 0.05, 0.3, 0.5, 0.7, 0.95)]

GOOD = (0.93, 0.97)


def cases() -> Iterator[Case]:
    """Every simulated line of the table."""
    for name in MODELS:
        for n in SIZES[name]:
            yield single(name, n)
    for count in (10, 20, 50, 200):
        for share, correlation in ((0.7, 0.2), (0.95, 0.2)):
            for unequal in (False, True):
                yield clusters.clustered_right(count, share, correlation, unequal=unequal)
    for count in (5, 10, 20, 45):
        for unequal in (False, True):
            yield clusters.clustered_graded(count, 0.3, unequal=unequal)
    for count in (10, 20, 45, 120):
        yield clusters.clustered_chrf(count)
    for items in (50, 204):
        yield clusters.macro_right(items)
        yield clusters.macro_right(items, share=0.97)
        yield clusters.macro_chrf(items)
        yield clusters.pivot_gap(items)
    for items, churn, loss in ((50, 0.1, 0.05), (204, 0.04, 0.0), (204, 0.04, 0.02), (1012, 0.05, 0.01)):
        yield clusters.binary_delta(items, churn, loss)
    for items in (20, 50, 200):
        yield clusters.chrf_delta(items)


def main() -> None:
    """Simulate and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--only", default="", help="Cases with this text in method or name.")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    start = time.perf_counter()
    rows: list[dict[str, object]] = []
    for n, share in PROPORTIONS:
        name = f"accuracy {share:g}, {n} items"
        if arguments.only in f"wilson {name}":
            rows.append(_row("wilson", name, share, proportion_coverage(n, share)))
    for case in cases():
        if arguments.only in f"{case.method} {case.name}":
            inside, above, below = coverage(case, trials=arguments.trials, resamples=arguments.resamples)
            rows.append({**_row(case.method, case.name, case.truth, inside), "above": above, "below": below})
    for models, items in ((4, 50), (10, 120), (30, 200)):
        for what, truths in (("all equal", np.zeros(models)), ("a ladder", np.linspace(0, 0.1, models))):
            name = f"ranks of {models} models, {what}, {items} items"
            if arguments.only in f"ranks {name}":
                held = clusters.rank_coverage(items, truths, trials=arguments.trials, resamples=arguments.resamples)
                rows.append(_row("ranks", name, 0.0, held))
    result = {
        "trials": arguments.trials,
        "resamples": arguments.resamples,
        "seconds": round(time.perf_counter() - start, 1),
        "cases": rows,
    }
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    table = "\n".join(_markdown(rows)) + "\n"
    if arguments.markdown:
        arguments.markdown.write_text(table, encoding="utf-8")
    print(table if not arguments.out else f"{len(rows)} cases in {result['seconds']} s")


def _row(method: str, name: str, truth: float, inside: float) -> dict[str, object]:
    print(f"{method:20} {name:60} {100 * inside:5.1f} %", flush=True)
    return {"method": method, "case": name, "truth": truth, "coverage": inside}


def _markdown(rows: list[dict[str, object]]) -> Iterator[str]:
    """A line a method and kind of score; sizes beside each other, what is outside 93 to 97 % marked."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        kind, _, size = str(row["case"]).rpartition(", ")
        inside = float(str(row["coverage"]))
        mark = "" if GOOD[0] <= inside <= GOOD[1] else (" ↓" if inside < GOOD[0] else " ↑")
        found.setdefault((str(row["method"]), kind), []).append(f"{size} {100 * inside:.1f}{mark}")
    yield "| method | score | holds the truth, % |"
    yield "|---|---|---|"
    for (method, kind), sizes in found.items():
        yield f"| {method} | {kind} | {'; '.join(sizes)} |"


if __name__ == "__main__":
    main()
