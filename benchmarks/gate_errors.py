"""How often the gate fires when nothing has changed, and how much of what has changed it finds. JSON and Markdown out.

Run: python benchmarks/gate_errors.py [--trials 500] [--languages 200] [--items 204] [--processes 1] [--out FILE]
[--markdown FILE]. Every trial draws two runs and puts them through ``harness.gate.judge`` with the default policy, as
``glotbench gate`` does. The runs are held in memory; the first trial of every work is also written by ``RunWriter``,
read back and judged again, and must come out the same. Random numbers are those of the trial's number, so that trials
can be spread over processes and repeated one by one.
"""

# ruff: noqa: E402 - the number of threads is set before numpy is imported

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np

from harness.gate import judge
from harness.languages import known
from harness.loader import load_policy
from harness.policy import GatePolicy
from harness.records import DRAW_MARK, Fingerprint, ModelRecord, RunRecord, ScoreRecord
from harness.resources import default_policy
from harness.store import RunFolder, RunWriter, SegmentRow, UnitKey, UnitStatistics
from harness.verdicts import GateReport, exit_code
from metrics.base import AdditiveMetric, FloatArray, MeanMetric, Metric, MetricInfo

TODAY = datetime.date(2026, 1, 1)
WORSE, LOSS, MACRO_LOSS = 10, 0.08, 0.01
"""Languages that get worse, by how much of the scale, and by how much all get worse for the test of the mean."""


