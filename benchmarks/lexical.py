"""BLEU and chrF++ against sacrebleu, side by side in one run: extraction, significance tests, two processes. JSON out.

Run: python benchmarks/lexical.py [--data FOLDER] [--segments 2000] [--systems 5] [--resamples 1000] [--out FILE].
Without ``--data`` (a folder ``hau``, ``swa``, ``yor`` of MAFAND's test sets and outputs) the texts are made up, with
the length of words and sentences of news. Both sides run in turn, in the same process, with one thread; the smallest
of the rounds counts, in seconds of the processor, so that what else runs matters little; one process against two
is by the clock. Significance is timed after extraction: sacrebleu is handed the statistics it would extract.
"""

# ruff: noqa: E402 - the number of threads is set before numpy is imported

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np
from sacrebleu import significance
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from harness.stats import Sample, paired_evidences
from metrics import parallel, registry
from metrics.base import FloatArray, Segment, TextMetric

ORACLES: dict[str, Callable[[], BLEU | CHRF]] = {"bleu": BLEU, "chrf++": lambda: CHRF(word_order=2)}
SEED = 12345


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--segments", type=int, default=2000)
    parser.add_argument("--large", type=int, default=20_000, help="Segments for two processes against one.")
    parser.add_argument("--systems", type=int, default=5)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    systems, references = (
        mafand(arguments.data, arguments.segments, arguments.systems)
        if arguments.data
        else made_up(arguments.segments, arguments.systems)
    )
    result = {
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}",
        "data": str(arguments.data.name) if arguments.data else "made up",
        "segments": len(references),
        "systems": len(systems),
        "resamples": arguments.resamples,
        "extraction": extraction(systems, references, arguments.rounds),
        "significance": significance_tests(systems, references, arguments.resamples, arguments.rounds),
        "processes": processes(systems[0], references, arguments.large, arguments.rounds),
    }
    text = json.dumps(result, indent=1)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


def mafand(folder: Path, segments: int, systems: int) -> tuple[list[list[str]], list[str]]:
    """Real outputs of the first systems, English into three languages, one after the other."""
    outputs: list[list[str]] = [[] for _ in range(systems)]
    references: list[str] = []
    for language in ("hau", "swa", "yor"):
        reference = _lines(folder / language / f"test.{language}")
        names = sorted((folder / language).glob(f"*_en_{language}_news.txt"))[:systems]
        for output, name in zip(outputs, names, strict=True):
            output.extend(_lines(name)[: len(reference)])
        references += reference
    return [output[:segments] for output in outputs], references[:segments]


def made_up(segments: int, systems: int) -> tuple[list[list[str]], list[str]]:
    """References of Zipfian words, and systems that get fewer and fewer of them right."""
    rng = np.random.default_rng(1)
    letters = list("abcdeẹghijklmnoọprstuwyàéíóú")
    words = ["".join(rng.choice(letters, rng.integers(2, 9))) for _ in range(8000)]
    chances = 1 / np.arange(1, len(words) + 1)
    chances /= chances.sum()

    def sentence(length: int) -> list[str]:
        return [words[index] for index in rng.choice(len(words), length, p=chances)]

    texts = [sentence(int(rng.integers(8, 40))) for _ in range(segments)]
    outputs = []
    for system in range(systems):
        kept = 0.72 - 0.005 * system
        outputs.append(
            [
                " ".join(
                    word if rng.random() < kept else other
                    for word, other in zip(text, sentence(len(text)), strict=True)
                )
                + "."
                for text in texts
            ]
        )
    return outputs, [" ".join(text) + "." for text in texts]


def extraction(systems: Sequence[Sequence[str]], references: Sequence[str], rounds: int) -> dict[str, object]:
    """Statistics of all systems by both metrics; objects are new each round, so that nothing is cached before."""

    def theirs() -> list[np.ndarray]:
        found = []
        for oracle in ORACLES.values():
            scorer = oracle()
            found += [np.array(scorer._extract_corpus_statistics(system, [references])) for system in systems]
        return found

    def ours() -> list[FloatArray]:
        found = []
        for name in ORACLES:
            metric = _metric(name)
            found += [metric.segment_stats(_segments(system, references)) for system in systems]
        return found

    compared = _compare(theirs, ours, rounds)
    same = all((first == second[:, :-1]).all() for first, second in zip(theirs(), ours(), strict=True))
    return {**compared, "equal": bool(same)}


