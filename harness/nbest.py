"""Files of candidates for minimum Bayes risk: n lines a segment, or JSON lines; the chosen ones and their utilities."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from harness.data import read_lines
from harness.errors import DataError, UserError
from harness.strict_json import strict_json
from metrics.mbr import Choice

_KEY = "candidates"


def read_candidates(path: Path, n: int | None) -> list[list[str]]:
    """Candidates of every segment.

    Args:
        path: Plain text, ``n`` lines a segment one after the other; or, named ``.jsonl``, one segment a line: a list of
            texts, or an object with the key ``candidates``.
        n: Candidates a segment; of JSON lines at most so many are used.

    Raises:
        UserError: Plain text, and no ``n``.
        DataError: A missing, empty or misshapen file.
    """
    lines = read_lines(path, encoding="utf-8")
    if not lines:
        raise DataError(f"{path}: empty; give it the candidates of every segment")
    if path.suffix == ".jsonl":
        return [_texts(f"{path}:{number}", line)[:n] for number, line in enumerate(lines, start=1)]
    if n is None:
        raise UserError(f"{path}: how many lines a segment has is not known; say it with --n, or write .jsonl")
    if len(lines) % n:
        raise DataError(f"{path}: {len(lines)} lines cannot be divided into segments of {n}; check --n")
    return [lines[start : start + n] for start in range(0, len(lines), n)]


def read_sources(path: Path, segments: int) -> list[str]:
    """Source of every segment, one a line.

    Raises:
        DataError: A missing file, or another number of lines.
    """
    lines = read_lines(path, encoding="utf-8")
    if len(lines) != segments:
        raise DataError(f"{path}: {len(lines)} lines, but there are candidates for {segments} segments")
    return lines


def choices_jsonl(choices: Sequence[Choice]) -> str:
    """One segment a line: which candidate, its expected utility, those of all, and its text."""
    return "".join(
        json.dumps(
            {
                "index": choice.index,
                "utility": float(choice.utilities[choice.index]),
                "utilities": choice.utilities.tolist(),
                "text": choice.text,
            },
            ensure_ascii=False,
        )
        + "\n"
        for choice in choices
    )


def _texts(where: str, line: str) -> list[str]:
    try:
        found = strict_json(line.encode("utf-8"))
    except ValueError as error:
        raise DataError(f"{where}: not JSON ({error}); write one list of texts a line") from error
    texts = found.get(_KEY) if isinstance(found, dict) else found
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise DataError(f"{where}: no list of texts; write one, or an object with the key '{_KEY}'")
    for text in texts:
        if "\n" in text:
            raise DataError(f"{where}: a candidate has line breaks, but the output is one line a segment; remove them")
    return texts