class Ratio(AdditiveMetric):
    """An F-score of summed matches, as chrF is one: statistics ``(hypothesis, reference, matches)``, 0-100."""

    info = MetricInfo(name="ratio", title="F-score", description="", unit="points", bounds=(0.0, 100.0))

    def signature(self) -> str:
        return "ratio"

    def score(self, summed: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(200 * summed[..., 2] / (summed[..., 0] + summed[..., 1]))


METRICS: dict[str, Metric] = {
    "acc": MeanMetric(
        MetricInfo(
            name="acc", title="accuracy", description="", unit="fraction", bounds=(0.0, 1.0), binary=True, decimals=3
        ),
        "acc",
    ),
    "segments": MeanMetric(
        MetricInfo(name="segments", title="mean of segments", description="", unit="points", bounds=(0.0, 100.0)),
        "segments",
    ),
    "ratio": Ratio(),
}


class MemoryRun(RunFolder):
    """A run whose tables are arrays: ``stats`` ``[languages, items, k]``."""

    def __init__(self, name: str, record: RunRecord, stats: FloatArray) -> None:
        self.path, self.record, self._stats = Path("memory") / name, record, stats
        self._segments = tuple(f"i{item}" for item in range(stats.shape[1]))
        self._places = {score.unit_key: place for place, score in enumerate(record.scores)}

    def problems(self) -> Iterator[str]:
        yield from ()

    def statistics(self, unit: UnitKey, metric: str) -> UnitStatistics:
        stats = self._stats[self._places[unit]]
        return UnitStatistics(
            segments=self._segments,
            clusters=self._segments,
            stats=stats,
            scores=METRICS[metric].segment_scores(stats),
        )

    def segments(self, unit: UnitKey) -> list[SegmentRow]:  # noqa: ARG002
        return [
            SegmentRow(segment=one, cluster=one, source=None, references=(), hypothesis=None) for one in self._segments
        ]

    def written(self, folder: Path) -> RunFolder:
        """The same run on disk."""
        writer = RunWriter(folder)
        for score in self.record.scores:
            writer.add_unit(
                score.unit_key,
                self.segments(score.unit_key),
                {score.metric: self.statistics(score.unit_key, score.metric)},
            )
        writer.finish(self.record)
        return RunFolder(folder)


# ---------------------------------------------------------------------------------------------- what is drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A kind of score and how two runs of one system differ in it.

    Attributes:
        metric: Which of ``METRICS``.
        pair: Draws values ``[languages, items]`` of the baseline and of the candidate, nothing being worse.
        spoil: Takes so many points of the scale from values of the candidate.
        rows: Makes statistics ``[languages, items, k]`` of values.
    """

    metric: str
    pair: Callable[[np.random.Generator, int, int], tuple[FloatArray, FloatArray]]
    spoil: Callable[[np.random.Generator, FloatArray, float], FloatArray]
    rows: Callable[[FloatArray], FloatArray]


def chances(rng: np.random.Generator, languages: int, items: int) -> FloatArray:
    """Probabilities ``[languages, items]`` of a right answer: items are hard in all languages alike."""
    level, difficulty = rng.uniform(-0.8, 1.2, size=(languages, 1)), rng.normal(0, 1.2, size=(1, items))
    return np.asarray(1 / (1 + np.exp(difficulty - level)))


def answered_anew(rng: np.random.Generator, languages: int, items: int) -> tuple[FloatArray, FloatArray]:
    """4 % of the answers are drawn again, so that some of them turn out as before."""
    p = chances(rng, languages, items)
    old, again = (rng.random(p.shape) < p for _ in range(2))
    return old.astype(float), np.where(rng.random(p.shape) < 0.04, again, old).astype(float)


def flipped(rng: np.random.Generator, languages: int, items: int) -> tuple[FloatArray, FloatArray]:
    """4 % of the outcomes turn into their opposite, half of them each way."""
    old = rng.random((languages, items)) < chances(rng, languages, items)
    lose, win = _each_way(old, 0.02)
    turned = rng.random(old.shape) < np.where(old, lose, win)
    return old.astype(float), (old ^ turned).astype(float)


def flipped_together(rng: np.random.Generator, languages: int, items: int) -> tuple[FloatArray, FloatArray]:
    """The same, but all in a fifth of the items, and each of these one way in every language."""
    old = rng.random((languages, items)) < chances(rng, languages, items)
    lose, win = _each_way(old, 0.2)
    touched, down = rng.random((1, items)) < 0.2, rng.random((1, items)) < 0.5
    turned = touched & (old == down) & (rng.random(old.shape) < np.where(old, lose, win))
    return old.astype(float), (old ^ turned).astype(float)


def _each_way(old: np.ndarray, share: float) -> tuple[FloatArray, FloatArray]:
    """By which chances ``[languages, 1]`` right and wrong answers turn, so that ``share`` of all turns each way."""
    right = np.clip(old.mean(axis=1, keepdims=True), 0.01, 0.99)
    return np.minimum(1, share / right), np.minimum(1, share / (1 - right))


def lose_answers(rng: np.random.Generator, values: FloatArray, points: float) -> FloatArray:
    """Right answers become wrong."""
    right = np.maximum(values.mean(axis=1, keepdims=True), 0.01)
    return values * (rng.random(values.shape) >= points / right)


def qualities(share: float) -> Callable[[np.random.Generator, int, int], tuple[FloatArray, FloatArray]]:
    """Qualities 0-1 of segments, of which a share is written anew; long sentences are hard in all languages alike."""

    def pair(rng: np.random.Generator, languages: int, items: int) -> tuple[FloatArray, FloatArray]:
        level = rng.uniform(0.35, 0.6, size=(languages, 1)) + rng.normal(0, 0.08, size=(1, items))
        old, again = (np.clip(level + rng.normal(0, 0.1, size=level.shape), 0, 1) for _ in range(2))
        return old, np.where(rng.random(old.shape) < share, again, old)

    return pair


def lose_quality(rng: np.random.Generator, values: FloatArray, points: float) -> FloatArray:
    """Segments lose so much on average, some more than others."""
    return np.clip(values - points * rng.exponential(1, size=values.shape), 0, 1)


def mean_rows(values: FloatArray) -> FloatArray:
    """``(value, 1)``."""
    return np.stack([values, np.ones_like(values)], axis=-1)


def point_rows(values: FloatArray) -> FloatArray:
    """``(value, 1)`` in points."""
    return mean_rows(100 * values)


def count_rows(values: FloatArray) -> FloatArray:
    """Counts of n-grams in hypothesis, reference and both; the sizes are those of the item, in both runs."""
    sizes = np.random.default_rng(values.shape[1]).lognormal(4.5, 0.5, size=(1, values.shape[1]))
    reference = np.broadcast_to(np.round(sizes), values.shape)
    return np.stack([reference, reference, np.round(values * reference)], axis=-1)


WORKS = {
    "accuracy, 4 % flipped": Work(metric="acc", pair=flipped, spoil=lose_answers, rows=mean_rows),
    "accuracy, 4 % answered anew": Work(metric="acc", pair=answered_anew, spoil=lose_answers, rows=mean_rows),
    "accuracy, 4 % flipped, the same items in every language": Work(
        metric="acc", pair=flipped_together, spoil=lose_answers, rows=mean_rows
    ),
    "mean of segment scores, all written anew": Work(
        metric="segments", pair=qualities(1.0), spoil=lose_quality, rows=point_rows
    ),
    "F-score of summed counts, all written anew": Work(
        metric="ratio", pair=qualities(1.0), spoil=lose_quality, rows=count_rows
    ),
}


# ---------------------------------------------------------------------------------------------- trials


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one gate said: whether it failed, whether the mean did, and languages flagged rightly and wrongly."""

    fails: bool
    macro: bool
    found: int
    false: int


def run_of(name: str, metric: str, stats: FloatArray, decoding: str = "greedy") -> MemoryRun:
    """A run that has these statistics."""
    made = METRICS[metric]
    info = made.info
    first = ScoreRecord(
        model="model",
        task="task",
        language="",
        metric=metric,
        title=info.title,
        value=None,
        stderr=None,
        ci_low=None,
        ci_high=None,
        n=stats.shape[1],
        unit=info.unit,
        bounds=info.bounds,
        higher_is_better=True,
        decimals=info.decimals,
        signature=made.signature(),
        fingerprint=Fingerprint(dataset="d", prompt="p", metric=metric, decoding=decoding),
    )
    codes = [language.code for language in known()][: len(stats)]
    values = made.score(stats.sum(axis=1))
    scores = [
        first.model_copy(update={"language": code, "value": float(value)})
        for code, value in zip(codes, values, strict=True)
    ]
    record = RunRecord(
        run_id=name,
        created="2026-01-01T00:00:00Z",
        complete=True,
        command="",
        glotbench="",
        seed=0,
        versions={},
        hardware={},
        models=(ModelRecord(name="model", backend="none", identity={}),),
        tasks=(),
        scores=tuple(scores),
    )
    return MemoryRun(name, record, stats)


def drawn(work: Work, change: str, number: int, languages: int, items: int) -> tuple[MemoryRun, MemoryRun]:
    """Baseline and candidate of one trial; of a change in ``ten`` languages, the first ones get worse."""
    rng = np.random.default_rng([number, *work.metric.encode(), len(change)])
    old, new = work.pair(rng, languages, items)
    if change == "ten":
        new[:WORSE] = work.spoil(rng, new[:WORSE], LOSS)
    elif change == "macro":
        new = work.spoil(rng, new, MACRO_LOSS)
    return run_of("baseline", work.metric, work.rows(old)), run_of("candidate", work.metric, work.rows(new))


def trial(name: str, change: str, number: int, languages: int, items: int) -> Trial:
    """One gate of two runs drawn for it."""
    baseline, candidate = drawn(WORKS[name], change, number, languages, items)
    return outcome(judged(candidate, baseline, number), candidate)


def judged(
    candidate: RunFolder, baseline: RunFolder, number: int, *, reruns: Sequence[RunFolder] = (), confirm: bool = True
) -> GateReport:
    """What ``glotbench gate`` does with the default policy, which asks for reruns where text is sampled."""
    policy = _policy() if confirm else _policy().model_copy(update={"confirm": None})
    return judge(
        candidate,
        baseline,
        policy,
        reruns=reruns,
        seed=number,
        today=TODAY,
        create=lambda name, _: METRICS[name],
    )


def outcome(report: GateReport, candidate: RunFolder) -> Trial:
    """The first ten languages count as found, others as false alarms."""
    worse = {score.language for score in candidate.record.scores[:WORSE]}
    flagged = [finding.language for finding in report.findings if finding.verdict == "regressed"]
    return Trial(
        fails=exit_code(report) != 0,
        macro="macro" in flagged,
        found=sum(language in worse for language in flagged),
        false=sum(language not in worse and language != "macro" for language in flagged),
    )


def _policy() -> GatePolicy:
    global _loaded  # noqa: PLW0603 - read once a process
    if _loaded is None:
        _loaded = load_policy(default_policy())
    return _loaded


_loaded: GatePolicy | None = None


# ---------------------------------------------------------------------------------------------- sampled text


def sampled_trial(change: str, number: int, languages: int, items: int) -> dict[str, Trial]:
    """A baseline and three runs of a candidate that draw every answer: one run, their mean, and all three agreeing."""
    rng = np.random.default_rng([number, len(change), 7])
    p = chances(rng, languages, items)
    old = (rng.random(p.shape) < p).astype(float)
    if change == "ten":
        p[:WORSE] *= 1 - LOSS / p[:WORSE].mean(axis=1, keepdims=True)
    draws = [(rng.random(p.shape) < p).astype(float) for _ in range(3)]
    decoding = "sampled|temperature:1"
    baseline = run_of("baseline", "acc", mean_rows(old), decoding)
    first, *others = (
        run_of(f"run{seed}", "acc", mean_rows(draw), decoding + (f"{DRAW_MARK}{seed}" if seed else ""))
        for seed, draw in enumerate(draws)
    )
    alone = [judged(run, baseline, number, confirm=False) for run in (first, *others)]
    flagged = [{one.language for one in report.findings if one.verdict == "regressed"} for report in alone]
    shared = set.intersection(*flagged)
    agreed = dataclasses.replace(alone[0], findings=tuple(one for one in alone[0].findings if one.language in shared))
    return {
        "one run": outcome(alone[0], first),
        "mean of three runs (--rerun)": outcome(judged(first, baseline, number, reruns=others), first),
        "all three runs agree": outcome(agreed, first),
    }


# ---------------------------------------------------------------------------------------------- tables


def summed(trials: Sequence[Trial]) -> dict[str, float | int]:
    """Shares over trials."""
    found, flagged = sum(one.found for one in trials), sum(one.found + one.false for one in trials)
    return {
        "trials": len(trials),
        "fails": sum(one.fails for one in trials) / len(trials),
        "macro_fails": sum(one.macro for one in trials) / len(trials),
        "some_language_flagged": sum(one.found + one.false > 0 for one in trials) / len(trials),
        "found_of_ten": found / (WORSE * len(trials)),
        "false_among_flagged": (flagged - found) / flagged if flagged else 0.0,
    }


def same_from_disk(name: str, languages: int, items: int) -> bool:
    """Whether runs written by ``RunWriter`` and read back are judged as the arrays were."""
    baseline, candidate = drawn(WORKS[name], "ten", 0, languages, items)
    with tempfile.TemporaryDirectory() as folder:
        written = [run.written(Path(folder) / run.path.name) for run in (candidate, baseline)]
        found = judged(written[0], written[1], 0).findings
    return found == judged(candidate, baseline, 0).findings


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Everything, spread over processes; what is done is written at once."""
    size = (arguments.languages, arguments.items)
    result: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}",
        "languages": arguments.languages,
        "items": arguments.items,
        "works": {},
        "sampled": {},
    }
    with ProcessPoolExecutor(arguments.processes) as pool:
        for name, work in WORKS.items():
            if arguments.works and not any(part in name for part in arguments.works):
                continue
            begun = time.perf_counter()
            found: dict[str, Any] = {"same_from_disk": same_from_disk(name, *size)}
            unchanged = arguments.trials if METRICS[work.metric].info.binary else arguments.other_trials
            wanted = {"none": unchanged, "ten": arguments.power_trials, "macro": arguments.power_trials}
            for change, trials in wanted.items():
                each = [pool.submit(trial, name, change, number, *size) for number in range(trials)]
                found[change] = summed([one.result() for one in each])
            found["seconds"] = round(time.perf_counter() - begun, 1)
            result["works"][name] = found
            write(result, arguments)
        for change in ("none", "ten"):
            each = [pool.submit(sampled_trial, change, number, *size) for number in range(arguments.sampled_trials)]
            gates = [one.result() for one in each]
            for how in gates[0] if gates else ():
                result["sampled"].setdefault(how, {})[change] = summed([one[how] for one in gates])
    write(result, arguments)
    return result


def write(result: dict[str, Any], arguments: argparse.Namespace) -> None:
    """Write what there is so far."""
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if arguments.markdown:
        arguments.markdown.write_text(markdown(result), encoding="utf-8")


def markdown(result: dict[str, Any]) -> str:
    """Two tables, as they stand in docs/reliability.md."""
    lines = [
        "| scores, and what differs between two runs of one system | fires when nothing is worse "
        "| ten languages 8 points worse: found | false among flagged | all 1 point worse: the mean fires |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, work in result["works"].items():
        none, ten, macro = work["none"], work["ten"], work["macro"]
        lines.append(
            f"| {name} | {_share(none, 'fails')} | {_share(ten, 'found_of_ten')} | "
            f"{_share(ten, 'false_among_flagged')} | {_share(macro, 'macro_fails')} |"
        )
    lines += [
        "",
        "| sampled text: regressed when | fires when nothing is worse | ten languages 8 points worse: found |",
        "|---|--:|--:|",
    ]
    for how, changes in result["sampled"].items():
        lines.append(f"| {how} | {_share(changes['none'], 'fails')} | {_share(changes['ten'], 'found_of_ten')} |")
    return "\n".join(lines) + "\n"


def _share(found: dict[str, float], name: str) -> str:
    return f"{100 * found[name]:.1f} %"


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=500, help="In which nothing is worse, of binary scores.")
    parser.add_argument("--other-trials", type=int, default=500, help="The same of other scores.")
    parser.add_argument("--power-trials", type=int, default=200, help="In which something is.")
    parser.add_argument("--sampled-trials", type=int, default=150, help="Of sampled text, of either kind.")
    parser.add_argument("--works", nargs="*", default=[], help="Parts of the names of those wanted; else all.")
    parser.add_argument("--languages", type=int, default=200)
    parser.add_argument("--items", type=int, default=204)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    print(markdown(measure(arguments)))


if __name__ == "__main__":
    main()
