"""Results of lm-eval -> a run folder.

With samples a score has segments: statistics, intervals and texts are then those of a run of ours, and where the
installed lm-eval has the same task, data and prompt, ids and fingerprints are ours too, so that the two are compared
segment by segment. Without samples there is what was reported, with an interval only from its standard error.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from harness.data import documents_hash
from harness.errors import RecordError
from harness.exchange.lm_eval_files import Reported, ResultsFile, find_results, read_results
from harness.exchange.lm_eval_known import KnownTasks
from harness.exchange.lm_eval_own import add_own
from harness.exchange.lm_eval_places import Place, places
from harness.exchange.lm_eval_samples import Sample, read_samples
from harness.exchange.lm_eval_values import Wanted, gives, statistics_of, wanted_scores
from harness.imported import LABEL, ImportedRun, info_facts, metric_facts
from harness.records import Fingerprint, ModelRecord, ScoreRecord
from harness.stats import interval
from harness.store import SegmentRow, UnitStatistics
from harness.types import Document
from harness.untrusted import finite, name_in
from metrics.base import FloatArray
from metrics.classification import ClassMetric

NO_SAMPLES = "imported from lm-eval without samples: no segments are known"

_TWO_SIDED = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True, kw_only=True)
class LmEvalOptions:
    """What a results file does not say.

    Attributes:
        model: Name of the model, before what the file says.
        tasks: Tasks of ours or of lm-eval's to see the results as.
    """

    model: str = ""
    tasks: Sequence[str] = ()


def import_lm_eval(
    paths: Sequence[Path], out: Path, command: str, known: KnownTasks, options: LmEvalOptions | None = None
) -> Path:
    """Write a run folder of lm-eval's results.

    Args:
        paths: Results and samples files, or folders of them.
        known: The tasks there are, for names, ids and fingerprints.

    Raises:
        RecordError: A file is none of lm-eval's, or a score stands there twice.
        UserError: A task in ``options`` does not exist.
    """
    options = options or LmEvalOptions()
    run = ImportedRun("lm-eval")
    notes: list[str] = []
    for path in find_results(paths):
        notes += add_results(run, path, known, options)
    return run.write(out, command, notes)


def add_results(run: ImportedRun, path: Path, known: KnownTasks, options: LmEvalOptions) -> list[str]:
    """Add one results file with its samples to a run; returns notes. Raises as :func:`import_lm_eval`."""
    results = read_results(path)
    run.read(path, results.sha256, results.version)
    if results.ours:
        return add_own(run, results, options.model)
    model = ModelRecord(
        name=name_in(options.model or results.model, f"{path}: model_name (or name it with --model)"),
        backend="lm-eval",
        identity=dict(results.identity),
        label=LABEL,
    )
    without = []
    for place in places(results, known, options.tasks):
        rows = _rows(run, results, place)
        without += [] if rows else [place.whole]
        _add_place(run, results, place, model, rows)
    return [f"{path.name}: no samples of {', '.join(without[:20])}"] if without else []


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """The documents of a place, and filter -> their samples in the same order."""

    documents: Sequence[Document]
    samples: Mapping[str, Sequence[Sample]]

    @property
    def first(self) -> Sequence[Sample]:
        return next(iter(self.samples.values()))


def _rows(run: ImportedRun, results: ResultsFile, place: Place) -> _Rows | None:
    """The samples of a place; ``None`` where a file is missing, or filters do not have the same documents."""
    if not all(leaf in results.samples for leaf in place.leaves):
        return None
    found: dict[str, list[Sample]] = {}
    leaves: list[tuple[str, int, Mapping[str, object]]] = []
    for leaf in place.leaves:
        path = results.samples[leaf]
        samples, sha256 = read_samples(path)
        run.read(path, sha256)
        for chain, own in samples.items():
            found.setdefault(chain, []).extend(own)
        first = next(iter(samples.values()), [])
        leaves += [(leaf, sample.doc_id, sample.doc) for sample in first]
    if not leaves or any(len(own) != len(leaves) for own in found.values()):
        return None
    documents = place.documents(leaves)
    if len({document.id for document in documents}) < len(documents):
        raise RecordError(f"{results.path}: {place.whole}: two samples have one id; import files of one run at a time")
    return _Rows(documents=documents, samples=found)


def _add_place(run: ImportedRun, results: ResultsFile, place: Place, model: ModelRecord, rows: _Rows | None) -> None:
    reported = results.scores.get(place.whole) or results.scores[place.leaves[0]]
    if place.whole not in results.scores and len(place.leaves) > 1:
        reported = {}  # a pool without a score of its own
    config = results.configs.get(place.leaves[0], {})
    dataset = documents_hash(rows.documents) if rows else ""
    texts = (
        [_texts(config, document, sample) for document, sample in zip(rows.documents, rows.first, strict=True)]
        if (rows)
        else []
    )
    statistics = {}
    for wanted in wanted_scores(reported, config, place.unit, results.version):
        found = reported[wanted.reported]
        stats = _statistics(wanted, rows, texts, config) if rows and math.isfinite(found.value) else None
        if stats is not None and not gives(wanted, stats, found.value):
            stats = None
        unit = None
        if stats is not None and rows is not None and wanted.metric is not None:
            unit = UnitStatistics(
                segments=tuple(document.id for document in rows.documents),
                clusters=tuple(document.cluster for document in rows.documents),
                stats=stats,
                scores=wanted.metric.segment_scores(stats),
            )
            statistics[wanted.label] = unit
        size = sum(results.sizes.get(leaf, 0) for leaf in place.leaves)
        score = _score(results, place, model, wanted, found, unit, dataset, size)
        run.add(f"{results.path}: {place.whole}", score, model, place.task)
    if rows:
        key = (model.name, place.task.name, place.variant, place.prompt, place.language)
        run.units.append((key, texts, statistics))


def _statistics(
    wanted: Wanted, rows: _Rows, texts: Sequence[SegmentRow], config: Mapping[str, object]
) -> FloatArray | None:
    name, chain = wanted.reported
    samples = rows.samples.get(chain)
    if samples is None or not all(name in sample.values for sample in samples):
        return None
    labels: Sequence[int | str] = ()
    if isinstance(wanted.metric, ClassMetric):
        choices = max((len(sample.arguments) for sample in samples), default=0)
        chosen = config.get("output_type") == "multiple_choice"
        labels = range(choices) if chosen else sorted({gold for row in texts for gold in row.references})
    return statistics_of(wanted, [sample.values[name] for sample in samples], labels)


def _score(
    results: ResultsFile,
    place: Place,
    model: ModelRecord,
    wanted: Wanted,
    reported: Reported,
    unit: UnitStatistics | None,
    dataset: str,
    size: int,
) -> ScoreRecord:
    metric, value = wanted.metric, finite(reported.value)
    facts: dict[str, Any] = metric_facts(wanted.label, {}) if metric is None else info_facts(metric.info)
    signature = (
        f"lm-eval:{results.version or 'unknown'}|{','.join(wanted.reported)}" if metric is None else metric.signature()
    )
    note = NO_SAMPLES
    if unit is not None:
        note = ""
    elif dataset:
        note = "imported from lm-eval: its samples do not give this score again, so that no segments are known"
    if value is None:
        note = f"lm-eval reported {reported.value}"
    return ScoreRecord(
        model=model.name,
        task=place.task.name,
        variant=place.variant,
        prompt=place.prompt,
        language=place.language,
        metric=wanted.label,
        value=value,
        **_uncertainty(wanted, reported, unit, model, place),
        n=len(unit.segments) if unit is not None else size,
        chance=_chance(place, wanted),
        signature=signature,
        metric_options=dict(wanted.options),
        fingerprint=Fingerprint(dataset=dataset, prompt=place.prompt_hash, metric=signature, decoding=place.decoding),
        segments=unit is not None,
        note=note,
        **facts,
    )


def _chance(place: Place, wanted: Wanted) -> float | None:
    """Score of guessing, for those of the task's own metrics that are shares of documents."""
    if place.unit is None or isinstance(wanted.metric, ClassMetric):
        return None
    return place.unit.chance if wanted.label in {spec.label for spec in place.unit.spec.metrics} else None


