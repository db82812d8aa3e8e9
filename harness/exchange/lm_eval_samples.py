"""lm-eval's ``samples_*.jsonl``, checked as they are read: a document under a filter is a :class:`Sample`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import RecordError
from harness.exchange.lm_eval_files import NO_FILTER, OURS
from harness.untrusted import json_lines, name_in, number_in, object_in, read_bytes, sha256_of, shown

_MOST_SAMPLES = 2_000_000_000
_MOST_SAFE = 2**53
_DEEPEST = 4
_OF_A_SAMPLE = frozenset(
    [
        *("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"),
        *("doc_hash", "prompt_hash", "target_hash", OURS),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One document under one filter.

    Attributes:
        doc_id: Its place in the task, from 0. doc: Its columns.
        target: The gold answer as text.
        arguments: What the model was asked, a row a request. responses: What it answered first, a text a request.
        values: Metric -> lm-eval's value of the document.
        ours: What a file of ours says beside.
    """

    where: str
    doc_id: int
    doc: Mapping[str, object]
    target: str
    arguments: tuple[tuple[str, ...], ...]
    responses: tuple[tuple[str, ...], ...]
    filter: str
    values: Mapping[str, object]
    ours: Mapping[str, object] = field(default_factory=dict)


def read_samples(path: Path) -> tuple[dict[str, list[Sample]], str]:
    """Filter -> samples in the order of documents, and the file's SHA-256.

    Raises:
        RecordError: A line is no sample, or a document stands there twice.
    """
    content = read_bytes(path, _MOST_SAMPLES)
    found: dict[str, dict[int, Sample]] = {}
    for where, line in json_lines(path, content):
        sample = _sample(where, line)
        own = found.setdefault(sample.filter, {})
        if sample.doc_id in own:
            raise RecordError(
                f"{where}: doc_id {sample.doc_id} stands there twice; lm_eval appended two runs to one file"
            )
        own[sample.doc_id] = sample
    return {name: [own[number] for number in sorted(own)] for name, own in found.items()}, sha256_of(content)


def _sample(where: str, line: Mapping[str, object]) -> Sample:
    number = line.get("doc_id")
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < _MOST_SAFE:
        raise RecordError(f"{where}: doc_id: expected a number from 0, found {shown(number)}")
    doc = line.get("doc")
    target = line.get("target")
    return Sample(
        where=where,
        doc_id=number,
        doc=doc if isinstance(doc, dict) else {"doc": doc},
        target=target if isinstance(target, str) else str(target),
        arguments=_arguments(line.get("arguments"), where),
        responses=_responses(line.get("resps"), where),
        filter=name_in(line.get("filter", NO_FILTER), f"{where}: filter"),
        values={key: _value(value, f"{where}: {shown(key)}") for key, value in line.items() if key not in _OF_A_SAMPLE},
        ours=object_in(line.get(OURS, {}), f"{where}: {OURS}"),
    )


def _arguments(found: object, where: str) -> tuple[tuple[str, ...], ...]:
    """Requests as rows of texts: ``{"gen_args_0": {"arg_0": ...}}`` as files have them, or lists as older ones do."""
    rows = list(found.values()) if isinstance(found, dict) else found
    if not isinstance(rows, list):
        raise RecordError(f"{where}: arguments: expected a list of requests, found {shown(found)}")
    listed = [list(row.values()) if isinstance(row, dict) else row for row in rows]
    return tuple(
        tuple(part for part in row if isinstance(part, str)) if isinstance(row, list) else () for row in listed
    )


def _responses(found: object, where: str) -> tuple[tuple[str, ...], ...]:
    """The first answer to every request, as its parts: a text, or a log-probability and whether it is greedy."""
    if not isinstance(found, list):
        raise RecordError(f"{where}: resps: expected a list, found {shown(found)}")
    firsts = [answers[0] if isinstance(answers, list) and answers else answers for answers in found]
    return tuple(tuple(map(str, one)) if isinstance(one, list) else (str(one),) for one in firsts)


def _value(value: object, where: str, depth: int = 0) -> object:
    """A metric's value of a document: numbers that fit, texts, and lists of them."""
    if isinstance(value, list) and depth < _DEEPEST:
        return [_value(one, where, depth + 1) for one in value]
    if value is None or isinstance(value, bool | str):
        return value
    number = number_in(value, where)
    return value if isinstance(value, int) and abs(value) < _MOST_SAFE else number