def significance_tests(
    systems: Sequence[Sequence[str]], references: Sequence[str], resamples: int, rounds: int
) -> dict[str, object]:
    """Every other system against the first: approximate randomisation and paired bootstrap, after extraction."""
    metrics = {name: _metric(name) for name in ORACLES}
    stats = {
        name: [metric.segment_stats(_segments(system, references)) for system in systems]
        for name, metric in metrics.items()
    }
    oracles = {name: oracle() for name, oracle in ORACLES.items()}
    lists = {name: [rows[:, :-1].astype(int).tolist() for rows in found] for name, found in stats.items()}
    which = {id(system): place for place, system in enumerate(systems)}
    for name, oracle in oracles.items():
        oracle._extract_corpus_statistics = (  # type: ignore[method-assign]
            lambda hypotheses, _, name=name: lists[name][which[id(hypotheses)]]
        )
    baseline = {
        name: (lists[name][0], significance.Result(oracle._aggregate_and_compute(lists[name][0]).score))
        for name, oracle in oracles.items()
    }

    segments = [str(place) for place in range(len(references))]

    def theirs() -> list[float]:
        found = []
        for place, system in enumerate(systems[1:], start=1):
            for test in (significance._paired_ar_test, significance._paired_bs_test):
                _, results = test(baseline, str(place), system, None, oracles, resamples, seed=SEED)
                found += [results[name].p_value for name in oracles]
        return found

    def ours() -> list[float]:
        comparisons = [
            [Sample(metric=metrics[name], systems=(other, stats[name][0]), clusters=segments)]
            for name in metrics
            for other in stats[name][1:]
        ]
        rng = np.random.default_rng(SEED)
        evidences = paired_evidences(comparisons, rng=rng, draws=resamples, resamples=resamples)
        return [evidence.sample(0).p for evidence in evidences]

    return {**_compare(theirs, ours, rounds), "equal_p_on_equal_draws": _same_p(metrics, stats, theirs(), resamples)}


def _same_p(
    metrics: dict[str, TextMetric], stats: dict[str, list[FloatArray]], expected: list[float], resamples: int
) -> bool:
    """Whether p-values are sacrebleu's when its random numbers are put into our scores."""
    segments, systems = len(stats["bleu"][0]), len(stats["bleu"])
    found = []
    for place in range(1, systems):
        swaps = np.random.default_rng(SEED).integers(2, size=(resamples, segments), dtype=bool).astype(float)
        drawn = np.random.default_rng(SEED).choice(segments, size=(resamples, segments), replace=True)
        counts = np.stack([np.bincount(row, minlength=segments) for row in drawn]).astype(float)
        for weights in (swaps, counts):
            for name, metric in metrics.items():
                first, second = stats[name][0], stats[name][place]
                difference = abs(metric.value(first) - metric.value(second))
                if weights is swaps:
                    null = np.abs(
                        metric.score(swaps @ first + (1 - swaps) @ second)
                        - metric.score((1 - swaps) @ first + swaps @ second)
                    )
                else:
                    deltas = np.abs(metric.score(counts @ second) - metric.score(counts @ first))
                    null = deltas - deltas.mean()
                found.append(((null > difference).sum() + 1) / (resamples + 1))
    return found == expected


def processes(system: Sequence[str], references: Sequence[str], segments: int, rounds: int) -> dict[str, object]:
    """Extraction for many segments on two processes against one; TER, which is slow, for a fiftieth."""
    repeats = -(-segments // len(references))
    found = (_segments(system, references) * repeats)[:segments]
    result: dict[str, object] = {}
    for name, taken in (("bleu", found), ("chrf++", found), ("ter", found[: segments // 50])):
        slow, fast = [], []
        for _ in range(max(1, rounds - 1)):
            slow.append(_timed(partial(parallel.segment_stats, _metric(name), taken, processes=1)))
            fast.append(_timed(partial(parallel.segment_stats, _metric(name), taken, processes=2)))
        ratio = round(min(slow) / min(fast), 2)
        result[name] = {"segments": len(taken), "one_s": min(slow), "two_s": min(fast), "ratio": ratio}
    return result


def _compare(theirs: Callable[[], object], ours: Callable[[], object], rounds: int) -> dict[str, object]:
    slow, fast = [], []
    for _ in range(rounds):
        slow.append(_timed(theirs, time.process_time))
        fast.append(_timed(ours, time.process_time))
    return {"sacrebleu_cpu_s": min(slow), "ours_cpu_s": min(fast), "ratio": round(min(slow) / min(fast), 2)}


def _timed(call: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    start = clock()
    call()
    return round(clock() - start, 3)


def _metric(name: str) -> TextMetric:
    metric = registry.create(name)
    assert isinstance(metric, TextMetric)
    return metric


def _segments(system: Sequence[str], references: Sequence[str]) -> list[Segment]:
    return [Segment(hypothesis=one, references=(two,)) for one, two in zip(system, references, strict=True)]


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")


if __name__ == "__main__":
    main()