def _uncertainty(
    wanted: Wanted, reported: Reported, unit: UnitStatistics | None, model: ModelRecord, place: Place
) -> dict[str, Any]:
    """Ours where there are statistics; else the reported standard error, and the interval that it alone gives."""
    if unit is not None and wanted.metric is not None:
        label = "/".join([model.name, place.task.name, place.variant, place.prompt, place.language, wanted.label])
        rng = np.random.default_rng([0, int.from_bytes(hashlib.sha256(label.encode()).digest()[:8], "little")])
        found = interval(wanted.metric, unit.stats, unit.clusters, rng=rng)
        return {"stderr": found.stderr, "ci_low": found.low, "ci_high": found.high, "ci_method": found.method}
    error = None if reported.stderr is None else finite(reported.stderr)
    if not error or error < 0 or not math.isfinite(reported.value):
        return {"stderr": error, "ci_low": None, "ci_high": None}
    low, high = reported.value - _TWO_SIDED * error, reported.value + _TWO_SIDED * error
    if wanted.metric is not None:
        bounds = wanted.metric.info.bounds
        low, high = max(low, bounds[0]), min(high, bounds[1])
    return {"stderr": error, "ci_low": low, "ci_high": high, "ci_method": "reported standard error"}


def _texts(config: Mapping[str, object], document: Document, sample: Sample) -> SegmentRow:
    """The texts of a document, as a row of our own run has them."""
    source = sample.arguments[0][0] if sample.arguments and sample.arguments[0] else ""
    choices = list(_choices(config, sample))
    hypothesis, references = "", (sample.target,)
    if choices:
        scores = [_logprob(answer) for answer in sample.responses[: len(choices)]]
        hypothesis = choices[int(np.argmax(scores))] if scores else ""
        gold = sample.target
        if gold.isascii() and gold.isdecimal() and len(gold) < 10 and int(gold) < len(choices):
            references = (choices[int(gold)],)
    elif config.get("output_type") in ("generate_until", None) and sample.responses:
        hypothesis = sample.responses[0][0]
    return SegmentRow(
        segment=document.id, cluster=document.cluster, source=source, references=references, hypothesis=hypothesis
    )


def _choices(config: Mapping[str, object], sample: Sample) -> Iterator[str]:
    """The choices of a document, without what stands between a prompt and each."""
    if config.get("output_type") != "multiple_choice":
        return
    delimiter = config.get("target_delimiter", " ")
    for request in sample.arguments:
        text = request[1] if len(request) > 1 else ""
        yield text.removeprefix(delimiter) if isinstance(delimiter, str) else text


def _logprob(answer: Sequence[str]) -> float:
    try:
        found = float(answer[0])
    except (ValueError, IndexError):
        return -math.inf
    return -math.inf if math.isnan(found) else found
