"""sacrebleu's JSON -> run records: one score, a list of several metrics, or systems side by side (paired tests).

What the JSON does not say (task, language, and the system of a single score) the caller does. There are no segments; an
interval is what ``--confidence`` or ``--paired-bs`` wrote, mean ± half the 95 % interval. Scores of one system are
rounded by sacrebleu (``--width``). A signature makes a score one of our metrics with its options; without it (several
systems) only the name does, and nothing can be compared with it.

Reference: sacrebleu 2.6, ``sacrebleu.utils.print_single_results`` and ``print_results_table``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import RecordError, UserError
from harness.exchange.table_columns import code_of
from harness.imported import LABEL, ImportedRun, info_facts, metric_facts
from harness.languages import UND
from harness.records import Fingerprint, ModelRecord, ScoreRecord, TaskRecord
from harness.spec import MetricOption
from harness.untrusted import finite, name_in, number_in, object_in, parse_json, read_bytes, sha256_of, shown
from metrics import registry
from metrics.base import Metric, MetricError

NOTE = "imported from sacrebleu: no segments are known"

_CHRF = re.compile(r"chrF(?P<beta>\d{1,3})?(?P<words>\+*)")
_RESAMPLING = ("bs", "ar", "seed")
_NOT_IN_SACREBLEU = ("beta", "order")
_BASELINE = "Baseline: "
_DECIMAL = re.compile(r"-?\d{1,15}(\.\d{1,15})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreOptions:
    """What sacrebleu's JSON does not say.

    Attributes:
        task: By default the file's name. language: Of the translation, or ``source-target``, in any codes.
        model: The system of a single score.
    """

    task: str = ""
    language: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """One score as sacrebleu wrote it."""

    where: str
    system: str
    name: str
    value: float
    signature: str = ""
    mean: float | None = None
    half: float | None = None
    p: float | None = None


def import_sacrebleu(paths: Sequence[Path], out: Path, command: str, options: ScoreOptions | None = None) -> Path:
    """Write a run folder of sacrebleu's scores.

    Raises:
        RecordError: A file is none of sacrebleu's, or a score stands there twice.
        UserError: No language has the code in ``options``.
    """
    options = options or ScoreOptions()
    run = ImportedRun("sacrebleu")
    for path in paths:
        add_scores(run, path, options)
    return run.write(out, command, (NOTE,))


def add_scores(run: ImportedRun, path: Path, options: ScoreOptions) -> None:
    """Add the scores of one file to a run. Raises as :func:`import_sacrebleu`."""
    language = code_of(options.language) if options.language else UND
    if not language:
        raise UserError(f"--language {options.language}: no language or direction has that code; write e.g. eng-yor")
    content = read_bytes(path)
    body = parse_json(content, str(path))
    run.read(path, sha256_of(content))
    task = TaskRecord(
        name=name_in(options.task or path.stem, f"{path}: task"),
        kind="translation" if "-" in language else "",
        languages=tuple(language.split("-")),
    )
    for found in _found(body, str(path), options.model):
        name = _system(found, options)
        model = ModelRecord(name=name, backend="sacrebleu", identity={"imported": "sacrebleu"}, label=LABEL)
        score = _score(found, name, task.name, language)
        for part in score.signature.split("|"):
            if part.startswith("version:"):
                run.versions[part.removeprefix("version:")[:50]] = None
        run.add(found.where, score, model, task)


def _system(found: _Found, options: ScoreOptions) -> str:
    named = found.system.removeprefix(_BASELINE) or options.model
    if not named:
        raise RecordError(f"{found.where}: sacrebleu does not say whose score this is; name the system with --model")
    return name_in(named, f"{found.where}: system")


def _found(body: object, path: str, model: str) -> Iterator[_Found]:
    """Every score of a file, whatever its form."""
    entries = body if isinstance(body, list) else [body]
    if not entries:
        raise RecordError(f"{path}: no score; name a file that sacrebleu wrote")
    for number, entry in enumerate(entries):
        where = f"{path}: [{number}]" if isinstance(body, list) else path
        one = object_in(entry, where)
        if "system" in one:
            system = name_in(one["system"], f"{where}.system")
            yield from (_compared(key, value, where, system) for key, value in one.items() if key != "system")
        elif "name" in one and "score" in one:
            yield _single(one, where, model)
        else:
            raise RecordError(f"{where}: no score of sacrebleu's (name and score, or system); found {shown(list(one))}")


def _single(one: Mapping[str, object], where: str, model: str) -> _Found:
    return _Found(
        where=where,
        system=model,
        name=name_in(one["name"], f"{where}.name"),
        value=number_in(one["score"], f"{where}.score"),
        signature=name_in(one["signature"], f"{where}.signature") if one.get("signature") else "",
        mean=_number(one, "confidence_mean", where),
        half=_number(one, "confidence_var", where),
    )


def _compared(name: str, value: object, where: str, system: str) -> _Found:
    """A score of one of several systems: a number as text, or the result of a paired test."""
    where = f"{where}.{shown(name)}"
    plain: dict[str, Any] = {"where": where, "system": system, "name": name_in(name, where)}
    if isinstance(value, str):
        text = value.split(" ")[0]
        if not _DECIMAL.fullmatch(text):
            raise RecordError(f"{where}: expected a score, found {shown(value)}")
        return _Found(**plain, value=float(text))
    found = object_in(value, where)
    if "score" not in found:
        raise RecordError(f"{where}: no 'score'; found {shown(list(found))}")
    return _Found(
        **plain,
        value=number_in(found["score"], f"{where}.score"),
        mean=_number(found, "mean", where),
        half=_number(found, "ci", where),
        p=_number(found, "p_value", where),
    )


def _number(found: Mapping[str, object], key: str, where: str) -> float | None:
    return None if found.get(key) is None else finite(number_in(found[key], f"{where}.{key}"))


def _score(found: _Found, model: str, task: str, language: str) -> ScoreRecord:
    name, options = metric_of(found.name, found.signature)
    metric = _same(name, options, found.signature)
    facts: dict[str, Any] = info_facts(metric.info) if metric is not None else metric_facts(name, {})
    signature = metric.signature() if metric is not None else found.signature or f"sacrebleu|{found.name}"
    value = finite(found.value)
    known = found.mean is not None and found.half is not None and found.half >= 0
    low, high = (
        ((found.mean or 0) - (found.half or 0), (found.mean or 0) + (found.half or 0)) if known else (None, None)
    )
    return ScoreRecord(
        model=model,
        task=task,
        language=language,
        metric=name,
        value=value,
        stderr=None,
        ci_low=low,
        ci_high=high,
        ci_method="as reported (bootstrap)" if known else "",
        n=0,
        signature=signature,
        metric_options=options if metric is not None else {},
        fingerprint=Fingerprint(metric=signature),
        segments=False,
        details={"p_value": (found.p,)} if found.p is not None else {},
        note=NOTE if value is not None else f"sacrebleu reported {found.value}",
        **facts,
    )


def metric_of(name: str, signature: str) -> tuple[str, dict[str, MetricOption]]:
    """Our metric of one of sacrebleu's names, and the options that a signature says; the name itself where it is none.

    ``chrF2++`` is ``chrf++``; the number in it is ``beta``.
    """
    said = dict(part.partition(":")[::2] for part in signature.split("|") if ":" in part)
    chrf = _CHRF.fullmatch(name)
    if chrf is not None:
        return _chrf(said, int(chrf["beta"] or 2), len(chrf["words"]))
    if name == "BLEU":
        return "bleu", {**_references(said), **_bleu(said)}
    if name == "TER":
        return "ter", {**_references(said), **_changed(said, _TER)}
    return name, {}


_TER = {
    ("norm", "yes"): ("normalized", True),
    ("punct", "no"): ("no_punct", True),
    ("asian", "yes"): ("asian_support", True),
    ("case", "mixed"): ("case_sensitive", True),
}
_BLEU = {("case", "lc"): ("lowercase", True), ("eff", "yes"): ("effective_order", True)}
_CHRF_FLAGS = {
    ("case", "lc"): ("lowercase", True),
    ("eff", "no"): ("eps_smoothing", True),
    ("space", "yes"): ("whitespace", True),
}


def _bleu(said: Mapping[str, str]) -> dict[str, MetricOption]:
    method, _, value = said.get("smooth", "exp").partition("[")
    options = _changed(said, _BLEU)
    if said.get("tok", "13a") != "13a":
        options["tokenize"] = said["tok"]
    if method != "exp":
        options["smooth_method"] = method
    if _DECIMAL.fullmatch(value.removesuffix("]")):
        options["smooth_value"] = float(value.removesuffix("]"))
    return options


def _chrf(said: Mapping[str, str], beta: int, words: int) -> tuple[str, dict[str, MetricOption]]:
    order = said.get("nw", str(words))
    options = {**_references(said), **_changed(said, _CHRF_FLAGS)}
    if beta != 2:
        options["beta"] = beta
    if said.get("nc", "6") != "6" and _DECIMAL.fullmatch(said["nc"]):
        options["char_order"] = int(float(said["nc"]))
    if order not in ("0", "2") and _DECIMAL.fullmatch(order):
        options["word_order"] = int(float(order))
    return "chrf" if order == "0" else "chrf++", options


def _references(said: Mapping[str, str]) -> dict[str, MetricOption]:
    count = said.get("nrefs", "1")
    if count == "var":
        return {"nrefs": -1}
    return {"nrefs": int(count)} if count.isascii() and count.isdecimal() and 1 < int(count[:6]) < 1000 else {}


def _changed(
    said: Mapping[str, str], flags: Mapping[tuple[str, str], tuple[str, MetricOption]]
) -> dict[str, MetricOption]:
    return {option: value for (key, when), (option, value) in flags.items() if said.get(key) == when}


def _same(name: str, options: Mapping[str, MetricOption], signature: str) -> Metric | None:
    """Our metric, if its signature says what sacrebleu's says."""
    if not signature:
        return None
    try:
        metric = registry.create(name, options)
        ours = metric.signature()
    except MetricError:
        return None
    return metric if _settings(ours) == _settings(signature) else None


def _settings(signature: str) -> set[str]:
    parts = signature.split("|")
    return {part for part in parts if part.partition(":")[0] not in (*_RESAMPLING, *_NOT_IN_SACREBLEU)}
